//! An entry of a list, and what it is called in comparisons.

use std::fmt;

use serde_json::Value;

use super::platform_key::PlatformKey;
use crate::digest::Digest;
use crate::manifest::Descriptor;

const ANNOTATIONS: &str = "annotations";
const ARTIFACT_TYPE: &str = "artifactType";
/// The digest of the entry that an attestation is about, as `docker buildx` writes it.
const REFERENCE_DIGEST: &str = "vnd.docker.reference.digest";
/// What the attachment is, such as `attestation-manifest`.
const REFERENCE_TYPE: &str = "vnd.docker.reference.type";
/// Marks an image whose layers are compressed in another way than gzip: `….zstd` is `true`.
const COMPRESSION: &str = "io.github.containers.compression.";

/// What an entry of a list is, as far as it tells it from the others. Entries of two lists with one name are versions of
/// one thing. A list may hold several entries of one name; nothing here drops any of them.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum EntryName {
    /// An image for a platform, or an artifact for one.
    Platform {
        /// The platform.
        platform: PlatformKey,
        /// The artifact's type; nothing for an image.
        artifact_type: Option<String>,
        /// What the image is compressed with when it says so, such as `zstd`; sorted.
        compression: Vec<String>,
    },
    /// What says something about another entry: an attestation. It goes where that one goes.
    Attached {
        /// What it is, such as `attestation-manifest`.
        kind: String,
        /// The entry it is about.
        to: Box<EntryName>,
    },
    /// Anything else: an artifact for no platform, or an attestation of an image that is not in the list.
    Other {
        /// Its artifact type, else its media type.
        kind: String,
        /// Its annotations as `key=value`, sorted.
        annotations: Vec<String>,
    },
}

impl EntryName {
    /// Whether it is an image that runs somewhere.
    pub fn is_image(&self) -> bool {
        matches!(
            self,
            Self::Platform {
                artifact_type: None,
                ..
            }
        )
    }
}

impl fmt::Display for EntryName {
    /// For people: `amd64`, `amd64 (zstd)`, `attestation-manifest of amd64`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Platform {
                platform,
                artifact_type,
                compression,
            } => {
                if let Some(kind) = artifact_type {
                    write!(f, "{kind} for ")?;
                }
                platform.fmt(f)?;
                if !compression.is_empty() {
                    write!(f, " ({})", compression.join(", "))?;
                }
                Ok(())
            }
            Self::Attached { kind, to } => write!(f, "{kind} of {to}"),
            Self::Other { kind, .. } => f.write_str(kind),
        }
    }
}

/// An entry as it was written, and what it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ListedEntry {
    pub(super) descriptor: Descriptor,
    /// The entry as it stands in the document, with what we do not know.
    pub(super) json: Value,
    /// For which platform, by its own word or its config's; nothing for attachments and artifacts.
    pub(super) platform: Option<PlatformKey>,
}

/// What an attachment is about.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Subject {
    pub(super) digest: Digest,
    pub(super) kind: String,
}

impl ListedEntry {
    pub(super) fn new(descriptor: Descriptor, json: Value) -> Self {
        let platform = descriptor.platform.as_ref().and_then(PlatformKey::of);
        Self {
            descriptor,
            json,
            platform,
        }
    }

    /// What the entry refers to, if it is about another one.
    pub(super) fn subject(&self) -> Option<Subject> {
        Some(Subject {
            digest: self.annotation(REFERENCE_DIGEST)?.parse().ok()?,
            kind: self
                .annotation(REFERENCE_TYPE)
                .unwrap_or("reference")
                .to_owned(),
        })
    }

    /// The name of an entry that is about no other one in its list.
    pub(super) fn own_name(&self) -> EntryName {
        let artifact_type = self.descriptor.rest.get(ARTIFACT_TYPE);
        let artifact_type = artifact_type.and_then(Value::as_str).map(str::to_owned);
        let (Some(platform), None) = (&self.platform, self.subject()) else {
            let mut annotations: Vec<String> = self
                .annotations()
                .map(|(key, value)| format!("{key}={value}"))
                .collect();
            annotations.sort();
            return EntryName::Other {
                kind: artifact_type.unwrap_or_else(|| self.descriptor.media_type.to_string()),
                annotations,
            };
        };
        let mut compression: Vec<String> = self
            .annotations()
            .filter_map(|(key, value)| {
                let name = key.strip_prefix(COMPRESSION)?;
                Some(match value {
                    "true" => name.to_owned(),
                    other => format!("{name}={other}"),
                })
            })
            .collect();
        compression.sort();
        EntryName::Platform {
            platform: platform.clone(),
            artifact_type,
            compression,
        }
    }

    fn annotations(&self) -> impl Iterator<Item = (&str, &str)> {
        let all = self.descriptor.rest.get(ANNOTATIONS);
        all.and_then(Value::as_object)
            .into_iter()
            .flatten()
            .filter_map(|(key, value)| Some((key.as_str(), value.as_str()?)))
    }

    fn annotation(&self, key: &str) -> Option<&str> {
        let mut all = self.annotations();
        all.find(|(found, _)| *found == key).map(|(_, value)| value)
    }
}
