//! What is done for each type of request.

use api::Secret;
use builder::{Builder, Built, Checkpoint};
use store::{Job, Payload};

use crate::convert::{self, ConvertError};
use crate::report::StoreReporter;
use crate::template::PushTemplate;

/// A request that was done.
pub(crate) struct Done {
    /// What its caller is told.
    pub(crate) reason: String,
    /// The image.
    pub(crate) built: Built,
}

/// Why a request was not done.
pub(crate) enum WorkError {
    /// What it asks for cannot be worked on.
    Convert(ConvertError),
    /// The builder says.
    Build(builder::Error),
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

/// Does what `job` asks for.
pub(crate) async fn work(
    builder: &Builder,
    job: &Job,
    template: &PushTemplate,
    reporter: &StoreReporter,
    checkpoint: Checkpoint,
) -> Result<Done, WorkError> {
    let id = job.request_id;
    let token = |kind| job.secrets.get(kind);
    let from_index_token = token(Secret::OverwriteFromIndexToken);
    let (reason, built) = match &job.payload {
        Payload::Add(payload) => {
            let request = convert::add(id, payload, from_index_token, template)?;
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
        other @ (Payload::RegenerateBundle(_) | Payload::RecursiveRelatedBundles(_)) => {
            let kind = other.request_type().name();
            return Err(ConvertError::UnsupportedType { kind }.into());
        }
    };
    Ok(Done { reason, built })
}
