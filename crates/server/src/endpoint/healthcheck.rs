//! `GET healthcheck` (section 5.7).

use axum::extract::State;
use axum::response::Response;
use http::StatusCode;

use crate::answer::{ApiError, json};
use crate::router::App;

pub(crate) async fn check(State(app): State<App>) -> Result<Response, ApiError> {
    app.store.ping().await?;
    Ok(json(StatusCode::OK, &api::Health::OK))
}
