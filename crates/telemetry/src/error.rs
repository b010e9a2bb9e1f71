//! Why nothing can be measured.

/// Why metrics or traces cannot be had.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Something in this process counts already.
    #[error("metrics are collected already in this process")]
    MetricsTaken,
    /// The metrics cannot be set up.
    #[error("metrics cannot be collected")]
    Metrics(#[source] metrics_exporter_prometheus::BuildError),
    /// The collector cannot be spoken to as it is configured.
    #[error(
        "the collector `{endpoint}` cannot be used; give the address that it has for OTLP over HTTP, such as `http://127.0.0.1:4318`"
    )]
    Collector {
        /// Its address.
        endpoint: String,
        /// Why.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}
