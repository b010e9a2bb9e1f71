//! Requests taken apart: which endpoint, which parameters, which bytes.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, Method};
use http_body_util::BodyExt as _;
use hyper::body::{Body as _, Incoming};

use crate::log::Record;
use crate::name::RepositoryName;
use crate::reply::{Code, Refusal, size};

/// Which endpoint a path names. Names are checked, references and digests are not yet.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Route {
    Ping,
    Token,
    Catalog,
    Tags(RepositoryName),
    Manifest(RepositoryName, String),
    Blob(RepositoryName, String),
    Uploads(RepositoryName),
    Upload(RepositoryName, String),
}

impl Route {
    pub(crate) fn parse(path: &str) -> Result<Self, Refusal> {
        let unknown = || {
            Refusal::new(Code::Unsupported, "there is no such endpoint")
                .with_status(http::StatusCode::NOT_FOUND)
        };
        let path = percent_decode(path).ok_or_else(unknown)?;
        match path.as_str() {
            "/v2" | "/v2/" => return Ok(Self::Ping),
            "/v2/_catalog" => return Ok(Self::Catalog),
            "/token" => return Ok(Self::Token),
            _ => {}
        }
        let rest = path.strip_prefix("/v2/").ok_or_else(unknown)?;
        // A repository may itself be called `a/blobs/b`: the endpoint is at the end, and read from there.
        let mut parts = rest.rsplitn(4, '/');
        let last = parts.next().unwrap_or_default();
        let second = parts.next().ok_or_else(unknown)?;
        if let Some(name) = rest.strip_suffix("/tags/list") {
            return Ok(Self::Tags(name.parse()?));
        }
        if let Some(name) = rest
            .strip_suffix("/blobs/uploads/")
            .or_else(|| rest.strip_suffix("/blobs/uploads"))
        {
            return Ok(Self::Uploads(name.parse()?));
        }
        match (second, parts.next(), parts.next()) {
            ("uploads", Some("blobs"), Some(name)) => {
                Ok(Self::Upload(name.parse()?, last.to_owned()))
            }
            ("manifests", Some(third), first) => Ok(Self::Manifest(
                joined(first, third).parse()?,
                last.to_owned(),
            )),
            ("blobs", Some(third), first) => {
                Ok(Self::Blob(joined(first, third).parse()?, last.to_owned()))
            }
            _ => Err(unknown()),
        }
    }
}

fn joined(first: Option<&str>, second: &str) -> String {
    first.map_or_else(|| second.to_owned(), |first| format!("{first}/{second}"))
}

/// Replaces `%xx`; `None` when that is malformed or gives no UTF-8. Digests come as `sha256%3A…` from some clients.
fn percent_decode(text: &str) -> Option<String> {
    let mut parts = text.split('%');
    let mut bytes = parts.next().unwrap_or_default().as_bytes().to_vec();
    for part in parts {
        bytes.extend(hex::decode(part.get(..2)?).ok()?);
        bytes.extend_from_slice(part.get(2..)?.as_bytes());
    }
    String::from_utf8(bytes).ok()
}

/// The parameters of the query, decoded.
#[derive(Debug)]
pub(crate) struct Query(Vec<(String, String)>);

impl Query {
    pub(crate) fn parse(text: &str) -> Self {
        Self(
            url::form_urlencoded::parse(text.as_bytes())
                .into_owned()
                .collect(),
        )
    }

    /// The first value of a parameter.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        let found = self.0.iter().find(|(key, _)| key == name)?;
        Some(&found.1)
    }

    /// All values of a parameter.
    pub(crate) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.0
            .iter()
            .filter_map(move |(key, value)| (key == name).then_some(value.as_str()))
    }
}

/// Whether a method changes nothing.
pub(crate) fn reads(method: &Method) -> bool {
    method == Method::GET || method == Method::HEAD
}

/// The header as text; `None` when it is missing or no text.
pub(crate) fn header(headers: &HeaderMap, name: impl http::header::AsHeaderName) -> Option<&str> {
    headers.get(name)?.to_str().ok()
}

/// The body of a request, counted as it is read, and cut short when a fault says so.
#[derive(Debug)]
pub(crate) struct RequestBody {
    incoming: Incoming,
    record: Arc<Record>,
    /// Bytes that may still be read before the connection is cut; `None` for all.
    allowance: Option<u64>,
    cut: bool,
}

/// The body ended before its end: the client went away, or a fault cut it.
#[derive(Debug)]
pub(crate) struct BrokenBody;

