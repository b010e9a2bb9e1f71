//! `GET builds/{id}/related_bundles` (section 5.4).

use api::RequestType;
use axum::extract::State;
use axum::response::Response;
use files::Kind;

use crate::answer::ApiError;
use crate::artefact::Artefact;
use crate::router::{App, RequestId};

const RELATED_BUNDLES: Artefact = Artefact {
    kind: Kind::RelatedBundles,
    name: "related bundles",
    of_type: Some(RequestType::RegenerateBundle),
    content_type: "application/json",
    is_always_there: true,
};

pub(crate) async fn show(State(app): State<App>, id: RequestId) -> Result<Response, ApiError> {
    RELATED_BUNDLES.show(&app, &id).await
}
