//! Answers: JSON with a status, and errors that become one.

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use api::{ErrorBody, Problem, ProblemCode, ProblemDetails, Refusal, RefusalKind};
use axum::body::Body;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use serde::Serialize;

/// When to come back where the database does not answer: a restart takes about as long.
const DATABASE_PAUSE: Duration = Duration::from_secs(2);

/// A JSON answer.
pub(crate) fn json(status: StatusCode, body: &impl Serialize) -> Response {
    match serde_json::to_vec(body) {
        Ok(bytes) => (
            status,
            [(
                header::CONTENT_TYPE,
                HeaderValue::from_static("application/json"),
            )],
            bytes,
        )
            .into_response(),
        Err(error) => ApiError::internal(&error).into_response(),
    }
}

/// An answer that says what went wrong. Its text goes to the caller, so it holds no inner details.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ApiError {
    code: ProblemCode,
    text: String,
    /// What is wrong with the payload, parameter by parameter.
    problems: Vec<Problem>,
    headers: Vec<(HeaderName, HeaderValue)>,
}

impl ApiError {
    /// An error with the general code of its status; [`ApiError::of`] says more.
    pub(crate) fn new(status: StatusCode, text: impl Into<String>) -> Self {
        Self::of(ProblemCode::of_status(status.as_u16()), text)
    }

    /// An error of a known kind, which decides about the status.
    pub(crate) fn of(code: ProblemCode, text: impl Into<String>) -> Self {
        Self {
            code,
            text: text.into(),
            problems: Vec::new(),
            headers: Vec::new(),
        }
    }

    pub(crate) fn bad_request(text: impl Into<String>) -> Self {
        Self::of(ProblemCode::BadRequest, text)
    }

    pub(crate) fn not_found(text: impl Into<String>) -> Self {
        Self::of(ProblemCode::NotFound, text)
    }

    /// Our fault: the log gets the whole chain of causes, the caller only the way to find it.
    pub(crate) fn internal(error: &dyn std::error::Error) -> Self {
        tracing::error!(error = chain(error), "a request failed inside the service");
        Self::unforeseen()
    }

    pub(crate) fn unforeseen() -> Self {
        Self::of(
            ProblemCode::Internal,
            "an internal error occurred; the service's operator finds it in the log under the X-Request-Id of this answer",
        )
    }

    /// The database is away or overloaded: nobody's fault that a caller could see, and it passes.
    fn database_away(error: &store::Error) -> Self {
        tracing::warn!(error = chain(error), "a request found no database");
        Self::of(
            ProblemCode::Unavailable,
            "the database does not answer now; come back later, and after a change look first whether it was made",
        )
        .retry_after(DATABASE_PAUSE)
    }

    /// With a header of its own in the answer.
    #[must_use]
    pub(crate) fn with_header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.push((name, value));
        self
    }

    /// With the time after which it makes sense to try again, in whole seconds and at least one.
    #[must_use]
    pub(crate) fn retry_after(self, time: Duration) -> Self {
        let seconds = time.as_secs() + u64::from(time.subsec_nanos() > 0);
        self.with_header(header::RETRY_AFTER, HeaderValue::from(seconds.max(1)))
    }

    fn status(&self) -> StatusCode {
        StatusCode::from_u16(self.code.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }
}

/// What an error says, with every cause.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut chain = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        // Writing to a string cannot fail.
        let _ = write!(chain, ": {inner}");
        cause = inner.source();
    }
    chain
}

/// The body is the contract's. The error itself goes with the answer for [`in_words_of_caller`], which knows the caller.
impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let body = ErrorBody {
            error: self.text.clone(),
        };
        let mut response = json(self.status(), &body);
        for (name, value) in &self.headers {
            response.headers_mut().append(name.clone(), value.clone());
        }
        response.extensions_mut().insert(Arc::new(self));
        response
    }
}

impl From<store::Error> for ApiError {
    fn from(error: store::Error) -> Self {
        match error {
            store::Error::UnknownImage { .. } => {
                Self::of(ProblemCode::InvalidParameter, error.to_string())
            }
            store::Error::StateIsFinal { .. } => {
                Self::of(ProblemCode::FinalState, error.to_string())
            }
            store::Error::KeyReused => Self::of(ProblemCode::KeyReused, error.to_string()),
            store::Error::NoSuchRequest { .. } => crate::router::no_such_request(),
            _ if error.is_transient() => Self::database_away(&error),
            _ => Self::internal(&error),
        }
    }
}

impl From<Refusal> for ApiError {
    fn from(refusal: Refusal) -> Self {
        let code = match refusal.kind {
            RefusalKind::Invalid => ProblemCode::InvalidPayload,
            RefusalKind::Forbidden => ProblemCode::Forbidden,
        };
        let text = refusal.to_string();
        Self {
            problems: refusal.problems,
            ..Self::of(code, text)
        }
    }
}

