//! Manifests, manifest lists and image configs: bytes first, meaning beside them.
//!
//! A digest names bytes, so a manifest is kept as the bytes it came in ([`RawManifest`]) and parsed beside them
//! ([`Document`]). Writing a parsed form back would change bytes and drop what we do not know.

use std::collections::BTreeMap;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::digest::{DiffId, Digest};
use crate::media_type::{Format, MediaType};
use crate::platform::Platform;

/// What points at content: its type, digest and size.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Descriptor {
    /// The type of the content.
    #[serde(rename = "mediaType")]
    pub media_type: MediaType,
    /// The size in bytes, as stored.
    pub size: u64,
    /// The digest of the stored bytes.
    pub digest: Digest,
    /// The platform, on entries of lists.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub platform: Option<Platform>,
    /// Everything else the descriptor carries (annotations, urls, artifact types).
    #[serde(flatten)]
    pub rest: Map<String, Value>,
}

impl Descriptor {
    /// A descriptor without platform or annotations.
    pub fn new(media_type: MediaType, size: u64, digest: Digest) -> Self {
        Self {
            media_type,
            size,
            digest,
            platform: None,
            rest: Map::new(),
        }
    }
}

/// A manifest or list as bytes, with its type and digest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RawManifest {
    /// The type: the body's `mediaType` if it has one, else what the registry said.
    pub media_type: MediaType,
    /// The bytes.
    pub bytes: Bytes,
    /// The digest of the bytes.
    pub digest: Digest,
}

impl RawManifest {
    /// Takes `bytes` as a manifest of type `media_type` and computes the digest.
    pub fn new(media_type: MediaType, bytes: Bytes) -> Self {
        let digest = Digest::of(&bytes);
        Self {
            media_type,
            bytes,
            digest,
        }
    }

    /// The descriptor that points at this manifest.
    pub fn descriptor(&self) -> Descriptor {
        Descriptor::new(
            self.media_type.clone(),
            size_of(&self.bytes),
            self.digest.clone(),
        )
    }

    /// Reads the meaning of the bytes.
    ///
    /// # Errors
    /// [`ManifestError`] when the bytes are no manifest of their type.
    pub fn parse(&self) -> Result<Document, ManifestError> {
        let wrong = |source| ManifestError::Malformed {
            digest: self.digest.clone(),
            source,
        };
        if self.media_type.is_list() {
            return Ok(Document::List(
                serde_json::from_slice(&self.bytes).map_err(wrong)?,
            ));
        }
        if self.media_type.is_image() {
            return Ok(Document::Image(
                serde_json::from_slice(&self.bytes).map_err(wrong)?,
            ));
        }
        Err(ManifestError::Unsupported {
            digest: self.digest.clone(),
            media_type: self.media_type.clone(),
        })
    }
}

/// Why bytes could not be taken as a manifest.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ManifestError {
    /// The bytes do not have the shape of their type.
    #[error(
        "the manifest `{digest}` does not have the shape its media type promises; push the image again"
    )]
    Malformed {
        /// Which manifest.
        digest: Digest,
        /// What the parser says.
        #[source]
        source: serde_json::Error,
    },
    /// The type is none we read.
    #[error(
        "the manifest `{digest}` is of type `{media_type}`; only Docker v2 schema 2 and OCI manifests and lists can be used: \
         push the image in one of these formats"
    )]
    Unsupported {
        /// Which manifest.
        digest: Digest,
        /// The type found.
        media_type: MediaType,
    },
    /// Nobody says for which platform an image is.
    #[error(
        "the config of the image `{digest}` cannot be understood, so its platform cannot be told; push the image again"
    )]
    NoPlatform {
        /// Which image.
        digest: Digest,
        /// What the parser says.
        #[source]
        source: serde_json::Error,
    },
}

/// A parsed manifest.
#[expect(
    clippy::large_enum_variant,
    reason = "documents are few and short-lived; a box would stand in the way of every match"
)]
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Document {
    /// One image.
    Image(ImageManifest),
    /// A list of images by platform.
    List(ManifestList),
}

/// The manifest of one image (Docker v2 schema 2 or OCI).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImageManifest {
    /// Always 2.
    #[serde(rename = "schemaVersion")]
    pub schema_version: u32,
    /// The manifest's own type; OCI manifests may leave it out.
    #[serde(rename = "mediaType", default, skip_serializing_if = "Option::is_none")]
    pub media_type: Option<MediaType>,
    /// The image config.
    pub config: Descriptor,
    /// The layers, lowest first.
    pub layers: Vec<Descriptor>,
    /// Everything else (annotations, subject).
    #[serde(flatten)]
    pub rest: Map<String, Value>,
}

impl ImageManifest {
    /// A manifest of `format` over `config` and `layers`.
    pub fn new(format: Format, config: Descriptor, layers: Vec<Descriptor>) -> Self {
        Self {
            schema_version: 2,
            media_type: Some(format.manifest()),
            config,
            layers,
            rest: Map::new(),
        }
    }

    /// The manifest as bytes, the same for the same content.
    pub fn to_raw(&self) -> RawManifest {
        let media_type = self.media_type.clone().unwrap_or(MediaType::OciManifest);
        RawManifest::new(media_type, to_json(self))
    }
}

