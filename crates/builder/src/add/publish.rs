//! Last stage: blobs, then the images of each architecture, then the list, then tags; the from-index's tag last of all.

use std::collections::BTreeMap;

use futures::stream::{self, StreamExt as _, TryStreamExt as _};
use oci::{
    Arch, BlobPlacement, BlobSource, Client, Descriptor, Digest, ImageName, ImageRepository, Layer,
    Reference, Tag,
};

use crate::add::assemble::{Assembled, AssembledImage};
use crate::add::prepare::FoundIndex;
use crate::config::BuilderConfig;
use crate::error::Error;
use crate::image::pinned_name;
use crate::progress::{Checkpoint, Facts, Phase, PlannedOverwrite, Reporter};
use crate::request::Output;

/// What became of the blobs of a result.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
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

/// Pushes the result under the request's own tags.
pub(crate) async fn publish(
    client: &Client,
    config: &BuilderConfig,
    output: &Output,
    binary_image: &ImageRepository,
    assembled: &Assembled,
    reporter: &dyn Reporter,
) -> Result<BlobCounts, Error> {
    let name = output.name(&output.tag);
    let failed = |source| Error::Publish {
        target: name.to_string(),
        source: Box::new(source),
    };
    let target = name.open_or_create(client).await.map_err(failed)?;
    reporter.confirm().await?;
    let counts = push_blobs(config, &name, &target, binary_image, assembled).await?;
    // An architecture's image counts with its blobs: an interrupted request pushes only what is missing.
    for (arch, image) in &assembled.images {
        let tag = arch_tag(&output.tag, arch)?;
        put(
            &target,
            &output.name(&tag),
            Reference::Tag(tag),
            &image.manifest,
        )
        .await?;
    }
    reporter
        .phase(&Phase::CreatingManifestList, &Facts::default())
        .await?;
    reporter.confirm().await?;
    for tag in std::iter::once(&output.tag).chain(&output.build_tags) {
        put(
            &target,
            &output.name(tag),
            Reference::Tag(tag.clone()),
            &assembled.list,
        )
        .await?;
    }
    Ok(counts)
}

async fn push_blobs(
    config: &BuilderConfig,
    name: &ImageName,
    target: &ImageRepository,
    binary_image: &ImageRepository,
    assembled: &Assembled,
) -> Result<BlobCounts, Error> {
    let mut ours: BTreeMap<Digest, (Descriptor, BlobSource)> = BTreeMap::new();
    let mut base: BTreeMap<Digest, Descriptor> = BTreeMap::new();
    let Layer {
        descriptor, source, ..
    } = &assembled.layer;
    ours.insert(
        descriptor.digest.clone(),
        (descriptor.clone(), source.clone()),
    );
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
        base.extend(
            base_layers
                .iter()
                .map(|layer| (layer.digest.clone(), layer.clone())),
        );
    }
    let failed = |source: oci::Error| Error::Publish {
        target: name.to_string(),
        source: Box::new(source),
    };

    let pushed: Vec<Option<u64>> = stream::iter(ours.into_values())
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
        .map_err(failed)?;
    let placed: Vec<BlobPlacement> = stream::iter(base.into_values())
        .map(|descriptor| async move { target.copy_blob_from(binary_image, &descriptor).await })
        .buffer_unordered(config.concurrency.get())
        .try_collect()
        .await
        .map_err(failed)?;

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

/// Moves the from-index's tag to the result, unless somebody else moved it first (spec workflows 4.5).
///
/// `repository` is the from-index's repository opened for writing, which may be with other credentials than reading the output.
pub(crate) async fn overwrite(
    client: &Client,
    index_client: &Client,
    output: &Output,
    index: &FoundIndex,
    assembled: &Assembled,
    reporter: &dyn Reporter,
    checkpoint: &mut Checkpoint,
) -> Result<(), Error> {
    let name = &index.image.name;
    let target = open(index_client, name).await?;
    let result = &assembled.list.digest;
    let expected = index.image.digest();
    let current = current_digest(name, &target).await?;
    let done_before_restart = checkpoint
        .overwriting
        .as_ref()
        .is_some_and(|planned| planned.to == *result);
    if done_before_restart && current.as_ref() == Some(result) {
        tracing::info!("`{name}` already points to the result: it was moved before a restart");
        return Ok(());
    }
    check_unchanged(name, expected, current)?;
    reporter
        .phase(&Phase::Overwriting, &Facts::default())
        .await?;
    copy_children(client, output, name, &target, assembled).await?;

    checkpoint.overwriting = Some(PlannedOverwrite {
        from: expected.clone(),
        to: result.clone(),
    });
    reporter.checkpoint(checkpoint).await?;
    // Registries know no conditional PUT: the look right before it leaves a gap of one round trip to strangers.
    check_unchanged(name, expected, current_digest(name, &target).await?)?;
    reporter.confirm().await?;
    put(&target, name, name.reference(), &assembled.list).await?;
    let read_back = current_digest(name, &target).await?;
    if read_back.as_ref() == Some(result) {
        Ok(())
    } else {
        Err(changed(name, result, read_back))
    }
}