/// Gives every error the form its caller understands, and errors that others made one of ours. `id` is the HTTP request's.
pub(crate) fn in_words_of_caller(response: Response, accepts_problems: bool, id: &str) -> Response {
    let status = response.status();
    if !(status.is_client_error() || status.is_server_error()) {
        return response;
    }
    let (mut parts, mut body) = response.into_parts();
    let error = match parts.extensions.remove::<Arc<ApiError>>() {
        Some(error) => error,
        None => Arc::new(ApiError::new(status, foreign(status))),
    };
    let details = ProblemDetails::new(error.code, &error.text, id, &error.problems);
    let (content_type, bytes) = if accepts_problems {
        (api::PROBLEM_JSON, serde_json::to_vec(&details))
    } else {
        let body = ErrorBody {
            error: error.text.clone(),
        };
        ("application/json", serde_json::to_vec(&body))
    };
    // Text always becomes JSON; were it not so, the body that is there says the same.
    if let Ok(bytes) = bytes {
        parts.headers.remove(header::CONTENT_LENGTH);
        parts
            .headers
            .insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
        body = Body::from(bytes);
    }
    parts.status = error.status();
    parts
        .headers
        .append(header::VARY, HeaderValue::from_static("accept"));
    Response::from_parts(parts, body)
}

/// The text of an error that a library answered with.
fn foreign(status: StatusCode) -> String {
    status
        .canonical_reason()
        .unwrap_or("the request cannot be served")
        .to_ascii_lowercase()
}

/// Whether the caller named `application/problem+json` among what it accepts. Wildcards do not count: clients of the contract send
/// them without meaning it.
pub(crate) fn accepts_problems(headers: &HeaderMap) -> bool {
    headers
        .get_all(header::ACCEPT)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|range| {
            let mut parts = range.split(';').map(str::trim);
            let named = parts
                .next()
                .is_some_and(|essence| essence.eq_ignore_ascii_case(api::PROBLEM_JSON));
            named && !parts.any(is_zero_weight)
        })
}

/// `q=0` with any number of zeros behind the dot: "not acceptable".
fn is_zero_weight(parameter: &str) -> bool {
    let Some((name, value)) = parameter.split_once('=') else {
        return false;
    };
    name.trim().eq_ignore_ascii_case("q")
        && value
            .trim()
            .parse::<f32>()
            .is_ok_and(|weight| weight <= 0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn accepts(values: &[&'static str]) -> bool {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(header::ACCEPT, HeaderValue::from_static(value));
        }
        accepts_problems(&headers)
    }

    #[test]
    fn problems_go_to_those_who_name_them() {
        for yes in [
            &["application/problem+json"][..],
            &["application/json, Application/Problem+JSON; q=0.5"],
            &["application/json", "application/problem+json;charset=utf-8"],
        ] {
            assert!(accepts(yes), "{yes:?}");
        }
        for no in [
            &[][..],
            &["*/*"],
            &["application/*"],
            &["application/json"],
            &["application/problem+json;q=0"],
            &["application/problem+json; Q = 0.000"],
            &["application/problem+jsonx"],
        ] {
            assert!(!accepts(no), "{no:?}");
        }
    }

    #[test]
    fn a_wait_is_told_in_whole_seconds_and_never_as_none() {
        for (millis, seconds) in [(0, "1"), (1, "1"), (1000, "1"), (1001, "2"), (60_000, "60")] {
            let error = ApiError::of(ProblemCode::TooManyRequests, "wait")
                .retry_after(Duration::from_millis(millis));
            let response = error.into_response();
            assert_eq!(response.headers()[header::RETRY_AFTER], seconds);
        }
    }

    #[test]
    fn a_database_that_is_away_is_waited_for_and_a_broken_one_is_not() {
        let away = store::Error::Timeout { action: "testing" };
        let answer = ApiError::from(away).into_response();
        assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(answer.headers()[header::RETRY_AFTER], "2");
        let answer = ApiError::from(store::Error::NoCounter).into_response();
        assert_eq!(answer.status(), StatusCode::INTERNAL_SERVER_ERROR);
        assert!(!answer.headers().contains_key(header::RETRY_AFTER));
    }

    #[test]
    fn an_error_that_a_library_made_becomes_one_of_ours() {
        let answer = (StatusCode::GATEWAY_TIMEOUT, "upstream").into_response();
        let answer = in_words_of_caller(answer, true, "id-1");
        assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(answer.headers()[header::CONTENT_TYPE], api::PROBLEM_JSON);
        let fine = (StatusCode::OK, "text").into_response();
        let fine = in_words_of_caller(fine, true, "id-1");
        assert_ne!(fine.headers()[header::CONTENT_TYPE], api::PROBLEM_JSON);
        assert!(!fine.headers().contains_key(header::VARY));
    }
}
