//! The add request (spec workflows 5.1).

mod edit;

use oci::PullSpec;

use crate::Builder;
use crate::error::Error;
use crate::progress::{Checkpoint, Facts, Phase, Reporter};
use crate::request::AddRequest;
use crate::run::{Built, Run};
use crate::stages::bundles;
use crate::work_dir::WorkDir;

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
        mut checkpoint: Checkpoint,
    ) -> Result<Added, Error> {
        let directory = WorkDir::create(&self.config).await?;
        let run = Run::begin(self, &request.index, reporter, &mut checkpoint, &directory).await;
        let added = match run {
            Ok(run) => add(run, request).await,
            Err(error) => Err(error),
        };
        directory.remove().await;
        added
    }
}

async fn add(mut run: Run<'_>, request: &AddRequest) -> Result<Added, Error> {
    let config = &run.builder.config;
    run.reporter
        .phase(&Phase::ResolvingBundles, &Facts::default())
        .await?;
    let bundles = bundles::find_bundles(
        &run.client,
        &run.blobs,
        config,
        &request.bundles,
        run.known(),
    )
    .await?;
    bundles::check_required_labels(&bundles, &config.required_labels)?;
    let mut prepared = run.prepare().await?;
    prepared.facts.bundle_mapping = bundles::bundle_mapping(&bundles);
    let digests = bundles
        .iter()
        .map(|bundle| bundle.image.digest().clone())
        .collect();
    run.begin_build(&prepared, digests).await?;
    let edited = edit::edit(&run, request.graph_update_mode, &prepared, &bundles).await?;
    Ok(Added {
        built: run.publish(&prepared, edited.kind, edited.changed).await?,
        bundles_added: edited.added,
        bundles_present: edited.present,
    })
}
