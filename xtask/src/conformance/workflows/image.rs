//! Published images, read as anybody would read them.

use std::collections::BTreeMap;

use anyhow::{Context as _, bail};
use oci::{Client, Descriptor, Digest, Document, ImageManifest, PullSpec, RawManifest, Reference};
use serde_json::{Map, Value};

use super::tree::{self, FileTree};

/// More than any config or layer of the inputs and results has, in bytes.
const MAX_BLOB_BYTES: u64 = 64 << 20;

/// An image for one architecture.
pub(super) struct PlatformImage {
    pub(super) media_type: String,
    pub(super) manifest: ImageManifest,
    /// The whole config.
    pub(super) config: Map<String, Value>,
    pub(super) files: FileTree,
}

/// The entries of the manifest list `raw`.
pub(super) fn entries(raw: &RawManifest) -> anyhow::Result<Vec<Descriptor>> {
    match raw.parse()? {
        Document::List(list) => Ok(list.manifests),
        Document::Image(_) => bail!("`{}` is no manifest list", raw.digest),
    }
}

/// Reads the image that `digest` names in the repository of `spec`.
pub(super) async fn read(
    client: &Client,
    spec: &PullSpec,
    digest: &Digest,
) -> anyhow::Result<PlatformImage> {
    let repository = client.repository(spec.repository());
    let raw = repository
        .manifest(&Reference::Digest(digest.clone()))
        .await?;
    let Document::Image(manifest) = raw.parse()? else {
        bail!("`{digest}` is a list in a list");
    };
    let bytes = repository
        .blob_bytes(&manifest.config, MAX_BLOB_BYTES)
        .await?;
    let config = serde_json::from_slice(&bytes).context("a config is not understood")?;
    let mut files = FileTree::new();
    for layer in &manifest.layers {
        let bytes = repository.blob_bytes(layer, MAX_BLOB_BYTES).await?;
        tree::lay(&mut files, &bytes)
            .with_context(|| format!("the layer `{}` cannot be unpacked", layer.digest))?;
    }
    Ok(PlatformImage {
        media_type: raw.media_type.to_string(),
        manifest,
        config,
        files,
    })
}

/// The files of every architecture of the image `spec`.
pub(super) async fn trees(
    client: &Client,
    spec: &PullSpec,
) -> anyhow::Result<BTreeMap<String, FileTree>> {
    let repository = client.repository(spec.repository());
    let raw = repository.manifest(&spec.reference()).await?;
    let digests = match raw.parse()? {
        Document::List(list) => list
            .manifests
            .into_iter()
            .map(|entry| entry.digest)
            .collect(),
        Document::Image(_) => vec![raw.digest.clone()],
    };
    let mut trees = BTreeMap::new();
    for digest in digests {
        let image = read(client, spec, &digest).await?;
        let arch = image.config.get("architecture").and_then(Value::as_str);
        trees.insert(arch.unwrap_or_default().to_owned(), image.files);
    }
    Ok(trees)
}
