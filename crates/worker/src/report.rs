//! The builder's reports, written to the store under the job's lease.

use std::time::Duration;

use api::State;
use api::report::StageTime;
use async_trait::async_trait;
use builder::{Checkpoint, Facts, Phase, Reporter, Stopped};
use oci::{Digest, ImageName};
use store::{Job, Lease, Push, ResultFields, Store, Update};

use crate::measure::Stages;

/// Reports to the store for as long as the lease holds.
pub(crate) struct StoreReporter {
    store: Store,
    lease: Lease,
    duration: Duration,
    /// The index whose tag it moves.
    overwrites: Option<String>,
    stages: Stages,
}

impl StoreReporter {
    /// Reports on `job` under its lease, which is renewed for `duration` whenever it is confirmed.
    pub(crate) fn new(store: Store, job: &Job, duration: Duration) -> Self {
        Self {
            store,
            lease: job.lease.clone(),
            duration,
            overwrites: job.payload.overwritten_index().map(str::to_owned),
            stages: Stages::of(job.payload.request_type()),
        }
    }

    /// How long the stages took; the last one ends now.
    pub(crate) fn stage_times(&self) -> Vec<StageTime> {
        self.stages.end()
    }
}

#[async_trait]
impl Reporter for StoreReporter {
    async fn phase(&self, phase: &Phase, facts: &Facts) -> Result<(), Stopped> {
        self.stages.begin(phase);
        let reason = phase.to_string();
        tracing::info!("{reason}");
        let update = Update {
            state: State::InProgress,
            state_reason: reason,
            fields: fields(facts),
        };
        self.store
            .report(&self.lease, &update)
            .await
            .map_err(stopped)
    }

    async fn checkpoint(&self, checkpoint: &Checkpoint) -> Result<(), Stopped> {
        let data = serde_json::to_value(checkpoint).map_err(stopped)?;
        let kept = match (&self.overwrites, &checkpoint.overwriting) {
            // Before the tag moves: who finds it there has to know that it was one of ours.
            (Some(index), Some(planned)) if planned.from != planned.to => {
                let push = Push {
                    tag: index.clone(),
                    from: planned.from.to_string(),
                    to: planned.to.to_string(),
                };
                self.store.checkpoint_push(&self.lease, &data, &push).await
            }
            _ => self.store.checkpoint(&self.lease, &data).await,
        };
        kept.map_err(stopped)
    }

    async fn confirm(&self) -> Result<(), Stopped> {
        self.store
            .renew(&self.lease, self.duration)
            .await
            .map_err(stopped)
    }

    async fn is_ours(&self, index: &ImageName, digest: &Digest) -> Result<bool, Stopped> {
        let (tag, digest) = (index.to_string(), digest.to_string());
        self.store.was_pushed(&tag, &digest).await.map_err(stopped)
    }

    async fn is_built_upon(&self, index: &ImageName, digest: &Digest) -> Result<bool, Stopped> {
        let (tag, digest) = (index.to_string(), digest.to_string());
        self.store
            .was_built_upon(&tag, &digest)
            .await
            .map_err(stopped)
    }
}

/// The builder's results in the words of the contract.
pub(crate) fn fields(facts: &Facts) -> ResultFields {
    let text = |arches: &Vec<oci::Arch>| arches.iter().map(ToString::to_string).collect();
    ResultFields {
        arches: facts.arches.as_ref().map(text),
        binary_image: facts.binary_image.clone(),
        binary_image_resolved: facts.binary_image_resolved.clone(),
        distribution_scope: facts.distribution_scope.map(|scope| scope.to_string()),
        from_index_resolved: facts.from_index_resolved.clone(),
        source_from_index_resolved: facts.source_from_index_resolved.clone(),
        target_index_resolved: facts.target_index_resolved.clone(),
        from_bundle_image_resolved: facts.from_bundle_image_resolved.clone(),
        parent_bundle_image_resolved: facts.parent_bundle_image_resolved.clone(),
        bundle_image: facts.bundle_image.clone(),
        index_image: facts.index_image.clone(),
        index_image_resolved: facts.index_image_resolved.clone(),
        internal_index_image_copy: facts.internal_index_image_copy.clone(),
        internal_index_image_copy_resolved: facts.internal_index_image_copy_resolved.clone(),
        fbc_fragments_resolved: facts.fbc_fragments_resolved.clone(),
        bundle_mapping: facts.bundle_mapping.clone(),
        ..ResultFields::default()
    }
}

fn stopped(error: impl std::error::Error) -> Stopped {
    Stopped {
        reason: error.to_string(),
    }
}
