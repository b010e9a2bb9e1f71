//! `GET builds/{id}/nested-bundles` (section 5.5).

use api::RequestType;
use axum::extract::State;
use axum::response::Response;
use files::Kind;

use crate::answer::ApiError;
use crate::artefact::Artefact;
use crate::router::{App, RequestId};

const NESTED_BUNDLES: Artefact = Artefact {
    kind: Kind::NestedBundles,
    name: "nested bundles",
    of_type: Some(RequestType::RecursiveRelatedBundles),
    content_type: "application/json",
    is_always_there: true,
};

pub(crate) async fn show(State(app): State<App>, id: RequestId) -> Result<Response, ApiError> {
    NESTED_BUNDLES.show(&app, &id).await
}
