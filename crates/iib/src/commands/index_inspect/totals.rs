//! What the layers of an image add up to.

use std::fmt;

use builder::{ArchImage, CatalogSummary, ImageLayer, LayerKind, LayerOrigin, Room};

use crate::terminal;

/// How many layers an image has, and how large they are together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Totals {
    pub(super) layers: usize,
    pub(super) deltas: usize,
    /// The compressed size of the binary image's layers in bytes; `None` if nothing tells them from the catalog's.
    pub(super) binary_image_bytes: Option<u64>,
    /// The compressed size of our layers in bytes.
    pub(super) own_bytes: u64,
    /// The compressed size of all layers in bytes.
    pub(super) bytes: u64,
}

impl Totals {
    pub(super) fn of(image: &ArchImage) -> Self {
        let bytes = |layers: &[ImageLayer]| layers.iter().map(|layer| layer.bytes).sum::<u64>();
        let is_told = (image.below().iter()).all(|layer| layer.origin == LayerOrigin::BinaryImage);
        let is_delta = |layer: &&ImageLayer| layer.origin == LayerOrigin::Own(LayerKind::Delta);
        Self {
            layers: image.layers.len(),
            deltas: image.layers.iter().filter(is_delta).count(),
            binary_image_bytes: is_told.then(|| bytes(image.below())),
            own_bytes: bytes(image.own()),
            bytes: bytes(&image.layers),
        }
    }
}

impl fmt::Display for Totals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} layer(s), {} delta(s), {}",
            self.layers,
            self.deltas,
            terminal::bytes(self.bytes)
        )?;
        match self.binary_image_bytes {
            Some(bytes) => write!(
                f,
                ": binary image {}, iib {}",
                terminal::bytes(bytes),
                terminal::bytes(self.own_bytes)
            ),
            None => f.write_str(": made by another tool"),
        }
    }
}

/// How much room is left, for people.
pub(super) fn room(room: &Room) -> String {
    match room.deltas {
        0 => "none: the next change writes the catalog anew".to_owned(),
        deltas => format!(
            "{deltas} more delta(s) of {} in all, then the catalog is written anew",
            terminal::bytes(room.bytes)
        ),
    }
}

/// How many channels a catalog has.
pub(super) fn channels(catalog: &CatalogSummary) -> usize {
    let packages = catalog.packages.iter();
    packages.map(|package| package.channels.len()).sum()
}
