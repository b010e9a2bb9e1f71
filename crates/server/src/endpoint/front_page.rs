//! `GET /`: what this service understands, for people who open it in a browser.

use axum::response::{Html, IntoResponse as _, Response};
use http::header;

use crate::openapi::DOCUMENTATION;

pub(crate) async fn show() -> Response {
    let page = &DOCUMENTATION.page;
    (
        [(header::CONTENT_SECURITY_POLICY, page.policy.as_str())],
        Html(page.html.as_str()),
    )
        .into_response()
}
