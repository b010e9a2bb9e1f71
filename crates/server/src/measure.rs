//! What is counted of every HTTP request and connection.

use std::time::Duration;

use axum::extract::MatchedPath;
use http::{Extensions, Method, StatusCode};
use metrics::{Gauge, gauge, histogram};
use telemetry::name;

/// The label of requests that no route took: what callers make up is no label.
const NO_ROUTE: &str = "none";

/// Something under way, counted as long as the value lives.
pub(crate) struct UnderWay(Gauge);

impl UnderWay {
    /// A request that is being answered.
    pub(crate) fn request() -> Self {
        Self::begin(gauge!(name::HTTP_IN_PROGRESS))
    }

    /// An open connection.
    pub(crate) fn connection() -> Self {
        Self::begin(gauge!(name::HTTP_CONNECTIONS))
    }

    fn begin(gauge: Gauge) -> Self {
        gauge.increment(1);
        Self(gauge)
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.decrement(1);
    }
}

/// The route template that took a request, such as `/api/v1/builds/{id}`.
pub(crate) fn route(extensions: &Extensions) -> String {
    let matched = extensions.get::<MatchedPath>();
    matched.map_or(NO_ROUTE, MatchedPath::as_str).to_owned()
}

/// A request was answered.
pub(crate) fn answered(route: String, method: &'static str, status: StatusCode, elapsed: Duration) {
    histogram!(name::HTTP_DURATION, "route" => route, "method" => method, "status" => status.as_u16().to_string())
        .record(elapsed);
}

/// The method as a label: one of those there are, whatever a caller makes up.
pub(crate) fn method(method: &Method) -> &'static str {
    const KNOWN: [(&Method, &str); 7] = [
        (&Method::GET, "GET"),
        (&Method::HEAD, "HEAD"),
        (&Method::POST, "POST"),
        (&Method::PUT, "PUT"),
        (&Method::PATCH, "PATCH"),
        (&Method::DELETE, "DELETE"),
        (&Method::OPTIONS, "OPTIONS"),
    ];
    KNOWN
        .into_iter()
        .find(|(known, _)| *known == method)
        .map_or("other", |(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_have_few_values_whatever_callers_send() {
        assert_eq!(method(&Method::PATCH), "PATCH");
        assert_eq!(method(&Method::from_bytes(b"BREW").unwrap()), "other");
        assert_eq!(route(&Extensions::new()), NO_ROUTE);
    }
}
