//! Parameters, bodies and answers as tables.

use std::fmt::Write as _;

use serde_json::Value;

use super::markup::{escaped, inline, prose};
use super::text;

const SCHEMAS: &str = "#/components/schemas/";

macro_rules! put {
    // Writing to a string cannot fail, so its result says nothing.
    ($out:expr, $($part:tt)*) => { let _ = write!($out, $($part)*); };
}

/// What a reference leads to; anything else is itself.
fn resolved<'a>(document: &'a Value, value: &'a Value) -> &'a Value {
    let target = value["$ref"].as_str().and_then(|to| to.strip_prefix('#'));
    target
        .and_then(|pointer| document.pointer(pointer))
        .unwrap_or(value)
}

/// The parameters of path and query.
pub(super) fn parameters(out: &mut String, document: &Value, parameters: &Value) {
    let parameters = parameters.as_array().map(Vec::as_slice).unwrap_or_default();
    if parameters.is_empty() {
        return;
    }
    out.push_str("<h4>Parameters</h4>\n<div class=\"scroll\"><table>\n");
    for parameter in parameters {
        let parameter = resolved(document, parameter);
        let place = format!(" in the {}", text(&parameter["in"]));
        row(
            out,
            text(&parameter["name"]),
            &(kind(document, &parameter["schema"]) + &place),
            parameter["required"] == true,
            parameter,
            &parameter["schema"]["default"],
        );
    }
    out.push_str("</table></div>\n");
}

/// The parameters of a body; of a body that may have several forms those of each.
pub(super) fn body(out: &mut String, document: &Value, name: &str) {
    let schema = &document["components"]["schemas"][name];
    out.push_str("<h4>Body</h4>\n");
    prose(out, text(&schema["description"]));
    match schema["anyOf"].as_array() {
        None => properties(out, document, schema),
        Some(forms) => {
            for form in forms {
                let form = resolved(document, form);
                out.push_str("<details><summary>");
                inline(out, text(&form["description"]));
                out.push_str("</summary>\n");
                properties(out, document, form);
                out.push_str("</details>\n");
            }
        }
    }
}

fn properties(out: &mut String, document: &Value, schema: &Value) {
    let Some(properties) = schema["properties"].as_object() else {
        return;
    };
    let required = |name: &str| {
        let names = schema["required"].as_array();
        names.is_some_and(|names| names.iter().any(|required| required == name))
    };
    out.push_str("<div class=\"scroll\"><table>\n");
    for (name, property) in properties {
        row(
            out,
            name,
            &kind(document, property),
            required(name),
            property,
            &property["default"],
        );
    }
    out.push_str("</table></div>\n");
}

fn row(
    out: &mut String,
    name: &str,
    kind: &str,
    required: bool,
    described: &Value,
    default: &Value,
) {
    put!(out, "<tr><td><code>{}</code>", escaped(name));
    for (applies, tag) in [
        (required, "<span class=\"tag need\">required</span>"),
        (
            described["deprecated"] == true,
            "<span class=\"tag\">deprecated</span>",
        ),
        (
            described["writeOnly"] == true,
            "<span class=\"tag\">secret</span>",
        ),
    ] {
        if applies {
            put!(out, " {tag}");
        }
    }
    put!(out, "</td><td><span class=\"kind\">{}", escaped(kind));
    if !default.is_null() {
        put!(
            out,
            ", default <code>{}</code>",
            escaped(&default.to_string())
        );
    }
    out.push_str("</span><br />");
    inline(out, text(&described["description"]));
    out.push_str("</td></tr>\n");
}

