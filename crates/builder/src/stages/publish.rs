//! Last stage: blobs, then the images of each architecture, then the list, then tags; the from-index's tag last of all.

use futures::stream::{self, StreamExt as _, TryStreamExt as _};
use oci::{
    Arch, Client, Digest, ImageName, ImageRepository, LayoutError, Listing, RawManifest, Reference,
    Tag, copy_manifests,
};

use crate::config::BuilderConfig;
use crate::error::Error;
use crate::image::pinned_name;
use crate::progress::{Checkpoint, Facts, Phase, PlannedOverwrite, Reporter};
use crate::request::Output;
use crate::stages::assemble::Assembled;
use crate::stages::blobs::{BlobCounts, Blobs, Sources};
use crate::stages::guard::{GuardedTag, Kept, decide_overwrite, failed};
use crate::stages::prepare::FoundIndex;

/// The result under the request's own tags.
pub(crate) struct Published {
    /// What the request's own tag points to.
    pub(crate) digest: Digest,
    /// What tags kept of their former lists.
    pub(crate) kept: Vec<Kept>,
    pub(crate) blobs: BlobCounts,
}

/// The from-index's tag, moved.
pub(crate) struct Overwritten {
    /// What it points to.
    pub(crate) digest: Digest,
    /// What it kept of its former list.
    pub(crate) kept: Option<Kept>,
}

/// Pushes the result under the request's own tags.
pub(crate) async fn publish(
    client: &Client,
    config: &BuilderConfig,
    output: &Output,
    sources: &Sources<'_>,
    assembled: &Assembled,
    reporter: &dyn Reporter,
) -> Result<Published, Error> {
    let name = output.name(&output.tag);
    let arch_tags = assembled
        .images
        .iter()
        .map(|(arch, image)| Ok((arch_tag(&output.tag, arch)?, image.manifest.clone())))
        .collect::<Result<Vec<_>, Error>>()?;
    let target = name
        .open_or_create(client)
        .await
        .map_err(|source| failed(&name, source))?;
    let own = (!output.tag_is_private).then_some(&output.tag);
    let mut guarded = Vec::new();
    for tag in own.into_iter().chain(&output.build_tags) {
        let (name, policy) = (output.name(tag), config.on_lost_arch);
        let tag = tag.clone();
        guarded.push(GuardedTag::decide(&target, name, tag, &assembled.list, policy).await?);
    }
    reporter.confirm().await?;
    let counts = Blobs::of(sources, assembled)
        .push(config, &name, &target)
        .await?;
    // An architecture's image counts with its blobs: an interrupted request pushes only what is missing.
    let target_ref = &target;
    stream::iter(arch_tags)
        .map(|(tag, manifest)| async move {
            let name = output.name(&tag);
            put(target_ref, &name, Reference::Tag(tag), &manifest).await
        })
        .buffer_unordered(config.concurrency.get())
        .try_collect::<()>()
        .await?;
    reporter
        .phase(&Phase::CreatingManifestList, &Facts::default())
        .await?;
    reporter.confirm().await?;
    let mut published = Published {
        digest: assembled.list.digest.clone(),
        kept: Vec::new(),
        blobs: counts,
    };
    if output.tag_is_private {
        let tag = Reference::Tag(output.tag.clone());
        put(&target, &name, tag, &assembled.list).await?;
    }
    for tag in guarded {
        let (written, list) = tag.put(&assembled.list).await?;
        if written == name {
            published.digest = list.manifest.digest.clone();
        }
        published.kept.extend(Kept::of(&written, &list));
    }
    Ok(published)
}

