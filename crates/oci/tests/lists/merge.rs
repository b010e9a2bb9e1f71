//! Every row of the two tables of spec workflows 8.1.

use oci::{Listed, MergeError, Selection, merge};
use serde_json::{Value, json};

use crate::support::{
    DOCKER_LIST, OCI_INDEX, arches, changes, digests, docker, entries, entry, image, kept, labels,
    list, oci_entry, only, raw, raw_of,
};

fn listed(entries: &[Value]) -> Listed {
    Listed::List(list(DOCKER_LIST, entries))
}

#[test]
fn what_comes_from_where_in_a_full_merge() {
    for (source, destination, expected) in [
        (&["amd64"][..], &[][..], &["S-amd64"][..]),
        (&["amd64"], &["amd64"], &["S-amd64"]),
        (&["amd64"], &["s390x"], &["S-amd64", "D-s390x"]),
        (&[], &["s390x"], &["D-s390x"]),
        (&[], &[], &[]),
        (
            &["s390x", "amd64"],
            &["ppc64le", "amd64", "arm64"],
            &["S-s390x", "S-amd64", "D-ppc64le", "D-arm64"],
        ),
    ] {
        let (source, destination) = (docker("S", source), docker("D", destination));
        let merged = merge(&source, Some(&destination), &Selection::All);
        assert_eq!(digests(&merged.unwrap().unwrap()), labels(expected));
    }
}

#[test]
fn what_comes_from_where_in_a_selected_merge() {
    let both = docker("S", &["amd64", "arm64"]);
    for (destination, eligible, expected) in [
        // In the source, not in the destination: eligible, and not.
        (
            &["s390x"][..],
            &["amd64", "arm64"][..],
            &["S-amd64", "S-arm64", "D-s390x"][..],
        ),
        (&["s390x"], &["amd64"], &["S-amd64", "D-s390x"]),
        // In both: eligible, and not.
        (
            &["amd64", "arm64"],
            &["amd64", "arm64"],
            &["S-amd64", "S-arm64"],
        ),
        (&["amd64", "arm64"], &["amd64"], &["S-amd64", "D-arm64"]),
        // In the destination alone, eligible and not; in neither.
        (
            &["ppc64le", "s390x"],
            &["amd64", "s390x"],
            &["S-amd64", "D-ppc64le", "D-s390x"],
        ),
        (&[], &["amd64", "riscv64"], &["S-amd64"]),
    ] {
        let destination = docker("D", destination);
        let merged = merge(&both, Some(&destination), &only(eligible)).unwrap();
        assert_eq!(digests(&merged.unwrap()), labels(expected), "{eligible:?}");
    }
    let except = Selection::Except(arches(&["amd64"]));
    let destination = docker("D", &["amd64"]);
    let merged = merge(&both, Some(&destination), &except).unwrap().unwrap();
    assert_eq!(digests(&merged), labels(&["S-arm64", "D-amd64"]));
}

#[test]
fn an_absent_destination_is_an_error_for_a_full_merge_and_takes_what_is_selected() {
    let source = docker("S", &["amd64", "arm64"]);
    let error = merge(&source, None, &Selection::All).unwrap_err();
    assert_eq!(error, MergeError::DestinationMissing);
    let merged = merge(&source, None, &only(&["arm64"])).unwrap().unwrap();
    assert_eq!(digests(&merged), labels(&["S-arm64"]));
    assert_eq!(changes(&merged), ["added arm64"]);
}

#[test]
fn a_destination_that_is_no_list_is_an_error() {
    let source = docker("S", &["amd64"]);
    for selection in [Selection::All, only(&["amd64"])] {
        let error = merge(&source, Some(&image("D", "amd64")), &selection).unwrap_err();
        assert!(matches!(error, MergeError::DestinationIsImage { .. }));
        assert!(error.to_string().contains("manifest.v2+json"), "{error}");
    }
}

#[test]
fn lists_of_different_types_are_not_mixed() {
    let source = docker("S", &["amd64"]);
    let platform = |arch: &str| json!({"architecture": arch, "os": "linux"});
    let destination = |arch: &str| Listed::List(list(OCI_INDEX, &[oci_entry("D", platform(arch))]));
    for selection in [Selection::All, only(&["amd64"])] {
        let error = merge(&source, Some(&destination("s390x")), &selection).unwrap_err();
        assert!(matches!(error, MergeError::MixedTypes { .. }));
        for part in ["`s390x`", DOCKER_LIST, OCI_INDEX] {
            assert!(error.to_string().contains(part), "{error}");
        }
        // Where nothing is kept, nothing is mixed.
        let merged = merge(&source, Some(&destination("amd64")), &selection).unwrap();
        assert_eq!(digests(&merged.unwrap()), labels(&["S-amd64"]));
    }
    // Two OCI indexes merge like two Docker lists.
    let index = |label: &str, arch: &str| {
        Listed::List(list(OCI_INDEX, &[oci_entry(label, platform(arch))]))
    };
    let merged = merge(
        &index("S", "amd64"),
        Some(&index("D", "arm64")),
        &Selection::All,
    );
    assert_eq!(digests(&merged.unwrap().unwrap()), labels(&["S", "D"]));
}

