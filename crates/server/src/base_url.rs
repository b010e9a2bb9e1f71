//! The address under which the caller sees this service, for absolute URLs in answers (section 1.4).

use api::ProblemCode;
use axum::extract::FromRequestParts;
use http::request::Parts;
use http::uri::Authority;
use http::{HeaderMap, HeaderName, header};

use crate::answer::ApiError;
use crate::caller::{Peer, Secure};
use crate::router::App;

const FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");

/// Scheme and host of the request, such as `https://iib.example`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct BaseUrl(String);

impl BaseUrl {
    /// The address of `path`, which starts with a slash and is already escaped.
    pub(crate) fn join(&self, path: &str) -> String {
        format!("{}{path}", self.0)
    }
}

impl FromRequestParts<App> for BaseUrl {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, ApiError> {
        let trusted = Peer::of(&parts.extensions).is_some_and(|peer| app.config().trusts(peer.0));
        let forwarded = parts.headers.get(FORWARDED_PROTO).filter(|_| trusted);
        // What a proxy says is about its caller, and wins over how the proxy speaks to us.
        let https = forwarded.map_or(parts.extensions.get::<Secure>().is_some(), |scheme| {
            scheme.as_bytes().eq_ignore_ascii_case(b"https")
        });
        let host = match parts.uri.authority() {
            Some(authority) => host_and_port(authority).ok_or_else(bad_host)?,
            None => host(&parts.headers)?.unwrap_or_else(|| app.local.to_string()),
        };
        Ok(Self(format!(
            "{}://{host}",
            if https { "https" } else { "http" }
        )))
    }
}

/// The `Host` header. What is no host and port is refused, as it would be printed into links; HTTP/1.0 may leave it out.
fn host(headers: &HeaderMap) -> Result<Option<String>, ApiError> {
    let mut values = headers.get_all(header::HOST).iter();
    let Some(value) = values.next() else {
        return Ok(None);
    };
    let authority = value
        .to_str()
        .ok()
        .and_then(|text| text.parse::<Authority>().ok());
    match authority.as_ref().and_then(host_and_port) {
        Some(host) if values.next().is_none() => Ok(Some(host)),
        Some(_) | None => Err(bad_host()),
    }
}

/// The text of an authority without a user, who has no place in links.
fn host_and_port(authority: &Authority) -> Option<String> {
    let text = authority.as_str();
    (!text.contains('@') && !authority.host().is_empty()).then(|| text.to_owned())
}

fn bad_host() -> ApiError {
    ApiError::of(
        ProblemCode::MalformedRequest,
        "the host of the request must be given once, as a host with an optional port",
    )
}

#[cfg(test)]
mod tests {
    use http::{HeaderMap, HeaderValue, header};

    fn host(values: &[&'static str]) -> Result<Option<String>, ()> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(header::HOST, HeaderValue::from_static(value));
        }
        super::host(&headers).map_err(drop)
    }

    #[test]
    fn a_host_is_one_name_or_address_with_an_optional_port() {
        for good in ["iib.example", "iib.example:8080", "127.0.0.1:1", "[::1]:80"] {
            assert_eq!(host(&[good]), Ok(Some(good.to_owned())));
        }
        assert_eq!(host(&[]), Ok(None));
        for bad in [
            &["user@iib.example"][..],
            &[""],
            &["a b"],
            &["a/b"],
            &["a", "b"],
            &["a\"b"],
        ] {
            assert_eq!(host(bad), Err(()), "{bad:?}");
        }
    }
}
