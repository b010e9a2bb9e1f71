//! `iib serve`: the service.

use std::path::PathBuf;

use anyhow::Context as _;
use telemetry::Metrics;
use worker::RequestLogs;

use crate::cli::{LogArgs, ServeArgs};
use crate::config::Config;
use crate::measuring::Measuring;
use crate::service::{DataDir, Service, listen, termination};
use crate::{logging, request_files, terminal, traces};

/// Runs until asked to end.
pub(crate) async fn run(args: ServeArgs, log: &LogArgs) -> anyhow::Result<()> {
    let asked_to_end = termination()?;
    let config = Config::read(args.config.as_deref())?;
    let root = args
        .data_dir
        .or_else(|| config.data_dir.clone())
        .unwrap_or_else(|| PathBuf::from("iib-data"));
    let data = DataDir::create(&root)?;
    let files = request_files::open(&config.files, &data)?;
    let (logs, layer) =
        RequestLogs::start(files.clone()).context("request logs could not be started")?;
    let traces = traces::start(&config.telemetry)?;
    logging::for_service(log, Some(layer), traces.as_ref())?;
    let measuring = Measuring {
        metrics: Metrics::install()?,
        listener: match config.server.metrics_listen {
            Some(address) => Some(listen(address, "server.metrics_listen").await?),
            None => None,
        },
    };
    let listener = listen(args.listen.unwrap_or(config.server.listen), "--listen").await?;
    let address = listener
        .local_addr()
        .context("the address listened on is unknown")?;
    let registries = config.registries.with(args.registries);
    let service = Service::start(
        &config,
        &registries,
        &data,
        files,
        logs,
        listener,
        Some(measuring),
    )
    .await?;
    terminal::complain(&format!(
        "serving http://{address}/api/v1, state in {}",
        root.display()
    ));
    let end = async {
        asked_to_end.await;
        Ok(())
    };
    let ended = service.run_until(end).await;
    if let Some(traces) = traces {
        traces.finish().await;
    }
    ended
}
