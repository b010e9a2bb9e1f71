//! Lists as they are published today: nothing in them is dropped or mixed up.

use oci::{ChangeKind, Listed, Listing, LossPolicy, MergeError, Selection, guard, merge};
use serde_json::{Value, json};

use crate::support::{
    OCI_INDEX, attestation, changes, digests, entries, kept, labels, list, oci_entry, only,
};

fn platform(architecture: &str) -> Value {
    json!({"architecture": architecture, "os": "linux"})
}

fn variant(architecture: &str, variant: &str) -> Value {
    json!({"architecture": architecture, "os": "linux", "variant": variant})
}

fn windows(version: &str) -> Value {
    json!({"architecture": "amd64", "os": "windows", "os.version": version})
}

/// The same platform's image in zstd, as `podman manifest` marks it.
fn zstd(label: &str, architecture: &str) -> Value {
    let mut entry = oci_entry(label, platform(architecture));
    entry["annotations"] = json!({"io.github.containers.compression.zstd": "true"});
    entry
}

fn index(entries: &[Value]) -> Listing {
    list(OCI_INDEX, entries)
}

fn merged(source: &[Value], destination: &[Value], selection: &Selection) -> oci::NewList {
    let [source, destination] = [source, destination].map(|list| Listed::List(index(list)));
    merge(&source, Some(&destination), selection)
        .unwrap()
        .unwrap()
}

fn lost(new: &[Value], current: &[Value]) -> Vec<String> {
    match guard(&index(new), Some(&index(current)), LossPolicy::Refuse) {
        Ok(_) => Vec::new(),
        Err(MergeError::Lost { lost }) => lost.iter().map(ToString::to_string).collect(),
        Err(error) => panic!("{error}"),
    }
}

#[test]
fn attestations_go_where_their_images_go() {
    let of = |who: &str, arch: &str| {
        let image = format!("{who}-{arch}");
        let proof = attestation(&format!("{image}-proof"), &image);
        [oci_entry(&image, platform(arch)), proof]
    };
    // The images come first and the attestations behind them, as buildx writes.
    let list = |who: &str, arches: &[&str]| -> Vec<Value> {
        let pairs: Vec<_> = arches.iter().map(|arch| of(who, arch)).collect();
        let images = pairs.iter().map(|[image, _]| image.clone());
        images
            .chain(pairs.iter().map(|[_, proof]| proof.clone()))
            .collect()
    };
    let source = list("S", &["amd64", "arm64"]);
    let destination = list("D", &["amd64", "arm64", "s390x"]);
    let full = merged(&source, &destination, &Selection::All);
    assert_eq!(
        digests(&full),
        labels(&[
            "S-amd64",
            "S-arm64",
            "S-amd64-proof",
            "S-arm64-proof",
            "D-s390x",
            "D-s390x-proof"
        ])
    );
    assert_eq!(entries(&full)[5], attestation("D-s390x-proof", "D-s390x"));
    let selected = merged(&source, &destination, &only(&["amd64"]));
    assert_eq!(
        digests(&selected),
        labels(&[
            "S-amd64",
            "S-amd64-proof",
            "D-arm64",
            "D-s390x",
            "D-arm64-proof",
            "D-s390x-proof"
        ])
    );
    assert_eq!(
        changes(&selected),
        [
            "replaced amd64",
            "replaced attestation-manifest of amd64",
            "kept arm64",
            "kept s390x",
            "kept attestation-manifest of arm64",
            "kept attestation-manifest of s390x",
        ]
    );
    // Attestations are no architectures: a list without them loses none.
    let bare = [oci_entry("B", platform("amd64"))];
    assert_eq!(lost(&bare, &list("D", &["amd64"])), [""; 0]);
}

#[test]
fn what_was_attested_of_an_image_in_both_lists_stays_unless_attested_anew() {
    let same = oci_entry("same", platform("amd64"));
    let old = attestation("old-proof", "same");
    let bare = merged(
        std::slice::from_ref(&same),
        &[same.clone(), old.clone()],
        &Selection::All,
    );
    assert_eq!(digests(&bare), labels(&["same", "old-proof"]));
    let new = attestation("new-proof", "same");
    let renewed = merged(&[same.clone(), new], &[same, old], &Selection::All);
    assert_eq!(digests(&renewed), labels(&["same", "new-proof"]));
}

#[test]
fn artifacts_for_no_platform_stay_beside_each_other_and_are_renewed_by_name() {
    let artifact = |label: &str, kind: &str| {
        let media_type = "application/vnd.oci.image.manifest.v1+json";
        json!({"mediaType": media_type, "size": 7, "digest": crate::support::digest(label), "artifactType": kind})
    };
    let orphan = attestation("orphan", "an image elsewhere");
    let destination = [
        oci_entry("D-amd64", platform("amd64")),
        artifact("D-sbom", "application/spdx+json"),
        artifact("D-scan", "application/sarif+json"),
        orphan,
    ];
    let source = [
        oci_entry("S-amd64", platform("amd64")),
        artifact("S-sbom", "application/spdx+json"),
    ];
    let full = merged(&source, &destination, &Selection::All);
    assert_eq!(
        digests(&full),
        labels(&["S-amd64", "S-sbom", "D-scan", "orphan"])
    );
    // For some architectures alone, the source's artifacts are not taken, and the destination's stay.
    let selected = merged(&source, &destination, &only(&["amd64"]));
    assert_eq!(
        digests(&selected),
        labels(&["S-amd64", "D-sbom", "D-scan", "orphan"])
    );
    let again = merged(&destination, &destination, &Selection::All);
    assert_eq!(
        digests(&again),
        digests(&merged(&destination, &[], &Selection::All))
    );
}

