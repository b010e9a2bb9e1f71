//! `ETag` on what is read, and 304 for a caller who has it already.

use aws_lc_rs::digest::{SHA256, digest};
use axum::body::Body;
use axum::extract::Request;
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use http_body_util::BodyExt as _;

/// Answers up to this size are tagged; a longer one, such as a log, goes out as it is read.
const TAGGED_BYTES: u64 = 4 * 1024 * 1024;

/// Tags JSON answers to GET and HEAD by their content.
pub(crate) async fn tag(request: Request, next: Next) -> Response {
    let reads = matches!(*request.method(), Method::GET | Method::HEAD);
    let known = request.headers().get(header::IF_NONE_MATCH).cloned();
    let response = next.run(request).await;
    if !reads || response.status() != StatusCode::OK || !is_json(response.headers()) {
        return response;
    }
    let size = axum::body::HttpBody::size_hint(response.body()).exact();
    if !size.is_some_and(|size| size <= TAGGED_BYTES) {
        return response;
    }
    let (mut parts, body) = response.into_parts();
    // A body of known size is in memory already.
    let Ok(collected) = body.collect().await else {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    };
    let bytes = collected.to_bytes();
    let hash = digest(&SHA256, &bytes);
    let tag: String = hash.as_ref()[..16]
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    let tag = format!("\"{tag}\"");
    let Ok(value) = HeaderValue::from_str(&tag) else {
        return Response::from_parts(parts, Body::from(bytes));
    };
    parts.headers.insert(header::ETAG, value);
    if known.is_some_and(|known| names(&known, &tag)) {
        parts.status = StatusCode::NOT_MODIFIED;
        parts.headers.remove(header::CONTENT_TYPE);
        parts.headers.remove(header::CONTENT_LENGTH);
        return Response::from_parts(parts, Body::empty());
    }
    Response::from_parts(parts, Body::from(bytes))
}

fn is_json(headers: &HeaderMap) -> bool {
    headers
        .get(header::CONTENT_TYPE)
        .is_some_and(|value| value.as_bytes().starts_with(b"application/json"))
}

/// Whether an `If-None-Match` names the tag. Weak tags count as strong ones here (RFC 9110, 13.1.2).
fn names(known: &HeaderValue, tag: &str) -> bool {
    known.to_str().is_ok_and(|known| {
        known
            .split(',')
            .map(str::trim)
            .any(|known| known == "*" || known.strip_prefix("W/").unwrap_or(known) == tag)
    })
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    #[test]
    fn a_tag_is_one_of_those_that_the_caller_knows() {
        let names = |known| super::names(&HeaderValue::from_static(known), "\"ab\"");
        for known in ["\"ab\"", "*", "\"x\", \"ab\"", "W/\"ab\""] {
            assert!(names(known), "{known}");
        }
        for known in ["ab", "\"a\"", "", "\"ab\"x"] {
            assert!(!names(known), "{known}");
        }
    }
}
