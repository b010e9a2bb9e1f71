//! Third stage: one catalog layer for every architecture, and a config and manifest for each.

use std::collections::BTreeMap;
use std::path::Path;

use oci::{
    Arch, BlobSource, Descriptor, Digest, Format, History, ImageManifest, Layer, LayerBuilder,
    ManifestList, MediaType, Owner, Platform, RawManifest, RunConfig,
};
use serde_json::json;

use crate::add::edit::{Edited, blocking};
use crate::add::prepare::Prepared;
use crate::config::BuilderConfig;
use crate::error::Error;
use crate::image::{FoundImage, PlatformImage};
use crate::labels;

/// The version of opm whose catalogs ours equal; part of the mark of our layers.
const PROFILE: &str = "A";
const CATALOG_SERVER: &str = "/bin/opm";
const CATALOG_PORT: &str = "50051/tcp";

/// The finished images, not yet anywhere.
pub(crate) struct Assembled {
    /// The catalog layer, the same for every architecture.
    pub(crate) layer: Layer,
    pub(crate) images: BTreeMap<Arch, AssembledImage>,
    pub(crate) list: RawManifest,
}

/// The image of one architecture.
pub(crate) struct AssembledImage {
    pub(crate) manifest: RawManifest,
    /// The config, as it is uploaded.
    pub(crate) config: (Descriptor, BlobSource),
    /// The binary image's layers, which are never read here: they are referred to.
    pub(crate) base_layers: Vec<Descriptor>,
}

/// Lays the database over the binary image of every architecture.
pub(crate) async fn assemble(
    config: &BuilderConfig,
    prepared: &Prepared,
    edited: &Edited,
    directory: &Path,
) -> Result<Assembled, Error> {
    let mut builder = LayerBuilder::new(config.epoch);
    let root = Owner { uid: 0, gid: 0 };
    builder
        .file(
            labels::DATABASE_PATH,
            root,
            0o644,
            BlobSource::File(edited.database.clone()),
        )
        .map_err(Error::Layer)?;
    let target = directory.join("database.tar.gz");
    let format = config.format;
    let layer = blocking(move || builder.write(&target, format).map_err(Error::Layer)).await?;

    let mut images = BTreeMap::new();
    let mut entries = Vec::new();
    for (arch, platform) in &prepared.platforms {
        let image = assemble_image(config, prepared, &layer, platform)?;
        let mut entry = image.manifest.descriptor();
        entry.platform = Some(Platform::linux(arch));
        entries.push(entry);
        images.insert(arch.clone(), image);
    }
    let list = ManifestList::new(format, entries).to_raw();
    Ok(Assembled {
        layer,
        images,
        list,
    })
}

fn assemble_image(
    config: &BuilderConfig,
    prepared: &Prepared,
    layer: &Layer,
    platform: &PlatformImage,
) -> Result<AssembledImage, Error> {
    let base_layers = platform
        .manifest
        .layers
        .iter()
        .map(|layer| retyped(&prepared.binary_image, layer, config.format))
        .collect::<Result<Vec<_>, _>>()?;
    let image_config = image_config(config, prepared, layer, platform);
    let bytes = image_config.to_bytes();
    let size = u64::try_from(bytes.len()).expect("a length in memory fits in 64 bits");
    let descriptor = Descriptor::new(config.format.config(), size, Digest::of(&bytes));
    let mut layers = base_layers.clone();
    layers.push(layer.descriptor.clone());
    let manifest = ImageManifest::new(config.format, descriptor.clone(), layers).to_raw();
    Ok(AssembledImage {
        manifest,
        config: (descriptor, BlobSource::Bytes(bytes)),
        base_layers,
    })
}

/// The binary image's config with our layer, labels and command. Everything else is inherited; nothing of the from-index is.
fn image_config(
    config: &BuilderConfig,
    prepared: &Prepared,
    layer: &Layer,
    platform: &PlatformImage,
) -> oci::ImageConfig {
    let created = timestamp(config.epoch);
    let mut image = platform.config.clone();
    image.created = Some(created.clone());
    image.rootfs.diff_ids.push(layer.diff_id.clone());
    image.history.push(History {
        created: Some(created),
        created_by: Some(format!("iib:database:{PROFILE}")),
        ..History::default()
    });
    let run = image.config.get_or_insert_with(RunConfig::default);
    let image_labels = run.labels.get_or_insert_with(BTreeMap::new);
    image_labels.insert(
        labels::DATABASE.to_owned(),
        labels::DATABASE_PATH.to_owned(),
    );
    image_labels.insert(labels::VERSION.to_owned(), prepared.version.clone());
    image_labels.insert(labels::SCOPE.to_owned(), prepared.scope.to_string());
    run.entrypoint = Some(vec![CATALOG_SERVER.to_owned()]);
    run.cmd = Some(
        ["registry", "serve", "--database", labels::DATABASE_PATH]
            .map(str::to_owned)
            .to_vec(),
    );
    run.exposed_ports
        .get_or_insert_with(BTreeMap::new)
        .insert(CATALOG_PORT.to_owned(), json!({}));
    image
}

/// The same layer under the name that the family of manifests has for it. The bytes stay.
fn retyped(image: &FoundImage, layer: &Descriptor, format: Format) -> Result<Descriptor, Error> {
    let media_type = match (&layer.media_type, format) {
        (MediaType::OciLayerGzip, Format::Docker) => MediaType::DockerLayer,
        (MediaType::OciLayerZstd, Format::Docker) => {
            return Err(Error::LayerType {
                image: Box::new(image.name.clone()),
                media_type: layer.media_type.clone(),
            });
        }
        (MediaType::DockerLayer, Format::Oci) => MediaType::OciLayerGzip,
        (other, Format::Docker | Format::Oci) => other.clone(),
    };
    Ok(Descriptor {
        media_type,
        ..layer.clone()
    })
}

fn timestamp(epoch: i64) -> String {
    // An epoch outside the calendar is as good as none.
    jiff::Timestamp::from_second(epoch)
        .unwrap_or(jiff::Timestamp::UNIX_EPOCH)
        .to_string()
}
