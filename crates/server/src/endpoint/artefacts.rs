//! The links to a request's files in other answers (sections 4.1 and 4.3).

use api::{Artefact, Artefacts, RequestType, RequestView, timestamp};
use files::Kind;

use crate::base_url::BaseUrl;
use crate::router::AppState;

/// The links that answers about `view` show.
pub(crate) fn of(app: &AppState, base: &BaseUrl, view: &RequestView) -> Artefacts {
    let config = app.config();
    let file = |name: &str| Artefact {
        expiration: timestamp::expiration(view.updated, config.request_data_days_to_live),
        url: address(base, view.id, name),
    };
    let kind = view.request_type();
    Artefacts {
        logs: config.files.keeps(Kind::Log).then(|| file("logs")),
        related_bundles: (kind == RequestType::RegenerateBundle
            && config.files.keeps(Kind::RelatedBundles))
        .then(|| file("related_bundles")),
        nested_bundles: (kind == RequestType::RecursiveRelatedBundles)
            .then(|| file("nested-bundles")),
        deprecation_schema_url: (kind == RequestType::AddDeprecations)
            .then(|| address(base, view.id, "deprecation-schema")),
    }
}

fn address(base: &BaseUrl, id: i64, name: &str) -> String {
    base.join(&format!("/api/v1/builds/{id}/{name}"))
}
