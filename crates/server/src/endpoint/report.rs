//! `GET builds/{id}/report`: what a finished request changed and what it took. Not of the contract.

use axum::extract::State;
use axum::response::Response;
use files::Kind;

use crate::answer::ApiError;
use crate::artefact::Artefact;
use crate::router::{App, RequestId};

const REPORT: Artefact = Artefact {
    kind: Kind::Report,
    name: "reports",
    of_type: None,
    content_type: "application/json",
    is_always_there: false,
};

pub(crate) async fn show(State(app): State<App>, id: RequestId) -> Result<Response, ApiError> {
    REPORT.show(&app, &id).await
}
