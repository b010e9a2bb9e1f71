//! What the layers of ours lie on.

use std::collections::BTreeMap;

use oci::{Arch, Descriptor, ImageConfig, RootFs};

use crate::image::PlatformImage;

/// What an image for one architecture is built on: that of the binary image, or nothing.
pub(crate) struct Base {
    pub(crate) layers: Vec<Descriptor>,
    pub(crate) config: ImageConfig,
}

impl Base {
    /// Nothing: an image for `arch` that carries what is laid over it and no program.
    pub(super) fn scratch(arch: &Arch) -> Self {
        Self {
            layers: Vec::new(),
            config: ImageConfig {
                architecture: arch.to_string(),
                os: "linux".to_owned(),
                config: None,
                rootfs: RootFs {
                    kind: "layers".to_owned(),
                    diff_ids: Vec::new(),
                },
                history: Vec::new(),
                created: None,
                rest: BTreeMap::new(),
            },
        }
    }
}

impl From<PlatformImage> for Base {
    fn from(image: PlatformImage) -> Self {
        Self {
            layers: image.manifest.layers,
            config: image.config,
        }
    }
}
