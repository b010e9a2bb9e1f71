//! The blobs of a result: which it needs, where they are, and what bringing them to the output takes.

use std::collections::BTreeMap;

use futures::stream::{self, StreamExt as _, TryStreamExt as _};
use oci::{BlobPlacement, BlobSource, Descriptor, Digest, ImageName, ImageRepository};
use serde::Serialize;

use crate::config::BuilderConfig;
use crate::error::Error;
use crate::index_image::stack::{Source, StackLayer};
use crate::stages::assemble::{Assembled, AssembledImage};
use crate::stages::guard::failed;

/// What became of the blobs of a result.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct BlobCounts {
    /// Blobs that were uploaded: the catalog layer and the configs.
    pub pushed: u64,
    /// Their bytes.
    pub pushed_bytes: u64,
    /// Blobs the repository had already.
    pub present: u64,
    /// Blobs mounted from another repository of the same registry.
    pub mounted: u64,
    /// Blobs streamed from another registry.
    pub copied: u64,
    /// Their bytes.
    pub copied_bytes: u64,
}

impl BlobCounts {
    fn count(&mut self, placement: &BlobPlacement) {
        match placement {
            BlobPlacement::Present => self.present += 1,
            BlobPlacement::Mounted => self.mounted += 1,
            BlobPlacement::Copied { bytes } => {
                self.copied += 1;
                self.copied_bytes += bytes;
            }
        }
    }
}

/// Where layers are that the result refers to.
pub(crate) struct Sources<'run> {
    pub(crate) binary_image: Option<&'run ImageRepository>,
    pub(crate) from_index: Option<&'run ImageRepository>,
}

/// The blobs that a result refers to, each once.
pub(crate) struct Blobs {
    /// Those that were made here.
    ours: BTreeMap<Digest, (Descriptor, BlobSource)>,
    /// Those that lie in another repository.
    elsewhere: BTreeMap<Digest, (Descriptor, ImageRepository)>,
}

impl Blobs {
    pub(crate) fn of(sources: &Sources<'_>, assembled: &Assembled) -> Self {
        let mut ours = BTreeMap::new();
        let mut elsewhere = BTreeMap::new();
        for StackLayer {
            descriptor, source, ..
        } in &assembled.stack.0
        {
            match (source, sources.from_index) {
                (Source::New(source), _) => {
                    ours.insert(
                        descriptor.digest.clone(),
                        (descriptor.clone(), source.clone()),
                    );
                }
                (Source::Kept, Some(from_index)) => {
                    elsewhere.insert(
                        descriptor.digest.clone(),
                        (descriptor.clone(), from_index.clone()),
                    );
                }
                (Source::Kept, None) => {}
            }
        }
        for layer in &assembled.others {
            let descriptor = layer.descriptor.clone();
            ours.insert(
                descriptor.digest.clone(),
                (descriptor, layer.source.clone()),
            );
        }
        for AssembledImage {
            config: (descriptor, source),
            base_layers,
            ..
        } in assembled.images.values()
        {
            ours.insert(
                descriptor.digest.clone(),
                (descriptor.clone(), source.clone()),
            );
            if let Some(binary_image) = sources.binary_image {
                let layers = base_layers.iter();
                elsewhere
                    .extend(layers.map(|layer| {
                        (layer.digest.clone(), (layer.clone(), binary_image.clone()))
                    }));
            }
        }
        Self { ours, elsewhere }
    }

    /// Brings them all to `target`, which errors call `name`.
    pub(crate) async fn push(
        self,
        config: &BuilderConfig,
        name: &ImageName,
        target: &ImageRepository,
    ) -> Result<BlobCounts, Error> {
        let pushed: Vec<Option<u64>> = stream::iter(self.ours.into_values())
            .map(|(descriptor, source)| async move {
                if target.has_blob(&descriptor.digest).await?.is_some() {
                    return Ok(None);
                }
                target.put_blob(&descriptor, &source).await?;
                Ok(Some(descriptor.size))
            })
            .buffer_unordered(config.concurrency.get())
            .try_collect()
            .await
            .map_err(|source| failed(name, source))?;
        let placed: Vec<BlobPlacement> =
            stream::iter(self.elsewhere.into_values())
                .map(|(descriptor, source)| async move {
                    target.copy_blob_from(&source, &descriptor).await
                })
                .buffer_unordered(config.concurrency.get())
                .try_collect()
                .await
                .map_err(|source| failed(name, source))?;

        let mut counts = BlobCounts::default();
        for size in pushed {
            match size {
                Some(bytes) => {
                    counts.pushed += 1;
                    counts.pushed_bytes += bytes;
                }
                None => counts.present += 1,
            }
        }
        for placement in &placed {
            counts.count(placement);
        }
        Ok(counts)
    }

    /// What [`Blobs::push`] would do to `target`, or to a place that does not exist yet.
    pub(crate) async fn plan(
        self,
        config: &BuilderConfig,
        name: &ImageName,
        target: Option<&ImageRepository>,
    ) -> Result<BlobCounts, Error> {
        let ours = self.ours.into_values().map(|(blob, _)| (blob, None));
        let elsewhere = self.elsewhere.into_values();
        let elsewhere = elsewhere.map(|(blob, source)| (blob, Some(source)));
        let looked: Vec<_> = stream::iter(ours.chain(elsewhere))
            .map(|(blob, source)| async move {
                let found = match target {
                    Some(target) => target.has_blob(&blob.digest).await?,
                    None => None,
                };
                Ok((blob.size, source, found.is_some()))
            })
            .buffer_unordered(config.concurrency.get())
            .try_collect()
            .await
            .map_err(|source| failed(name, source))?;
        let mut counts = BlobCounts::default();
        for (bytes, source, is_present) in looked {
            match source {
                _ if is_present => counts.present += 1,
                None => {
                    counts.pushed += 1;
                    counts.pushed_bytes += bytes;
                }
                Some(source) if target.is_some_and(|target| share_a_registry(target, &source)) => {
                    counts.mounted += 1;
                }
                Some(_) => {
                    counts.copied += 1;
                    counts.copied_bytes += bytes;
                }
            }
        }
        Ok(counts)
    }
}

/// Whether blobs can be mounted from one to the other; a registry may still refuse to.
fn share_a_registry(one: &ImageRepository, other: &ImageRepository) -> bool {
    match (one, other) {
        (ImageRepository::Remote(one), ImageRepository::Remote(other)) => {
            one.name().registry() == other.name().registry()
        }
        (ImageRepository::Layout(_), _) | (_, ImageRepository::Layout(_)) => false,
    }
}
