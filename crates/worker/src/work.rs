//! What is done for each type of request.

use api::Secret;
use builder::{Builder, Built, Checkpoint, Facts, GatingPolicy, Regenerated};
use files::{Files, Kind};
use queue::DEFAULT_QUEUE;
use serde_json::{Value, json};
use store::{Job, Payload};

use crate::convert::{self, ConvertError};
use crate::report::StoreReporter;
use crate::template::PushTemplate;

/// A request that was done.
pub(crate) struct Done {
    /// What its caller is told.
    pub(crate) reason: String,
    /// Its results.
    pub(crate) facts: Facts,
    /// What came of it.
    pub(crate) made: Made,
}

/// What comes of requests.
pub(crate) enum Made {
    /// An index image.
    Index(Box<Built>),
    /// A bundle, or a list of bundles, in the form for the report.
    Bundles(serde_json::Result<Value>),
}

/// Why a request was not done.
pub(crate) enum WorkError {
    /// What it asks for cannot be worked on.
    Convert(ConvertError),
    /// The builder says.
    Build(builder::Error),
    /// What the request leaves could not be written.
    File(files::Error),
}

impl From<files::Error> for WorkError {
    fn from(error: files::Error) -> Self {
        Self::File(error)
    }
}

impl From<ConvertError> for WorkError {
    fn from(error: ConvertError) -> Self {
        Self::Convert(error)
    }
}

impl From<builder::Error> for WorkError {
    fn from(error: builder::Error) -> Self {
        Self::Build(error)
    }
}

/// The policy that the bundles of `job` have to satisfy, chosen by its queue.
fn gating_of(builder: &Builder, job: &Job) -> Option<GatingPolicy> {
    let gating = builder.config().gating.as_ref()?;
    let queue = job.queue.as_deref().unwrap_or(DEFAULT_QUEUE);
    let policy = gating.policy(queue).cloned();
    if policy.is_none() {
        tracing::warn!(
            "no gating is configured for the queue `{queue}`; the bundles are not asked about"
        );
    }
    policy
}

/// Does what `job` asks for.
pub(crate) async fn work(
    builder: &Builder,
    job: &Job,
    template: &PushTemplate,
    files: &Files,
    reporter: &StoreReporter,
    checkpoint: Checkpoint,
) -> Result<Done, WorkError> {
    let id = job.request_id;
    let token = |kind| job.secrets.get(kind);
    let from_index_token = token(Secret::OverwriteFromIndexToken);
    let (reason, built) = match &job.payload {
        Payload::Add(payload) => {
            let mut request =
                convert::add(id, payload, from_index_token, job.user.as_deref(), template)?;
            request.gating = gating_of(builder, job);
            let done = builder.add(&request, reporter, checkpoint).await?;
            let (new, present) = (done.bundles_added.len(), done.bundles_present.len());
            tracing::info!("{new} bundle(s) added, {present} present before");
            let reason = "The operator bundle(s) were successfully added to the index image";
            (reason.to_owned(), done.built)
        }
        Payload::FbcOperations(payload) => {
            let request = convert::fragments(id, payload, from_index_token, template)?;
            let done = builder
                .add_fragments(&request, reporter, checkpoint)
                .await?;
            tracing::info!("packages of the fragments: {}", done.packages.join(", "));
            let reason = format!(
                "The {} FBC fragment(s) were successfully added in the index image",
                request.fragments.len()
            );
            (reason, done.built)
        }
        Payload::Rm(payload) => {
            let request = convert::remove(id, payload, from_index_token, template)?;
            let done = builder.remove(&request, reporter, checkpoint).await?;
            for package in &done.absent {
                tracing::warn!("the index image has no package `{package}`");
            }
            let reason = "The operator(s) were successfully removed from the index image";
            (reason.to_owned(), done.built)
        }
        Payload::MergeIndexImage(payload) => {
            let token = token(Secret::OverwriteTargetIndexToken);
            let request = convert::merge(id, payload, token, job.user.as_deref(), template)?;
            let done = builder.merge(&request, reporter, checkpoint).await?;
            let (added, deprecated) = (done.added.len(), done.deprecated.len());
            tracing::info!("{added} bundle(s) added, {deprecated} deprecated");
            let reason = "The index image was successfully cleaned and updated.";
            (reason.to_owned(), done.built)
        }
        Payload::CreateEmptyIndex(payload) => {
            let request = convert::empty(id, payload, template)?;
            let built = builder.empty(&request, reporter, checkpoint).await?;
            let reason = "The empty index image was successfully created";
            (reason.to_owned(), built)
        }
        Payload::AddDeprecations(payload) => {
            let request = convert::deprecations(id, payload, from_index_token, template)?;
            let built = builder.deprecate(&request, reporter, checkpoint).await?;
            let reason = "The deprecation schema was successfully added to the index image";
            (reason.to_owned(), built)
        }
        Payload::RegenerateBundle(payload) => {
            let auths = token(Secret::RegistryAuths);
            let request = convert::regenerate(id, payload, auths, template)?;
            let done = builder.regenerate(&request, reporter, checkpoint).await?;
            log_regenerated(&done);
            if let Some(bundles) = &done.changes.related_bundles {
                leave(files, Kind::RelatedBundles, id, &json!(bundles)).await?;
            }
            let summary = serde_json::to_value(done.summary());
            return Ok(Done::of_bundles(done.facts, summary));
        }
        Payload::RecursiveRelatedBundles(payload) => {
            let request = convert::related(payload, token(Secret::RegistryAuths))?;
            let done = builder
                .related_bundles(&request, reporter, checkpoint)
                .await?;
            tracing::info!(
                requests = done.usage.requests,
                bytes_read = done.usage.bytes_read,
                "found {} bundle(s), the parent among them",
                done.bundles.len()
            );
            leave(files, Kind::NestedBundles, id, &json!(done.bundles)).await?;
            let summary = serde_json::to_value(done.summary());
            return Ok(Done::of_bundles(done.facts, summary));
        }
    };
    Ok(Done {
        reason,
        facts: built.facts.clone(),
        made: Made::Index(Box::new(built)),
    })
}

impl Done {
    fn of_bundles(facts: Facts, summary: serde_json::Result<Value>) -> Self {
        Self {
            reason: "The request completed successfully".to_owned(),
            facts,
            made: Made::Bundles(summary),
        }
    }
}

/// Leaves a list where those who ask for it look; nowhere if such files are not kept.
async fn leave(files: &Files, kind: Kind, id: i64, list: &Value) -> Result<(), WorkError> {
    if !files.keeps(kind) {
        return Ok(());
    }
    Ok(files.write(kind, id, list.to_string().into()).await?)
}

fn log_regenerated(done: &Regenerated) {
    let files: Vec<&str> = done.changes.files.keys().map(String::as_str).collect();
    tracing::info!(
        requests = done.usage.requests,
        bytes_read = done.usage.bytes_read,
        bytes_written = done.usage.bytes_written,
        "published `{}`, {}: {} file(s) changed ({}), {} label(s) set",
        done.facts.bundle_image.as_deref().unwrap_or_default(),
        done.digest,
        files.len(),
        files.join(", "),
        done.changes.labels.len(),
    );
}
