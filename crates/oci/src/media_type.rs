//! Media types: the two families of names for the same few things.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

macro_rules! media_types {
    ($($(#[$doc:meta])* $variant:ident = $text:literal),+ $(,)?) => {
        /// The media type of a manifest, list, config or layer.
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum MediaType {
            $($(#[$doc])* $variant,)+
            /// Anything else, kept as it is.
            Other(String),
        }

        impl MediaType {
            /// The name as it travels.
            pub fn as_str(&self) -> &str {
                match self {
                    $(Self::$variant => $text,)+
                    Self::Other(text) => text,
                }
            }
        }

        impl From<&str> for MediaType {
            fn from(text: &str) -> Self {
                match text {
                    $($text => Self::$variant,)+
                    other => Self::Other(other.to_owned()),
                }
            }
        }
    };
}

media_types! {
    /// Docker manifest list.
    DockerList = "application/vnd.docker.distribution.manifest.list.v2+json",
    /// Docker v2 schema 2 manifest.
    DockerManifest = "application/vnd.docker.distribution.manifest.v2+json",
    /// Docker schema 1 manifest, signed; read only for its digest.
    DockerSchema1Signed = "application/vnd.docker.distribution.manifest.v1+prettyjws",
    /// Docker schema 1 manifest.
    DockerSchema1 = "application/vnd.docker.distribution.manifest.v1+json",
    /// Docker image config.
    DockerConfig = "application/vnd.docker.container.image.v1+json",
    /// Docker layer, tar + gzip.
    DockerLayer = "application/vnd.docker.image.rootfs.diff.tar.gzip",
    /// OCI image index.
    OciIndex = "application/vnd.oci.image.index.v1+json",
    /// OCI image manifest.
    OciManifest = "application/vnd.oci.image.manifest.v1+json",
    /// OCI image config.
    OciConfig = "application/vnd.oci.image.config.v1+json",
    /// OCI layer, plain tar.
    OciLayerTar = "application/vnd.oci.image.layer.v1.tar",
    /// OCI layer, tar + gzip.
    OciLayerGzip = "application/vnd.oci.image.layer.v1.tar+gzip",
    /// OCI layer, tar + zstd. Docker v2 schema 2 has no name for it.
    OciLayerZstd = "application/vnd.oci.image.layer.v1.tar+zstd",
}

impl MediaType {
    /// Whether it names a manifest list or image index.
    pub fn is_list(&self) -> bool {
        matches!(self, Self::DockerList | Self::OciIndex)
    }

    /// Whether it names a manifest of one image.
    pub fn is_image(&self) -> bool {
        matches!(self, Self::DockerManifest | Self::OciManifest)
    }

    /// Whether it is of the Docker family.
    pub fn is_docker(&self) -> bool {
        matches!(
            self,
            Self::DockerList
                | Self::DockerManifest
                | Self::DockerSchema1
                | Self::DockerSchema1Signed
                | Self::DockerConfig
                | Self::DockerLayer
        )
    }
}

/// The families of manifests that can be written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// Docker v2 schema 2, what index image consumers expect.
    #[default]
    Docker,
    /// OCI image manifests and indexes.
    Oci,
}

impl Format {
    /// The media type of a manifest list.
    pub fn list(self) -> MediaType {
        match self {
            Self::Docker => MediaType::DockerList,
            Self::Oci => MediaType::OciIndex,
        }
    }

    /// The media type of an image manifest.
    pub fn manifest(self) -> MediaType {
        match self {
            Self::Docker => MediaType::DockerManifest,
            Self::Oci => MediaType::OciManifest,
        }
    }

    /// The media type of an image config.
    pub fn config(self) -> MediaType {
        match self {
            Self::Docker => MediaType::DockerConfig,
            Self::Oci => MediaType::OciConfig,
        }
    }

    /// The media type of a gzip layer.
    pub fn layer(self) -> MediaType {
        match self {
            Self::Docker => MediaType::DockerLayer,
            Self::Oci => MediaType::OciLayerGzip,
        }
    }
}

impl fmt::Display for MediaType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for MediaType {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for MediaType {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(String::deserialize(deserializer)?.as_str().into())
    }
}
