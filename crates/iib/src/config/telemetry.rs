//! `[telemetry]`: where traces go.

use serde::{Deserialize, Serialize};

/// Traces.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct TelemetrySection {
    /// The OpenTelemetry collector's address for OTLP over HTTP. None: `OTEL_EXPORTER_OTLP_ENDPOINT`, or no traces.
    pub(crate) otlp_endpoint: Option<String>,
}
