//! The add request (spec workflows 5.1).

mod edit;
mod related_images;

use futures::FutureExt as _;
use oci::PullSpec;

use crate::Builder;
use crate::error::Error;
use crate::progress::{Checkpoint, Facts, Phase, Reporter};
use crate::rebase;
use crate::request::AddRequest;
use crate::run::{Built, Run};
use crate::stages::assemble::IndexKind;
use crate::stages::bundles;

/// What an add made.
#[derive(Clone, Debug)]
pub struct Added {
    /// The image.
    pub built: Built,
    /// The bundles that went in, by the pull specs the index names them by.
    pub bundles_added: Vec<PullSpec>,
    /// The bundles of the request that were there already.
    pub bundles_present: Vec<PullSpec>,
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
        checkpoint: Checkpoint,
    ) -> Result<Added, Error> {
        rebase::run(self, &request.index, reporter, checkpoint, |run| {
            Box::pin(add(run, request))
        })
        .await
    }
}

async fn add(run: &mut Run<'_>, request: &AddRequest) -> Result<Added, Error> {
    let config = &run.builder.config;
    run.reporter
        .phase(&Phase::ResolvingBundles, &Facts::default())
        .await?;
    let images = [&request.bundles[..], &request.deprecations].concat();
    let found =
        bundles::find_bundles(&run.client, &run.blobs, config, &images, run.known()).await?;
    let (bundles, deprecations) = found.split_at(request.bundles.len());
    bundles::check_required_labels(bundles, &config.required_labels)?;
    related_images::check(run, bundles, &request.related_images)
        .boxed()
        .await?;
    if let (Some(gating), Some(policy)) = (&config.gating, &request.gating) {
        gating
            .check(policy, bundles, config.concurrency.get())
            .await?;
    }
    let mut prepared = run.prepare(None).await?;
    prepared.facts.bundle_mapping = bundles::bundle_mapping(bundles);
    let digests = found
        .iter()
        .map(|bundle| bundle.image.digest().clone())
        .collect();
    let kind = match &prepared.from_index {
        Some(index) => index.kind(),
        None => IndexKind::Database,
    };
    run.begin_build(&prepared, kind, digests).await?;
    let edited = edit::edit(
        run,
        request.graph_update_mode,
        &prepared,
        bundles,
        deprecations,
    )
    .await?;
    Ok(Added {
        built: run.publish(&prepared, kind, edited.changed).await?,
        bundles_added: edited.added,
        bundles_present: edited.present,
    })
}
