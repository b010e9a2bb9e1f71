//! Bundle images, byte for byte as the recorded ones: their digests are those that scenarios name.

use std::collections::BTreeMap;
use std::path::Path;

use oci::{BlobSource, Descriptor, Digest, Format, RawManifest, Reference, RemoteRepository};
use serde_json::json;

use super::archive::{archive, gzip_stored};
use super::labels::labels;

/// The time in every image.
const EPOCH: &str = "1970-01-01T00:00:00Z";

/// An image in memory.
#[derive(Debug)]
pub(super) struct Image {
    layer: (Descriptor, Vec<u8>),
    config: (Descriptor, Vec<u8>),
    pub(super) manifest: RawManifest,
}

impl Image {
    /// Builds the image of the bundle in a directory.
    pub(super) fn build(bundle: &Path) -> std::io::Result<Self> {
        let archive = archive(bundle)?;
        let diff_id = Digest::of(&archive);
        let layer = gzip_stored(&archive);
        let labels = ["annotations.yaml", "annotations.yml"]
            .map(|name| bundle.join("metadata").join(name))
            .into_iter()
            .find(|path| path.is_file())
            .map(std::fs::read)
            .transpose()?
            .map_or_else(BTreeMap::new, |text| {
                labels(&String::from_utf8_lossy(&text))
            });
        // Both documents have their members in the order of names.
        let config = json!({
            "architecture": "amd64",
            "config": { "Labels": labels },
            "created": EPOCH,
            "history": [{ "created": EPOCH, "created_by": "COPY manifests metadata" }],
            "os": "linux",
            "rootfs": { "diff_ids": [diff_id.to_string()], "type": "layers" },
        });
        let config = config.to_string().into_bytes();
        let layer_type = Format::Docker.layer();
        let [config_descriptor, layer_descriptor] =
            [(Format::Docker.config(), &config), (layer_type, &layer)].map(|(kind, bytes)| {
                let size = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
                Descriptor::new(kind, size, Digest::of(bytes))
            });
        let shown = |descriptor: &Descriptor| {
            json!({
                "digest": descriptor.digest.to_string(),
                "mediaType": descriptor.media_type.as_str(),
                "size": descriptor.size,
            })
        };
        let media_type = Format::Docker.manifest();
        let manifest = json!({
            "config": shown(&config_descriptor),
            "layers": [shown(&layer_descriptor)],
            "mediaType": media_type.as_str(),
            "schemaVersion": 2,
        });
        Ok(Self {
            layer: (layer_descriptor, layer),
            config: (config_descriptor, config),
            manifest: RawManifest::new(media_type, manifest.to_string().into_bytes().into()),
        })
    }

    /// Pushes the image under a reference.
    pub(super) async fn push(
        self,
        repository: &RemoteRepository,
        reference: &Reference,
    ) -> Result<(), oci::Error> {
        for (descriptor, bytes) in [self.layer, self.config] {
            repository
                .put_blob(&descriptor, &BlobSource::Bytes(bytes.into()))
                .await?;
        }
        repository.put_manifest(reference, &self.manifest).await
    }
}
