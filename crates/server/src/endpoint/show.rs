//! `GET builds/{id}` (section 5.1).

use axum::extract::State;
use axum::response::Response;
use http::StatusCode;

use crate::answer::{ApiError, json};
use crate::base_url::BaseUrl;
use crate::endpoint::artefacts;
use crate::router::{App, RequestId, no_such_request};

pub(crate) async fn show(
    State(app): State<App>,
    id: RequestId,
    base: BaseUrl,
) -> Result<Response, ApiError> {
    let view = app
        .store
        .request(id.required()?)
        .await?
        .ok_or_else(no_such_request)?;
    Ok(json(
        StatusCode::OK,
        &view.verbose(artefacts::of(&app, &base, &view)),
    ))
}
