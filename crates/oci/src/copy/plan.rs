//! What a copy has to bring: found level by level, from the images named down to blobs.

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroUsize;

use futures::stream::{self, StreamExt as _, TryStreamExt as _};

use crate::digest::Digest;
use crate::error::Error;
use crate::image_repository::ImageRepository;
use crate::manifest::{Descriptor, Document, RawManifest};
use crate::reference::Reference;

/// Lists in lists in lists: real ones have two levels.
const MAX_LEVELS: usize = 8;
const MAX_MANIFEST_BYTES: u64 = 64 * 1024 * 1024;

/// What is missing at the target.
#[derive(Debug, Default)]
pub(super) struct Plan {
    /// The manifests to write; each level's lists name what is in later levels or there already.
    pub(super) levels: Vec<Vec<RawManifest>>,
    /// The blobs to bring, each once.
    pub(super) blobs: BTreeMap<Digest, Descriptor>,
    /// How many manifests need not be written.
    pub(super) present: u64,
}

/// A manifest, looked up.
enum Found {
    /// The target has the image, and with it all its blobs.
    Whole,
    /// The source's manifest and what it names. The target may have the manifest, but that says nothing of its content.
    Read {
        raw: RawManifest,
        document: Box<Document>,
        is_present: bool,
    },
}

impl Plan {
    pub(super) async fn make(
        source: &ImageRepository,
        target: &ImageRepository,
        manifests: &[Descriptor],
        concurrency: NonZeroUsize,
    ) -> Result<Self, Error> {
        let mut plan = Self::default();
        let mut level = manifests.to_vec();
        let mut bytes = 0;
        let too_large = || Error::TooLarge {
            what: format!("copying manifests of `{}`", source.display_name()),
            limit: MAX_MANIFEST_BYTES,
        };
        while !level.is_empty() {
            if plan.levels.len() == MAX_LEVELS {
                return Err(Error::TooDeep {
                    repository: source.display_name(),
                    levels: MAX_LEVELS,
                });
            }
            let mut seen = BTreeSet::new();
            level.retain(|entry| seen.insert(entry.digest.clone()));
            let mut found = stream::iter(std::mem::take(&mut level))
                .map(|entry| async move { find(source, target, &entry).await })
                .buffered(concurrency.get());
            let mut to_write = Vec::new();
            while let Some(found) = found.try_next().await? {
                let Found::Read {
                    raw,
                    document,
                    is_present,
                } = found
                else {
                    plan.present += 1;
                    continue;
                };
                bytes += raw.descriptor().size;
                if bytes > MAX_MANIFEST_BYTES {
                    return Err(too_large());
                }
                match *document {
                    Document::List(list) => level.extend(list.manifests),
                    Document::Image(image) => plan.blobs.extend(
                        (image.layers.into_iter().chain([image.config]))
                            .map(|blob| (blob.digest.clone(), blob)),
                    ),
                }
                if is_present {
                    plan.present += 1;
                } else {
                    to_write.push(raw);
                }
            }
            drop(found);
            plan.levels.push(to_write);
        }
        Ok(plan)
    }
}

async fn find(
    source: &ImageRepository,
    target: &ImageRepository,
    entry: &Descriptor,
) -> Result<Found, Error> {
    let reference = Reference::Digest(entry.digest.clone());
    let present = target.head_manifest(&reference).await?;
    // Registries take no image without its blobs. Of lists some take parts, and a directory takes anything.
    if let (Some(present), ImageRepository::Remote(_)) = (&present, target)
        && present.media_type.is_image()
    {
        return Ok(Found::Whole);
    }
    let raw = source.manifest(&reference).await?;
    Ok(Found::Read {
        document: Box::new(raw.parse()?),
        raw,
        is_present: present.is_some(),
    })
}
