//! `GET healthcheck` (section 5.7).

use axum::extract::State;
use axum::response::Response;
use http::StatusCode;

use crate::answer::{ApiError, json};
use crate::router::App;

pub(crate) async fn check(State(app): State<App>) -> Result<Response, ApiError> {
    // Whoever asks this wants to know, and has no use for the advice to wait: the contract has 500 here.
    let pinged = app.store.ping().await;
    pinged.map_err(|error| ApiError::internal(&error))?;
    Ok(json(StatusCode::OK, &api::Health::OK))
}
