//! The document as a page for people: one file, no scripts, nothing from elsewhere.

mod markup;
mod schema;

use std::fmt::Write as _;

use api::{ProblemCode, State};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use self::markup::{escaped, prose};
use super::operations::{Group, Operation};

const STYLE: &str = include_str!("page.css");

/// A page, and what a browser may do with it.
pub(crate) struct Page {
    pub(crate) html: String,
    /// Its `Content-Security-Policy`: its own style sheet and nothing else.
    pub(crate) policy: String,
}

pub(super) fn render(document: &Value, operations: &[Operation]) -> Page {
    let hash = STANDARD.encode(Sha256::digest(STYLE));
    Page {
        html: html(document, operations),
        policy: format!(
            "default-src 'none'; style-src 'sha256-{hash}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
        ),
    }
}

fn html(document: &Value, operations: &[Operation]) -> String {
    let title = escaped(text(&document["info"]["title"]));
    let mut out = format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\" />\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\" />\n<title>{title}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n"
    );
    navigation(&mut out, operations);
    out.push_str("<main>\n");
    introduction(&mut out, document, &title);
    states(&mut out);
    for group in Group::ALL {
        section(&mut out, document, operations, group);
    }
    errors(&mut out);
    out.push_str("</main>\n</body>\n</html>\n");
    out
}

/// Writing to a string cannot fail, so its result says nothing.
macro_rules! put {
    ($out:expr, $($part:tt)*) => { let _ = write!($out, $($part)*); };
}

fn navigation(out: &mut String, operations: &[Operation]) {
    out.push_str("<nav aria-label=\"Contents\">\n<div class=\"brand\">iib</div>\n<ul><li><a href=\"#about\">About</a></li><li><a href=\"#states\">States</a></li><li><a href=\"#errors\">Errors</a></li></ul>\n");
    for group in Group::ALL {
        put!(out, "<h2>{}</h2>\n<ul>\n", group.name());
        for operation in operations.iter().filter(|one| one.group == group) {
            put!(
                out,
                "<li><a href=\"#{}\"><span class=\"method {method}\">{}</span><span>{}</span></a></li>\n",
                anchor(operation),
                operation.method.to_ascii_uppercase(),
                escaped(operation.summary),
                method = operation.method
            );
        }
        out.push_str("</ul>\n");
    }
    out.push_str("</nav>\n");
}

/// An id that does not change when the texts do.
fn anchor(operation: &Operation) -> String {
    let path: String = operation
        .path
        .trim_start_matches("/api/v1/")
        .chars()
        .filter(|letter| !matches!(letter, '{' | '}'))
        .map(|letter| {
            if letter.is_ascii_alphanumeric() {
                letter
            } else {
                '-'
            }
        })
        .collect();
    format!("{}-{}", operation.method, path.trim_matches('-'))
}

fn introduction(out: &mut String, document: &Value, title: &str) {
    let version = escaped(text(&document["info"]["version"]));
    put!(
        out,
        "<header id=\"about\">\n<h1>{title}</h1>\n<p class=\"dim\">version {version}</p>\n"
    );
    out.push_str(
        "<p class=\"links\"><a href=\"/api/v1/healthcheck\">Health check</a> <a href=\"/api/v1/builds\">Requests</a> \
         <a href=\"/api/v1/openapi.json\">OpenAPI 3.1 document</a></p>\n",
    );
    prose(out, text(&document["info"]["description"]));
    out.push_str(
        "<h4>From the shell</h4>\n<pre><code>export IIB_SERVER=https://iib.example.com\n\
         iib request add --bundles registry.example/ns/operator-bundle:v1.0.0 --from-index registry.example/ns/index:v4.19 --wait\n\
         iib request --help</code></pre>\n<p>The examples with <code>curl</code> below read <code>$IIB_SERVER</code> and, where a user is needed, a bearer token in <code>$IIB_TOKEN</code>.</p>\n</header>\n",
    );
}

fn states(out: &mut String) {
    out.push_str("<h2 id=\"states\">States</h2>\n<dl class=\"states\">\n");
    for state in State::ALL {
        let meaning = match state {
            State::InProgress => {
                "Accepted or being worked on; <code>state_reason</code> names the step."
            }
            State::Complete => "The result is published. Final.",
            State::Failed => {
                "Nothing more will happen; <code>state_reason</code> says what went wrong. Final."
            }
        };
        put!(
            out,
            "<dt><code>{}</code></dt><dd>{meaning}</dd>\n",
            state.name()
        );
    }
    out.push_str("</dl>\n<p><code>state_history</code> has every step, newest first. Poll <code>GET /api/v1/builds/{id}</code> until the state is final.</p>\n");
}

fn errors(out: &mut String) {
    out.push_str("<h2 id=\"errors\">Errors</h2>\n<p>The <code>code</code> of <code>application/problem+json</code> is stable; texts may change.</p>\n<div class=\"scroll\"><table>\n<tr><th>Status</th><th>Code</th><th>Meaning</th></tr>\n");
    for code in ProblemCode::ALL {
        put!(
            out,
            "<tr><td>{}</td><td><code>{}</code></td><td>{}</td></tr>\n",
            code.status(),
            code.code(),
            escaped(code.title())
        );
    }
    out.push_str("</table></div>\n");
}

fn section(out: &mut String, document: &Value, operations: &[Operation], group: Group) {
    put!(out, "<h2>{}</h2>\n", group.name());
    prose(out, group.about());
    for operation in operations.iter().filter(|one| one.group == group) {
        article(out, document, operation);
    }
}

fn article(out: &mut String, document: &Value, operation: &Operation) {
    let described = &document["paths"][operation.path][operation.method];
    put!(
        out,
        "<article id=\"{}\">\n<h3>{}</h3>\n<div class=\"line\"><span class=\"method {method}\">{}</span><span class=\"path\">{}</span>{}</div>\n",
        anchor(operation),
        escaped(operation.summary),
        operation.method.to_ascii_uppercase(),
        escaped(operation.path),
        if operation.needs_user {
            "<span class=\"tag\">needs a user</span>"
        } else {
            ""
        },
        method = operation.method
    );
    prose(out, text(&described["description"]));
    schema::parameters(out, document, &described["parameters"]);
    if let Some((name, _)) = operation.body {
        schema::body(out, document, name);
    }
    curl(out, operation);
    schema::answers(out, document, &described["responses"]);
    out.push_str("</article>\n");
}

fn curl(out: &mut String, operation: &Operation) {
    let path = operation.path.replace("{id}", "1");
    let mut command = match operation.method {
        "get" => format!("curl \"$IIB_SERVER{path}\""),
        method => format!(
            "curl -X {} \"$IIB_SERVER{path}\"",
            method.to_ascii_uppercase()
        ),
    };
    if operation.needs_user {
        command.push_str(" \\\n  -H \"Authorization: Bearer $IIB_TOKEN\"");
    }
    if let Some((_, example)) = &operation.body {
        // None of the examples holds a single quote, which would end the shell's; a test looks.
        put!(
            command,
            " \\\n  -H 'Content-Type: application/json' \\\n  -d '{example:#}'"
        );
    }
    put!(
        out,
        "<h4>Example</h4>\n<pre><code>{}</code></pre>\n",
        escaped(&command)
    );
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}
