//! The OpenAPI 3.1 document of this service, and the page for people that is made of it.
//!
//! Bodies are described by [`api::schema`], from the tables they are parsed by. Paths, statuses and headers are described here; a test
//! asks the router for what it has, so that nothing is left out.

mod answers;
mod operations;
mod page;
#[cfg(test)]
mod tests;

use std::sync::LazyLock;

use serde_json::{Map, Value, json};

use self::operations::{Group, Operation};

/// The document as JSON text, and the page. They depend on nothing but this release.
pub(crate) struct Documentation {
    pub(crate) json: String,
    pub(crate) page: page::Page,
}

/// Made when it is first asked for.
pub(crate) static DOCUMENTATION: LazyLock<Documentation> = LazyLock::new(|| {
    let operations = operations::all();
    let document = document(&operations);
    Documentation {
        json: format!("{document:#}\n"),
        page: page::render(&document, &operations),
    }
});

const ABOUT: &str = "Keeps operator index images up to date: submit a request, follow it until it is `complete` or `failed`, read what was \
    built.\n\nEvery error body is an object with the one key `error`. Callers that name `application/problem+json` in `Accept` get \
    RFC 9457 problem details instead, with a stable `code` and the problems of a payload one by one. Every answer has an \
    `X-Request-Id`, under which the service's log has it; one that the caller sends is kept.\n\nUnless said otherwise, an optional \
    parameter whose value is `null`, `0`, `\"\"`, `[]` or `{}` counts as left out. Unknown parameters of bodies are refused, unknown \
    query parameters ignored. `HEAD` works wherever `GET` does. Time stamps are UTC.";

fn document(operations: &[Operation]) -> Value {
    let mut paths = Map::new();
    for operation in operations {
        let path = paths.entry(operation.path).or_insert_with(|| json!({}));
        path[operation.method] = operation.describe();
    }
    let groups: Vec<Value> = Group::ALL
        .iter()
        .map(|group| json!({"name": group.name(), "description": group.about()}))
        .collect();
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "iib: index image builder",
            "version": env!("CARGO_PKG_VERSION"),
            "description": ABOUT,
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "tags": groups,
        "paths": paths,
        "components": {
            "schemas": api::schema::components(),
            "responses": answers::errors(),
            "headers": answers::headers(),
            "parameters": operations::shared_parameters(),
            "securitySchemes": {
                "bearer": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "A token of the service's configuration, or one of the identity provider it trusts.",
                },
                "negotiate": {
                    "type": "http",
                    "scheme": "negotiate",
                    "description": "Kerberos (SPNEGO), where the service has a keytab.",
                },
                "proxy": {
                    "type": "apiKey",
                    "in": "header",
                    "name": "X-Remote-User",
                    "description": "The user that a trusted proxy vouches for. From anybody else the header means nothing; its name is configured.",
                },
            },
        },
    })
}
