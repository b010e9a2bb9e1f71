//! `GET builds/{id}/logs` (section 5.3).

use axum::extract::State;
use axum::response::Response;
use files::Kind;

use crate::answer::ApiError;
use crate::artefact::Artefact;
use crate::router::{App, RequestId};

const LOGS: Artefact = Artefact {
    kind: Kind::Log,
    name: "logs",
    of_type: None,
    content_type: "text/plain; charset=utf-8",
    is_always_there: true,
};

pub(crate) async fn show(State(app): State<App>, id: RequestId) -> Result<Response, ApiError> {
    LOGS.show(&app, &id).await
}