/// A manifest list (Docker) or image index (OCI).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ManifestList {
    /// Always 2.
    #[serde(rename = "schemaVersion")]
    pub schema_version: u32,
    /// The list's own type; OCI indexes may leave it out.
    #[serde(rename = "mediaType", default, skip_serializing_if = "Option::is_none")]
    pub media_type: Option<MediaType>,
    /// The entries in order.
    pub manifests: Vec<Descriptor>,
    /// Everything else (annotations, subject).
    #[serde(flatten)]
    pub rest: Map<String, Value>,
}

impl ManifestList {
    /// A list of `format` with `manifests`.
    pub fn new(format: Format, manifests: Vec<Descriptor>) -> Self {
        Self {
            schema_version: 2,
            media_type: Some(format.list()),
            manifests,
            rest: Map::new(),
        }
    }

    /// The list as bytes, the same for the same content.
    pub fn to_raw(&self) -> RawManifest {
        let media_type = self.media_type.clone().unwrap_or(MediaType::OciIndex);
        RawManifest::new(media_type, to_json(self))
    }
}

/// An image config (Docker and OCI share it).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImageConfig {
    /// The processor architecture by its Go name.
    pub architecture: String,
    /// The operating system.
    pub os: String,
    /// How a container is run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub config: Option<RunConfig>,
    /// The uncompressed layers.
    pub rootfs: RootFs,
    /// How each layer came to be.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub history: Vec<History>,
    /// When the image was made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created: Option<String>,
    /// Everything else (variant, author, and what other tools add).
    #[serde(flatten)]
    pub rest: BTreeMap<String, Value>,
}

impl ImageConfig {
    /// The config as bytes, the same for the same content.
    pub fn to_bytes(&self) -> Bytes {
        to_json(self)
    }

    /// The labels; none when the config has no `Labels` or it is null.
    pub fn labels(&self) -> BTreeMap<String, String> {
        self.config
            .as_ref()
            .and_then(|run| run.labels.clone())
            .unwrap_or_default()
    }
}

/// The part of an image config that says how a container is run.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunConfig {
    /// The labels; some tools write `null`.
    #[serde(rename = "Labels", default, skip_serializing_if = "Option::is_none")]
    pub labels: Option<BTreeMap<String, String>>,
    /// The program.
    #[serde(
        rename = "Entrypoint",
        default,
        skip_serializing_if = "Option::is_none"
    )]
    pub entrypoint: Option<Vec<String>>,
    /// Its arguments.
    #[serde(rename = "Cmd", default, skip_serializing_if = "Option::is_none")]
    pub cmd: Option<Vec<String>>,
    /// Ports the program listens on, such as `50051/tcp`.
    #[serde(
        rename = "ExposedPorts",
        default,
        skip_serializing_if = "Option::is_none"
    )]
    pub exposed_ports: Option<BTreeMap<String, Value>>,
    /// Everything else (environment, user, working directory).
    #[serde(flatten)]
    pub rest: BTreeMap<String, Value>,
}

/// The list of a config's uncompressed layers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RootFs {
    /// Always `layers`.
    #[serde(rename = "type")]
    pub kind: String,
    /// One per layer, lowest first.
    pub diff_ids: Vec<DiffId>,
}

/// One step of an image's making.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct History {
    /// When.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created: Option<String>,
    /// By which command, or, for our layers, the mark `iib:<kind>:<profile>`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created_by: Option<String>,
    /// Whether the step made no layer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub empty_layer: Option<bool>,
    /// Everything else.
    #[serde(flatten)]
    pub rest: BTreeMap<String, Value>,
}

/// Only for types with string keys.
pub(crate) fn to_json(value: &impl Serialize) -> Bytes {
    // These types have string keys only and no fallible serializer, so serde_json cannot fail on them.
    Bytes::from(serde_json::to_vec(value).expect("manifest types always serialize to JSON"))
}

fn size_of(bytes: &[u8]) -> u64 {
    u64::try_from(bytes.len()).expect("a length in memory fits in 64 bits")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_we_do_not_know_survives_a_round_trip() {
        let text = r#"{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[{"mediaType":"application/vnd.oci.image.manifest.v1+json","size":3,"digest":"sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855","platform":{"architecture":"arm64","os":"linux","variant":"v8"},"annotations":{"a":"b"}}],"annotations":{"x":"y"}}"#;
        let raw = RawManifest::new(MediaType::OciIndex, Bytes::from_static(text.as_bytes()));
        let Document::List(list) = raw.parse().unwrap() else {
            panic!("a list")
        };
        assert_eq!(list.to_raw().bytes, text.as_bytes());
    }

    #[test]
    fn a_type_we_do_not_read_is_refused_by_name() {
        let raw = RawManifest::new(MediaType::DockerSchema1, Bytes::from_static(b"{}"));
        assert!(
            raw.parse()
                .unwrap_err()
                .to_string()
                .contains("manifest.v1+json")
        );
    }

    #[test]
    fn null_labels_count_as_none() {
        let config: ImageConfig = serde_json::from_str(
            r#"{"architecture":"amd64","os":"linux","config":{"Labels":null,"Env":["A=B"]},"rootfs":{"type":"layers","diff_ids":[]}}"#,
        )
        .unwrap();
        assert!(config.labels().is_empty());
        assert!(
            String::from_utf8(config.to_bytes().to_vec())
                .unwrap()
                .contains(r#""Env":["A=B"]"#)
        );
    }
}
