//! Answers: bodies, and refusals in the form of the distribution specification ("Error codes").

use std::fmt;
use std::io;

use bytes::Bytes;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE, HeaderName, HeaderValue};
use http::response::Builder;
use http::{HeaderMap, Response, StatusCode};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Full};
use serde_json::{Value, json};

use crate::digest::{Digest, InvalidDigest};
use crate::name::InvalidName;

/// The body of an answer; it may be a stream from the disk.
pub(crate) type Body = UnsyncBoxBody<Bytes, io::Error>;

/// The name of the header that carries the digest of what is meant.
pub(crate) const CONTENT_DIGEST: HeaderName = HeaderName::from_static("docker-content-digest");

/// A body of known bytes.
pub(crate) fn full(bytes: impl Into<Bytes>) -> Body {
    Full::new(bytes.into())
        .map_err(|never| match never {})
        .boxed_unsync()
}

/// A length in memory as a length on the wire.
pub(crate) fn size(length: usize) -> u64 {
    u64::try_from(length).unwrap_or(u64::MAX)
}

/// An answer without a body.
pub(crate) fn empty(builder: Builder) -> Result<Response<Body>, Refusal> {
    finish(builder.header(CONTENT_LENGTH, 0), full(Bytes::new()))
}

/// A JSON answer.
pub(crate) fn json(builder: Builder, value: &Value) -> Result<Response<Body>, Refusal> {
    let text = value.to_string();
    let builder = builder
        .header(CONTENT_TYPE, "application/json")
        .header(CONTENT_LENGTH, text.len());
    finish(builder, full(text))
}

/// Puts an answer together; it fails only when a header value cannot be one.
pub(crate) fn finish(builder: Builder, body: Body) -> Result<Response<Body>, Refusal> {
    builder.body(body).map_err(|e| Refusal::internal(&e))
}

/// The error codes of the specification that this registry uses, and a few of Docker's beside them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Code {
    BlobUnknown,
    BlobUploadInvalid,
    BlobUploadUnknown,
    DigestInvalid,
    ManifestBlobUnknown,
    ManifestInvalid,
    ManifestUnknown,
    NameInvalid,
    NameUnknown,
    PaginationNumberInvalid,
    RangeInvalid,
    SizeInvalid,
    TagInvalid,
    TooManyRequests,
    Unauthorized,
    Unknown,
    Unsupported,
}

impl Code {
    fn as_str(self) -> &'static str {
        match self {
            Self::BlobUnknown => "BLOB_UNKNOWN",
            Self::BlobUploadInvalid => "BLOB_UPLOAD_INVALID",
            Self::BlobUploadUnknown => "BLOB_UPLOAD_UNKNOWN",
            Self::DigestInvalid => "DIGEST_INVALID",
            Self::ManifestBlobUnknown => "MANIFEST_BLOB_UNKNOWN",
            Self::ManifestInvalid => "MANIFEST_INVALID",
            Self::ManifestUnknown => "MANIFEST_UNKNOWN",
            Self::NameInvalid => "NAME_INVALID",
            Self::NameUnknown => "NAME_UNKNOWN",
            Self::PaginationNumberInvalid => "PAGINATION_NUMBER_INVALID",
            Self::RangeInvalid => "RANGE_INVALID",
            Self::SizeInvalid => "SIZE_INVALID",
            Self::TagInvalid => "TAG_INVALID",
            Self::TooManyRequests => "TOOMANYREQUESTS",
            Self::Unauthorized => "UNAUTHORIZED",
            Self::Unknown => "UNKNOWN",
            Self::Unsupported => "UNSUPPORTED",
        }
    }

    fn status(self) -> StatusCode {
        match self {
            Self::BlobUnknown
            | Self::BlobUploadUnknown
            | Self::ManifestUnknown
            | Self::NameUnknown => StatusCode::NOT_FOUND,
            Self::BlobUploadInvalid
            | Self::DigestInvalid
            | Self::ManifestBlobUnknown
            | Self::ManifestInvalid
            | Self::NameInvalid
            | Self::PaginationNumberInvalid
            | Self::SizeInvalid
            | Self::TagInvalid => StatusCode::BAD_REQUEST,
            Self::RangeInvalid => StatusCode::RANGE_NOT_SATISFIABLE,
            Self::TooManyRequests => StatusCode::TOO_MANY_REQUESTS,
            Self::Unauthorized => StatusCode::UNAUTHORIZED,
            Self::Unknown => StatusCode::INTERNAL_SERVER_ERROR,
            Self::Unsupported => StatusCode::METHOD_NOT_ALLOWED,
        }
    }
}

/// Why a request is not granted, ready to be sent.
#[derive(Debug)]
pub(crate) struct Refusal {
    status: StatusCode,
    problems: Vec<(Code, String, Value)>,
    headers: Vec<(HeaderName, HeaderValue)>,
}

impl Refusal {
    pub(crate) fn new(code: Code, message: impl Into<String>) -> Self {
        Self {
            status: code.status(),
            problems: vec![(code, message.into(), Value::Null)],
            headers: Vec::new(),
        }
    }

    /// One problem for each of several digests.
    pub(crate) fn about(
        code: Code,
        message: &str,
        digests: impl IntoIterator<Item = Digest>,
    ) -> Self {
        Self {
            status: code.status(),
            problems: digests
                .into_iter()
                .map(|digest| {
                    (
                        code,
                        message.to_owned(),
                        json!({ "digest": digest.to_string() }),
                    )
                })
                .collect(),
            headers: Vec::new(),
        }
    }

    /// Something went wrong here; the client learns no more than that, the log has the rest.
    pub(crate) fn internal(cause: &dyn fmt::Display) -> Self {
        tracing::error!("cannot serve a request: {cause}");
        Self::new(
            Code::Unknown,
            "the registry could not do this; its log says why",
        )
    }

    pub(crate) fn with_status(mut self, status: StatusCode) -> Self {
        self.status = status;
        self
    }

    /// Adds a header; a value that cannot be one is left out.
    pub(crate) fn with_header(mut self, name: HeaderName, value: &str) -> Self {
        self.headers
            .extend(HeaderValue::from_str(value).ok().map(|value| (name, value)));
        self
    }

    pub(crate) fn into_response(self) -> Response<Body> {
        let problems: Vec<Value> = self
            .problems
            .into_iter()
            .map(|(code, message, detail)| json!({ "code": code.as_str(), "message": message, "detail": detail }))
            .collect();
        let text = json!({ "errors": problems }).to_string();
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(CONTENT_LENGTH, HeaderValue::from(text.len()));
        headers.extend(self.headers);
        let mut response = Response::new(full(text));
        *response.status_mut() = self.status;
        *response.headers_mut() = headers;
        response
    }
}

impl From<io::Error> for Refusal {
    fn from(e: io::Error) -> Self {
        Self::internal(&e)
    }
}

impl From<InvalidDigest> for Refusal {
    fn from(e: InvalidDigest) -> Self {
        Self::new(Code::DigestInvalid, e.to_string())
    }
}

impl From<InvalidName> for Refusal {
    fn from(e: InvalidName) -> Self {
        Self::new(Code::NameInvalid, e.to_string())
    }
}
