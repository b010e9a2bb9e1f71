//! Schemas of what callers send: submits, batches, reports of workers.

use serde_json::{Map, Value, json};

use super::{form, object, reference, submitted};
use crate::batch::{self, BatchKind};
use crate::kind::RequestType;
use crate::parameter::{Form, Parameter, Presence};
use crate::patch::keys;
use crate::payload::{add, create_empty, deprecations, fbc, merge, recursive, regenerate, rm};

pub(super) fn components(all: &mut Map<String, Value>) {
    for kind in submitted() {
        if let Some(name) = super::payload(kind) {
            all.insert(name.into(), payload(kind));
        }
    }
    for kind in [BatchKind::AddRm, BatchKind::RegenerateBundle] {
        all.insert(super::batch(kind).into(), batch(kind));
    }
    let mut patches = Vec::new();
    for kind in submitted() {
        if let Some(name) = super::request(kind) {
            let name = name.replace("Request", "Patch");
            patches.push(reference(&name));
            all.insert(name, patch(kind));
        }
    }
    all.insert(
        "Patch".into(),
        json!({
            "description": "What a worker reports; which keys are taken depends on the type of the request. All of it is applied, or nothing.",
            "anyOf": patches,
        }),
    );
}

/// The parameters of a submit.
pub(super) const fn parameters(kind: RequestType) -> &'static [&'static [Parameter]] {
    match kind {
        RequestType::Generic => &[],
        RequestType::Add => &add::PARAMETERS,
        RequestType::Rm => &rm::PARAMETERS,
        RequestType::RegenerateBundle => &regenerate::PARAMETERS,
        RequestType::MergeIndexImage => &merge::PARAMETERS,
        RequestType::CreateEmptyIndex => &create_empty::PARAMETERS,
        RequestType::RecursiveRelatedBundles => &recursive::PARAMETERS,
        RequestType::FbcOperations => &fbc::PARAMETERS,
        RequestType::AddDeprecations => &deprecations::PARAMETERS,
    }
}

fn payload(kind: RequestType) -> Value {
    let parameters: Vec<&Parameter> = parameters(kind).iter().copied().flatten().collect();
    let required: Vec<&str> = parameters
        .iter()
        .filter(|parameter| parameter.presence == Presence::Required)
        .map(|parameter| parameter.name)
        .collect();
    let properties = parameters
        .iter()
        .map(|parameter| (parameter.name.to_owned(), form::parameter(parameter)))
        .collect();
    let mut schema = object(&properties, &required);
    let mut rules = Vec::new();
    if properties_of(&parameters, "overwrite_from_index") {
        rules.push(json!({"anyOf": [
            {"properties": {"overwrite_from_index_token": reference("Falsy")}},
            needs(&[("overwrite_from_index", json!({"const": true}))]),
        ]}));
    }
    rules.extend(rules_of(kind, &mut schema));
    if !rules.is_empty() {
        schema["allOf"] = rules.into();
    }
    schema
}

fn properties_of(parameters: &[&Parameter], name: &str) -> bool {
    parameters.iter().any(|parameter| parameter.name == name)
}

/// An object in which these properties are there and as said.
fn needs(properties: &[(&str, Value)]) -> Value {
    let names: Vec<&str> = properties.iter().map(|(name, _)| *name).collect();
    let properties: Map<String, Value> = properties
        .iter()
        .map(|(name, schema)| ((*name).to_owned(), schema.clone()))
        .collect();
    json!({"properties": properties, "required": names})
}

/// The rules of a type about more than one parameter. Those that depend on the service's configuration or on who calls are left to it.
fn rules_of(kind: RequestType, schema: &mut Value) -> Vec<Value> {
    let some = || json!({"type": "array", "minItems": 1});
    match kind {
        RequestType::Add => vec![
            json!({"anyOf": [
                needs(&[("from_index", reference("ImageReference"))]),
                needs(&[("add_arches", some()), ("bundles", some())]),
            ]}),
            json!({"anyOf": [
                {"properties": {"check_related_images": {"const": false}}},
                needs(&[("bundles", some())]),
            ]}),
        ],
        RequestType::MergeIndexImage => vec![json!({"anyOf": [
            {"properties": {
                "overwrite_target_index": {"const": false},
                "overwrite_target_index_token": reference("Falsy"),
            }},
            needs(&[
                ("overwrite_target_index", json!({"const": true})),
                ("overwrite_target_index_token", json!({"type": "string", "minLength": 1})),
            ]),
        ]})],
        RequestType::FbcOperations => {
            // Beside the older form the list may be there as null, but not the other way round.
            let list = &mut schema["properties"]["fbc_fragments"];
            list["type"] = json!(["array", "null"]);
            list["minItems"] = 1.into();
            let mut listed = needs(&[("fbc_fragments", json!({"type": "array"}))]);
            listed["properties"]["fbc_fragment"] = false.into();
            let mut single = needs(&[("fbc_fragment", json!({"type": "string"}))]);
            single["properties"]["fbc_fragments"] = json!({"type": "null"});
            vec![json!({"oneOf": [listed, single]})]
        }
        RequestType::Generic
        | RequestType::Rm
        | RequestType::RegenerateBundle
        | RequestType::CreateEmptyIndex
        | RequestType::RecursiveRelatedBundles
        | RequestType::AddDeprecations => Vec::new(),
    }
}

fn batch(kind: BatchKind) -> Value {
    let reference_to = |kind| super::payload(kind).map(reference).unwrap_or_default();
    let item = match kind {
        BatchKind::RegenerateBundle => reference_to(RequestType::RegenerateBundle),
        BatchKind::AddRm => json!({
            "description": "With `operators` it is a removal, else with `bundles` an addition.",
            "anyOf": [
                {"allOf": [
                    reference_to(RequestType::Add),
                    needs(&[("bundles", json!({"type": "array", "minItems": 1}))]),
                ]},
                reference_to(RequestType::Rm),
            ],
        }),
    };
    json!({
        "type": "object",
        "description": "Other keys are ignored.",
        "properties": {
            (batch::ITEMS): {
                "type": "array",
                "minItems": 1,
                "items": item,
                "description": "The requests; all are accepted or none. Problems of an item name its index, from 0.",
            },
            (batch::ANNOTATIONS.name): form::parameter(&batch::ANNOTATIONS),
        },
        "required": [batch::ITEMS],
    })
}

fn patch(kind: RequestType) -> Value {
    let properties = keys::COMMON
        .iter()
        .chain(keys::mutable_keys(kind))
        .chain(keys::without_effect(kind))
        .map(|key| {
            // Workers have no use for an empty text, so none is taken.
            let presence = match key.form {
                Form::Text => Presence::Required,
                _ => key.presence,
            };
            let key = Parameter { presence, ..*key };
            (key.name.to_owned(), form::parameter(&key))
        })
        .collect();
    let mut schema = object(&properties, &[]);
    schema["description"] = format!("For requests of type `{}`.", kind.name()).into();
    schema["minProperties"] = 1.into();
    schema["dependentRequired"] = json!({"state": ["state_reason"], "state_reason": ["state"]});
    schema
}
