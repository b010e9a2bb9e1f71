//! Requests as results.

use std::fmt::Write as _;

use anyhow::{Context as _, bail};
use api::State;
use client::{Page, Request};
use serde_json::{Value, json};

use crate::cli::OutputFormat;
use crate::terminal;

/// The keys that say what came out of a request or went into it, in the order in which they are shown.
const SHOWN: [(&str, &str); 13] = [
    ("index_image", "result"),
    ("index_image_resolved", ""),
    ("bundle_image", "result"),
    ("internal_index_image_copy", "copy"),
    ("from_index", "from"),
    ("from_index_resolved", ""),
    ("source_from_index", "source"),
    ("target_index", "target"),
    ("from_bundle_image", "from"),
    ("parent_bundle_image", "bundle"),
    ("fbc_fragment", "fragment"),
    ("operator_package", "package"),
    ("distribution_scope", "scope"),
];

/// One request.
pub(super) fn request(request: &Request, output: OutputFormat) -> anyhow::Result<()> {
    match output {
        OutputFormat::Json => json(&Value::Object(request.json.clone())),
        OutputFormat::Text => {
            terminal::print(describe(request).trim_end());
            Ok(())
        }
    }
}

/// What a submit answered: one request, or those of a batch.
pub(super) fn submitted(requests: &[Request], output: OutputFormat) -> anyhow::Result<()> {
    match (requests, output) {
        ([one], _) => request(one, output),
        (many, OutputFormat::Json) => json(&all(many)),
        (many, OutputFormat::Text) => {
            let texts: Vec<String> = many.iter().map(describe).collect();
            terminal::print(texts.join("\n").trim_end());
            Ok(())
        }
    }
}

/// Requests that have ended. Those that failed are an error; programs get them all the same.
pub(super) fn ended(requests: &[Request], output: OutputFormat) -> anyhow::Result<()> {
    let failed: Vec<&Request> = requests
        .iter()
        .filter(|request| request.state != State::Complete)
        .collect();
    if failed.is_empty() || output == OutputFormat::Json {
        submitted(requests, output)?;
    }
    if failed.is_empty() {
        return Ok(());
    }
    let reasons: Vec<String> = failed
        .iter()
        .map(|request| format!("request {} failed: {}", request.id, request.state_reason))
        .collect();
    bail!("{}", reasons.join("\n"))
}

/// A page of a list, a line each.
pub(super) fn page(page: &Page, output: OutputFormat) -> anyhow::Result<()> {
    if output == OutputFormat::Json {
        return json(&json!({
            "items": all(&page.items),
            "page": page.meta.page,
            "pages": page.meta.pages,
            "total": page.meta.total,
        }));
    }
    let mut text = String::new();
    for request in &page.items {
        let what = [
            "index_image",
            "bundle_image",
            "from_index",
            "from_bundle_image",
            "parent_bundle_image",
        ]
        .iter()
        .find_map(|key| request.text(key))
        .unwrap_or_default();
        // Writing to a string cannot fail.
        let _ = writeln!(
            text,
            "{:>7}  {:<11}  {:<26}  {}  {what}",
            request.id,
            request.state.name(),
            request.request_type,
            request.updated.split('.').next().unwrap_or_default()
        );
    }
    let _ = write!(
        text,
        "page {} of {}, {} requests",
        page.meta.page, page.meta.pages, page.meta.total
    );
    terminal::print(&text);
    Ok(())
}

fn all(requests: &[Request]) -> Value {
    requests
        .iter()
        .map(|request| Value::Object(request.json.clone()))
        .collect()
}

fn json(value: &Value) -> anyhow::Result<()> {
    let text = serde_json::to_string_pretty(value).context("the result could not be written")?;
    terminal::print(&text);
    Ok(())
}

fn describe(request: &Request) -> String {
    let user = request.user.as_deref().unwrap_or("nobody in particular");
    let mut text = format!(
        "request   {} ({}), batch {}, by {user}\nstate     {} since {}\n          {}\n",
        request.id,
        request.request_type,
        request.batch,
        request.state.name(),
        request.updated,
        request.state_reason
    );
    for (key, label) in SHOWN {
        if let Some(value) = request.text(key) {
            // Writing to a string cannot fail.
            let _ = writeln!(text, "{label:<9} {value}");
        }
    }
    for (key, label) in [
        ("arches", "arches"),
        ("bundles", "bundles"),
        ("removed_operators", "removed"),
        ("fbc_fragments", "fragments"),
    ] {
        let values: Vec<&str> = request
            .json
            .get(key)
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .collect();
        if !values.is_empty() {
            let _ = writeln!(text, "{label:<9} {}", values.join(", "));
        }
    }
    text
}