#[test]
fn nothing_selected_is_nothing_to_do() {
    let source = docker("S", &["amd64"]);
    for destination in [None, Some(docker("D", &["s390x"]))] {
        let merged = merge(&source, destination.as_ref(), &only(&["s390x"])).unwrap();
        assert_eq!(merged, None);
    }
}

#[test]
fn a_result_that_is_the_source_keeps_its_bytes_and_any_other_its_document() {
    let document = json!({
        "schemaVersion": 2,
        "annotations": {"built-by": "pipeline"},
        "mediaType": DOCKER_LIST,
        "manifests": [entry("S-amd64", "amd64"), entry("S-arm64", "arm64")],
        "unheardOf": [1, {"x": null}],
    });
    let source_raw = raw_of(&document);
    let source = Listed::List(oci::Listing::parse(&source_raw).unwrap());
    for (destination, selection) in [
        (Some(docker("D", &["amd64"])), Selection::All),
        (
            Some(docker("D", &["arm64", "amd64"])),
            only(&["amd64", "arm64"]),
        ),
        (None, only(&["amd64", "arm64"])),
    ] {
        let merged = merge(&source, destination.as_ref(), &selection)
            .unwrap()
            .unwrap();
        assert_eq!(
            merged.manifest, source_raw,
            "the same bytes, the same digest"
        );
    }
    let destination = docker("D", &["s390x"]);
    let merged = merge(&source, Some(&destination), &Selection::All)
        .unwrap()
        .unwrap();
    let mut expected = document;
    expected["manifests"] = json!([
        entry("S-amd64", "amd64"),
        entry("S-arm64", "arm64"),
        entry("D-s390x", "s390x"),
    ]);
    assert_eq!(merged.manifest.bytes, expected.to_string());
    assert_eq!(merged.manifest.media_type.as_str(), DOCKER_LIST);
    assert_eq!(kept(&merged), ["s390x"]);
    assert_eq!(
        changes(&merged),
        ["added amd64", "added arm64", "kept s390x"]
    );
    let taken: Vec<_> = merged
        .taken
        .iter()
        .map(|entry| entry.digest.to_string())
        .collect();
    assert_eq!(taken, labels(&["S-amd64", "S-arm64"]));
}

#[test]
fn a_single_image_is_copied_where_nothing_is_lost() {
    let source = image("S", "amd64");
    let error = merge(&source, Some(&docker("D", &["amd64"])), &Selection::All).unwrap_err();
    assert!(matches!(error, MergeError::SourceIsImage { .. }), "{error}");
    // Selected: it becomes the destination; not selected: nothing to do.
    for destination in [None, Some(image("D", "amd64"))] {
        let merged = merge(&source, destination.as_ref(), &only(&["amd64"])).unwrap();
        let merged = merged.unwrap();
        assert_eq!(merged.manifest.bytes, "S");
        assert_eq!(merged.taken[0].digest, merged.manifest.digest);
        let merged = merge(&source, destination.as_ref(), &only(&["arm64"])).unwrap();
        assert_eq!(merged, None);
    }
    // Its own architecture counts, not that of the machine the rule was written for.
    let merged = merge(&image("S", "arm64"), None, &only(&["arm64"])).unwrap();
    assert!(merged.is_some());
    // In place of a list, or of another architecture's image, it would lose some.
    let error = merge(&source, Some(&docker("D", &["amd64"])), &only(&["amd64"])).unwrap_err();
    assert!(matches!(error, MergeError::SourceIsImage { .. }), "{error}");
    let error = merge(&source, Some(&image("D", "s390x")), &only(&["amd64"])).unwrap_err();
    assert!(
        error.to_string().starts_with("`s390x` would be lost"),
        "{error}"
    );
}

#[test]
fn all_entries_of_a_kept_architecture_are_kept_as_they_were_written() {
    let mut odd = entry("D-arm64", "arm64");
    odd["platform"]["variant"] = json!("");
    odd["platform"]["future"] = json!({"x": 1});
    odd["urls"] = json!(["https://example.com/manifest"]);
    let twin = entry("D-arm64-twin", "arm64");
    let destination = listed(&[odd.clone(), entry("D-amd64", "amd64"), twin.clone()]);
    let source = docker("S", &["amd64"]);
    let merged = merge(&source, Some(&destination), &Selection::All)
        .unwrap()
        .unwrap();
    assert_eq!(entries(&merged), [entry("S-amd64", "amd64"), odd, twin]);
    assert_eq!(kept(&merged), ["arm64", "arm64"]);
}

#[test]
fn what_is_no_list_is_named() {
    let raw = raw("application/vnd.oci.image.manifest.v1+json", &[]);
    let error = oci::Listing::parse(&raw).unwrap_err().to_string();
    assert!(error.contains(&raw.digest.to_string()), "{error}");
}
