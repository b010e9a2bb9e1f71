//! The request that follows a bundle's related bundles (spec workflows 5.8).

mod graph;

use std::collections::BTreeSet;

use bundle::source::{Annotations, Csv, Customiser, Plan, PullSpec, Purpose};
use futures::FutureExt as _;
use futures::stream::{self, StreamExt as _, TryStreamExt as _};
use oci::{BlobCache, Client, Digest, ImageName, Usage};

use crate::Builder;
use crate::blocking::blocking;
use crate::bundle_source::{self, RegistryAuths, refused};
use crate::error::{ContentError, Error, Role};
use crate::image::FoundImage;
use crate::lookup::{Lookups, Missed, customise, image_name};
use crate::progress::{Checkpoint, Facts, Phase, Reporter, ResolvedInputs};
use graph::Graph;

/// Find the bundles that a bundle names, and those that they name (`recursive-related-bundles` of the REST contract).
#[derive(Clone, Debug)]
pub struct RelatedRequest {
    /// The bundle to begin at.
    pub parent: ImageName,
    /// Whose customisations apply, up to the related bundles; without one, none.
    pub organization: Option<String>,
    /// Whether those that the related bundles name are left out.
    pub direct_only: bool,
    /// Credentials for this request alone.
    pub auths: Option<RegistryAuths>,
}

/// What was found.
#[derive(Clone, Debug)]
pub struct Related {
    /// The result fields.
    pub facts: Facts,
    /// The bundles, the deepest first and the parent, by digest, last.
    pub bundles: Vec<String>,
    /// Which bundle names which: by their places in `bundles`, the naming one first.
    pub edges: BTreeSet<(usize, usize)>,
    /// What it took of the network: requests, bytes of bodies.
    pub usage: Usage,
}

/// A bundle on the way.
#[derive(Clone)]
struct Node {
    /// As it is shown.
    shown: String,
    /// By digest: what tells it from others.
    resolved: String,
    name: ImageName,
    digest: Digest,
}

impl Builder {
    /// Does `request`, telling `reporter` how it goes on. Each image is read once, a few at once.
    ///
    /// # Errors
    /// [`Error`] says which bundle cannot be read; [`ContentError::RelatedCycle`] if bundles are related in a circle,
    /// [`ContentError::TooManyRelated`] if there are too many.
    pub async fn related_bundles(
        &self,
        request: &RelatedRequest,
        reporter: &dyn Reporter,
        checkpoint: Checkpoint,
    ) -> Result<Related, Error> {
        related(self, request, reporter, checkpoint).boxed().await
    }
}

async fn related(
    builder: &Builder,
    request: &RelatedRequest,
    reporter: &dyn Reporter,
    mut checkpoint: Checkpoint,
) -> Result<Related, Error> {
    let before = builder.client.usage();
    let client = builder.client_with(request.auths.as_ref());
    let blobs = builder.blobs().await?.clone();
    reporter
        .phase(&Phase::ResolvingParentBundle, &Facts::default())
        .await?;
    let known = checkpoint.inputs.as_ref();
    let known = known.and_then(|inputs| inputs.images.first().cloned());
    let (name, role) = (&request.parent, Role::ParentBundle);
    let parent = FoundImage::find(&client, Some(&blobs), name, role, known.as_ref()).await?;
    let facts = Facts {
        parent_bundle_image_resolved: Some(parent.resolved()),
        ..Facts::default()
    };
    checkpoint.inputs = Some(ResolvedInputs {
        images: vec![parent.digest().clone()],
        from_index: None,
        source: None,
        binary_image: None,
    });
    reporter.checkpoint(&checkpoint).await?;
    let phase = Phase::FindingRelatedBundles(name.to_string());
    reporter.phase(&phase, &facts).await?;
    let walk = Walk {
        lookups: Lookups::new(client.clone(), blobs.clone(), &builder.config),
        builder,
        request,
        client: &client,
        blobs,
    };
    let root = Node {
        shown: parent.resolved(),
        resolved: parent.resolved(),
        name: name.clone(),
        digest: parent.digest().clone(),
    };
    let graph = walk.levels(root).await?;
    reporter
        .phase(&Phase::WritingRelatedBundles, &Facts::default())
        .await?;
    let (bundles, edges) = graph.reversed();
    Ok(Related {
        facts,
        bundles,
        edges,
        usage: client.usage() - before,
    })
}

