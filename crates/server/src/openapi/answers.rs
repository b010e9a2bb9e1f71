//! Answers as the document has them: errors by status, headers, and what a good answer holds.

use api::ProblemCode;
use api::schema::reference;
use serde_json::{Map, Value, json};

/// The statuses of errors, each with a name of its own in the document.
const ERRORS: [(u16, &str); 11] = [
    (400, "BadRequest"),
    (401, "Unauthenticated"),
    (403, "Forbidden"),
    (404, "NotFound"),
    (405, "MethodNotAllowed"),
    (409, "Conflict"),
    (410, "Gone"),
    (413, "TooLarge"),
    (415, "UnsupportedMediaType"),
    (429, "TooManyRequests"),
    (500, "Internal"),
];

/// Beside the errors above.
const UNAVAILABLE: (u16, &str) = (503, "Unavailable");

/// The components for errors.
pub(super) fn errors() -> Map<String, Value> {
    ERRORS
        .iter()
        .chain([&UNAVAILABLE])
        .map(|(status, name)| ((*name).to_owned(), error(*status)))
        .collect()
}

/// A reference to the error with this status.
pub(super) fn error_reference(status: u16) -> Value {
    let named = ERRORS
        .iter()
        .chain([&UNAVAILABLE])
        .find(|(known, _)| *known == status);
    let name = named.map_or("Internal", |(_, name)| name);
    json!({"$ref": format!("#/components/responses/{name}")})
}

fn error(status: u16) -> Value {
    let codes: Vec<String> = ProblemCode::ALL
        .into_iter()
        .filter(|code| code.status() == status)
        .map(|code| format!("{} (`{}`)", code.title(), code.code()))
        .collect();
    let mut headers = json!({"X-Request-Id": header("RequestId")});
    match status {
        401 => headers["WWW-Authenticate"] = header("Authenticate"),
        405 => headers["Allow"] = header("Allow"),
        429 | 503 => headers["Retry-After"] = header("RetryAfter"),
        _ => {}
    }
    json!({
        "description": format!("{}.", codes.join("; ")),
        "headers": headers,
        "content": {
            "application/json": {"schema": reference("Error")},
            (api::PROBLEM_JSON): {"schema": reference("ProblemDetails")},
        },
    })
}

/// A reference to the header of this name.
pub(super) fn header(name: &str) -> Value {
    json!({"$ref": format!("#/components/headers/{name}")})
}

/// The headers that answers have.
pub(super) fn headers() -> Value {
    let text = |about: &str| json!({"description": about, "schema": {"type": "string"}});
    json!({
        "RequestId": text("The id of the HTTP request, under which the service's log has it."),
        "Authenticate": text("How to prove who one is, where there is more than the proxy's word."),
        "Allow": text("The methods that the path takes."),
        "ETag": text("Changes with the answer. A caller that sends it as `If-None-Match` gets 304 while nothing has changed."),
        "Link": text("The address of the next page, by cursor, as `<…>; rel=\"next\"`; absent on the last one."),
        "Replayed": {
            "description": "`true` when the submit came before: by its key, or because the same is in flight, where the service is configured to see that.",
            "schema": {"const": "true"},
        },
        "RetryAfter": {
            "description": "Seconds after which it makes sense to try again.",
            "schema": {"type": "integer", "minimum": 1},
        },
    })
}

/// A good answer with a body.
pub(super) fn good(about: &str, media_type: &str, schema: &Value) -> Value {
    json!({
        "description": about,
        "headers": {"X-Request-Id": header("RequestId")},
        "content": {media_type: {"schema": schema}},
    })
}

/// The answer to a caller who has the good one already.
pub(super) fn not_modified() -> Value {
    json!({
        "description": "What the caller named in `If-None-Match` is what there is.",
        "headers": {"X-Request-Id": header("RequestId"), "ETag": header("ETag")},
    })
}
