//! The report on a request, kept with its log.

use std::time::Duration;

use api::report::{Report, StageTime, VERSION};
use builder::Built;
use bytes::Bytes;
use files::{Files, Kind};
use serde_json::Value;
use store::{Job, Update};

use crate::run::report;

/// How many lines about the catalog a log gets; the report has them all.
const LOGGED_LINES: usize = 100;

/// What a published image was, for the report; catalogs are compared off the runtime. Says in the log what changed.
pub(crate) async fn of_index(built: Built) -> Option<Value> {
    let span = tracing::Span::current();
    let summed_up = tokio::task::spawn_blocking(move || {
        span.in_scope(|| {
            if built.is_same_catalog {
                tracing::info!("nothing changed: the index had all of it already");
            }
            let summary = built.summary();
            if let Some(diff) = summary.catalog() {
                log_changes(&diff.to_text());
            }
            serde_json::to_value(summary)
        })
    });
    match summed_up.await {
        Ok(summary) => of_bundles(summary),
        Err(error) => untold(&error),
    }
}

/// What was made of bundles, for the report.
pub(crate) fn of_bundles(summary: serde_json::Result<Value>) -> Option<Value> {
    summary.map_or_else(|error| untold(&error), Some)
}

fn untold(error: &(dyn std::error::Error + 'static)) -> Option<Value> {
    let error = report(error);
    tracing::warn!(error, "the report will not say what was made");
    None
}

fn log_changes(text: &str) {
    for line in text.lines().take(LOGGED_LINES) {
        tracing::info!("{line}");
    }
    let more = text.lines().count().saturating_sub(LOGGED_LINES);
    if more > 0 {
        tracing::info!("{more} more line(s) are in the report");
    }
}

/// Writes the report on `job` to where readers look for it. A request does not fail for its report.
pub(crate) async fn write(
    files: &Files,
    job: &Job,
    update: &Update,
    elapsed: Duration,
    stages: Vec<StageTime>,
    result: Option<Value>,
) {
    if files.directory(Kind::Report).is_none() {
        return;
    }
    let content = Report {
        version: VERSION,
        id: job.request_id,
        request_type: job.payload.request_type().name().to_owned(),
        state: update.state.name().to_owned(),
        state_reason: update.state_reason.clone(),
        attempt: job.attempt,
        seconds: elapsed.as_secs_f64(),
        stages,
        result,
    };
    let written = match serde_json::to_vec(&content) {
        Ok(text) => {
            let (kind, id) = (Kind::Report, job.request_id);
            let write = async {
                files.write(kind, id, Bytes::from(text)).await?;
                files.forget_copy(kind, id).await
            };
            write.await.map_err(|error| report(&error))
        }
        Err(error) => Err(error.to_string()),
    };
    if let Err(error) = written {
        tracing::warn!(error, "the request's report could not be written");
    }
}
