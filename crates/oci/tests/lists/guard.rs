//! Every row of spec workflows 8.2, and the policies of 8.3.

use oci::{Listing, LossPolicy, MergeError, guard};
use serde_json::json;

use crate::support::{
    DOCKER_LIST, OCI_INDEX, changes, digests, docker, image, kept, labels, list, oci_entry,
};

fn new(arches: &[&str]) -> Listing {
    docker("B", arches).to_list()
}

fn current(arches: &[&str]) -> Listing {
    docker("P", arches).to_list()
}

#[test]
fn refuse_publishes_only_what_loses_nothing() {
    for (published, built, lost) in [
        // Nothing is there.
        (None, &["amd64"][..], &[][..]),
        // All that is there was built again, and more.
        (Some(&["amd64", "s390x"][..]), &["s390x", "amd64"], &[]),
        (Some(&["amd64"]), &["amd64", "arm64"], &[]),
        (Some(&[]), &["amd64"], &[]),
        // Something is missing.
        (
            Some(&["amd64", "s390x", "ppc64le"]),
            &["amd64"],
            &["s390x", "ppc64le"],
        ),
        (Some(&["amd64"]), &["arm64"], &["amd64"]),
        // A name nobody maps to anything is compared as it is: it never passes quietly.
        (
            Some(&["amd64", "loongarch64"]),
            &["amd64"],
            &["loongarch64"],
        ),
        (
            Some(&["amd64", "loongarch64"]),
            &["amd64", "loongarch64"],
            &[],
        ),
    ] {
        let published = published.map(current);
        let result = guard(&new(built), published.as_ref(), LossPolicy::Refuse);
        match result {
            Ok(published) => {
                assert!(lost.is_empty(), "{built:?}");
                assert_eq!(published.manifest, new(built).to_raw());
            }
            Err(MergeError::Lost { lost: names }) => {
                let names: Vec<String> = names.iter().map(ToString::to_string).collect();
                assert_eq!(names, lost);
            }
            Err(error) => panic!("{error}"),
        }
    }
}

#[test]
fn a_refusal_names_what_would_be_lost_and_the_ways_out() {
    let error = guard(
        &new(&["amd64"]),
        Some(&current(&["s390x"])),
        LossPolicy::Refuse,
    );
    let error = error.unwrap_err().to_string();
    for part in ["`s390x`", "keep-missing", "replace"] {
        assert!(error.contains(part), "{error}");
    }
}

#[test]
fn keep_missing_takes_over_what_is_missing() {
    let published = current(&["amd64", "s390x"]);
    let result = guard(&new(&["amd64"]), Some(&published), LossPolicy::KeepMissing).unwrap();
    assert_eq!(digests(&result), labels(&["B-amd64", "P-s390x"]));
    assert_eq!(kept(&result), ["s390x"]);
    let result = guard(&new(&["amd64"]), None, LossPolicy::KeepMissing).unwrap();
    assert_eq!(result.manifest, new(&["amd64"]).to_raw());
}

#[test]
fn a_single_image_that_is_there_is_kept_as_an_entry() {
    let published = image("P", "s390x").to_list();
    let result = guard(&new(&["amd64"]), Some(&published), LossPolicy::KeepMissing).unwrap();
    assert_eq!(digests(&result), labels(&["B-amd64", "P"]));
}

#[test]
fn replace_lets_go_and_says_so() {
    let published = current(&["amd64", "s390x"]);
    let result = guard(&new(&["amd64"]), Some(&published), LossPolicy::Replace).unwrap();
    assert_eq!(result.manifest, new(&["amd64"]).to_raw());
    assert_eq!(changes(&result), ["replaced amd64", "removed s390x"]);
}

#[test]
fn entries_to_keep_must_fit_into_the_new_list() {
    let platform = json!({"architecture": "s390x", "os": "linux"});
    let published = list(OCI_INDEX, &[oci_entry("P", platform)]);
    let error = guard(&new(&["amd64"]), Some(&published), LossPolicy::KeepMissing).unwrap_err();
    assert!(matches!(error, MergeError::MixedTypes { .. }), "{error}");
    assert!(error.to_string().contains(DOCKER_LIST), "{error}");
}

#[test]
fn policies_are_written_as_they_are_read() {
    for policy in [
        LossPolicy::Refuse,
        LossPolicy::KeepMissing,
        LossPolicy::Replace,
    ] {
        assert_eq!(policy.to_string().parse(), Ok(policy));
    }
    let error = "keep".parse::<LossPolicy>().unwrap_err().to_string();
    assert!(
        error.contains("`keep`") && error.contains("keep-missing"),
        "{error}"
    );
    assert_eq!(LossPolicy::default(), LossPolicy::Refuse);
}
