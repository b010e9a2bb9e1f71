//! How do metrics and traces leave the process?
//!
//! Whoever does work counts it with the macros of `metrics` and describes it with the spans of `tracing`, which cost next to nothing while
//! nobody listens. This crate is who listens: [`Metrics`] prints what was counted in the text format of Prometheus, [`Tracing`] sends
//! spans to an OpenTelemetry collector over HTTP, and [`TraceContext`] carries a trace across what is not a call: HTTP and the job table.
//!
//! What it deliberately does not know: what is counted, and where configuration comes from.

mod context;
mod error;
mod metrics;
mod names;
mod traces;

pub use context::TraceContext;
pub use error::Error;
pub use metrics::Metrics;
pub use names::name;
pub use traces::{Tracing, TracingConfig};