/// What publishing the result would take and keep: looks and refuses as [`publish`] does, and writes nothing, not even a directory.
pub(crate) async fn plan(
    client: &Client,
    config: &BuilderConfig,
    output: &Output,
    sources: &Sources<'_>,
    overwritten: Option<&FoundIndex>,
    assembled: &Assembled,
) -> Result<Published, Error> {
    let (list, policy) = (&assembled.list, config.on_lost_arch);
    let name = output.name(&output.tag);
    let target = match name.open(client).await {
        Ok(target) => Some(target),
        Err(oci::Error::Layout(LayoutError::NotALayout { .. })) => None,
        Err(source) => return Err(failed(&name, source)),
    };
    let mut kept = Vec::new();
    if let Some(target) = &target {
        let own = (!output.tag_is_private).then_some(&output.tag);
        for tag in own.into_iter().chain(&output.build_tags) {
            let name = output.name(tag);
            let guarded = GuardedTag::decide(target, name, tag.clone(), list, policy).await?;
            kept.extend(guarded.kept());
        }
    }
    if let Some(index) = overwritten {
        let built = Listing::parse(list).map_err(|source| failed(&name, source.into()))?;
        let (name, image) = (&index.image.name, &index.image);
        let list = decide_overwrite(&image.repository, name, &image.raw, &built, policy).await?;
        kept.extend(Kept::of(name, &list));
    }
    let blobs = Blobs::of(sources, assembled);
    Ok(Published {
        digest: list.digest.clone(),
        kept,
        blobs: blobs.plan(config, &name, target.as_ref()).await?,
    })
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
) -> Result<Overwritten, Error> {
    let name = &index.image.name;
    let target = open(index_client, name).await?;
    let built = Listing::parse(&assembled.list).map_err(|source| failed(name, source.into()))?;
    let policy = config.on_lost_arch;
    let list = decide_overwrite(&target, name, &index.image.raw, &built, policy).await?;
    let result = &list.manifest.digest;
    let overwritten = Overwritten {
        digest: result.clone(),
        kept: Kept::of(name, &list),
    };
    let expected = index.image.digest();
    let current = current_digest(name, &target).await?;
    let done_before_restart = checkpoint
        .overwriting
        .as_ref()
        .is_some_and(|planned| planned.to == *result);
    if done_before_restart && current.as_ref() == Some(result) {
        tracing::info!("`{name}` already points to the result: it was moved before a restart");
        return Ok(overwritten);
    }
    if done_before_restart
        && current.as_ref() != Some(expected)
        && reporter.is_built_upon(name, result).await?
    {
        tracing::info!("`{name}` was moved before a restart, and by another request since");
        return Ok(overwritten);
    }
    check_unchanged(name, expected, current)?;
    if expected == result {
        tracing::info!("`{name}` points to the result already: nothing changes");
        return Ok(overwritten);
    }
    reporter
        .phase(&Phase::Overwriting, &Facts::default())
        .await?;
    // What is kept of the former list is in the from-index's repository already.
    let source = open(client, &output.name(&output.tag)).await?;
    copy_manifests(&source, &target, &list.taken, config.concurrency)
        .await
        .map_err(|source| failed(name, source))?;

    let planned = PlannedOverwrite {
        from: expected.clone(),
        to: result.clone(),
    };
    move_tag(&target, name, planned, &list.manifest, reporter, checkpoint).await?;
    Ok(overwritten)
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
    if read_back.as_ref() == Some(&planned.to) || reporter.is_built_upon(name, &planned.to).await? {
        Ok(())
    } else {
        Err(changed(name, &planned.to, read_back))
    }
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
        current,
    }
}

async fn current_digest(
    name: &ImageName,
    repository: &ImageRepository,
) -> Result<Option<Digest>, Error> {
    let found = repository
        .head_manifest(&name.reference())
        .await
        .map_err(|source| failed(name, source))?;
    Ok(found.map(|descriptor| descriptor.digest))
}

async fn open(client: &Client, name: &ImageName) -> Result<ImageRepository, Error> {
    name.open(client)
        .await
        .map_err(|source| failed(name, source))
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
        .map_err(|source| failed(name, source))
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
    overwritten: Option<(&ImageName, &Digest)>,
    digest: &Digest,
) -> Facts {
    let internal = output.name(&output.tag);
    let internal_resolved = pinned_name(&internal, digest);
    let (shown, shown_resolved) = match (overwritten, &internal, &config.shown_registry) {
        (Some((index, digest)), _, _) => (index.to_string(), pinned_name(index, digest)),
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
