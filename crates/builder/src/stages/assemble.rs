//! Third stage: our layers over every architecture's binary image, with a config and a manifest for each.

use std::collections::BTreeMap;

use oci::{
    Arch, BlobSource, Descriptor, Digest, Format, History, ImageManifest, Layer, ManifestList,
    MediaType, Platform, RawManifest, RunConfig,
};
use serde_json::json;

use crate::config::BuilderConfig;
use crate::error::Error;
use crate::index_image::MAX_LAYERS;
use crate::index_image::stack::{Stack, layer_history};
use crate::labels;
use crate::request::BinaryImage;
use crate::stages::base::Base;
use crate::stages::prepare::Prepared;

const CATALOG_SERVER: &str = "/bin/opm";
const CATALOG_PORT: &str = "50051/tcp";
/// What the names of everything in a Docker manifest begin with.
const DOCKER_TYPES: &str = "application/vnd.docker.";
/// A layer without compression, as Docker manifests name it.
const DOCKER_LAYER_TAR: &str = "application/vnd.docker.image.rootfs.diff.tar";

/// What kind of index an image is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IndexKind {
    /// The catalog is an SQLite database.
    Database,
    /// The catalog is files.
    FileBased,
}

/// The finished images, not yet anywhere.
pub(crate) struct Assembled {
    /// The layers of ours in an index, the same for every architecture.
    pub(crate) stack: Stack,
    /// Layers of ours in anything else.
    pub(crate) others: Vec<Layer>,
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

/// Lays the layers of ours over the binary image of every architecture.
pub(crate) fn assemble(
    config: &BuilderConfig,
    prepared: &Prepared,
    kind: IndexKind,
    mut stack: Stack,
) -> Result<Assembled, Error> {
    for layer in &mut stack.0 {
        layer.descriptor = retyped(&base_name(prepared), &layer.descriptor, config.format)?;
    }
    let mut images = BTreeMap::new();
    let mut entries = Vec::new();
    for (arch, base) in &prepared.platforms {
        let image = assemble_image(config, prepared, kind, &stack, base)?;
        let mut entry = image.manifest.descriptor();
        entry.platform = Some(Platform::linux(arch));
        entries.push(entry);
        images.insert(arch.clone(), image);
    }
    let list = ManifestList::new(config.format, entries).to_raw();
    Ok(Assembled {
        stack,
        others: Vec::new(),
        images,
        list,
    })
}

fn assemble_image(
    config: &BuilderConfig,
    prepared: &Prepared,
    kind: IndexKind,
    stack: &Stack,
    base: &Base,
) -> Result<AssembledImage, Error> {
    let base_layers = base
        .layers
        .iter()
        .map(|layer| retyped(&base_name(prepared), layer, config.format))
        .collect::<Result<Vec<_>, _>>()?;
    let image_config = image_config(config, prepared, kind, stack, base);
    let bytes = image_config.to_bytes();
    let size = u64::try_from(bytes.len()).expect("a length in memory fits in 64 bits");
    let descriptor = Descriptor::new(config.format.config(), size, Digest::of(&bytes));
    let mut layers = base_layers.clone();
    layers.extend(stack.0.iter().map(|layer| layer.descriptor.clone()));
    if layers.len() > MAX_LAYERS {
        return Err(Error::TooManyLayers {
            image: base_name(prepared),
            layers: base_layers.len(),
            limit: MAX_LAYERS - stack.0.len(),
        });
    }
    let manifest = ImageManifest::new(config.format, descriptor.clone(), layers).to_raw();
    Ok(AssembledImage {
        manifest,
        config: (descriptor, BlobSource::Bytes(bytes)),
        base_layers,
    })
}

/// The binary image's config with our layers, labels and command. Everything else is inherited; nothing of the from-index is.
fn image_config(
    config: &BuilderConfig,
    prepared: &Prepared,
    kind: IndexKind,
    stack: &Stack,
    base: &Base,
) -> oci::ImageConfig {
    let created = timestamp(config.epoch);
    let mut image = base.config.clone();
    image.created = Some(created.clone());
    tell_untold(&mut image, base.layers.len());
    for layer in &stack.0 {
        image.rootfs.diff_ids.push(layer.diff_id.clone());
        image.history.push(History {
            created: Some(created.clone()),
            created_by: Some(layer.mark()),
            ..History::default()
        });
    }
    let run = image.config.get_or_insert_with(RunConfig::default);
    let image_labels = run.labels.get_or_insert_with(BTreeMap::new);
    image_labels.insert(labels::VERSION.to_owned(), prepared.version.clone());
    image_labels.insert(labels::SCOPE.to_owned(), prepared.scope.to_string());
    let command = match kind {
        IndexKind::Database => {
            // A binary image that is a file-based index image itself must not make ours look like one (spec workflows 4.2).
            image_labels.remove(labels::CONFIGS);
            image_labels.insert(
                labels::DATABASE.to_owned(),
                labels::DATABASE_PATH.to_owned(),
            );
            run.exposed_ports
                .get_or_insert_with(BTreeMap::new)
                .insert(CATALOG_PORT.to_owned(), json!({}));
            ["registry", "serve", "--database", labels::DATABASE_PATH].as_slice()
        }
        IndexKind::FileBased => {
            image_labels.insert(labels::CONFIGS.to_owned(), labels::CONFIGS_PATH.to_owned());
            ["serve", labels::CONFIGS_PATH, "--cache-dir=/tmp/cache"].as_slice()
        }
    };
    image_labels.extend(prepared.labels.clone());
    // Without a program there is nothing to start.
    if prepared.binary_image.is_some() {
        run.entrypoint = Some(vec![CATALOG_SERVER.to_owned()]);
        run.cmd = Some(command.iter().map(|word| (*word).to_owned()).collect());
    }
    image
}

/// Gives each of so many layers an entry in the history. Some images tell none, and a layer of ours is known by its place among the
/// others.
pub(crate) fn tell_untold(image: &mut oci::ImageConfig, layers: usize) {
    let untold = layers.saturating_sub(layer_history(image).count());
    let entries = std::iter::repeat_n(History::default(), untold);
    image.history.extend(entries);
}

/// What the result is built on, as errors call it.
fn base_name(prepared: &Prepared) -> String {
    let image = prepared.binary_image.as_ref();
    image.map_or_else(
        || BinaryImage::Scratch.to_string(),
        |image| image.name.to_string(),
    )
}

/// The same layer under the name that the family of manifests has for it. The bytes stay.
pub(crate) fn retyped(
    image: &str,
    layer: &Descriptor,
    format: Format,
) -> Result<Descriptor, Error> {
    let media_type = match (&layer.media_type, format) {
        (MediaType::OciLayerGzip, Format::Docker) => MediaType::DockerLayer,
        (MediaType::OciLayerTar, Format::Docker) => MediaType::from(DOCKER_LAYER_TAR),
        (MediaType::DockerLayer, Format::Oci) => MediaType::OciLayerGzip,
        (other, Format::Oci) if other.as_str() == DOCKER_LAYER_TAR => MediaType::OciLayerTar,
        (other, Format::Docker) if !other.as_str().starts_with(DOCKER_TYPES) => {
            return Err(Error::LayerType {
                image: image.to_owned(),
                media_type: layer.media_type.clone(),
            });
        }
        (other, Format::Docker | Format::Oci) => other.clone(),
    };
    Ok(Descriptor {
        media_type,
        ..layer.clone()
    })
}

pub(crate) fn timestamp(epoch: i64) -> String {
    // An epoch outside the calendar is as good as none.
    jiff::Timestamp::from_second(epoch)
        .unwrap_or(jiff::Timestamp::UNIX_EPOCH)
        .to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn layers_get_the_names_of_the_format_or_are_refused() {
        let (docker, oci) = (Format::Docker, Format::Oci);
        let zstd = "application/vnd.oci.image.layer.v1.tar+zstd";
        for (from, format, expected) in [
            (MediaType::DockerLayer, docker, Some(MediaType::DockerLayer)),
            (
                MediaType::OciLayerGzip,
                docker,
                Some(MediaType::DockerLayer),
            ),
            (
                MediaType::OciLayerTar,
                docker,
                Some(DOCKER_LAYER_TAR.into()),
            ),
            (MediaType::OciLayerZstd, docker, None),
            (
                "application/vnd.oci.image.layer.v1.tar+gzip+encrypted".into(),
                docker,
                None,
            ),
            (MediaType::DockerLayer, oci, Some(MediaType::OciLayerGzip)),
            (DOCKER_LAYER_TAR.into(), oci, Some(MediaType::OciLayerTar)),
            (MediaType::OciLayerZstd, oci, Some(zstd.into())),
        ] {
            let layer = Descriptor::new(from.clone(), 1, Digest::of(b"x"));
            match (retyped("registry.test/opm:1", &layer, format), expected) {
                (Ok(found), Some(expected)) => assert_eq!(found.media_type, expected, "{from}"),
                (Err(error), None) => {
                    assert!(error.to_string().contains(from.as_str()), "{error}");
                }
                (found, expected) => panic!("{from} as {format:?}: {found:?}, not {expected:?}"),
            }
        }
    }
}
