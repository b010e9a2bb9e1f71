//! Handing accepted requests over to a broker before they are answered (section 6.6).

use std::collections::BTreeMap;

use api::{ProblemCode, RequestView};
use queue::DEFAULT_QUEUE;
use store::WaitingJob;

use crate::answer::{ApiError, chain};
use crate::config::ServerConfig;
use crate::router::AppState;

/// Hands the requests over, if there is a broker that has to take them; `queues` are theirs, in the same order. Those that cannot be handed over, and that no worker has begun
/// meanwhile, fail and are the answer. May be dropped at any await: the dispatcher hands over what is left.
pub(crate) async fn or_fail(
    app: &AppState,
    config: &ServerConfig,
    accepted: &[RequestView],
    queues: Vec<Option<String>>,
) -> Result<(), ApiError> {
    let Some(broker) = &config.hand_over else {
        return Ok(());
    };
    let jobs: Vec<WaitingJob> = accepted
        .iter()
        .zip(queues)
        .map(|(view, queue)| WaitingJob {
            request_id: view.id,
            queue,
        })
        .collect();
    let handed = broker.hand_over(&jobs).await;
    app.store.mark_dispatched(&handed.taken).await?;
    let Some(error) = handed.error else {
        return Ok(());
    };
    let error = chain(&error);
    let mut left: BTreeMap<Option<String>, Vec<i64>> = BTreeMap::new();
    for job in jobs {
        if !handed.taken.contains(&job.request_id) {
            left.entry(job.queue).or_default().push(job.request_id);
        }
    }
    let mut failed = Vec::new();
    for (queue, ids) in left {
        let queue = queue.as_deref().unwrap_or(DEFAULT_QUEUE);
        let reason = format!(
            "The request could not be handed over: the queue `{queue}` cannot be reached; submit it again later"
        );
        failed.extend(app.store.fail_undispatched(&ids, &reason).await?);
    }
    failed.sort_unstable();
    if failed.is_empty() {
        // Workers that looked into the store themselves were faster.
        return Ok(());
    }
    tracing::error!(requests = ?failed, error, "requests could not be handed over to the broker; they have failed");
    Err(ApiError::of(
        ProblemCode::QueueUnreachable,
        format!(
            "the queue cannot be reached; recorded and failed for that: {}; submit again later",
            named(&failed)
        ),
    ))
}

/// `request 5`, or `requests 5, 6 and 94 more`.
fn named(ids: &[i64]) -> String {
    const NAMED: usize = 20;
    let [id] = ids else {
        let (named, more) = ids.split_at(ids.len().min(NAMED));
        let named: Vec<String> = named.iter().map(ToString::to_string).collect();
        let named = named.join(", ");
        return match more.len() {
            0 => format!("requests {named}"),
            count => format!("requests {named} and {count} more"),
        };
    };
    format!("request {id}")
}

#[cfg(test)]
mod tests {
    use super::named;

    #[test]
    fn a_long_list_of_requests_is_cut() {
        assert_eq!(named(&[5]), "request 5");
        assert_eq!(named(&[5, 6]), "requests 5, 6");
        let many: Vec<i64> = (1..=22).collect();
        assert!(
            named(&many).ends_with("19, 20 and 2 more"),
            "{}",
            named(&many)
        );
    }
}
