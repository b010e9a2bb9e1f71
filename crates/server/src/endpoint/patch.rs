//! `PATCH builds/{id}`: what workers report (section 8).

use api::Patch;
use axum::extract::{Request, State};
use axum::response::Response;
use http::StatusCode;

use crate::answer::{ApiError, json};
use crate::base_url::BaseUrl;
use crate::body::json_object;
use crate::caller::require_worker;
use crate::endpoint::artefacts;
use crate::router::{App, RequestId, no_such_request};

pub(crate) async fn patch(
    State(app): State<App>,
    id: RequestId,
    base: Result<BaseUrl, ApiError>,
    request: Request,
) -> Result<Response, ApiError> {
    let (parts, body) = request.into_parts();
    // The order is part of the contract: the caller, the body, an empty one, the id, and then the keys (section 1.2).
    let config = app.config();
    require_worker(&parts, &app, &config).await?;
    let object = json_object(&parts.headers, body, &config).await?;
    if object.is_empty() {
        return Err(ApiError::bad_request(
            "the body must name something to change, such as `state` with `state_reason`",
        ));
    }
    let id = id.required()?;
    let kind = app
        .store
        .request_type(id)
        .await?
        .ok_or_else(no_such_request)?;
    let patch = Patch::parse(&object, kind)?;
    let base = base?;
    let view = app.store.patch(id, &patch).await?;
    tracing::info!(
        request.id = id,
        state = view.state.name(),
        "a worker reported on request {id}: {}",
        view.state_reason
    );
    Ok(json(
        StatusCode::OK,
        &view.verbose(artefacts::of(&app, &base, &view)),
    ))
}
