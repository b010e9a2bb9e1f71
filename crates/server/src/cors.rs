//! Calls from pages of other sites: refused by browsers unless the site is configured.

use std::str::FromStr;
use std::time::Duration;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;
use http::request::Parts;
use http::{HeaderValue, Method, header};
use tower::{Layer as _, ServiceExt as _};
use tower_http::cors::{AllowOrigin, CorsLayer};

use crate::endpoint::submit::{IDEMPOTENCY_KEY, REPLAYED};
use crate::observe::REQUEST_ID;
use crate::router::App;

/// How long a browser may remember what it was allowed.
const MAX_AGE: Duration = Duration::from_hours(1);

/// A site as browsers name it: scheme, host, and the port unless it is the scheme's usual one, such as `https://console.example`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Origin(HeaderValue);

impl Origin {
    /// The text.
    pub fn as_str(&self) -> &str {
        self.0.to_str().unwrap_or_default()
    }
}

/// Why a text names no origin.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` names no site as browsers do; write scheme, host and port without anything behind it, such as `https://console.example` (`*` is not allowed: name each site)"
)]
pub struct ParseOriginError(String);

impl FromStr for Origin {
    type Err = ParseOriginError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let error = || ParseOriginError(text.to_owned());
        let url = url::Url::parse(text).map_err(|_| error())?;
        let origin = url.origin().ascii_serialization();
        // Browsers send the normal form; another spelling would never match.
        let is_site = matches!(url.scheme(), "http" | "https") && origin == text;
        if !is_site || text.contains('*') {
            return Err(error());
        }
        HeaderValue::from_str(text).map(Self).map_err(|_| error())
    }
}

/// Answers for browsers on other sites; with none configured, nothing is different from a service that knows no such thing.
pub(crate) async fn answer(State(app): State<App>, request: Request, next: Next) -> Response {
    let config = app.config();
    if config.cors_origins.is_empty() {
        return next.run(request).await;
    }
    let known = move |origin: &HeaderValue, _: &Parts| {
        config.cors_origins.iter().any(|known| known.0 == *origin)
    };
    let layer = CorsLayer::new()
        .allow_origin(AllowOrigin::predicate(known))
        .allow_methods([Method::GET, Method::HEAD, Method::POST, Method::PATCH])
        .allow_headers([
            header::ACCEPT,
            header::AUTHORIZATION,
            header::CONTENT_TYPE,
            header::IF_NONE_MATCH,
            IDEMPOTENCY_KEY,
            REQUEST_ID,
        ])
        .expose_headers([
            header::ETAG,
            header::LINK,
            header::LOCATION,
            header::RETRY_AFTER,
            REPLAYED,
            REQUEST_ID,
        ])
        .max_age(MAX_AGE);
    match layer.layer(next).oneshot(request).await {
        Ok(response) => response,
        Err(never) => match never {},
    }
}

#[cfg(test)]
mod tests {
    use super::Origin;

    #[test]
    fn an_origin_is_written_as_browsers_send_it() {
        for good in [
            "https://console.example",
            "http://localhost:3000",
            "https://[::1]:8443",
        ] {
            assert_eq!(good.parse::<Origin>().unwrap().as_str(), good);
        }
        for bad in [
            "",
            "*",
            "null",
            "console.example",
            "https://console.example/",
            "https://console.example:443",
            "https://Console.example",
            "https://user@console.example",
            "https://*.example",
            "ftp://console.example",
            "https://a.example, https://b.example",
        ] {
            assert!(bad.parse::<Origin>().is_err(), "{bad}");
        }
    }
}
