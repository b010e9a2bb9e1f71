//! Every operation: method, path, parameters, body, answers.

mod submits;

use api::batch::BatchKind;
use api::schema::{self, reference};
use api::{RequestType, State};
use serde_json::{Map, Value, json};

use super::answers::{error_reference, good, header, not_modified};

/// The operations as readers look for them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Group {
    Submit,
    Read,
    Files,
    Workers,
    Service,
}

impl Group {
    pub(super) const ALL: [Self; 5] = [
        Self::Submit,
        Self::Read,
        Self::Files,
        Self::Workers,
        Self::Service,
    ];

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Submit => "Submit",
            Self::Read => "Follow",
            Self::Files => "Files of a request",
            Self::Workers => "Workers",
            Self::Service => "The service",
        }
    }

    pub(super) const fn about(self) -> &'static str {
        match self {
            Self::Submit => {
                "Each is accepted as a whole or refused with everything that is wrong with it. A refused submit leaves nothing behind."
            }
            Self::Read => "Reading needs no user.",
            Self::Files => "What a request leaves beside its result; kept for a limited time.",
            Self::Workers => "For workers outside the service.",
            Self::Service => "About the service itself.",
        }
    }
}

/// One method of one path.
pub(super) struct Operation {
    pub(super) method: &'static str,
    pub(super) path: &'static str,
    pub(super) group: Group,
    /// The name by which generated clients call it.
    id: &'static str,
    pub(super) summary: &'static str,
    about: &'static str,
    parameters: Vec<Value>,
    /// The name of the body's schema, with an example.
    pub(super) body: Option<(&'static str, Value)>,
    status: u16,
    answer: Value,
    errors: &'static [u16],
    /// Whether it needs a user.
    pub(super) needs_user: bool,
}

/// What may go wrong anywhere: the caller asks too often, the service or its database fails or is too busy.
const ANYWHERE: [u16; 3] = [429, 500, 503];

impl Operation {
    fn get(
        path: &'static str,
        group: Group,
        id: &'static str,
        summary: &'static str,
        answer: Value,
    ) -> Self {
        Self {
            method: "get",
            path,
            group,
            id,
            summary,
            about: "",
            parameters: Vec::new(),
            body: None,
            status: 200,
            answer,
            errors: &[],
            needs_user: false,
        }
    }

    fn about(self, about: &'static str) -> Self {
        Self { about, ..self }
    }

    fn errors(self, errors: &'static [u16]) -> Self {
        Self { errors, ..self }
    }

    fn parameters(self, parameters: Vec<Value>) -> Self {
        Self { parameters, ..self }
    }