#[test]
fn compressions_of_one_platform_are_told_apart() {
    let source = [
        oci_entry("S-amd64", platform("amd64")),
        zstd("S-zstd", "amd64"),
    ];
    let destination = [
        oci_entry("D-amd64", platform("amd64")),
        zstd("D-zstd", "amd64"),
        oci_entry("D-arm64", platform("arm64")),
        zstd("D-arm64-zstd", "arm64"),
    ];
    let full = merged(&source, &destination, &Selection::All);
    assert_eq!(
        digests(&full),
        labels(&["S-amd64", "S-zstd", "D-arm64", "D-arm64-zstd"])
    );
    assert_eq!(kept(&full), ["arm64", "arm64 (zstd)"]);
    assert_eq!(
        changes(&full),
        [
            "replaced amd64",
            "replaced amd64 (zstd)",
            "kept arm64",
            "kept arm64 (zstd)"
        ]
    );
    assert_eq!(lost(&source, &destination[..2]), [""; 0]);
    assert_eq!(lost(&source[..1], &destination[..2]), ["amd64 (zstd)"]);
    assert_eq!(lost(&source[1..], &destination[..1]), ["amd64"]);
    // A platform is one build in all its compressions: the old zstd does not stay beside the new gzip, and that is told.
    let gzip = guard(
        &index(&source[..1]),
        Some(&index(&destination[..2])),
        LossPolicy::KeepMissing,
    );
    let gzip = gzip.unwrap();
    assert_eq!(digests(&gzip), labels(&["S-amd64"]));
    assert_eq!(changes(&gzip), ["replaced amd64", "removed amd64 (zstd)"]);
}

#[test]
fn variants_are_platforms_of_their_own() {
    let destination = [
        oci_entry("D-v6", variant("arm", "v6")),
        oci_entry("D-v7", variant("arm", "v7")),
        oci_entry("D-v8", variant("arm64", "v8")),
    ];
    let source = [
        oci_entry("S-v6", variant("arm", "v6")),
        oci_entry("S-arm64", platform("arm64")),
    ];
    let full = merged(&source, &destination, &Selection::All);
    assert_eq!(digests(&full), labels(&["S-v6", "S-arm64", "D-v7"]));
    assert_eq!(lost(&source, &destination), ["arm/v7"]);
    // An `arm` without a variant is v7, as engines have it.
    let full = merged(
        &[oci_entry("S-arm", platform("arm"))],
        &destination,
        &Selection::All,
    );
    assert_eq!(digests(&full), labels(&["S-arm", "D-v6", "D-v8"]));
    // One architecture selects all its variants.
    let selected = merged(&destination, &source, &only(&["arm"]));
    assert_eq!(digests(&selected), labels(&["D-v6", "D-v7", "S-arm64"]));
}

#[test]
fn builds_of_windows_are_platforms_and_revisions_are_not() {
    let destination = [
        oci_entry("D-linux", platform("amd64")),
        oci_entry("D-2019", windows("10.0.17763.5696")),
        oci_entry("D-2022", windows("10.0.20348.2402")),
    ];
    let source = [
        oci_entry("S-linux", platform("amd64")),
        oci_entry("S-2022", windows("10.0.20348.2966")),
    ];
    let full = merged(&source, &destination, &Selection::All);
    assert_eq!(digests(&full), labels(&["S-linux", "S-2022", "D-2019"]));
    assert_eq!(lost(&source, &destination), ["windows/amd64 10.0.17763"]);
    assert_eq!(
        lost(&source[..1], &destination[2..]),
        ["windows/amd64 10.0.20348"]
    );
}

#[test]
fn the_same_list_changes_nothing() {
    let all = index(&[
        oci_entry("amd64", platform("amd64")),
        zstd("zstd", "amd64"),
        oci_entry("v6", variant("arm", "v6")),
        oci_entry("windows", windows("10.0.20348.2402")),
        attestation("proof", "amd64"),
    ]);
    for policy in [
        LossPolicy::Refuse,
        LossPolicy::KeepMissing,
        LossPolicy::Replace,
    ] {
        let result = guard(&all, Some(&all), policy).unwrap();
        assert_eq!(result.manifest, all.to_raw());
        assert!(
            result
                .changes
                .iter()
                .all(|change| change.kind == ChangeKind::Kept)
        );
        assert_eq!(result.changes.len(), 5);
    }
}
