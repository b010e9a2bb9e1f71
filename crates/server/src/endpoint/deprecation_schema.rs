//! `GET builds/{id}/deprecation-schema` (section 5.6).

use api::{Payload, ProblemCode};
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use http::{HeaderValue, StatusCode, header};

use crate::answer::ApiError;
use crate::router::{App, RequestId, no_such_request};

pub(crate) async fn show(State(app): State<App>, id: RequestId) -> Result<Response, ApiError> {
    let id = id.required()?;
    let view = app.store.request(id).await?.ok_or_else(no_such_request)?;
    let Payload::AddDeprecations(payload) = view.payload else {
        return Err(ApiError::of(
            ProblemCode::WrongRequestType,
            format!(
                "request {id} is of type {}; only requests of type add-deprecations have a deprecation schema",
                view.payload.request_type().name()
            ),
        ));
    };
    let json = HeaderValue::from_static("application/json");
    // Byte for byte what was submitted, so it is not printed anew.
    Ok((
        StatusCode::OK,
        [(header::CONTENT_TYPE, json)],
        payload.deprecation_schema,
    )
        .into_response())
}