/// The kind of values, in few words.
fn kind(document: &Value, schema: &Value) -> String {
    if let Some(name) = schema["$ref"]
        .as_str()
        .and_then(|to| to.strip_prefix(SCHEMAS))
    {
        return match name {
            "ImageReference" => "image reference".to_owned(),
            "DistributionScope" => "prod, stage or dev".to_owned(),
            "State" => alternatives(&resolved(document, schema)["enum"]),
            "RegistryAuths" => {
                "docker configuration: {\"auths\": {REGISTRY: {\"auth\": …}}}".to_owned()
            }
            "StateEntry" => "state, state_reason, updated".to_owned(),
            "Artefact" => "expiration, url".to_owned(),
            name => name.to_owned(),
        };
    }
    if let Some(forms) = schema["anyOf"].as_array() {
        // The other form is a value that counts as none.
        return forms
            .first()
            .map(|form| kind(document, form))
            .unwrap_or_default();
    }
    if schema["enum"].is_array() {
        return alternatives(&schema["enum"]);
    }
    if let Some(value) = schema["const"].as_str() {
        return format!("always {value}");
    }
    let one = |name: &str| match name {
        "array" => format!("list of {}", plural(&kind(document, &schema["items"]))),
        "object" if schema["additionalProperties"].is_object() => {
            format!(
                "object of {}",
                plural(&kind(document, &schema["additionalProperties"]))
            )
        }
        name => name.to_owned(),
    };
    match &schema["type"] {
        Value::String(name) if schema["format"] == "date-time" => format!("{} (time)", one(name)),
        Value::String(name) if schema["contentMediaType"].is_string() => {
            format!("{} with a JSON document", one(name))
        }
        Value::String(name) => one(name),
        Value::Array(names) => {
            let names: Vec<String> = names.iter().map(|name| one(text(name))).collect();
            names.join(" or ")
        }
        _ => "request".to_owned(),
    }
}

fn plural(kind: &str) -> String {
    kind.strip_prefix("list of ")
        .map_or_else(|| format!("{kind}s"), |of| format!("lists of {of}"))
}

fn alternatives(values: &Value) -> String {
    let values = values.as_array().map(Vec::as_slice).unwrap_or_default();
    let names: Vec<&str> = values
        .iter()
        .map(text)
        .filter(|name| !name.is_empty())
        .collect();
    names.join(", ")
}

/// What a good answer holds, and the statuses of errors, which are explained in one place.
pub(super) fn answers(out: &mut String, document: &Value, answers: &Value) {
    out.push_str("<h4>Answers</h4>\n");
    let mut details = String::new();
    let mut errors = Vec::new();
    for (status, answer) in answers.as_object().into_iter().flatten() {
        if !status.starts_with('2') {
            errors.push(status.as_str());
            continue;
        }
        put!(out, "<p><strong>{}</strong> ", escaped(status));
        inline(out, text(&answer["description"]));
        for (media_type, content) in answer["content"].as_object().into_iter().flatten() {
            put!(out, " <span class=\"kind\">{}</span>", escaped(media_type));
            shape(&mut details, document, &content["schema"]);
        }
        out.push_str("</p>\n");
    }
    errors.sort_unstable();
    put!(
        out,
        "<p class=\"kind\">Errors: {} (<a href=\"#errors\">what they mean</a>)</p>\n",
        errors.join(", ")
    );
    out.push_str(&details);
}

/// The properties of what is answered with, folded away.
fn shape(out: &mut String, document: &Value, schema: &Value) {
    let mut schema = schema;
    if schema["type"] == "array" && schema["items"]["allOf"].is_array() {
        schema = &schema["items"];
    }
    if schema["allOf"].is_array() {
        schema = &schema["allOf"][0];
    }
    if let Some(forms) = schema["oneOf"].as_array() {
        for form in forms {
            shape(out, document, form);
        }
        return;
    }
    let name = schema["$ref"]
        .as_str()
        .and_then(|to| to.strip_prefix(SCHEMAS));
    let target = resolved(document, schema);
    if let Some(name) = name
        && target["oneOf"].is_array()
    {
        put!(
            out,
            "<p class=\"dim\">{name}: its keys depend on <code>request_type</code>; each submit above shows those of its type.</p>\n"
        );
    } else if target["properties"].is_object() {
        put!(
            out,
            "<details><summary>What {} holds</summary>\n",
            escaped(name.unwrap_or("it"))
        );
        properties(out, document, target);
        out.push_str("</details>\n");
    }
}
