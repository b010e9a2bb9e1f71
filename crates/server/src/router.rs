//! Which path and method leads to which endpoint.

use std::net::SocketAddr;
use std::sync::Arc;

use api::batch::BatchKind;
use api::{ProblemCode, RequestType};
use axum::extract::Path;
use axum::extract::rejection::PathRejection;
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, get, post};
use axum::{Router, middleware};
use store::Store;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tower_http::catch_panic::CatchPanicLayer;

use crate::answer::ApiError;
use crate::auth::{self, Authenticator};
use crate::config::ServerConfig;
use crate::endpoint;
use crate::live_config::LiveConfig;
use crate::rate::{self, Rates};
use crate::scrape::Scrape;
use crate::{cors, etag, observe, security_headers};

/// The path that tells whether the service works.
pub(crate) const HEALTHCHECK: &str = "/api/v1/healthcheck";

/// What every endpoint can reach.
pub(crate) type App = Arc<AppState>;

#[derive(Debug)]
pub(crate) struct AppState {
    pub(crate) config: LiveConfig,
    pub(crate) auth: Authenticator,
    pub(crate) store: Store,
    /// What `/metrics` prints; none where it is not served here.
    pub(crate) scrape: Option<Scrape>,
    pub(crate) rates: Rates,
    /// The address this server listens on, for callers that do not say which host they called.
    pub(crate) local: SocketAddr,
    /// Places for clients that follow a request.
    pub(crate) event_streams: Arc<Semaphore>,
    /// Cancelled when the server is to end, which streams without an end of their own have to see.
    pub(crate) stopping: CancellationToken,
}

impl AppState {
    /// The configuration of this moment. A request asks once and keeps it.
    pub(crate) fn config(&self) -> Arc<ServerConfig> {
        self.config.snapshot()
    }
}

pub(crate) fn router(app: App) -> Router {
    auth::return_answer_token(routes())
        .layer(middleware::from_fn(etag::tag))
        .layer(middleware::from_fn_with_state(
            Arc::clone(&app),
            rate::limit,
        ))
        .layer(CatchPanicLayer::custom(observe::after_panic))
        .layer(middleware::from_fn_with_state(
            Arc::clone(&app),
            cors::answer,
        ))
        .layer(middleware::map_response(security_headers::add))
        .layer(middleware::from_fn_with_state(
            Arc::clone(&app),
            observe::observe,
        ))
        .with_state(app)
}

pub(crate) fn routes() -> Router<App> {
    Router::new()
        .route("/", get(endpoint::front_page::show))
        .route("/api/v1/openapi.json", get(endpoint::openapi::show))
        .route("/metrics", get(endpoint::metrics::show))
        .route(HEALTHCHECK, get(endpoint::healthcheck::check))
        .route("/api/v1/builds", get(endpoint::list::list))
        .merge(submits())
        .route(
            "/api/v1/builds/{id}",
            of_request(get(endpoint::show::show).patch(endpoint::patch::patch)),
        )
        .route(
            "/api/v1/builds/{id}/cancel",
            of_request(post(endpoint::cancel::cancel)),
        )
        .route(
            "/api/v1/builds/{id}/events",
            of_request(get(endpoint::events::follow)),
        )
        .route(
            "/api/v1/builds/{id}/queue",
            of_request(get(endpoint::queue::show)),
        )
        .route(
            "/api/v1/builds/{id}/deprecation-schema",
            of_request(get(endpoint::deprecation_schema::show)),
        )
        .route(
            "/api/v1/builds/{id}/logs",
            of_request(get(endpoint::logs::show)),
        )
        .route(
            "/api/v1/builds/{id}/related_bundles",
            of_request(get(endpoint::related_bundles::show)),
        )
        .route(
            "/api/v1/builds/{id}/nested-bundles",
            of_request(get(endpoint::nested_bundles::show)),
        )
        .route(
            "/api/v1/builds/{id}/report",
            of_request(get(endpoint::report::show)),
        )
        .method_not_allowed_fallback(async || method_not_allowed())
        .fallback(async || unknown_path())
}

fn submits() -> Router<App> {
    let batches = BatchKind::ALL
        .into_iter()
        .fold(Router::new(), |router, kind| {
            let path = format!("/api/v1/builds/{}", kind.name());
            router.route(&path, endpoint::submit::batch(kind))
        });
    RequestType::ALL
        .into_iter()
        .filter(|kind| *kind != RequestType::Generic)
        .fold(batches, |router, kind| {
            let path = format!("/api/v1/builds/{}", kind.name());
            router.route(&path, endpoint::submit::single(kind))
        })
}

/// A path with an id is known only when the id is one; the wrong method on anything else is an unknown path.
fn of_request(methods: MethodRouter<App>) -> MethodRouter<App> {
    methods.fallback(async |id: RequestId| match id {
        RequestId(Some(_)) => method_not_allowed(),
        RequestId(None) => unknown_path(),
    })
}

fn method_not_allowed() -> Response {
    ApiError::of(
        ProblemCode::MethodNotAllowed,
        "this path does not take that method",
    )
    .into_response()
}

fn unknown_path() -> Response {
    ApiError::of(ProblemCode::UnknownPath, "there is nothing at this path").into_response()
}

/// The `{id}` of a path: a run of digits that is a number of a request, or not (section 1.1).
pub(crate) struct RequestId(Option<i64>);

impl RequestId {
    /// The number, or the answer 404.
    pub(crate) fn required(&self) -> Result<i64, ApiError> {
        self.0.ok_or_else(no_such_request)
    }
}

/// The answer to an id nobody has.
pub(crate) fn no_such_request() -> ApiError {
    ApiError::of(
        ProblemCode::UnknownRequest,
        "there is no request with this id",
    )
}

impl<S: Send + Sync> axum::extract::FromRequestParts<S> for RequestId {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(
        parts: &mut http::request::Parts,
        state: &S,
    ) -> Result<Self, Self::Rejection> {
        let path: Result<Path<String>, PathRejection> =
            Path::from_request_parts(parts, state).await;
        let digits = path
            .ok()
            .map(|Path(text)| text)
            .filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()));
        // Numbers beyond what the database counts belong to nobody.
        Ok(Self(digits.and_then(|text| text.parse().ok())))
    }
}

#[cfg(test)]
mod tests {
    use axum::Router;
    use axum::body::Body;
    use axum::routing::get;
    use http::StatusCode;
    use http_body_util::BodyExt as _;
    use tower::ServiceExt as _;
    use tower_http::catch_panic::CatchPanicLayer;

    async fn broken() -> &'static str {
        panic!("the inner details")
    }

    #[tokio::test]
    async fn a_panic_becomes_an_error_answer_without_details() {
        let app = Router::new()
            .route("/", get(broken))
            .layer(CatchPanicLayer::custom(crate::observe::after_panic));
        let answer = app
            .oneshot(http::Request::new(Body::empty()))
            .await
            .unwrap();
        assert_eq!(answer.status(), StatusCode::INTERNAL_SERVER_ERROR);
        let body = answer.into_body().collect().await.unwrap().to_bytes();
        let text = std::str::from_utf8(&body).unwrap();
        assert!(
            text.starts_with("{\"error\":\"") && !text.contains("inner"),
            "{text}"
        );
    }
}
