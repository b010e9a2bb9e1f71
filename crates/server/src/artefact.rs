//! Reading the files of requests (sections 5.3 to 5.5): one order of checks, one answer.

use api::{ProblemCode, RequestType, RequestView, timestamp};
use axum::body::Body;
use axum::response::{IntoResponse as _, Response};
use files::{Content, Kind};
use http::{HeaderValue, StatusCode, header};

use crate::answer::ApiError;
use crate::router::{AppState, RequestId, no_such_request};

/// What one endpoint offers.
pub(crate) struct Artefact {
    pub(crate) kind: Kind,
    /// What error texts call it; a plural.
    pub(crate) name: &'static str,
    /// The only type of requests that has it; none is all.
    pub(crate) of_type: Option<RequestType>,
    pub(crate) content_type: &'static str,
    /// Whether every request that ended has it, if it is kept at all. Otherwise one that is missing is no mishap.
    pub(crate) is_always_there: bool,
}

impl Artefact {
    /// The file of the request `id`, or why there is none. The order of the checks is part of the contract.
    pub(crate) async fn show(&self, app: &AppState, id: &RequestId) -> Result<Response, ApiError> {
        let (config, name) = (app.config(), self.name);
        if !config.files.keeps(self.kind) {
            let text = format!("this service does not keep {name} of requests");
            return Err(ApiError::of(ProblemCode::NotKept, text));
        }
        let id = id.required()?;
        let view = app.store.request(id).await?.ok_or_else(no_such_request)?;
        self.check(&view)?;
        let found = config.files.open(self.kind, id).await;
        if let Some(content) = found.map_err(|error| ApiError::internal(&error))? {
            return Ok(self.answer(content));
        }
        if timestamp::expiration(view.updated, config.request_data_days_to_live) < app.store.now() {
            let text = format!("the {name} of request {id} have expired and are gone");
            return Err(ApiError::of(ProblemCode::Expired, text));
        }
        if !self.is_always_there {
            let text =
                format!("request {id} left no {name}: this service did not do the work on it");
            return Err(ApiError::not_found(text));
        }
        // A bucket may be out of reach for a while, and takes files some time after they were written.
        if config.files.bucket().is_some() {
            let text = format!("the {name} of request {id} are not in the service's storage");
            return Err(ApiError::not_found(text));
        }
        tracing::error!(
            request.id = id,
            "the {name} of a finished request are missing before their time"
        );
        Err(ApiError::unforeseen())
    }

    fn check(&self, view: &RequestView) -> Result<(), ApiError> {
        let (id, name, kind) = (view.id, self.name, view.request_type());
        if let Some(expected) = self.of_type.filter(|expected| *expected != kind) {
            let text = format!(
                "request {id} is of the type `{}`; only `{}` requests have {name}",
                kind.name(),
                expected.name()
            );
            return Err(ApiError::of(ProblemCode::WrongRequestType, text));
        }
        if !view.state.is_final() {
            let text = format!("request {id} is not finished; its {name} can be read when it is");
            return Err(ApiError::of(ProblemCode::NotFinished, text));
        }
        Ok(())
    }

    fn answer(&self, content: Content) -> Response {
        let headers = [
            (
                header::CONTENT_TYPE,
                HeaderValue::from_static(self.content_type),
            ),
            (
                header::CONTENT_LENGTH,
                HeaderValue::from(content.size_bytes()),
            ),
            // Files quote what registries and bundles say; no browser shall take that for a page.
            (
                header::X_CONTENT_TYPE_OPTIONS,
                HeaderValue::from_static("nosniff"),
            ),
        ];
        (StatusCode::OK, headers, Body::from_stream(content)).into_response()
    }
}
