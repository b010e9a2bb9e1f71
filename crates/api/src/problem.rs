//! Errors for clients that accept `application/problem+json` (RFC 9457). Everybody else gets [`crate::ErrorBody`].

use serde::{Serialize, Serializer};

use crate::refusal::Problem;

/// The media type of [`ProblemDetails`].
pub const PROBLEM_JSON: &str = "application/problem+json";

/// How many problems of a payload an answer lists; a long list of bundles may break a rule as many times.
const LISTED: usize = 100;

macro_rules! problem_codes {
    ($($(#[doc = $doc:literal])+ $variant:ident = $code:literal, $status:literal, $title:literal;)+) => {
        /// What kind of problem an answer is about. Codes are stable: clients may decide by them, texts may change.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum ProblemCode {
            $($(#[doc = $doc])+ $variant,)+
        }

        impl ProblemCode {
            /// All of them.
            pub const ALL: [Self; [$($code),+].len()] = [$(Self::$variant),+];

            /// The name on the wire.
            pub const fn code(self) -> &'static str {
                match self { $(Self::$variant => $code,)+ }
            }

            /// The HTTP status that goes with it.
            pub const fn status(self) -> u16 {
                match self { $(Self::$variant => $status,)+ }
            }

            /// The same short text for every problem of the kind.
            pub const fn title(self) -> &'static str {
                match self { $(Self::$variant => $title,)+ }
            }
        }
    };
}

problem_codes! {
    /// The request is no proper HTTP or names hosts or headers that make no sense.
    MalformedRequest = "malformed-request", 400, "The request is malformed";
    /// The body is no JSON object.
    MalformedBody = "malformed-body", 400, "The body is not a JSON object";
    /// The body nests objects and lists deeper than the service reads.
    BodyTooDeep = "body-too-deep", 400, "The body is nested too deeply";
    /// The payload breaks rules; `problems` has them all.
    InvalidPayload = "invalid-payload", 400, "The payload breaks rules";
    /// A parameter of the query is unfit.
    InvalidParameter = "invalid-parameter", 400, "A query parameter is unfit";
    /// The request is still running, and what was asked for is there when it has ended.
    NotFinished = "not-finished", 400, "The request is not finished";
    /// Requests of this type have no such thing.
    WrongRequestType = "wrong-request-type", 400, "The request is of another type";
    /// A request that has ended stays as it is.
    FinalState = "final-state", 400, "The request has ended";
    /// Any other fault of the caller.
    BadRequest = "bad-request", 400, "The request cannot be served";
    /// The endpoint needs a user, and the caller did not prove to be one.
    Unauthenticated = "unauthenticated", 401, "A user is needed";
    /// This user may not do this; for payloads `problems` says why.
    Forbidden = "forbidden", 403, "This user may not do this";
    /// Nothing is at this path.
    UnknownPath = "unknown-path", 404, "Nothing is at this path";
    /// No request has this id.
    UnknownRequest = "unknown-request", 404, "No request has this id";
    /// The list has no such page.
    UnknownPage = "unknown-page", 404, "The list has no such page";
    /// The service does not keep files of this kind.
    NotKept = "not-kept", 404, "The service does not keep such files";
    /// Anything else that is not there.
    NotFound = "not-found", 404, "There is no such thing";
    /// The path exists, but not for this method; `Allow` names those it takes.
    MethodNotAllowed = "method-not-allowed", 405, "The path does not take this method";
    /// The request contradicts what is there already.
    Conflict = "conflict", 409, "The request conflicts with another";
    /// The idempotency key was sent before, with another submit.
    KeyReused = "idempotency-key-reused", 409, "The idempotency key belongs to another submit";
    /// The file was there and has expired.
    Expired = "expired", 410, "The file has expired";
    /// The body is longer than the service reads.
    BodyTooLarge = "body-too-large", 413, "The body is too long";
    /// The body has another content type than `application/json`.
    UnsupportedMediaType = "unsupported-media-type", 415, "The body must be application/json";
    /// The caller sends more requests than it may; `Retry-After` says when to go on.
    TooManyRequests = "too-many-requests", 429, "Too many requests";
    /// A fault of the service; its log has the details under the id in `instance`.
    Internal = "internal", 500, "The service failed";
    /// The request was recorded and has failed, because the queue of the workers cannot be reached.
    QueueUnreachable = "queue-unreachable", 500, "The queue cannot be reached";
    /// The service cannot do it now; it may later.
    Unavailable = "unavailable", 503, "The service cannot do this now";
    /// The request took too long and was given up.
    TimedOut = "timed-out", 503, "The request took too long";
}

impl ProblemCode {
    /// The `type` of problems with this code: an identifier, not an address to visit.
    pub fn urn(self) -> String {
        format!("urn:iib:problem:{}", self.code())
    }

    /// The code for an answer of which only the status is known.
    pub const fn of_status(status: u16) -> Self {
        match status {
            401 => Self::Unauthenticated,
            403 => Self::Forbidden,
            404 => Self::NotFound,
            405 => Self::MethodNotAllowed,
            409 => Self::Conflict,
            410 => Self::Expired,
            413 => Self::BodyTooLarge,
            415 => Self::UnsupportedMediaType,
            429 => Self::TooManyRequests,
            400..=499 => Self::BadRequest,
            502..=504 => Self::Unavailable,
            _ => Self::Internal,
        }
    }
}

impl Serialize for ProblemCode {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.code())
    }
}