async fn copy_children(
    client: &Client,
    output: &Output,
    name: &ImageName,
    target: &ImageRepository,
    assembled: &Assembled,
) -> Result<(), Error> {
    let source = open(client, &output.name(&output.tag)).await?;
    let failed = |source: oci::Error| Error::Publish {
        target: name.to_string(),
        source: Box::new(source),
    };
    let mut blobs: BTreeMap<&Digest, &Descriptor> = BTreeMap::new();
    blobs.insert(
        &assembled.layer.descriptor.digest,
        &assembled.layer.descriptor,
    );
    for image in assembled.images.values() {
        blobs.insert(&image.config.0.digest, &image.config.0);
        blobs.extend(image.base_layers.iter().map(|layer| (&layer.digest, layer)));
    }
    for descriptor in blobs.into_values() {
        target
            .copy_blob_from(&source, descriptor)
            .await
            .map_err(failed)?;
    }
    for image in assembled.images.values() {
        let reference = Reference::Digest(image.manifest.digest.clone());
        target
            .put_manifest(&reference, &image.manifest)
            .await
            .map_err(failed)?;
    }
    Ok(())
}

fn check_unchanged(
    name: &ImageName,
    expected: &Digest,
    current: Option<Digest>,
) -> Result<(), Error> {
    if current.as_ref() == Some(expected) {
        Ok(())
    } else {
        Err(changed(name, expected, current))
    }
}

fn changed(name: &ImageName, expected: &Digest, current: Option<Digest>) -> Error {
    Error::IndexChanged {
        index: Box::new(name.clone()),
        expected: expected.clone(),
        found: current.map_or_else(|| "gone".to_owned(), |digest| format!("`{digest}`")),
    }
}

async fn current_digest(
    name: &ImageName,
    repository: &ImageRepository,
) -> Result<Option<Digest>, Error> {
    let found = repository
        .head_manifest(&name.reference())
        .await
        .map_err(|source| Error::Publish {
            target: name.to_string(),
            source: Box::new(source),
        })?;
    Ok(found.map(|descriptor| descriptor.digest))
}

async fn open(client: &Client, name: &ImageName) -> Result<ImageRepository, Error> {
    name.open(client).await.map_err(|source| Error::Publish {
        target: name.to_string(),
        source: Box::new(source),
    })
}

async fn put(
    target: &ImageRepository,
    name: &ImageName,
    reference: Reference,
    manifest: &oci::RawManifest,
) -> Result<(), Error> {
    target
        .put_manifest(&reference, manifest)
        .await
        .map_err(|source| Error::Publish {
            target: name.to_string(),
            source: Box::new(source),
        })
}

fn arch_tag(tag: &Tag, arch: &Arch) -> Result<Tag, Error> {
    format!("{tag}-{arch}")
        .parse()
        .map_err(|_| Error::TagTooLong {
            tag: tag.to_string(),
            arch: arch.clone(),
        })
}

/// The result under the names that clients are shown (spec workflows 4.6).
pub(crate) fn result_facts(
    config: &BuilderConfig,
    output: &Output,
    overwritten: Option<&ImageName>,
    digest: &Digest,
) -> Facts {
    let internal = output.name(&output.tag);
    let internal_resolved = pinned_name(&internal, digest);
    let (shown, shown_resolved) = match (overwritten, &internal, &config.shown_registry) {
        (Some(index), _, _) => (index.to_string(), pinned_name(index, digest)),
        (None, ImageName::Registry(spec), Some(registry)) => {
            let pushed_to = spec.repository().registry().as_str();
            let shown = |text: &str| text.replacen(pushed_to, registry.as_str(), 1);
            (shown(&internal.to_string()), shown(&internal_resolved))
        }
        (None, ImageName::Registry(_) | ImageName::Layout { .. }, _) => {
            (internal.to_string(), internal_resolved.clone())
        }
    };
    Facts {
        index_image: Some(shown),
        index_image_resolved: Some(shown_resolved),
        internal_index_image_copy: Some(internal.to_string()),
        internal_index_image_copy_resolved: Some(internal_resolved),
        ..Facts::default()
    }
}
