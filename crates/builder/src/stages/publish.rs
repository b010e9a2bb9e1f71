//! Last stage: blobs, then the images of each architecture, then the list, then tags; the from-index's tag last of all.

use std::collections::{BTreeMap, BTreeSet};

use futures::stream::{self, StreamExt as _, TryStreamExt as _};
use oci::{
    Arch, BlobPlacement, BlobSource, Client, Descriptor, Digest, ImageName, ImageRepository,
    RawManifest, Reference, Tag,
};

use crate::config::BuilderConfig;
use crate::error::{Error, Role};
use crate::image::{FoundImage, pinned_name};
use crate::index_image::stack::{Source, StackLayer};
use crate::progress::{Checkpoint, Facts, Phase, PlannedOverwrite, Reporter};
use crate::request::Output;
use crate::stages::assemble::{Assembled, AssembledImage};
use crate::stages::prepare::FoundIndex;

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

/// Where layers are that the result refers to.
pub(crate) struct Sources<'run> {
    pub(crate) binary_image: &'run ImageRepository,
    pub(crate) from_index: Option<&'run ImageRepository>,
}

/// Pushes the result under the request's own tags.
pub(crate) async fn publish(
    client: &Client,
    config: &BuilderConfig,
    output: &Output,
    sources: &Sources<'_>,
    assembled: &Assembled,
    reporter: &dyn Reporter,
) -> Result<BlobCounts, Error> {
    let name = output.name(&output.tag);
    let failed = |source| Error::Publish {
        target: name.to_string(),
        source: Box::new(source),
    };
    let arch_tags = assembled
        .images
        .iter()
        .map(|(arch, image)| Ok((arch_tag(&output.tag, arch)?, image)))
        .collect::<Result<Vec<_>, Error>>()?;
    let target = name.open_or_create(client).await.map_err(failed)?;
    let own = (!output.tag_is_private).then_some(&output.tag);
    for tag in own.into_iter().chain(&output.build_tags) {
        let name = output.name(tag);
        if let Some(arches) = current_arches(client, &name).await? {
            check_keeps(&name, &arches, assembled)?;
        }
    }
    reporter.confirm().await?;
    let counts = push_blobs(config, &name, &target, sources, assembled).await?;
    // An architecture's image counts with its blobs: an interrupted request pushes only what is missing.
    for (tag, image) in arch_tags {
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
    sources: &Sources<'_>,
    assembled: &Assembled,
) -> Result<BlobCounts, Error> {
    let mut ours: BTreeMap<Digest, (Descriptor, BlobSource)> = BTreeMap::new();
    let mut elsewhere: BTreeMap<Digest, (Descriptor, ImageRepository)> = BTreeMap::new();
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
        elsewhere.extend(base_layers.iter().map(|layer| {
            (
                layer.digest.clone(),
                (layer.clone(), sources.binary_image.clone()),
            )
        }));
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
    let placed: Vec<BlobPlacement> = stream::iter(elsewhere.into_values())
        .map(
            |(descriptor, source)| async move { target.copy_blob_from(&source, &descriptor).await },
        )
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
#[expect(
    clippy::too_many_arguments,
    reason = "both sides' clients, what moves where, and whom to tell"
)]
pub(crate) async fn overwrite(
    client: &Client,
    index_client: &Client,
    config: &BuilderConfig,
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
    check_keeps(name, &index.arches, assembled)?;
    reporter
        .phase(&Phase::Overwriting, &Facts::default())
        .await?;
    copy_children(client, config, output, name, &target, assembled).await?;

    let planned = PlannedOverwrite {
        from: expected.clone(),
        to: result.clone(),
    };
    move_tag(
        &target,
        name,
        planned,
        &assembled.list,
        reporter,
        checkpoint,
    )
    .await
}

/// Moves the tag `name` to `manifest`, whose parts are there: `planned` is kept first, then nothing happens unless the tag is
/// still where it is moved from.
pub(crate) async fn move_tag(
    target: &ImageRepository,
    name: &ImageName,
    planned: PlannedOverwrite,
    manifest: &RawManifest,
    reporter: &dyn Reporter,
    checkpoint: &mut Checkpoint,
) -> Result<(), Error> {
    checkpoint.overwriting = Some(planned.clone());
    reporter.checkpoint(checkpoint).await?;
    // Registries know no conditional PUT: the look right before it leaves a gap of one round trip to strangers.
    check_unchanged(name, &planned.from, current_digest(name, target).await?)?;
    reporter.confirm().await?;
    put(target, name, name.reference(), manifest).await?;
    let read_back = current_digest(name, target).await?;
    if read_back.as_ref() == Some(&planned.to) {
        Ok(())
    } else {
        Err(changed(name, &planned.to, read_back))
    }
}

async fn copy_children(
    client: &Client,
    config: &BuilderConfig,
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
    let mut blobs: BTreeMap<Digest, Descriptor> = BTreeMap::new();
    let mut add = |descriptor: &Descriptor| {
        blobs.insert(descriptor.digest.clone(), descriptor.clone());
    };
    for layer in &assembled.stack.0 {
        add(&layer.descriptor);
    }
    for image in assembled.images.values() {
        add(&image.config.0);
        image.base_layers.iter().for_each(&mut add);
    }
    let source = &source;
    stream::iter(blobs.into_values())
        .map(|descriptor| async move { target.copy_blob_from(&source, &descriptor).await })
        .buffer_unordered(config.concurrency.get())
        .try_for_each(|_| std::future::ready(Ok(())))
        .await
        .map_err(failed)?;
    for image in assembled.images.values() {
        let reference = Reference::Digest(image.manifest.digest.clone());
        target
            .put_manifest(&reference, &image.manifest)
            .await
            .map_err(failed)?;
    }
    Ok(())
}

/// The architectures of what `name` points to; `None` if it is free to take.
async fn current_arches(
    client: &Client,
    name: &ImageName,
) -> Result<Option<BTreeSet<Arch>>, Error> {
    match FoundImage::find(client, None, name, Role::Result, None).await {
        Ok(image) => image.arches().await.map(Some),
        // Some registries refuse access to what does not exist; the push that follows says whether it is that.
        Err(Error::Read { source, .. })
            if source.is_not_found()
                || matches!(
                    *source,
                    oci::Error::Unauthorized { .. } | oci::Error::Denied { .. }
                ) =>
        {
            Ok(None)
        }
        // Something else than an image of ours; it has no architectures to lose.
        Err(Error::UnsupportedType { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}

/// A tag that people use never loses an architecture without their asking for it (spec workflows 8.3).
fn check_keeps(
    name: &ImageName,
    arches: &BTreeSet<Arch>,
    assembled: &Assembled,
) -> Result<(), Error> {
    let missing: BTreeSet<Arch> = arches
        .iter()
        .filter(|arch| !assembled.images.contains_key(*arch))
        .cloned()
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    Err(Error::ArchitecturesLost {
        target: Box::new(name.clone()),
        missing,
    })
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

pub(crate) async fn open(client: &Client, name: &ImageName) -> Result<ImageRepository, Error> {
    name.open(client).await.map_err(|source| Error::Publish {
        target: name.to_string(),
        source: Box::new(source),
    })
}

async fn put(
    target: &ImageRepository,
    name: &ImageName,
    reference: Reference,
    manifest: &RawManifest,
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
