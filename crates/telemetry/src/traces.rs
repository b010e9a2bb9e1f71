//! Spans to an OpenTelemetry collector, in protobuf over HTTP.

use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use opentelemetry::KeyValue;
use opentelemetry::trace::TracerProvider as _;
use opentelemetry_http::{HttpClient, HttpError};
use opentelemetry_otlp::{SpanExporter, WithExportConfig as _, WithHttpConfig as _};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::SdkTracerProvider;
use tokio::runtime::Handle;
use tracing::Subscriber;
use tracing_opentelemetry::OpenTelemetryLayer;
use tracing_subscriber::registry::LookupSpan;

use crate::error::Error;

/// How long one export may take.
const EXPORT_TIMEOUT: Duration = Duration::from_secs(10);
/// How long the last spans may take at the end.
const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(5);
/// What the exporter is called in its spans.
const SCOPE: &str = "iib";

/// Where spans go.
#[derive(Clone, Debug)]
pub struct TracingConfig {
    /// The collector's address for OTLP over HTTP, without the path `/v1/traces`. None: what `OTEL_EXPORTER_OTLP_ENDPOINT` or
    /// `OTEL_EXPORTER_OTLP_TRACES_ENDPOINT` says.
    pub endpoint: Option<String>,
    /// What the service calls itself, unless `OTEL_SERVICE_NAME` or `OTEL_RESOURCE_ATTRIBUTES` says so.
    pub service_name: String,
    /// Its version.
    pub service_version: String,
}

/// Spans on their way to a collector. Other `OTEL_` variables of the specification hold, too: headers, sampler, batch sizes.
pub struct Tracing(SdkTracerProvider);

impl Tracing {
    /// Starts to send. Spans wait in a bounded queue; when the collector is away they are dropped, and nothing else happens.
    ///
    /// Needs a running Tokio runtime, on which the requests to the collector run.
    ///
    /// # Errors
    /// [`Error::Collector`] when the address or the environment's settings cannot be used.
    pub fn start(config: &TracingConfig) -> Result<Self, Error> {
        let failed = |source: Box<dyn std::error::Error + Send + Sync>| Error::Collector {
            endpoint: config.endpoint.clone().unwrap_or_default(),
            source,
        };
        let client = reqwest::Client::builder()
            .timeout(EXPORT_TIMEOUT)
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .map_err(|error| failed(error.into()))?;
        let mut exporter = SpanExporter::builder()
            .with_http()
            .with_http_client(OnRuntime {
                client,
                runtime: Handle::current(),
            })
            .with_timeout(EXPORT_TIMEOUT);
        if let Some(endpoint) = &config.endpoint {
            let endpoint = endpoint.trim_end_matches('/');
            exporter = exporter.with_endpoint(format!("{endpoint}/v1/traces"));
        }
        let exporter = exporter.build().map_err(|error| failed(error.into()))?;
        let version = KeyValue::new("service.version", config.service_version.clone());
        // The builder reads the environment; a name given there wins.
        let from_environment = Resource::builder().build();
        let named = from_environment
            .get(&"service.name".into())
            .is_some_and(|name| !name.as_str().starts_with("unknown_service"));
        let mut resource = Resource::builder().with_attribute(version);
        if !named {
            resource = resource.with_service_name(config.service_name.clone());
        }
        Ok(Self(
            SdkTracerProvider::builder()
                .with_batch_exporter(exporter)
                .with_resource(resource.build())
                .build(),
        ))
    }

    /// The layer that records spans. Filter it: every span that reaches it is sent.
    pub fn layer<S>(&self) -> OpenTelemetryLayer<S, opentelemetry_sdk::trace::SdkTracer>
    where
        S: Subscriber + for<'lookup> LookupSpan<'lookup>,
    {
        tracing_opentelemetry::layer()
            .with_tracer(self.0.tracer(SCOPE))
            .with_location(false)
            .with_threads(false)
            .with_tracked_inactivity(false)
    }

    /// Sends what waits, for some seconds at most. To be called once, at the end, while the runtime still runs.
    pub async fn finish(self) {
        // The provider waits for its thread, which waits for the runtime.
        let ended =
            tokio::task::spawn_blocking(move || self.0.shutdown_with_timeout(SHUTDOWN_TIMEOUT));
        if let Ok(Err(error)) = ended.await {
            tracing::warn!(%error, "the last spans may not have reached the collector");
        }
    }
}

impl fmt::Debug for Tracing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Tracing")
    }
}

/// The HTTP client of the exporter, which calls from a thread that is no part of the runtime.
#[derive(Debug)]
struct OnRuntime {
    client: reqwest::Client,
    runtime: Handle,
}

#[async_trait]
impl HttpClient for OnRuntime {
    async fn send_bytes(
        &self,
        request: http::Request<Bytes>,
    ) -> Result<http::Response<Bytes>, HttpError> {
        let request = reqwest::Request::try_from(request)?;
        let client = self.client.clone();
        let answered = self.runtime.spawn(async move {
            let answer = client.execute(request).await?;
            let mut response = http::Response::new(Bytes::new());
            *response.status_mut() = answer.status();
            *response.headers_mut() = answer.headers().clone();
            // What a collector says beside its status is of no use here; not reading it bounds it.
            Ok::<_, reqwest::Error>(response)
        });
        Ok(answered.await??)
    }
}
