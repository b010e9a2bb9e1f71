//! `POST builds/add` (section 7.1).

use api::{AddPayload, AddRules};
use axum::extract::{Request, State};
use axum::response::Response;
use http::StatusCode;

use crate::answer::{ApiError, json};
use crate::base_url::BaseUrl;
use crate::body::json_object;
use crate::caller::require_user;
use crate::endpoint::logs;
use crate::router::App;

pub(crate) async fn submit(
    State(app): State<App>,
    base: Result<BaseUrl, ApiError>,
    request: Request,
) -> Result<Response, ApiError> {
    let (parts, body) = request.into_parts();
    // The order is part of the contract: who calls, then the form of the body, then its rules (section 1.2).
    let config = app.config();
    let caller = require_user(&parts, &app, &config).await?;
    let object = json_object(&parts.headers, body, &config).await?;
    let rules = AddRules {
        binary_image_configured: !config.binary_image_config.is_empty(),
        graph_mode_options: &config.graph_mode_options,
        graph_mode_index_allow_list: &config.graph_mode_index_allow_list,
        user_given: caller.must_bring_token(),
    };
    let payload = AddPayload::parse(&object, &rules)?;
    // Before the submit: a request whose answer cannot be written must not be accepted.
    let base = base?;
    let view = app.store.submit_add(&payload, caller.name()).await?;
    tracing::info!(
        request.id = view.id,
        kind = view.request_type().name(),
        "accepted request {}",
        view.id
    );
    Ok(json(
        StatusCode::CREATED,
        &view.verbose(logs::artefact(&app, &base, &view)),
    ))
}
