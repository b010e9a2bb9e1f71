//! One request's way through the stages.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use oci::{Arch, BlobCache, BlobSource, Client, Digest, ImageName, Layer, Reference, Usage};

use crate::Builder;
use crate::error::Error;
use crate::index_image::changed::Changed;
use crate::index_image::source::warn_unkept;
use crate::index_image::stack::{LayerKind, Source};
use crate::level::MigrateLevel;
use crate::progress::{Checkpoint, Facts, Reporter, ResolvedInputs};
use crate::request::{IndexRequest, Overwrite};
use crate::stages::assemble::{self, Assembled, IndexKind};
use crate::stages::guard::Kept;
use crate::stages::prepare::{self, Prepared, Reader};
use crate::stages::publish::{self, BlobCounts, Sources};
use crate::work_dir::WorkDir;

/// An index image that a request made.
#[derive(Clone, Debug)]
pub struct Built {
    /// The result fields that became known with the publication.
    pub facts: Facts,
    /// The digest of the manifest list.
    pub digest: Digest,
    /// The digest of each architecture's image.
    pub images: BTreeMap<Arch, Digest>,
    /// The layers above the binary image's, lowest first.
    pub layers: Vec<BuiltLayer>,
    /// How the packages of a hidden database are shown, in a file-based index.
    pub migrate_level: Option<MigrateLevel>,
    /// How long the serve cache took, where it was brought up to date: its indexes and its digest grow with the index.
    pub serve_cache: Option<Duration>,
    /// What tags kept of the lists they pointed to, because the result lacks it.
    pub kept: Vec<Kept>,
    /// What became of the result's blobs.
    pub blobs: BlobCounts,
    /// What it took of the network: requests, bytes of bodies.
    pub usage: Usage,
}

/// A layer above the binary image's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BuiltLayer {
    /// What it holds.
    pub kind: LayerKind,
    /// Its digest.
    pub digest: Digest,
    /// Its compressed size in bytes.
    pub bytes: u64,
    /// Whether this request made it.
    pub is_new: bool,
}

/// A request under way.
pub(crate) struct Run<'run> {
    pub(crate) builder: &'run Builder,
    pub(crate) index: &'run IndexRequest,
    pub(crate) reporter: &'run dyn Reporter,
    checkpoint: Checkpoint,
    directory: WorkDir,
    /// Reads inputs and moves the from-index's tag. An overwrite token holds for the from-index's repository alone.
    pub(crate) client: Client,
    pub(crate) blobs: BlobCache,
    before: Usage,
}

impl<'run> Run<'run> {
    /// Refuses what needs no look at any image, and makes a private directory.
    pub(crate) async fn begin(
        builder: &'run Builder,
        index: &'run IndexRequest,
        reporter: &'run dyn Reporter,
        checkpoint: Checkpoint,
    ) -> Result<Self, Error> {
        check(index)?;
        Ok(Self {
            client: index_client(builder, index),
            blobs: builder.blobs().await?.clone(),
            before: builder.client.usage(),
            directory: WorkDir::create(&builder.config).await?,
            builder,
            index,
            reporter,
            checkpoint,
        })
    }

    /// Removes the private directory. To be called however the work ended; one that is dropped instead removes it on the spot.
    pub(crate) async fn end(self) {
        self.directory.remove().await;
    }

    /// The private directory.
    pub(crate) fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// The digests that an interrupted run of the same request found.
    pub(crate) fn known(&self) -> Option<&ResolvedInputs> {
        self.checkpoint.inputs.as_ref()
    }

    /// Looks index and binary image up, and `source`, another index whose bundles come too.
    pub(crate) async fn prepare(&self, source: Option<&ImageName>) -> Result<Prepared, Error> {
        let reader = Reader {
            client: &self.client,
            blobs: &self.blobs,
            known: self.known(),
        };
        let config = &self.builder.config;
        // On the heap, as all of a request's steps: every caller would carry their size.
        Box::pin(prepare::prepare(
            &reader,
            config,
            self.index,
            source,
            self.reporter,
        ))
        .await
    }

    /// Tells that everything is looked up for a result of the kind `kind`, and keeps by which digests; `images` are those of
    /// the request's own images.
    pub(crate) async fn begin_build(
        &mut self,
        prepared: &Prepared,
        kind: IndexKind,
        images: Vec<Digest>,
    ) -> Result<(), Error> {
        prepared.check_kind(kind)?;
        self.checkpoint.inputs = Some(prepared.inputs(images));
        self.reporter.checkpoint(&self.checkpoint).await?;
        let arches = prepared.platforms.keys().cloned().collect();
        self.reporter
            .phase(&crate::Phase::Building(arches), &prepared.facts)
            .await?;
        Ok(())
    }

