//! Several sources made into one list.

use oci::{JoinError, Listed, Listing, join};
use serde_json::{Value, json};

use crate::support::{
    DOCKER_LIST, OCI_INDEX, attestation, docker, entry, image, list, oci_entry, raw_of,
};

fn named(name: &str, listed: &Listed) -> (String, Listing) {
    (name.to_owned(), listed.to_list())
}

fn entries(list: &Listing) -> Vec<Value> {
    let document: Value = serde_json::from_slice(&list.to_raw().bytes).unwrap();
    document["manifests"].as_array().unwrap().clone()
}

#[test]
fn one_list_alone_keeps_its_bytes() {
    let raw = raw_of(&json!({
        "mediaType": OCI_INDEX, "schemaVersion": 2, "x": 1, "manifests": [entry("a", "amd64")],
    }));
    let list = Listing::parse(&raw).unwrap();
    assert_eq!(
        join(("a".to_owned(), list), Vec::new()).unwrap().to_raw(),
        raw
    );
}

#[test]
fn single_images_become_entries_in_their_order() {
    let (arm, amd) = (image("r", "arm64"), image("l", "amd64"));
    let joined = join(named("r", &arm), vec![named("l", &amd)]).unwrap();
    assert_eq!(joined.media_type().as_str(), DOCKER_LIST);
    let mut expected = [entry("r", "arm64"), entry("l", "amd64")];
    for entry in &mut expected {
        entry["size"] = json!(1);
    }
    assert_eq!(entries(&joined), expected);
}

#[test]
fn what_several_sources_have_is_taken_once_and_the_first_document_stays() {
    let first = raw_of(&json!({
        "schemaVersion": 2, "mediaType": DOCKER_LIST, "manifests": [entry("a", "amd64")], "x": "kept",
    }));
    let first = Listed::List(Listing::parse(&first).unwrap());
    let second = Listed::List(list(
        DOCKER_LIST,
        &[entry("a", "amd64"), entry("b", "arm64")],
    ));
    let joined = join(named("1", &first), vec![named("2", &second)]).unwrap();
    assert_eq!(entries(&joined), [entry("a", "amd64"), entry("b", "arm64")]);
    let document: Value = serde_json::from_slice(&joined.to_raw().bytes).unwrap();
    assert_eq!(document["x"], "kept");
}

#[test]
fn one_image_for_two_platforms_stays_two_entries() {
    let of = |arch: &str| Listed::List(list(DOCKER_LIST, &[entry("same", arch)]));
    let joined = join(named("1", &of("amd64")), vec![named("2", &of("arm64"))]).unwrap();
    assert_eq!(entries(&joined).len(), 2);
}

#[test]
fn attestations_come_along() {
    let platform = |arch: &str| json!({"architecture": arch, "os": "linux"});
    let of = |arch: &str| {
        let proof = attestation(&format!("{arch}-proof"), arch);
        Listed::List(list(OCI_INDEX, &[oci_entry(arch, platform(arch)), proof]))
    };
    let joined = join(named("1", &of("amd64")), vec![named("2", &of("arm64"))]).unwrap();
    let names: Vec<String> = joined.named().map(|(name, _)| name.to_string()).collect();
    let expected = [
        "amd64",
        "attestation-manifest of amd64",
        "arm64",
        "attestation-manifest of arm64",
    ];
    assert_eq!(names, expected);
}

#[test]
fn sources_that_contradict_each_other_are_named() {
    let (one, two) = (docker("1", &["amd64"]), docker("2", &["arm64", "amd64"]));
    let error = join(named("reg/a:1", &one), vec![named("reg/b:1", &two)]).unwrap_err();
    assert!(matches!(error, JoinError::Twice { .. }));
    for part in ["`reg/a:1`", "`reg/b:1`", "`amd64`"] {
        assert!(error.to_string().contains(part), "{error}");
    }
}

#[test]
fn sources_of_two_formats_are_named() {
    let platform = json!({"architecture": "arm64", "os": "linux"});
    let oci = Listed::List(list(OCI_INDEX, &[oci_entry("b", platform)]));
    let error = join(named("a", &docker("a", &["amd64"])), vec![named("b", &oci)]).unwrap_err();
    assert!(matches!(error, JoinError::MixedTypes { .. }));
    for part in ["`a`", "`b`", DOCKER_LIST, OCI_INDEX] {
        assert!(error.to_string().contains(part), "{error}");
    }
}

#[test]
fn sources_without_any_entry_make_no_list() {
    let error = join(named("reg/a:1", &docker("a", &[])), Vec::new()).unwrap_err();
    assert!(error.to_string().contains("`reg/a:1`"), "{error}");
}
