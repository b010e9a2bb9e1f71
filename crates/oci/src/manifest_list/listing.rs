//! A list, taken apart into entries without losing what is not understood.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::entry::{EntryName, ListedEntry};
use super::platform_key::PlatformKey;
use crate::digest::Digest;
use crate::manifest::{Descriptor, ManifestError, ManifestList, RawManifest, to_json};
use crate::media_type::{Format, MediaType};
use crate::platform::Platform;

const MANIFESTS: &str = "manifests";

/// What a name points to: a list, or one image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Listed {
    /// A list.
    List(Listing),
    /// One image or artifact.
    Image {
        /// Its manifest.
        raw: RawManifest,
        /// The platform its config says; nothing for an artifact.
        platform: Option<Platform>,
    },
}

/// A manifest list as a set of entries, and the document around them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listing {
    pub(super) media_type: MediaType,
    /// The document; what it has as `manifests` does not count.
    pub(super) document: Map<String, Value>,
    /// The bytes it came in, as long as nothing changed.
    pub(super) raw: Option<RawManifest>,
    pub(super) entries: Vec<ListedEntry>,
}

impl Listed {
    /// As a list: itself, or a list of the one image in the image's family of formats.
    pub fn to_list(&self) -> Listing {
        match self {
            Self::List(list) => list.clone(),
            Self::Image { raw, platform } => {
                let mut descriptor = raw.descriptor();
                descriptor.platform.clone_from(platform);
                let format = if raw.media_type.is_docker() {
                    Format::Docker
                } else {
                    Format::Oci
                };
                Listing::of(format, vec![descriptor])
            }
        }
    }
}

impl Listing {
    /// Takes a list apart.
    ///
    /// # Errors
    /// [`ManifestError`] when the bytes are no list.
    pub fn parse(raw: &RawManifest) -> Result<Self, ManifestError> {
        if !raw.media_type.is_list() {
            return Err(ManifestError::Unsupported {
                digest: raw.digest.clone(),
                media_type: raw.media_type.clone(),
            });
        }
        let wrong = |source| ManifestError::Malformed {
            digest: raw.digest.clone(),
            source,
        };
        let list: ManifestList = serde_json::from_slice(&raw.bytes).map_err(wrong)?;
        let document: Map<String, Value> = serde_json::from_slice(&raw.bytes).map_err(wrong)?;
        let written = document.get(MANIFESTS).and_then(Value::as_array);
        let entries = list
            .manifests
            .into_iter()
            .zip(written.into_iter().flatten())
            .map(|(descriptor, json)| ListedEntry::new(descriptor, json.clone()))
            .collect();
        Ok(Self {
            media_type: raw.media_type.clone(),
            document,
            raw: Some(raw.clone()),
            entries,
        })
    }

    /// A new list of `format`.
    pub(super) fn of(format: Format, manifests: Vec<Descriptor>) -> Self {
        let document = Map::from_iter([
            ("schemaVersion".to_owned(), json!(2)),
            ("mediaType".to_owned(), json!(format.list())),
        ]);
        let entries = manifests.into_iter().map(|descriptor| {
            let json = json!(descriptor);
            ListedEntry::new(descriptor, json)
        });
        Self {
            media_type: format.list(),
            entries: entries.collect(),
            raw: None,
            document,
        }
    }

    /// The list's media type.
    pub fn media_type(&self) -> &MediaType {
        &self.media_type
    }

    /// The entries in order.
    pub fn descriptors(&self) -> impl Iterator<Item = &Descriptor> {
        self.entries.iter().map(|entry| &entry.descriptor)
    }

    /// The entries in order, with what they are.
    pub fn named(&self) -> impl Iterator<Item = (EntryName, &Descriptor)> {
        self.names().into_iter().zip(self.descriptors())
    }

    /// The list as it is published: its own bytes as long as nothing changed.
    pub fn to_raw(&self) -> RawManifest {
        if let Some(raw) = &self.raw {
            return raw.clone();
        }
        let mut document = self.document.clone();
        let entries = self.entries.iter().map(|entry| entry.json.clone());
        document.insert(MANIFESTS.to_owned(), entries.collect());
        RawManifest::new(self.media_type.clone(), to_json(&document))
    }

    /// The images that say no platform. OCI lets them; their configs know it.
    pub(crate) fn without_platform(&self) -> Vec<(usize, Descriptor)> {
        let says_nothing = |entry: &ListedEntry| {
            let descriptor = &entry.descriptor;
            descriptor.platform.is_none()
                && descriptor.media_type.is_image()
                && entry.subject().is_none()
        };
        self.entries
            .iter()
            .enumerate()
            .filter(|(_, entry)| says_nothing(entry))
            .map(|(at, entry)| (at, entry.descriptor.clone()))
            .collect()
    }

    /// Notes the platform that the config of the entry `at` says. What is written stays as it is.
    pub(crate) fn set_platform(&mut self, at: usize, platform: &Platform) {
        if let Some(entry) = self.entries.get_mut(at) {
            entry.platform = PlatformKey::of(platform);
        }
    }

    /// What each entry is.
    pub(super) fn names(&self) -> Vec<EntryName> {
        let mut by_digest: BTreeMap<&Digest, EntryName> = BTreeMap::new();
        for entry in self
            .entries
            .iter()
            .filter(|entry| entry.subject().is_none())
        {
            by_digest
                .entry(&entry.descriptor.digest)
                .or_insert_with(|| entry.own_name());
        }
        let name = |entry: &ListedEntry| {
            let subject = entry.subject();
            let attached = subject.and_then(|subject| {
                let to = by_digest.get(&subject.digest)?;
                Some(EntryName::Attached {
                    kind: subject.kind,
                    to: Box::new(to.clone()),
                })
            });
            attached.unwrap_or_else(|| entry.own_name())
        };
        self.entries.iter().map(name).collect()
    }
}
