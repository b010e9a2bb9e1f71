//! Where log lines go.

use std::io::IsTerminal as _;

use anyhow::Context as _;
use telemetry::Tracing;
use tracing::{Level, Metadata};
use tracing_subscriber::filter::{FilterExt as _, filter_fn};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, Layer as _, fmt};
use worker::RequestLogLayer;

use crate::cli::{LogArgs, LogFormat};

/// For one-shot commands: warnings on standard error, so that a result stays readable.
pub(crate) fn for_commands(args: &LogArgs) -> anyhow::Result<()> {
    start(args, "warn", None, None)
}

/// For the service: milestones on standard error, each request's lines to its own file, and spans to a collector.
pub(crate) fn for_service(
    args: &LogArgs,
    request_logs: Option<RequestLogLayer>,
    traces: Option<&Tracing>,
) -> anyhow::Result<()> {
    start(args, "info", request_logs, traces)
}

/// For the quickstart, which shows progress itself.
pub(crate) fn for_quickstart(args: &LogArgs, request_logs: RequestLogLayer) -> anyhow::Result<()> {
    start(args, "warn", Some(request_logs), None)
}

fn start(
    args: &LogArgs,
    default: &str,
    request_logs: Option<RequestLogLayer>,
    traces: Option<&Tracing>,
) -> anyhow::Result<()> {
    let directives = args.log.as_deref().unwrap_or(default);
    let filter = EnvFilter::try_new(directives).with_context(|| {
        format!(
            "`{directives}` is no log filter; use a level or directives such as `info,oci=debug`"
        )
    })?;
    let lines = fmt::layer()
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal());
    let lines = match args.log_format {
        LogFormat::Text => lines.boxed(),
        LogFormat::Json => fmt::layer().json().with_writer(std::io::stderr).boxed(),
    };
    // Requests' own logs are public and complete whatever the terminal shows, but hold no library's chatter.
    let request_filter =
        EnvFilter::new("off,builder=debug,worker=debug,oci=info,bundle=debug,indexdb=debug");
    // Spans of ours; libraries' own would tell of the requests that carry spans, without end.
    let trace_filter = EnvFilter::new("off,server=info,worker=info,builder=info,oci=info");
    tracing_subscriber::registry()
        .with(lines.with_filter(filter.and(filter_fn(is_no_frame))))
        .with(request_logs.map(|layer| layer.with_filter(request_filter)))
        .with(traces.map(|traces| traces.layer().with_filter(trace_filter)))
        .try_init()
        .context("logging could not be started")
}

/// At its finest level the broker's library prints what goes over the wire, the password included. No log filter lets that out.
fn is_no_frame(metadata: &Metadata<'_>) -> bool {
    *metadata.level() != Level::TRACE || !metadata.target().starts_with("lapin")
}