impl From<BrokenBody> for Refusal {
    fn from(_: BrokenBody) -> Self {
        Self::new(
            Code::BlobUploadInvalid,
            "the body of the request ended before its end",
        )
    }
}

impl RequestBody {
    pub(crate) fn new(incoming: Incoming, record: Arc<Record>, cut_after: Option<u64>) -> Self {
        Self {
            incoming,
            record,
            allowance: cut_after,
            cut: false,
        }
    }

    /// Whether a fault cut the body: the connection must end without an answer.
    pub(crate) fn was_cut(&self) -> bool {
        self.cut
    }

    /// The length the client announced, in bytes.
    pub(crate) fn announced(&self) -> Option<u64> {
        self.incoming.size_hint().exact()
    }

    /// The next bytes; `None` at the end. Cancellation safe.
    pub(crate) async fn next(&mut self) -> Option<Result<Bytes, BrokenBody>> {
        if self.cut {
            return Some(Err(BrokenBody));
        }
        let mut chunk = loop {
            match self.incoming.frame().await {
                Some(Ok(frame)) => {
                    // Trailers mean nothing to us.
                    if let Ok(data) = frame.into_data() {
                        break data;
                    }
                }
                Some(Err(e)) => {
                    tracing::debug!("a request's body broke off: {e}");
                    return Some(Err(BrokenBody));
                }
                // A cut beyond the end cuts at the end, so that such a rule always bites.
                None if self.allowance.is_some() => {
                    self.cut = true;
                    return Some(Err(BrokenBody));
                }
                None => return None,
            }
        };
        if let Some(left) = &mut self.allowance {
            if size(chunk.len()) >= *left {
                chunk.truncate(usize::try_from(*left).unwrap_or(usize::MAX));
                self.cut = true;
            }
            *left = left.saturating_sub(size(chunk.len()));
        }
        self.record.read(size(chunk.len()));
        Some(Ok(chunk))
    }

    /// All of the body, when it is at most `limit` bytes.
    pub(crate) async fn collect(&mut self, limit: usize) -> Result<Bytes, Refusal> {
        let mut bytes = BytesMut::new();
        let too_large = || {
            Refusal::new(
                Code::SizeInvalid,
                format!("a manifest may have at most {limit} bytes"),
            )
            .with_status(http::StatusCode::PAYLOAD_TOO_LARGE)
        };
        if self.announced().is_some_and(|length| length > size(limit)) {
            return Err(too_large());
        }
        while let Some(chunk) = self.next().await {
            bytes.extend_from_slice(&chunk?);
            if bytes.len() > limit {
                return Err(too_large());
            }
        }
        Ok(bytes.freeze())
    }

    /// Reads and forgets up to `limit` bytes. A refusal sent while the client still writes would otherwise be lost to it:
    /// closing a connection with unread bytes resets it.
    pub(crate) async fn drain(&mut self, limit: u64) {
        let mut left = limit;
        while let Some(Ok(chunk)) = self.next().await {
            match left.checked_sub(size(chunk.len())) {
                Some(rest) => left = rest,
                None => return,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_endpoint_is_at_the_end_of_the_path() {
        let name = |text: &str| text.parse::<RepositoryName>().unwrap();
        let check = |path: &str, expected: Route| {
            assert_eq!(Route::parse(path).unwrap(), expected, "{path}");
        };
        check("/v2/", Route::Ping);
        check("/v2/_catalog", Route::Catalog);
        check("/v2/a/tags/list", Route::Tags(name("a")));
        check(
            "/v2/a/b/c/manifests/v1",
            Route::Manifest(name("a/b/c"), "v1".to_owned()),
        );
        check(
            "/v2/a/manifests/v1",
            Route::Manifest(name("a"), "v1".to_owned()),
        );
        check(
            "/v2/a/blobs/b/blobs/sha256%3a00",
            Route::Blob(name("a/blobs/b"), "sha256:00".to_owned()),
        );
        check("/v2/a/blobs/uploads/", Route::Uploads(name("a")));
        check("/v2/a/b/blobs/uploads", Route::Uploads(name("a/b")));
        check(
            "/v2/a/b/blobs/uploads/1",
            Route::Upload(name("a/b"), "1".to_owned()),
        );
        for bad in [
            "/",
            "/v1/",
            "/v2/x",
            "/v2/A/manifests/x",
            "/v2/../manifests/x",
            "/v2/%zz/manifests/x",
            "/v2/a/referrers/x",
        ] {
            assert!(Route::parse(bad).is_err(), "{bad}");
        }
    }
}
