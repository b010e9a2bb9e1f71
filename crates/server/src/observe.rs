//! What every request gets, whatever its endpoint: an id, a line in the log, a time limit, and an answer even after a panic.

use std::any::Any;
use std::time::{Duration, Instant};

use api::ProblemCode;
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use http::{HeaderMap, HeaderName, HeaderValue};
use telemetry::TraceContext;
use tracing::Instrument as _;

use crate::answer::{ApiError, accepts_problems, in_words_of_caller};
use crate::measure::{self, UnderWay};
use crate::router::App;

pub(crate) const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

/// Longer ids are replaced: they are printed into every log line.
const MAX_ID_LENGTH: usize = 64;

/// When to come back after a request that took too long: what made it slow may be over by then.
const OUT_OF_TIME_PAUSE: Duration = Duration::from_secs(5);

pub(crate) async fn observe(State(app): State<App>, request: Request, next: Next) -> Response {
    let started = Instant::now();
    let id = request_id(request.headers());
    let span = tracing::info_span!("http", http.request_id = id, http.method = %request.method(), http.path = request.uri().path(), trace_id = tracing::field::Empty);
    let came_from = request.headers().get(TRACEPARENT);
    TraceContext::begin(&span, came_from.and_then(|value| value.to_str().ok()));
    let accepts_problems = accepts_problems(request.headers());
    let limit = app.config().request_timeout;
    let (route, method) = (
        measure::route(request.extensions()),
        measure::method(request.method()),
    );
    let under_way = UnderWay::request();
    let answer = async move {
        let ran = tokio::time::timeout(limit, next.run(request)).await;
        let response = ran.unwrap_or_else(|_| out_of_time());
        let mut response = in_words_of_caller(response, accepts_problems, &id);
        let (status, elapsed) = (response.status(), started.elapsed());
        measure::answered(route, method, status, elapsed);
        drop(under_way);
        let status = status.as_u16();
        let elapsed_ms = u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX);
        tracing::info!(http.status = status, elapsed_ms, "answered with {status}");
        // The id is made of letters, digits and a few marks, all of which a header may hold.
        if let Ok(value) = HeaderValue::from_str(&id) {
            response.headers_mut().insert(REQUEST_ID, value);
        }
        response
    };
    answer.instrument(span).await
}

fn out_of_time() -> Response {
    let text = "the request took too long and was given up; its outcome is unknown, so look before trying again";
    ApiError::of(ProblemCode::TimedOut, text)
        .retry_after(OUT_OF_TIME_PAUSE)
        .into_response()
}

/// The caller's id when it is harmless, so that it can be followed across services; else a fresh one.
fn request_id(headers: &HeaderMap) -> String {
    let harmless = |id: &&str| {
        (1..=MAX_ID_LENGTH).contains(&id.len())
            && id
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
    };
    let given = headers
        .get(REQUEST_ID)
        .and_then(|value| value.to_str().ok())
        .filter(harmless);
    given.map_or_else(|| uuid::Uuid::new_v4().to_string(), ToOwned::to_owned)
}

/// The answer to a request whose handler panicked.
#[expect(
    clippy::needless_pass_by_value,
    reason = "the layer hands the panic over by value"
)]
pub(crate) fn after_panic(panic: Box<dyn Any + Send + 'static>) -> Response {
    let text = panic
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| panic.downcast_ref::<&str>().copied());
    tracing::error!(
        panic = text.unwrap_or("without a text"),
        "a request handler panicked"
    );
    ApiError::unforeseen().into_response()
}
