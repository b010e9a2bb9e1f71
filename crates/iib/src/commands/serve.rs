//! `iib serve`: the service.

use anyhow::Context as _;
use files::Kind;
use telemetry::Metrics;
use worker::RequestLogs;

use crate::cli::{LogArgs, ServeArgs};
use crate::commands::config::refuse_unusable_files;
use crate::config::Config;
use crate::measuring::Measuring;
use crate::reload::{self, Reload};
use crate::service::{DataDir, Service, listen, termination};
use crate::{death, logging, request_files, terminal, traces};

/// Runs until asked to end.
pub(crate) async fn run(args: ServeArgs, log: &LogArgs) -> anyhow::Result<()> {
    death::prepare()?;
    let asked_to_end = termination()?;
    let hangups = reload::hangups()?;
    let config = Config::read(args.config.as_deref())?;
    refuse_unusable_files(&config, args.config.as_deref()).await?;
    let root = args.data_dir.unwrap_or_else(|| config.data_dir());
    let data = DataDir::create(&root)?;
    let files = request_files::open(&config.files, &data)?;
    let (logs, layer) = if files.keeps(Kind::Log) {
        let started = RequestLogs::start(files.clone());
        let (logs, layer) = started.context("request logs could not be started")?;
        (Some(logs), Some(layer))
    } else {
        (None, None)
    };
    let traces = traces::start(&config.telemetry)?;
    logging::for_service(log, layer, traces.as_ref())?;
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
    let live_files = files.clone();
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
    let scheme = if config.server.tls.is_some() {
        "https"
    } else {
        "http"
    };
    terminal::complain(&format!(
        "serving {scheme}://{address}/api/v1, state in {}",
        root.display()
    ));
    let reload = Reload {
        file: args.config,
        running: config,
        live: service.live(),
        data: &data,
        files: live_files,
    };
    let end = async {
        tokio::select! {
            () = asked_to_end => Ok(()),
            never = reload.at_every(hangups) => match never {},
        }
    };
    let ended = service.run_until(end).await;
    if let Some(traces) = traces {
        traces.finish().await;
    }
    ended
}
