//! `GET /metrics`, unless it has a listener of its own.

use api::ProblemCode;
use axum::extract::State;
use axum::response::Response;

use crate::answer::ApiError;
use crate::router::App;

pub(crate) async fn show(State(app): State<App>) -> Result<Response, ApiError> {
    match &app.scrape {
        Some(scrape) => Ok(scrape.answer().await),
        None => Err(ApiError::of(
            ProblemCode::UnknownPath,
            "there is nothing at this path",
        )),
    }
}
