//! Lists in a few words.

use std::collections::BTreeSet;

use bytes::Bytes;
use oci::{Arch, Digest, Listed, Listing, MediaType, NewList, Platform, RawManifest, Selection};
use serde_json::{Map, Value, json};

pub(crate) const DOCKER_LIST: &str = "application/vnd.docker.distribution.manifest.list.v2+json";
pub(crate) const DOCKER_MANIFEST: &str = "application/vnd.docker.distribution.manifest.v2+json";
pub(crate) const OCI_INDEX: &str = "application/vnd.oci.image.index.v1+json";
pub(crate) const OCI_MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";

/// The digest of the made-up image `label`.
pub(crate) fn digest(label: &str) -> Digest {
    Digest::of(label)
}

/// An entry of a Docker list: `label` makes its digest.
pub(crate) fn entry(label: &str, architecture: &str) -> Value {
    json!({
        "mediaType": DOCKER_MANIFEST,
        "size": 7,
        "digest": digest(label),
        "platform": {"architecture": architecture, "os": "linux"},
    })
}

/// An entry of an OCI index with `platform`.
pub(crate) fn oci_entry(label: &str, platform: impl Into<Value>) -> Value {
    json!({"mediaType": OCI_MANIFEST, "size": 7, "digest": digest(label), "platform": platform.into()})
}

/// The provenance of the image `of`, as `docker buildx` lists it.
pub(crate) fn attestation(label: &str, of: &str) -> Value {
    let mut entry = oci_entry(label, json!({"architecture": "unknown", "os": "unknown"}));
    entry["annotations"] = json!({
        "vnd.docker.reference.digest": digest(of),
        "vnd.docker.reference.type": "attestation-manifest",
    });
    entry
}

pub(crate) fn raw(media_type: &str, entries: &[Value]) -> RawManifest {
    let document = json!({"schemaVersion": 2, "mediaType": media_type, "manifests": entries});
    raw_of(&document)
}

/// Indented, as other tools write: bytes that we would not have made.
pub(crate) fn raw_of(document: &Value) -> RawManifest {
    let bytes = serde_json::to_vec_pretty(document).unwrap();
    let media_type = document["mediaType"].as_str().unwrap();
    RawManifest::new(MediaType::from(media_type), Bytes::from(bytes))
}

pub(crate) fn list(media_type: &str, entries: &[Value]) -> Listing {
    Listing::parse(&raw(media_type, entries)).unwrap()
}

/// A Docker list with an image per architecture, whose labels begin with `who`.
pub(crate) fn docker(who: &str, arches: &[&str]) -> Listed {
    let entries: Vec<Value> = arches
        .iter()
        .map(|arch| entry(&format!("{who}-{arch}"), arch))
        .collect();
    Listed::List(list(DOCKER_LIST, &entries))
}

/// A single image for `arch`.
pub(crate) fn image(label: &str, arch: &str) -> Listed {
    let bytes = Bytes::from(label.to_owned());
    Listed::Image {
        raw: RawManifest::new(MediaType::DockerManifest, bytes),
        platform: Some(Platform::linux(&arch.parse().unwrap())),
    }
}

pub(crate) fn arches(names: &[&str]) -> BTreeSet<Arch> {
    names.iter().map(|name| name.parse().unwrap()).collect()
}

pub(crate) fn only(names: &[&str]) -> Selection {
    Selection::Only(arches(names))
}

/// The entries of what would be published, verbatim.
pub(crate) fn entries(new: &NewList) -> Vec<Value> {
    let document: Map<String, Value> = serde_json::from_slice(&new.manifest.bytes).unwrap();
    document["manifests"].as_array().unwrap().clone()
}

/// The digests of what would be published.
pub(crate) fn digests(new: &NewList) -> Vec<String> {
    let digest = |entry: &Value| entry["digest"].as_str().unwrap().to_owned();
    entries(new).iter().map(digest).collect()
}

pub(crate) fn labels(labels: &[&str]) -> Vec<String> {
    labels
        .iter()
        .map(|label| digest(label).to_string())
        .collect()
}

pub(crate) fn kept(new: &NewList) -> Vec<String> {
    new.kept.iter().map(ToString::to_string).collect()
}

/// What changes, as `kind name`.
pub(crate) fn changes(new: &NewList) -> Vec<String> {
    let row = |change: &oci::Change| format!("{} {}", change.kind, change.name);
    new.changes.iter().map(row).collect()
}
