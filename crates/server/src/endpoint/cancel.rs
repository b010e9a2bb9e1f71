//! `POST builds/{id}/cancel`: ends a request before its time.

use api::{Patch, ProblemCode, State as RequestState};
use axum::extract::{Request, State};
use axum::response::Response;
use http::StatusCode;

use crate::answer::{ApiError, json};
use crate::base_url::BaseUrl;
use crate::caller::require_user;
use crate::endpoint::artefacts;
use crate::router::{App, RequestId, no_such_request};

/// Cancels a request of the caller. Where login is disabled, nobody's requests are everybody's. A worker that works on it stops before it
/// publishes: the request is no longer its own.
pub(crate) async fn cancel(
    State(app): State<App>,
    id: RequestId,
    base: Result<BaseUrl, ApiError>,
    request: Request,
) -> Result<Response, ApiError> {
    let (parts, _) = request.into_parts();
    let config = app.config();
    let caller = require_user(&parts, &app, &config).await?;
    let id = id.required()?;
    let view = app.store.request(id).await?.ok_or_else(no_such_request)?;
    let is_worker = caller
        .name()
        .is_some_and(|name| config.worker_usernames.contains(name));
    if view.user.as_deref() != caller.name() && !is_worker {
        return Err(ApiError::of(
            ProblemCode::Forbidden,
            "only the user who submitted a request may cancel it",
        ));
    }
    if view.state.is_final() {
        return Err(ApiError::of(
            ProblemCode::Conflict,
            format!(
                "request {id} has ended already; it is {}",
                view.state.name()
            ),
        ));
    }
    let base = base?;
    let by = caller.name().unwrap_or("an anonymous caller");
    let patch = Patch::state(
        RequestState::Failed,
        format!("The request was cancelled by {by}"),
    );
    let view = app.store.patch(id, &patch).await?;
    tracing::info!(request.id = id, "request {id} was cancelled by {by}");
    Ok(json(
        StatusCode::OK,
        &view.verbose(artefacts::of(&app, &base, &view)),
    ))
}
