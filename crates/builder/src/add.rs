//! The add request for SQLite index images (spec workflows 5.1).
//!
//! One way, stage by stage, each stage's result the next one's input: [`prepare`], [`edit`], [`assemble`], [`publish`].

mod assemble;
mod edit;
mod guard;
pub(crate) mod prepare;
mod publish;

use std::collections::BTreeMap;
use std::path::Path;

use oci::{Arch, Client, Digest, ImageName, PullSpec, Reference, Usage};

pub(crate) use edit::blocking;
pub use guard::Kept;
pub use publish::BlobCounts;

use crate::Builder;
use crate::error::Error;
use crate::progress::{Checkpoint, Facts, Reporter};
use crate::request::{AddRequest, Overwrite};
use crate::work_dir::WorkDir;

/// What an add made.
#[derive(Clone, Debug)]
pub struct Added {
    /// The result fields that became known with the publication.
    pub facts: Facts,
    /// The digest of the manifest list.
    pub digest: Digest,
    /// The digest of each architecture's image.
    pub images: BTreeMap<Arch, Digest>,
    /// The bundles that went in, by the pull specs the index names them by.
    pub bundles_added: Vec<PullSpec>,
    /// The bundles of the request that were there already.
    pub bundles_present: Vec<PullSpec>,
    /// What tags kept of the lists they pointed to, because the result lacks it.
    pub kept: Vec<Kept>,
    /// What became of the result's blobs.
    pub blobs: BlobCounts,
    /// What it took of the network: requests, bytes of bodies.
    pub usage: Usage,
}

impl Builder {
    /// Does `request`, telling `reporter` how it goes on. `checkpoint` is what an earlier, interrupted run of the same request left.
    ///
    /// Dropping the future stops the work; what is published by then is whole, and doing the request again completes it.
    ///
    /// # Errors
    /// [`Error`] says what failed and what to do. Nothing is published under any tag before everything that can be refused was.
    pub async fn add(
        &self,
        request: &AddRequest,
        reporter: &dyn Reporter,
        mut checkpoint: Checkpoint,
    ) -> Result<Added, Error> {
        check_request(request)?;
        let directory = WorkDir::create(&self.config).await?;
        let added = self
            .add_in(directory.path(), request, reporter, &mut checkpoint)
            .await;
        directory.remove().await;
        added
    }

    async fn add_in(
        &self,
        directory: &Path,
        request: &AddRequest,
        reporter: &dyn Reporter,
        checkpoint: &mut Checkpoint,
    ) -> Result<Added, Error> {
        let before = self.client.usage();
        let index_client = self.index_client(request);
        let config = &self.config;

        let prepared =
            prepare::prepare(&index_client, config, request, reporter, checkpoint).await?;
        let arches = prepared.platforms.keys().cloned().collect();
        reporter
            .phase(&crate::Phase::Building(arches), &prepared.facts)
            .await?;
        let edited = edit::edit(
            config,
            request.graph_update_mode,
            &prepared,
            reporter,
            directory,
        )
        .await?;
        let assembled = assemble::assemble(config, &prepared, &edited, directory).await?;
        let binary_image = &prepared.binary_image.repository;
        let mut published = publish::publish(
            &self.client,
            config,
            &request.output,
            binary_image,
            &assembled,
            reporter,
        )
        .await?;

        let name = overwritten_index(request);
        let mut overwritten = None;
        if let (Some(name), Some(index)) = (name, &prepared.from_index) {
            let moved = publish::overwrite(
                &self.client,
                &index_client,
                config,
                &request.output,
                index,
                &assembled,
                reporter,
                checkpoint,
            )
            .await?;
            published.kept.extend(moved.kept);
            overwritten = Some((name, moved.digest));
        }
        for Kept { target, entries } in &published.kept {
            let entries: Vec<String> = entries.iter().map(ToString::to_string).collect();
            let entries = entries.join(", ");
            tracing::warn!(
                "`{target}` keeps its former images for {entries}, with the former catalog"
            );
        }
        Ok(Added {
            facts: publish::result_facts(
                config,
                &request.output,
                (overwritten.as_ref()).map(|(name, digest)| (*name, digest)),
                &published.digest,
            ),
            digest: published.digest,
            images: assembled
                .images
                .iter()
                .map(|(arch, image)| (arch.clone(), image.manifest.digest.clone()))
                .collect(),
            bundles_added: edited.added,
            bundles_present: edited.present,
            kept: published.kept,
            blobs: published.blobs,
            usage: self.client.usage() - before,
        })
    }

    /// The client that reads inputs and moves the from-index's tag. An overwrite token holds for the from-index's repository alone.
    fn index_client(&self, request: &AddRequest) -> Client {
        match (&request.overwrite, &request.from_index) {
            (Overwrite::WithToken(token), Some(ImageName::Registry(spec))) => {
                let key = spec.repository().to_string();
                let credentials =
                    self.credentials
                        .clone()
                        .with(&key, &token.user, token.password.clone());
                self.client.with_credentials(credentials)
            }
            (Overwrite::WithToken(_) | Overwrite::Yes | Overwrite::No, _) => self.client.clone(),
        }
    }
}

/// Refuses what needs no look at any image.
fn check_request(request: &AddRequest) -> Result<(), Error> {
    if request.from_index.is_none() && request.add_arches.is_empty() {
        return Err(Error::NoArches);
    }
    if let Some(index) = overwritten_index(request)
        && matches!(index.reference(), Reference::Digest(_))
    {
        return Err(Error::OverwriteNeedsTag {
            index: Box::new(index.clone()),
        });
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

fn overwritten_index(request: &AddRequest) -> Option<&ImageName> {
    match request.overwrite {
        Overwrite::No => None,
        Overwrite::Yes | Overwrite::WithToken(_) => request.from_index.as_ref(),
    }
}
