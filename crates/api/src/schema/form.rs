//! Schemas of single values: what a parameter of a form takes.

use serde_json::{Map, Value, json};

use super::reference;
use crate::kind::{Scope, State};
use crate::parameter::{Form, Parameter, Presence};

/// The values that have schemas of their own.
pub(super) fn components(all: &mut Map<String, Value>) {
    all.insert(
        "ImageReference".into(),
        json!({
            "type": "string",
            "description": "An image that is named with a tag or a digest (the last part of its path holds a `:` or there is an `@`), or exactly `scratch`.",
            "pattern": "(^scratch$)|@|(:[^/]*$)",
            "examples": ["registry.example/ns/name:tag"],
        }),
    );
    all.insert(
        "Falsy".into(),
        json!({
            "description": "Counts as left out.",
            "enum": [null, 0, "", [], {}],
        }),
    );
    all.insert(
        "DistributionScope".into(),
        json!({
            "type": "string",
            "description": "In any letter case; kept and shown in lower case.",
            "pattern": in_any_case(&Scope::ALL.map(Scope::name)),
            "examples": Scope::ALL.map(Scope::name),
        }),
    );
    all.insert(
        "State".into(),
        json!({
            "type": "string",
            "description": "`complete` and `failed` are final.",
            "enum": State::ALL.map(State::name),
        }),
    );
    all.insert(
        "RegistryAuths".into(),
        json!({
            "type": "object",
            "description": "A docker configuration with nothing but credentials, by registry.",
            "properties": {"auths": {
                "type": "object",
                "minProperties": 1,
                "additionalProperties": {
                    "type": "object",
                    "properties": {"auth": {"type": "string", "description": "`user:password` in base64."}},
                    "required": ["auth"],
                    "additionalProperties": false,
                },
            }},
            "required": ["auths"],
            "additionalProperties": false,
        }),
    );
}

/// A pattern for these words in any letter case: schemas have no flag for that.
fn in_any_case(words: &[&str]) -> String {
    let spell = |word: &&str| {
        word.chars().fold(String::new(), |spelt, letter| {
            let upper = letter.to_ascii_uppercase();
            spelt + "[" + &String::from_iter([upper, letter]) + "]"
        })
    };
    let words: Vec<_> = words.iter().map(spell).collect();
    format!("^({})$", words.join("|"))
}

/// The values of a form, without regard to presence. What has to be there says something.
fn values(form: Form, presence: Presence) -> Value {
    let some = presence == Presence::Required;
    match form {
        Form::Image => reference("ImageReference"),
        Form::Images => json!({"type": "array", "items": reference("ImageReference")}),
        Form::ImagesByName => json!({
            "type": "object",
            "additionalProperties": {"type": "array", "items": reference("ImageReference")},
        }),
        Form::Text if some => json!({"type": "string", "minLength": 1}),
        Form::Text => json!({"type": "string"}),
        Form::Texts if some => {
            json!({"type": "array", "items": {"type": "string", "minLength": 1}, "minItems": 1})
        }
        Form::Texts => json!({"type": "array", "items": {"type": "string", "minLength": 1}}),
        Form::TextByName => {
            json!({"type": "object", "additionalProperties": {"type": "string"}})
        }
        Form::JsonText => {
            json!({"type": "string", "minLength": 1, "contentMediaType": "application/json"})
        }
        Form::Flag => json!({"type": "boolean"}),
        Form::Scope => reference("DistributionScope"),
        Form::State => reference("State"),
        Form::DockerConfig => reference("RegistryAuths"),
        Form::Object => json!({"type": "object"}),
    }
}

/// What a parameter takes, with what it means.
pub(super) fn parameter(parameter: &Parameter) -> Value {
    let values = values(parameter.form, parameter.presence);
    let mut schema = match parameter.presence {
        Presence::Required | Presence::Strict => values,
        Presence::Nullable => json!({"anyOf": [values, {"type": "null"}]}),
        Presence::Optional => json!({"anyOf": [values, reference("Falsy")]}),
    };
    schema["description"] = parameter.about.into();
    if let Some(default) = parameter.default.and_then(parse) {
        schema["default"] = default;
    }
    if let Some(example) = parameter.example.and_then(parse) {
        schema["examples"] = json!([example]);
    }
    if parameter.deprecated {
        schema["deprecated"] = true.into();
    }
    if parameter.secret {
        schema["writeOnly"] = true.into();
        if parameter.form == Form::Text {
            schema["format"] = "password".into();
        }
    }
    schema
}

/// Tables hold values as JSON; a test reads all of them.
pub(super) fn parse(json: &str) -> Option<Value> {
    serde_json::from_str(json).ok()
}
