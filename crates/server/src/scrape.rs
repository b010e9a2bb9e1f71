//! `GET /metrics`: what was counted, and what the store says of its queues.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use http::{StatusCode, header};
use metrics::gauge;
use store::Store;
use telemetry::{Metrics, name};
use tokio::net::TcpListener;
use tokio::sync::Mutex;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tower_http::timeout::TimeoutLayer;

use crate::run::Error;

/// How long the state of the queues is good for: many who scrape shall not cost the database more than one.
const QUEUES_GOOD_FOR: Duration = Duration::from_secs(5);
/// How long a scrape may take where it has a listener of its own.
const TIME_LIMIT: Duration = Duration::from_secs(30);
/// What the queue without a name is called.
const DEFAULT_QUEUE: &str = "default";

/// Prints metrics. Clones share what was asked of the store.
#[derive(Clone, Debug)]
pub struct Scrape {
    metrics: Metrics,
    store: Store,
    queues: Arc<Mutex<Queues>>,
}

#[derive(Debug, Default)]
struct Queues {
    asked: Option<Instant>,
    /// Every queue that ever had a job, so that an empty one is shown empty.
    known: BTreeSet<String>,
}

impl Scrape {
    /// Prints `metrics`, and the queues of `store`.
    pub fn new(metrics: Metrics, store: Store) -> Self {
        let queues = Arc::default();
        Self {
            metrics,
            store,
            queues,
        }
    }

    /// The answer to a scrape.
    pub(crate) async fn answer(&self) -> Response {
        // What was counted is worth having without the queues, all the more when the database is in trouble.
        if let Err(error) = self.ask_for_queues().await {
            tracing::warn!(%error, "the metrics of the queues are as they were before");
        }
        let kind = "text/plain; version=0.0.4; charset=utf-8";
        let text = self.metrics.render();
        (StatusCode::OK, [(header::CONTENT_TYPE, kind)], text).into_response()
    }

    async fn ask_for_queues(&self) -> Result<(), store::Error> {
        let mut queues = self.queues.lock().await;
        if queues
            .asked
            .is_some_and(|at| at.elapsed() < QUEUES_GOOD_FOR)
        {
            return Ok(());
        }
        let now = self.store.now();
        let loads = self.store.queue_loads().await?;
        queues.asked = Some(Instant::now());
        let loads = loads
            .into_iter()
            .map(|load| (load.queue.clone().unwrap_or(DEFAULT_QUEUE.to_owned()), load));
        let mut empty = queues.known.clone();
        empty.insert(DEFAULT_QUEUE.to_owned());
        for (queue, load) in loads {
            empty.remove(&queue);
            let age = now.duration_since(load.oldest).as_secs_f64().max(0.0);
            show(&queue, load.waiting, load.held, age);
            queues.known.insert(queue);
        }
        for queue in empty {
            show(&queue, 0, 0, 0.0);
        }
        Ok(())
    }
}

fn show(queue: &str, waiting: u32, held: u32, age: f64) {
    let label = || queue.to_owned();
    gauge!(name::JOBS, "queue" => label(), "state" => "waiting").set(waiting);
    gauge!(name::JOBS, "queue" => label(), "state" => "held").set(held);
    gauge!(name::OLDEST_JOB, "queue" => label()).set(age);
}

/// Answers `GET /metrics` on a listener of its own until `shutdown` is cancelled, for those who keep metrics off the address of the API.
///
/// # Errors
/// [`Error::Listener`] when the socket is unusable.
pub async fn serve_metrics(
    listener: TcpListener,
    scrape: Scrape,
    shutdown: CancellationToken,
) -> Result<(), Error> {
    let show = async |State(scrape): State<Scrape>| scrape.answer().await;
    let app = Router::new()
        .route("/metrics", get(show))
        .layer(TimeoutLayer::with_status_code(
            StatusCode::SERVICE_UNAVAILABLE,
            TIME_LIMIT,
        ))
        .with_state(scrape);
    let ended = axum::serve(listener, app)
        .with_graceful_shutdown(async move { shutdown.cancelled().await });
    ended.await.map_err(Error::Listener)
}