    /// Lays the layers of `changed` over the binary image, publishes the result, and moves the from-index's tag if that is asked for.
    pub(crate) async fn publish(
        &mut self,
        prepared: &Prepared,
        kind: IndexKind,
        changed: Changed,
    ) -> Result<Built, Error> {
        let (client, config) = (&self.builder.client, &self.builder.config);
        let output = &self.index.output;
        let assembled = assemble::assemble(config, prepared, kind, changed.stack)?;
        let from_index = prepared.from_index.as_ref();
        let sources = Sources {
            binary_image: prepared
                .binary_image
                .as_ref()
                .map(|image| &image.repository),
            from_index: from_index.map(|index| &index.image.repository),
        };
        // The layer of a large database is kept while it is uploaded. On the heap: every request would carry their size.
        let publish = publish::publish(client, config, output, &sources, &assembled, self.reporter);
        let (published, ()) = futures::join!(Box::pin(publish), Box::pin(self.keep(&assembled)));
        let mut published = published?;
        let name = overwritten_index(self.index);
        let mut overwritten = None;
        if let (Some(name), Some(index)) = (name, from_index) {
            let moved = publish::overwrite(
                client,
                &self.client,
                config,
                output,
                index,
                &assembled,
                self.reporter,
                &mut self.checkpoint,
            )
            .await?;
            published.kept.extend(moved.kept);
            overwritten = Some((name, moved.digest));
        }
        published.kept.iter().for_each(Kept::warn);
        Ok(Built {
            facts: publish::result_facts(
                config,
                output,
                overwritten.as_ref().map(|(name, digest)| (*name, digest)),
                &published.digest,
            ),
            digest: published.digest,
            images: assembled
                .images
                .iter()
                .map(|(arch, image)| (arch.clone(), image.manifest.digest.clone()))
                .collect(),
            layers: assembled
                .stack
                .0
                .iter()
                .map(|layer| BuiltLayer {
                    kind: layer.kind,
                    digest: layer.descriptor.digest.clone(),
                    bytes: layer.descriptor.size,
                    is_new: layer.is_new(),
                })
                .collect(),
            migrate_level: assembled.stack.level(),
            serve_cache: changed.serve_cache,
            kept: published.kept,
            blobs: published.blobs,
            usage: client.usage() - self.before,
        })
    }
}

impl Run<'_> {
    /// Keeps what the next request reads first if it starts from this one's result. If that fails, it is fetched then.
    async fn keep(&self, assembled: &Assembled) {
        let blobs = &self.blobs;
        for image in assembled.images.values() {
            warn_unkept(blobs.adopt_manifest(&image.manifest).await);
            let (descriptor, source) = &image.config;
            if let BlobSource::Bytes(bytes) = source {
                warn_unkept(blobs.adopt_blob(descriptor, bytes).await);
            }
        }
        if let Some(database) = assembled.stack.database()
            && let Source::New(source) = &database.source
        {
            let layer = Layer {
                descriptor: database.descriptor.clone(),
                diff_id: database.diff_id.clone(),
                source: source.clone(),
            };
            warn_unkept(blobs.adopt_layer(&layer).await);
        }
    }
}

fn index_client(builder: &Builder, request: &IndexRequest) -> Client {
    match (&request.overwrite, &request.from_index) {
        (Overwrite::WithToken(token), Some(ImageName::Registry(spec))) => {
            let key = spec.repository().to_string();
            let credentials =
                builder
                    .credentials
                    .clone()
                    .with(&key, &token.user, token.password.clone());
            builder.client.with_credentials(credentials)
        }
        (Overwrite::WithToken(_) | Overwrite::Yes | Overwrite::No, _) => builder.client.clone(),
    }
}

/// Refuses what needs no look at any image.
fn check(request: &IndexRequest) -> Result<(), Error> {
    if request.from_index.is_none() && request.add_arches.is_empty() {
        return Err(Error::NoArches);
    }
    if let Some(index) = overwritten_index(request) {
        check_tag(index)?;
    }
    let output = &request.output;
    let mut tags = std::iter::once(&output.tag).chain(&output.build_tags);
    match request.from_index.as_ref() {
        Some(index) if tags.any(|tag| is_same_tag(index, &output.name(tag))) => {
            Err(Error::OutputIsFromIndex {
                index: Box::new(index.clone()),
            })
        }
        Some(_) | None => Ok(()),
    }
}

/// Only a tag can be moved.
pub(crate) fn check_tag(index: &ImageName) -> Result<(), Error> {
    match index.reference() {
        Reference::Tag(_) => Ok(()),
        Reference::Digest(_) => Err(Error::OverwriteNeedsTag {
            index: Box::new(index.clone()),
        }),
    }
}

/// Whether writing `output` moves the tag that `index` names.
fn is_same_tag(index: &ImageName, output: &ImageName) -> bool {
    match (index, output) {
        (ImageName::Registry(index), ImageName::Registry(output)) => {
            index.repository() == output.repository() && index.tag_ref() == output.tag_ref()
        }
        (ImageName::Layout { path, .. }, ImageName::Layout { path: other, .. }) => {
            path.components().eq(other.components()) && index.reference() == output.reference()
        }
        (ImageName::Registry(_), ImageName::Layout { .. })
        | (ImageName::Layout { .. }, ImageName::Registry(_)) => false,
    }
}

fn overwritten_index(request: &IndexRequest) -> Option<&ImageName> {
    match request.overwrite {
        Overwrite::No => None,
        Overwrite::Yes | Overwrite::WithToken(_) => request.from_index.as_ref(),
    }
}