/// The body of an error for clients that accept [`PROBLEM_JSON`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ProblemDetails<'a> {
    /// The kind of problem, as a URN.
    #[serde(rename = "type")]
    kind: String,
    title: &'static str,
    status: u16,
    /// What went wrong this time: the text that other clients get as `error`.
    detail: &'a str,
    /// The id of the HTTP request, under which the service's log has it.
    instance: &'a str,
    /// The kind of problem, short.
    code: ProblemCode,
    /// What is wrong with the payload, parameter by parameter.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    problems: &'a [Problem],
}

impl<'a> ProblemDetails<'a> {
    /// Describes one error. `instance` is the id of the HTTP request; of a long list of `problems` the first hundred are kept.
    pub fn new(
        code: ProblemCode,
        detail: &'a str,
        instance: &'a str,
        problems: &'a [Problem],
    ) -> Self {
        Self {
            kind: code.urn(),
            title: code.title(),
            status: code.status(),
            detail,
            instance,
            code,
            problems: problems.get(..LISTED).unwrap_or(problems),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Clients decide by codes: one may be added, none may change or go.
    #[test]
    fn the_codes_are_these() {
        let list: Vec<String> = ProblemCode::ALL
            .iter()
            .map(|code| format!("{} {}", code.status(), code.code()))
            .collect();
        assert_eq!(
            list,
            [
                "400 malformed-request",
                "400 malformed-body",
                "400 body-too-deep",
                "400 invalid-payload",
                "400 invalid-parameter",
                "400 not-finished",
                "400 wrong-request-type",
                "400 final-state",
                "400 bad-request",
                "401 unauthenticated",
                "403 forbidden",
                "404 unknown-path",
                "404 unknown-request",
                "404 unknown-page",
                "404 not-kept",
                "404 not-found",
                "405 method-not-allowed",
                "409 conflict",
                "409 idempotency-key-reused",
                "410 expired",
                "413 body-too-large",
                "415 unsupported-media-type",
                "429 too-many-requests",
                "500 internal",
                "500 queue-unreachable",
                "503 unavailable",
                "503 timed-out",
            ]
        );
    }

    #[test]
    fn the_general_code_of_a_status_has_that_status() {
        for code in ProblemCode::ALL {
            let general = ProblemCode::of_status(code.status());
            assert_eq!(general.status(), code.status(), "{code:?}");
        }
        assert_eq!(ProblemCode::of_status(418), ProblemCode::BadRequest);
        assert_eq!(ProblemCode::of_status(599), ProblemCode::Internal);
    }

    #[test]
    fn problems_are_listed_when_there_are_some_and_not_without_end() {
        let print = |problems: &[Problem]| {
            let details =
                ProblemDetails::new(ProblemCode::InvalidPayload, "it is wrong", "id-1", problems);
            serde_json::to_value(details).unwrap()
        };
        assert_eq!(
            print(&[]),
            serde_json::json!({
                "type": "urn:iib:problem:invalid-payload",
                "title": "The payload breaks rules",
                "status": 400,
                "detail": "it is wrong",
                "instance": "id-1",
                "code": "invalid-payload",
            })
        );
        let problem = Problem {
            field: "bundles".into(),
            message: "must be a list".into(),
        };
        let listed = print(&vec![problem; 101])["problems"].clone();
        assert_eq!(listed.as_array().unwrap().len(), 100);
        assert_eq!(
            listed[0],
            serde_json::json!({"field": "bundles", "message": "must be a list"})
        );
    }
}
