//! Schemas of what callers get: requests in every type's form, lists, errors, health.

mod properties;

use serde_json::{Map, Value, json};

use self::properties::{COMMON, META, NOT_ALWAYS, Property, Shape, VERBOSE, details};
use super::{object, reference, submitted};
use crate::kind::RequestType;
use crate::problem::ProblemCode;

pub(super) fn components(all: &mut Map<String, Value>) {
    let mut requests = Vec::new();
    let mut by_type = Map::new();
    for kind in submitted() {
        if let Some(name) = super::request(kind) {
            let schema = reference(name);
            by_type.insert(kind.name().into(), schema["$ref"].clone());
            requests.push(schema);
            all.insert(name.into(), request(kind));
        }
    }
    all.insert(
        "Request".into(),
        json!({
            "description": "A request in short or verbose form; its other keys depend on `request_type`.",
            "oneOf": requests,
            "discriminator": {"propertyName": "request_type", "mapping": by_type},
        }),
    );
    all.insert(
        "VerboseForm".into(),
        json!({
            "description": "What the verbose form shows beside the short one.",
            "type": "object",
            "required": ["batch_annotations", "state_history"],
        }),
    );
    all.insert(
        "StateEntry".into(),
        all_of(&[COMMON[5], COMMON[6], COMMON[7]]),
    );
    all.insert(
        "Artefact".into(),
        all_of(&[
            ("expiration", Shape::Time, "When it may be gone."),
            ("url", Shape::Url, "Where it is."),
        ]),
    );
    all.insert("Meta".into(), all_of(&META));
    all.insert(
        "RequestList".into(),
        object(
            &Map::from_iter([
                ("items".to_owned(), json!({"type": "array", "items": reference("Request"), "description": "Newest first."})),
                ("meta".to_owned(), reference("Meta")),
            ]),
            &["items", "meta"],
        ),
    );
    all.insert(
        "Health".into(),
        json!({
            "type": "object",
            "properties": {"status": {"type": "string", "examples": ["Health check OK"]}},
            "required": ["status"],
            "additionalProperties": false,
        }),
    );
    errors(all);
}

fn errors(all: &mut Map<String, Value>) {
    all.insert(
        "Error".into(),
        all_of(&[(
            "error",
            Shape::Text,
            "What went wrong, and what to do about it; every problem of a payload at once.",
        )]),
    );
    let mut problem = all_of(&[
        ("type", Shape::Text, "The kind of problem, as a URN."),
        (
            "title",
            Shape::Text,
            "The same short text for every problem of the kind.",
        ),
        ("status", Shape::Number, "The HTTP status."),
        ("detail", Shape::Text, "What went wrong this time."),
        (
            "instance",
            Shape::Text,
            "The id of the HTTP request, under which the service's log has it.",
        ),
        (
            "code",
            Shape::Text,
            "The kind of problem; codes are stable.",
        ),
    ]);
    problem["description"] =
        "RFC 9457, for callers that name `application/problem+json` in `Accept`.".into();
    problem["properties"]["code"]["enum"] = json!(ProblemCode::ALL.map(ProblemCode::code));
    problem["properties"]["problems"] = json!({
        "type": "array",
        "description": "What is wrong with the payload, parameter by parameter.",
        "items": all_of(&[
            ("field", Shape::Text, "The parameter; empty for the payload as a whole."),
            ("message", Shape::Text, "What is wrong with it, and what to send instead; reads after its name."),
        ]),
    });
    all.insert("ProblemDetails".into(), problem);
}

fn request(kind: RequestType) -> Value {
    let details = details(kind);
    let properties: Vec<&Property> = COMMON
        .iter()
        .chain(&VERBOSE)
        .chain(details.into_iter().flatten())
        .collect();
    let required: Vec<&str> = properties
        .iter()
        .map(|(name, ..)| *name)
        .filter(|name| !NOT_ALWAYS.contains(name))
        .collect();
    let mut schema = object(&properties.into_iter().map(property).collect(), &required);
    schema["properties"]["request_type"] = json!({"type": "string", "const": kind.name()});
    schema
}

/// An object that always has all of these properties.
fn all_of(properties: &[Property]) -> Value {
    let required: Vec<&str> = properties.iter().map(|(name, ..)| *name).collect();
    object(&properties.iter().map(property).collect(), &required)
}

fn property((name, shape, about): &Property) -> (String, Value) {
    let mut schema = shape.schema();
    schema["description"] = (*about).into();
    ((*name).to_owned(), schema)
}
