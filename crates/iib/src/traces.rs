//! Whether traces are sent, and where, as configuration and environment say.

use telemetry::{Tracing, TracingConfig};

use crate::config::TelemetrySection;

/// Starts to send traces where a collector is named; sends none otherwise.
pub(crate) fn start(section: &TelemetrySection) -> anyhow::Result<Option<Tracing>> {
    let named = [
        "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
        "OTEL_EXPORTER_OTLP_ENDPOINT",
    ]
    .into_iter()
    .find_map(environment);
    let disabled =
        environment("OTEL_SDK_DISABLED").is_some_and(|value| value.eq_ignore_ascii_case("true"));
    if disabled || (section.otlp_endpoint.is_none() && named.is_none()) {
        return Ok(None);
    }
    let config = TracingConfig {
        endpoint: section.otlp_endpoint.clone(),
        service_name: "iib".to_owned(),
        service_version: env!("CARGO_PKG_VERSION").to_owned(),
    };
    Ok(Some(Tracing::start(&config)?))
}

#[expect(
    clippy::disallowed_methods,
    reason = "this is the configuration that reads the environment"
)]
fn environment(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}
