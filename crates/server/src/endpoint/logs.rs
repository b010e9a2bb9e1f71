//! `GET builds/{id}/logs` (section 5.3).

<<<<<<< HEAD
use std::io::ErrorKind;

use api::{ProblemCode, timestamp};
use axum::body::Body;
=======
use api::{RequestView, timestamp};
>>>>>>> main
use axum::extract::State;
use axum::response::Response;
use files::Kind;

use crate::answer::ApiError;
<<<<<<< HEAD
use crate::router::{App, RequestId, no_such_request};

=======
use crate::artefact::Artefact;
use crate::base_url::BaseUrl;
use crate::router::{App, RequestId};

const LOGS: Artefact = Artefact {
    kind: Kind::Log,
    name: "logs",
    of_type: None,
    content_type: "text/plain; charset=utf-8",
};

/// The link to the logs of a request; none where logs are not kept.
pub(crate) fn artefact(app: &App, base: &BaseUrl, view: &RequestView) -> Option<api::Artefact> {
    let config = app.config();
    config.files.keeps(Kind::Log).then(|| api::Artefact {
        expiration: timestamp::expiration(view.updated, config.request_data_days_to_live),
        url: base.join(&format!("/api/v1/builds/{}/logs", view.id)),
    })
}

>>>>>>> main
pub(crate) async fn show(State(app): State<App>, id: RequestId) -> Result<Response, ApiError> {
    LOGS.show(&app, &id).await
}
