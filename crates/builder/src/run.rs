//! One request's way through the stages.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::Duration;

use oci::{Arch, BlobCache, BlobSource, Client, Digest, ImageName, Layer, Reference, Usage};

use crate::Builder;
use crate::catalog_change::CatalogChange;
use crate::error::Error;
use crate::index_image::changed::Changed;
use crate::index_image::source::warn_unkept;
use crate::index_image::stack::{LayerKind, Source, Stack};
use crate::level::MigrateLevel;
use crate::progress::{Checkpoint, Facts, Reporter, ResolvedInputs};
use crate::request::{IndexRequest, Overwrite};
use crate::stages::assemble::{self, Assembled, IndexKind};
use crate::stages::blobs::{BlobCounts, Sources};
use crate::stages::guard::Kept;
use crate::stages::prepare::{self, Prepared, Reader};
use crate::stages::publish::{self, Published};
use crate::work_dir::WorkDir;

/// An index image that a request made, or would have made on a dry run.
#[derive(Clone, Debug)]
pub struct Built {
    /// The result fields that became known with the publication.
    pub facts: Facts,
    /// Whether nothing was published.
    pub dry_run: bool,
    /// Whether every layer was in the from-index already: the request changed nothing of the catalog.
    pub is_same_catalog: bool,
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
    /// What the request changed in the catalog, where that is known.
    pub catalog: Option<CatalogChange>,
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

    /// Removes the private directory, and gives what was kept last for a restart. To be called however the work ended; one that is dropped instead
    /// removes it on the spot.
    pub(crate) async fn end(self) -> Checkpoint {
        self.directory.remove().await;
        self.checkpoint
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
    /// On a dry run, looks what that would take.
    pub(crate) async fn publish(
        &mut self,
        prepared: &Prepared,
        kind: IndexKind,
        changed: Changed,
    ) -> Result<Built, Error> {
        let assembled = assemble::assemble(&self.builder.config, prepared, kind, changed.stack)?;
        let (published, overwritten) = if self.index.dry_run {
            self.plan(prepared, &assembled).await?
        } else {
            self.put(prepared, &assembled).await?
        };
        published.kept.iter().for_each(Kept::warn);
        let stack = &assembled.stack;
        Ok(Built {
            facts: publish::result_facts(
                &self.builder.config,
                &self.index.output,
                overwritten.as_ref().map(|(name, digest)| (name, digest)),
                &published.digest,
            ),
            dry_run: self.index.dry_run,
            is_same_catalog: has_all(prepared, stack),
            digest: published.digest,
            images: assembled
                .images
                .iter()
                .map(|(arch, image)| (arch.clone(), image.manifest.digest.clone()))
                .collect(),
            layers: stack
                .0
                .iter()
                .map(|layer| BuiltLayer {
                    kind: layer.kind,
                    digest: layer.descriptor.digest.clone(),
                    bytes: layer.descriptor.size,
                    is_new: layer.is_new(),
                })
                .collect(),
            migrate_level: stack.level(),
            serve_cache: changed.serve_cache,
            catalog: changed.catalog,
            kept: published.kept,
            blobs: published.blobs,
            usage: self.builder.client.usage() - self.before,
        })
    }

    /// Publishes, and moves the from-index's tag if that is asked for; then tells its name and what it points to.
    async fn put(
        &mut self,
        prepared: &Prepared,
        assembled: &Assembled,
    ) -> Result<(Published, Option<(ImageName, Digest)>), Error> {
        let (client, config) = (&self.builder.client, &self.builder.config);
        let (output, sources) = (&self.index.output, sources(prepared));
        // The layer of a large database is kept while it is uploaded. On the heap: every request would carry their size.
        let publish = publish::publish(client, config, output, &sources, assembled, self.reporter);
        let (published, ()) = futures::join!(Box::pin(publish), Box::pin(self.keep(assembled)));
        let mut published = published?;
        let name = overwritten_index(self.index);
        let mut overwritten = None;
        if let (Some(name), Some(index)) = (name, &prepared.from_index) {
            let moved = publish::overwrite(
                client,
                &self.client,
                config,
                output,
                index,
                assembled,
                self.reporter,
                &mut self.checkpoint,
            )
            .await?;
            published.kept.extend(moved.kept);
            overwritten = Some((name.clone(), moved.digest));
        }
        Ok((published, overwritten))
    }

    /// What publishing would take.
    async fn plan(
        &self,
        prepared: &Prepared,
        assembled: &Assembled,
    ) -> Result<(Published, Option<(ImageName, Digest)>), Error> {
        let (client, config) = (&self.builder.client, &self.builder.config);
        let (output, sources) = (&self.index.output, sources(prepared));
        let name = overwritten_index(self.index);
        let index = prepared.from_index.as_ref().filter(|_| name.is_some());
        let planned = publish::plan(client, config, output, &sources, index, assembled).await?;
        let overwritten = name.map(|name| (name.clone(), planned.digest.clone()));
        Ok((planned, overwritten))
    }
}

/// Whether the from-index has all of these layers.
fn has_all(prepared: &Prepared, stack: &Stack) -> bool {
    prepared.from_index.as_ref().is_some_and(|index| {
        let layers = &index.platform.manifest.layers;
        let known: BTreeSet<&Digest> = layers.iter().map(|layer| &layer.digest).collect();
        let mut layers = stack.0.iter();
        layers.all(|layer| known.contains(&layer.descriptor.digest))
    })
}

fn sources(prepared: &Prepared) -> Sources<'_> {
    let binary_image = prepared.binary_image.as_ref();
    let from_index = prepared.from_index.as_ref();
    Sources {
        binary_image: binary_image.map(|image| &image.repository),
        from_index: from_index.map(|index| &index.image.repository),
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