/// The way through the levels.
struct Walk<'run> {
    lookups: Lookups,
    builder: &'run Builder,
    request: &'run RelatedRequest,
    client: &'run Client,
    blobs: BlobCache,
}

impl Walk<'_> {
    async fn levels(&self, root: Node) -> Result<Graph, Error> {
        let limit = self.builder.config.max_related_bundles.get();
        let mut graph = Graph::new(&root.resolved, &root.shown);
        let mut level = vec![root];
        while !level.is_empty() {
            let found: Vec<(String, Vec<Node>)> = stream::iter(level)
                .map(|node| async move {
                    let children = self.children(&node).await?;
                    Ok::<_, Error>((node.resolved, children))
                })
                .buffered(self.builder.config.concurrency.get())
                .try_collect()
                .await?;
            let mut next: Vec<Node> = Vec::new();
            for (bundle, children) in found {
                for child in children {
                    if graph.relate(&bundle, &child.resolved, &child.shown) {
                        next.push(child);
                    }
                }
            }
            if let Some(path) = graph.cycle() {
                return Err(ContentError::RelatedCycle { path }.into());
            }
            if graph.children() >= limit {
                return Err(Error::from(ContentError::TooManyRelated {
                    bundle: self.request.parent.to_string(),
                    found: graph.children(),
                    limit,
                }));
            }
            if self.request.direct_only {
                break;
            }
            next.sort_by(|one, other| one.shown.cmp(&other.shown));
            level = next;
        }
        Ok(graph)
    }

    /// The bundles that a bundle names, by pull spec.
    async fn children(&self, node: &Node) -> Result<Vec<Node>, Error> {
        let (name, digest) = (&node.name, Some(&node.digest));
        let (blobs, role) = (Some(&self.blobs), Role::ParentBundle);
        let image = FoundImage::find(self.client, blobs, name, role, digest).await?;
        let platform = image.for_labels().await?;
        let files = bundle_source::read(&image, &platform).await?.files;
        let organization = self.request.organization.as_deref();
        let with_annotations = organization.is_some();
        let (csv, annotations) = blocking(move || {
            let csv = Csv::find(&files);
            // Without customisations nobody asks which package it is.
            let annotations = with_annotations.then(|| Annotations::read(&files));
            Ok((csv, annotations))
        })
        .await?;
        let csv = csv.map_err(refused(name))?;
        let related = match annotations {
            None => {
                let specs = csv.pull_specs().map_err(refused(name))?;
                let bundles = self.bundles_among(specs).await;
                bundles.map_err(|missed| missed.named_by(name, &csv))?
            }
            Some(annotations) => {
                let annotations = annotations.map_err(refused(name))?;
                let organizations = &self.builder.config.organizations;
                let plan = Plan {
                    customisations: organizations.customisations(organization),
                    purpose: Purpose::Relate,
                    ..Plan::default()
                };
                let customiser = Customiser::new(csv, annotations, plan);
                let done = customise(&self.lookups, name, customiser).await?;
                done.related_bundles.unwrap_or_default()
            }
        };
        let digests = self.lookups.digests(related).await?;
        let children = digests.into_iter().map(|(spec, digest)| {
            let name = image_name(&spec)?;
            Ok(Node {
                shown: spec.to_string(),
                resolved: crate::image::pinned_name(&name, &digest),
                name,
                digest,
            })
        });
        children.collect()
    }

    async fn bundles_among(&self, specs: BTreeSet<PullSpec>) -> Result<BTreeSet<PullSpec>, Missed> {
        let labels = self.lookups.all_labels(specs).await?;
        let bundles = labels
            .into_iter()
            .filter(|(_, labels)| bundle::source::is_bundle(labels));
        Ok(bundles.map(|(spec, _)| spec).collect())
    }
}
