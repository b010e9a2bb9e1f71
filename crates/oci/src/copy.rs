//! Images from one place to another, whole and byte for byte: blobs first, then manifests, lists after what they list.

mod plan;

use std::num::NonZeroUsize;

use futures::stream::{self, StreamExt as _, TryStreamExt as _};

use crate::client::BlobPlacement;
use crate::error::Error;
use crate::image_repository::ImageRepository;
use crate::manifest::{Descriptor, RawManifest};
use crate::reference::Reference;

use plan::Plan;

/// What it took to bring images to a place.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CopyCounts {
    /// Manifests and lists that were written.
    pub manifests: u64,
    /// Manifests and lists that were there.
    pub manifests_present: u64,
    /// Blobs that were there.
    pub present: u64,
    /// Blobs mounted from another repository of the same registry.
    pub mounted: u64,
    /// Blobs streamed through.
    pub copied: u64,
    /// Their bytes.
    pub copied_bytes: u64,
    /// Blobs that are kept elsewhere by the image's own word, as base layers of Windows are. They stay there.
    pub elsewhere: u64,
}

impl CopyCounts {
    /// The sum of both.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        Self {
            manifests: self.manifests + other.manifests,
            manifests_present: self.manifests_present + other.manifests_present,
            present: self.present + other.present,
            mounted: self.mounted + other.mounted,
            copied: self.copied + other.copied,
            copied_bytes: self.copied_bytes + other.copied_bytes,
            elsewhere: self.elsewhere + other.elsewhere,
        }
    }
}

/// Brings `manifests`, images and lists of `source` with everything below them, to `target`, by digest. Sets no tag.
///
/// Everything keeps its bytes. What is there is left alone, so a copy that broke off is completed by doing it again.
/// At most `concurrency` requests for blobs or manifests run at once. Manifests are held in memory, 64 MiB of them at most.
/// What refers to the images from outside (referrers, signatures under tags of their own) is not looked for.
///
/// # Errors
/// What either side says; what `source` lacks is named with it.
pub async fn copy_manifests(
    source: &ImageRepository,
    target: &ImageRepository,
    manifests: &[Descriptor],
    concurrency: NonZeroUsize,
) -> Result<CopyCounts, Error> {
    let plan = Plan::make(source, target, manifests, concurrency).await?;
    let mut counts = CopyCounts {
        manifests_present: plan.present,
        ..CopyCounts::default()
    };
    let mut placed = stream::iter(plan.blobs.into_values())
        .map(|blob| async move { place(source, target, &blob).await })
        .buffer_unordered(concurrency.get());
    while let Some(placement) = placed.try_next().await? {
        match placement {
            Some(BlobPlacement::Present) => counts.present += 1,
            Some(BlobPlacement::Mounted) => counts.mounted += 1,
            Some(BlobPlacement::Copied { bytes }) => {
                counts.copied += 1;
                counts.copied_bytes += bytes;
            }
            None => counts.elsewhere += 1,
        }
    }
    drop(placed);
    // The deepest first: a list is written when what it lists is there.
    for level in plan.levels.into_iter().rev() {
        counts.manifests += put_all(target, level, concurrency).await?;
    }
    Ok(counts)
}

/// Makes a blob present; nothing for one that is kept elsewhere.
async fn place(
    source: &ImageRepository,
    target: &ImageRepository,
    blob: &Descriptor,
) -> Result<Option<BlobPlacement>, Error> {
    match target.copy_blob_from(source, blob).await {
        Ok(placement) => Ok(Some(placement)),
        Err(error) if error.is_not_found() && is_elsewhere(blob) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Whether the image says other places to get the blob from (OCI descriptor, `urls`).
fn is_elsewhere(blob: &Descriptor) -> bool {
    let urls = blob.rest.get("urls").and_then(|urls| urls.as_array());
    urls.is_some_and(|urls| !urls.is_empty())
}

async fn put_all(
    target: &ImageRepository,
    manifests: Vec<RawManifest>,
    concurrency: NonZeroUsize,
) -> Result<u64, Error> {
    let written: Vec<()> = stream::iter(manifests)
        .map(|manifest| async move {
            let reference = Reference::Digest(manifest.digest.clone());
            target.put_manifest(&reference, &manifest).await
        })
        .buffer_unordered(concurrency.get())
        .try_collect()
        .await?;
    Ok(u64::try_from(written.len()).expect("a length in memory fits in 64 bits"))
}
