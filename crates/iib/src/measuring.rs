//! Metrics of the service: where they are printed, and that they take no memory in between.

use std::time::Duration;

use anyhow::Context as _;
use server::Scrape;
use store::Store;
use telemetry::Metrics;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

/// Measurements wait this long at most to be folded into their histograms.
const FOLD_EVERY: Duration = Duration::from_secs(30);

/// Metrics of a service, and the listener that they have for themselves, if any.
pub(crate) struct Measuring {
    pub(crate) metrics: Metrics,
    pub(crate) listener: Option<TcpListener>,
}

impl Measuring {
    /// What the API prints at `/metrics`; nothing where metrics have a listener of their own.
    pub(crate) fn on_api(&self) -> Option<Metrics> {
        self.listener.is_none().then(|| self.metrics.clone())
    }

    /// Keeps metrics until `shutdown`, and prints them on the listener of their own.
    pub(crate) async fn run(self, store: Store, shutdown: CancellationToken) -> anyhow::Result<()> {
        let Self { metrics, listener } = self;
        let scrape = Scrape::new(metrics.clone(), store);
        let serving = async {
            let Some(listener) = listener else {
                shutdown.cancelled().await;
                return Ok(());
            };
            server::serve_metrics(listener, scrape, shutdown.clone())
                .await
                .context("the metrics ended")
        };
        let folding = async {
            loop {
                tokio::time::sleep(FOLD_EVERY).await;
                metrics.fold();
            }
        };
        tokio::select! {
            ended = serving => ended,
            () = folding => Ok(()),
        }
    }
}
