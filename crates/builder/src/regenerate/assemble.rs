//! The images of a bundle made anew: those it was, with one layer more.

use std::collections::BTreeMap;
use std::path::Path;

use oci::{
    Arch, BlobSource, Descriptor, Digest, History, ImageManifest, Layer, LayerBuilder,
    ManifestList, Owner, Platform, RunConfig,
};

use super::BundleChanges;
use crate::config::BuilderConfig;
use crate::error::Error;
use crate::index_image::MAX_LAYERS;
use crate::index_image::stack::Stack;
use crate::stages::assemble::{Assembled, AssembledImage, retyped, tell_untold, timestamp};
use crate::stages::base::Base;

/// What the history says of the layer.
const MARK: &str = "iib:bundle";
/// The rights of a file in it.
const FILE_MODE: u32 = 0o644;

/// Lays the changed files over every architecture's image and sets the labels. Without a changed file there is no layer more.
pub(super) fn assemble(
    config: &BuilderConfig,
    name: &str,
    platforms: &BTreeMap<Arch, Base>,
    changes: &BundleChanges,
    path: &Path,
) -> Result<Assembled, Error> {
    let layer = layer(config, changes, path)?;
    let (mut images, mut entries) = (BTreeMap::new(), Vec::new());
    for (arch, base) in platforms {
        let image = image(config, name, base, layer.as_ref(), changes)?;
        let mut entry = image.manifest.descriptor();
        entry.platform = Some(Platform::linux(arch));
        entries.push(entry);
        images.insert(arch.clone(), image);
    }
    Ok(Assembled {
        stack: Stack(Vec::new()),
        others: layer.into_iter().collect(),
        images,
        list: ManifestList::new(config.format, entries).to_raw(),
    })
}

fn layer(
    config: &BuilderConfig,
    changes: &BundleChanges,
    path: &Path,
) -> Result<Option<Layer>, Error> {
    if changes.files.is_empty() {
        return Ok(None);
    }
    let mut layer = LayerBuilder::new(config.epoch);
    for (path, file) in &changes.files {
        let content = BlobSource::Bytes(file.after.clone().into());
        layer
            .file(path, Owner::ROOT, FILE_MODE, content)
            .map_err(Error::Layer)?;
    }
    layer
        .write(path, config.format)
        .map(Some)
        .map_err(Error::Layer)
}

fn image(
    config: &BuilderConfig,
    name: &str,
    base: &Base,
    layer: Option<&Layer>,
    changes: &BundleChanges,
) -> Result<AssembledImage, Error> {
    let base_layers = base
        .layers
        .iter()
        .map(|layer| retyped(name, layer, config.format))
        .collect::<Result<Vec<_>, _>>()?;
    let mut image = base.config.clone();
    let created = timestamp(config.epoch);
    image.created = Some(created.clone());
    tell_untold(&mut image, base_layers.len());
    let mut layers = base_layers.clone();
    if let Some(layer) = layer {
        layers.push(retyped(name, &layer.descriptor, config.format)?);
        image.rootfs.diff_ids.push(layer.diff_id.clone());
        image.history.push(History {
            created: Some(created),
            created_by: Some(MARK.to_owned()),
            ..History::default()
        });
    }
    if layers.len() > MAX_LAYERS {
        return Err(Error::TooManyLayers {
            image: name.to_owned(),
            layers: base_layers.len(),
            limit: MAX_LAYERS - 1,
        });
    }
    let run = image.config.get_or_insert_with(RunConfig::default);
    let labels = run.labels.get_or_insert_with(BTreeMap::new);
    labels.extend(changes.labels.clone());
    let bytes = image.to_bytes();
    let size = u64::try_from(bytes.len()).expect("a length in memory fits in 64 bits");
    let descriptor = Descriptor::new(config.format.config(), size, Digest::of(&bytes));
    let manifest = ImageManifest::new(config.format, descriptor.clone(), layers).to_raw();
    Ok(AssembledImage {
        manifest,
        config: (descriptor, BlobSource::Bytes(bytes)),
        base_layers,
    })
}
