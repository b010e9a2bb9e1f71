//! `GET openapi.json`: what this service understands, for programs.

use axum::response::{IntoResponse as _, Response};
use http::{HeaderValue, header};

use crate::openapi::DOCUMENTATION;

const JSON: HeaderValue = HeaderValue::from_static("application/json");

pub(crate) async fn show() -> Response {
    ([(header::CONTENT_TYPE, JSON)], DOCUMENTATION.json.as_str()).into_response()
}
