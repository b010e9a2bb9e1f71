//! The image around a catalog: manifests, labels and layers.

use std::collections::BTreeMap;
use std::fmt;

use oci::{Arch, Digest, ImageName};

use crate::error::Error;
use crate::image::{PlatformImage, pinned};
use crate::index_image::stack::{LayerKind, Room, Stack};
use crate::stages::assemble::IndexKind;
use crate::stages::prepare::{FoundIndex, FoundKind};

/// An index image without its catalog.
#[derive(Clone, Debug)]
pub struct IndexImage {
    /// The image by digest: what is read by this name is the same image, wherever its tag moves.
    pub resolved: ImageName,
    /// The digest of its manifest or manifest list.
    pub digest: Digest,
    /// Its media type.
    pub media_type: String,
    /// How it keeps its catalog.
    pub kind: IndexKind,
    /// The labels of the image that speaks for all: amd64's, or the first.
    pub labels: BTreeMap<String, String>,
    /// The image of each architecture.
    pub images: BTreeMap<Arch, ArchImage>,
}

/// The image of one architecture.
#[derive(Clone, Debug)]
pub struct ArchImage {
    /// Its digest.
    pub digest: Digest,
    /// Its layers, lowest first.
    pub layers: Vec<ImageLayer>,
    /// How many more deltas it takes; `None` for an image that no delta is put upon: an SQLite index, or one of another tool.
    pub room: Option<Room>,
}

/// A layer of an index image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImageLayer {
    /// Whose it is.
    pub origin: LayerOrigin,
    /// Its digest.
    pub digest: Digest,
    /// Its compressed size in bytes.
    pub bytes: u64,
}

/// Whose a layer is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LayerOrigin {
    /// The binary image's, below ours.
    BinaryImage,
    /// Ours.
    Own(LayerKind),
    /// A layer of an image that another tool, or another profile of ours, made: nothing tells binary image and catalog apart.
    Other,
}

impl fmt::Display for LayerOrigin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BinaryImage => f.write_str("binary image"),
            Self::Own(kind) => kind.fmt(f),
            Self::Other => f.write_str("of another tool"),
        }
    }
}

impl IndexImage {
    pub(super) async fn of(index: &FoundIndex) -> Result<Self, Error> {
        let kind = match index.kind {
            FoundKind::Database(_) => IndexKind::Database,
            FoundKind::FileBased(_) => IndexKind::FileBased,
        };
        let mut images = BTreeMap::new();
        for arch in &index.arches {
            if let Some(platform) = index.image.for_arch(arch).await? {
                images.insert(arch.clone(), ArchImage::of(kind, &platform));
            }
        }
        Ok(Self {
            resolved: pinned(&index.image.name, index.image.digest()),
            digest: index.image.digest().clone(),
            media_type: index.image.raw.media_type.to_string(),
            kind,
            labels: index.platform.config.labels(),
            images,
        })
    }

    /// The image to show where one is enough: amd64's, or the first.
    pub fn shown(&self) -> Option<(&Arch, &ArchImage)> {
        self.images
            .get_key_value(&Arch::amd64())
            .or_else(|| self.images.first_key_value())
    }
}

impl ArchImage {
    fn of(kind: IndexKind, platform: &PlatformImage) -> Self {
        let (manifest, config) = (&platform.manifest, &platform.config);
        let stack = match kind {
            IndexKind::Database => Stack::recognise_database(manifest, config),
            IndexKind::FileBased => Stack::recognise(manifest, config),
        };
        let own = stack.as_ref().map_or(&[][..], |stack| &stack.0);
        let base = manifest.layers.len() - own.len();
        let below = match stack {
            Some(_) => LayerOrigin::BinaryImage,
            None => LayerOrigin::Other,
        };
        let origins = std::iter::repeat_n(below, base)
            .chain(own.iter().map(|layer| LayerOrigin::Own(layer.kind)));
        let layers = origins
            .zip(&manifest.layers)
            .map(|(origin, layer)| ImageLayer {
                origin,
                digest: layer.digest.clone(),
                bytes: layer.size,
            })
            .collect();
        let room = match kind {
            IndexKind::Database => None,
            IndexKind::FileBased => stack.as_ref().map(|stack| stack.room(base)),
        };
        Self {
            digest: platform.digest.clone(),
            layers,
            room,
        }
    }

    /// The layers that are not ours, which come first.
    pub fn below(&self) -> &[ImageLayer] {
        &self.layers[..self.first_own()]
    }

    /// Our layers.
    pub fn own(&self) -> &[ImageLayer] {
        &self.layers[self.first_own()..]
    }

    fn first_own(&self) -> usize {
        self.layers
            .partition_point(|layer| !matches!(layer.origin, LayerOrigin::Own(_)))
    }
}