    /// The operation as the document has it.
    pub(super) fn describe(&self) -> Value {
        let mut answers = Map::from_iter([(self.status.to_string(), self.answer.clone())]);
        if self.method == "get" && self.answer["content"].get("application/json").is_some() {
            answers[&self.status.to_string()]["headers"]["ETag"] = header("ETag");
            answers.insert("304".to_owned(), not_modified());
        }
        for status in self.errors.iter().chain(&ANYWHERE) {
            answers.insert(status.to_string(), error_reference(*status));
        }
        let mut described = json!({
            "operationId": self.id,
            "tags": [self.group.name()],
            "summary": self.summary,
            "parameters": self.parameters,
            "responses": answers,
        });
        if !self.about.is_empty() {
            described["description"] = self.about.into();
        }
        if let Some((name, example)) = &self.body {
            described["requestBody"] = json!({
                "required": true,
                "content": {"application/json": {"schema": reference(name), "example": example}},
            });
        }
        if self.needs_user {
            // None at all where login is disabled.
            described["security"] = json!([{"bearer": []}, {"negotiate": []}, {"proxy": []}, {}]);
        }
        described
    }
}

/// All of them, in the order in which people read about them.
pub(super) fn all() -> Vec<Operation> {
    let mut all: Vec<Operation> = schema::submitted().filter_map(submits::single).collect();
    all.extend(BatchKind::ALL.map(submits::batch));
    all.extend([list(), show(), patch()]);
    all.extend(running());
    all.extend(files());
    all.extend(service());
    all.sort_by_key(|operation| {
        Group::ALL
            .iter()
            .position(|group| *group == operation.group)
    });
    all
}

fn list() -> Operation {
    let mut answer = good(
        "One page, newest first.",
        "application/json",
        &reference("RequestList"),
    );
    answer["headers"]["Link"] = header("Link");
    Operation::get("/api/v1/builds", Group::Read, "listRequests", "List requests", answer)
        .about(
            "Filters combine with AND. The links in `meta` carry the filters, but not `verbose`. A page that does not exist is 404, an image \
             that no request ever named 400. Who reads page after page follows the `Link` header: what is submitted meanwhile moves nothing, \
             and pages far back cost no more than the first ones.",
        )
        .parameters(list_parameters())
        .errors(&[400, 404])
}

/// The parameters of the list: paging and form, then the filters.
fn list_parameters() -> Vec<Value> {
    let names = |names: &[&str]| {
        let mut values = names.to_vec();
        values.push("");
        json!({"type": "string", "enum": values})
    };
    let text = || json!({"type": "string"});
    let number = || json!({"type": "integer", "minimum": 1});
    let with_default = |default: u64| {
        let mut schema = number();
        schema["default"] = default.into();
        schema
    };
    [
        ("page", with_default(1), "The page, from 1."),
        ("cursor", text(), "Where the page starts, instead of `page`: as the `Link` header of the page before has it."),
        ("per_page", with_default(20), "How many items a page holds, up to the service's limit."),
        ("verbose", text(), "`true` or `1` for the verbose form; anything else is the short form."),
        ("state", names(&State::ALL.map(State::name)), "Requests in this state. Empty is ignored."),
        (
            "request_type",
            names(&RequestType::ALL.map(RequestType::name)),
            "Requests of this type. Empty is ignored.",
        ),
        ("batch", number(), "Requests of this batch."),
        ("user", text(), "Requests of this user. Empty is ignored."),
        ("from_index", text(), "Requests that start from this index image, of the types `add`, `rm`, `create-empty-index` and `fbc-operations`."),
        ("from_index_startswith", text(), "The same by the leading part of the reference."),
        ("index_image", text(), "Requests that built this index image; of those types and `merge-index-image`."),
    ]
    .map(|(name, schema, about)| {
        json!({"name": name, "in": "query", "description": about, "schema": schema})
    })
    .to_vec()
}

/// The parameters that operations share.
pub(super) fn shared_parameters() -> Value {
    json!({
        "id": {
            "name": "id",
            "in": "path",
            "required": true,
            "description": "The number of the request: digits alone.",
            "schema": {"type": "integer", "minimum": 0},
            "example": 1,
        },
        (submits::IDEMPOTENCY_KEY): submits::idempotency_key(),
    })
}

fn id() -> Vec<Value> {
    vec![json!({"$ref": "#/components/parameters/id"})]
}

fn show() -> Operation {
    let answer = good(
        "The request in its verbose form.",
        "application/json",
        &verbose(&reference("Request")),
    );
    Operation::get(
        "/api/v1/builds/{id}",
        Group::Read,
        "showRequest",
        "Show a request",
        answer,
    )
    .parameters(id())
    .errors(&[400, 404])
}

/// What goes beyond the contract: a request while it waits and runs.
fn running() -> Vec<Operation> {
    let queue = json!({
        "type": "object",
        "additionalProperties": false,
        "required": ["id", "status", "queue", "position", "before", "running", "estimated_start"],
        "properties": {
            "id": {"type": "integer", "description": "The request."},
            "status": {"enum": ["waiting", "running", "ended"]},
            "queue": {"type": ["string", "null"], "description": "Its queue; null is the default queue."},
            "position": {"type": ["integer", "null"], "minimum": 1, "description": "Its place among those that wait, from 1."},
            "before": {"type": "array", "items": {"type": "integer"}, "maxItems": 100, "description": "Requests that wait before it, oldest first."},
            "running": {"type": "integer", "minimum": 0, "description": "Requests of its queue that are worked on."},
            "estimated_start": {"type": ["string", "null"], "description": "When work on it may begin, by what the newest requests of its type took."},
        },
    });
    vec![
        Operation::get(
            "/api/v1/builds/{id}/events",
            Group::Read,
            "followRequest",
            "Follow a request",
            good(
                "Server-sent events: `state` with an entry of the history, `log` with a line of the log, `end` with the request; then the stream is over.",
                "text/event-stream",
                &json!({"type": "string"}),
            ),
        )
        .about("A client that lost its connection goes on from its last event.")
        .parameters({
            let mut parameters = id();
            parameters.push(json!({
                "name": "Last-Event-ID",
                "in": "header",
                "description": "The id of the last event that came.",
                "schema": {"type": "string"},
            }));
            parameters
        })
        .errors(&[400, 404]),
        Operation::get(
            "/api/v1/builds/{id}/queue",
            Group::Read,
            "showQueue",
            "What runs before a request",
            good("Where it waits.", "application/json", &queue),
        )
        .parameters(id())
        .errors(&[404]),
        Operation {
            method: "post",
            needs_user: true,
            ..Operation::get(
                "/api/v1/builds/{id}/cancel",
                Group::Read,
                "cancelRequest",
                "Cancel a request",
                good(
                    "The request, which has failed.",
                    "application/json",
                    &verbose(&reference("Request")),
                ),
            )
            .about("Only the user who submitted it and workers may do this (403). A request that has ended cannot be cancelled (409). The body is not read.")
            .parameters(id())
            .errors(&[400, 401, 403, 404, 409])
        },
    ]
}

fn patch() -> Operation {
    let answer = good(
        "The request as it is now.",
        "application/json",
        &verbose(&reference("Request")),
    );
    let example = json!({
        "state": "complete",
        "state_reason": "The operator bundle(s) were successfully added to the index image",
        "arches": ["amd64", "arm64"],
    });
    Operation {
        method: "patch",
        body: Some(("Patch", example)),
        needs_user: true,
        ..Operation::get("/api/v1/builds/{id}", Group::Workers, "reportOnRequest", "Report on a request", answer)
            .about("Only users that the service lists as workers may do this (403). A request that has ended never changes its state (400).")
            .parameters(id())
            .errors(&[401, 403, 415, 413, 400, 404])
    }
}

fn files() -> Vec<Operation> {
    let list = json!({"type": "array", "items": {"type": "string"}});
    let file = |path, id_, summary, about, answer| {
        Operation::get(path, Group::Files, id_, summary, answer)
            .about(about)
            .parameters(id())
            .errors(&[400, 404, 410])
    };
    vec![
        file(
            "/api/v1/builds/{id}/logs",
            "showLogs",
            "What a request logged",
            "Only of a request that has ended (400). Gone some days after that (410).",
            good("The log.", "text/plain", &json!({"type": "string"})),
        ),
        file(
            "/api/v1/builds/{id}/related_bundles",
            "showRelatedBundles",
            "The bundles that a rewritten bundle refers to",
            "Only of a `regenerate-bundle` request that has ended (400). Gone some days after that (410).",
            good("Bundle images.", "application/json", &list),
        ),
        file(
            "/api/v1/builds/{id}/nested-bundles",
            "showNestedBundles",
            "The bundles found level by level",
            "Only of a `recursive-related-bundles` request that has ended (400). Gone some days after that (410).",
            good(
                "Bundle images, the deepest level first.",
                "application/json",
                &list,
            ),
        ),
        file(
            "/api/v1/builds/{id}/report",
            "showReport",
            "What a request changed and took",
            "Only of a request that has ended (400) and that a worker of this service did (404). Gone some days after that (410).",
            good("The report.", "application/json", &report()),
        ),
        Operation::get(
            "/api/v1/builds/{id}/deprecation-schema",
            Group::Files,
            "showDeprecationSchema",
            "The deprecations of a request, as submitted",
            good(
                "Any JSON document, byte for byte.",
                "application/json",
                &json!({}),
            ),
        )
        .about("Only of an `add-deprecations` request (400), in every state, without expiry.")
        .parameters(id())
        .errors(&[400, 404]),
    ]
}

fn report() -> Value {
    let of = |kind: &str, about: &str| json!({"type": kind, "description": about});
    json!({
        "type": "object",
        "required": ["version", "id", "request_type", "state", "state_reason", "attempt", "seconds", "stages", "result"],
        "properties": {
            "version": of("integer", "The version of this form."),
            "id": of("integer", "The request."),
            "request_type": of("string", "The name of its type."),
            "state": of("string", "The state it ended in."),
            "state_reason": of("string", "Why it ended so."),
            "attempt": of("integer", "Which attempt ended it, from 1."),
            "seconds": of("number", "How long that attempt took."),
            "stages": {
                "type": "array",
                "items": {
                    "type": "object",
                    "required": ["stage", "seconds"],
                    "properties": {"stage": of("string", "Its name."), "seconds": of("number", "Its time.")},
                },
            },
            "result": {
                "type": ["object", "null"],
                "description": "What was made, what was pushed, mounted and read, and what changed in the catalog; null for a request that failed, and for one on bundles.",
            },
        },
    })
}

fn service() -> Vec<Operation> {
    let get =
        |path, id_, summary, answer| Operation::get(path, Group::Service, id_, summary, answer);
    vec![
        get(
            "/api/v1/healthcheck",
            "checkHealth",
            "Whether the service works",
            good(
                "It does, and so does its database.",
                "application/json",
                &reference("Health"),
            ),
        ),
        get(
            "/metrics",
            "showMetrics",
            "Metrics for Prometheus",
            good(
                "Prometheus text format 0.0.4.",
                "text/plain",
                &json!({"type": "string"}),
            ),
        )
        .about("Elsewhere, and 404 here, where the service is configured with a listener of its own for them.")
        .errors(&[404]),
        get(
            "/api/v1/openapi.json",
            "showDocument",
            "This document",
            good(
                "OpenAPI 3.1.",
                "application/json",
                &json!({"type": "object"}),
            ),
        ),
        get(
            "/",
            "showPage",
            "This document as a page",
            good("For people.", "text/html", &json!({"type": "string"})),
        ),
    ]
}

fn verbose(form: &Value) -> Value {
    json!({"allOf": [form, reference("VerboseForm")]})
}
