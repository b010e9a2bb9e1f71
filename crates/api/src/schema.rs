//! JSON schemas (draft 2020-12, as OpenAPI 3.1 has them) of everything in this crate that goes over the wire.
//!
//! What callers send is described from the tables that it is parsed by; what they get is held to the serializers by tests. References
//! are to `#/components/schemas/`, so [`components`] goes into an OpenAPI document as it is.

mod answer;
mod form;
mod payload;
#[cfg(test)]
mod tests;

use serde_json::{Map, Value, json};

use crate::batch::BatchKind;
use crate::kind::RequestType;

/// Every schema, by name.
pub fn components() -> Map<String, Value> {
    let mut all = Map::new();
    form::components(&mut all);
    payload::components(&mut all);
    answer::components(&mut all);
    all
}

/// A reference to the schema of this name.
pub fn reference(name: &str) -> Value {
    json!({ "$ref": format!("#/components/schemas/{name}") })
}

/// The name of the schema for the body of a submit; none for the type that nobody submits.
pub const fn payload(kind: RequestType) -> Option<&'static str> {
    Some(match kind {
        RequestType::Generic => return None,
        RequestType::Add => "AddPayload",
        RequestType::Rm => "RmPayload",
        RequestType::RegenerateBundle => "RegenerateBundlePayload",
        RequestType::MergeIndexImage => "MergeIndexImagePayload",
        RequestType::CreateEmptyIndex => "CreateEmptyIndexPayload",
        RequestType::RecursiveRelatedBundles => "RecursiveRelatedBundlesPayload",
        RequestType::FbcOperations => "FbcOperationsPayload",
        RequestType::AddDeprecations => "AddDeprecationsPayload",
    })
}

/// The name of the schema for the body of a batch submit.
pub const fn batch(kind: BatchKind) -> &'static str {
    match kind {
        BatchKind::AddRm => "AddRmBatch",
        BatchKind::RegenerateBundle => "RegenerateBundleBatch",
    }
}

/// The name of the schema for what an answer shows of a request of this type.
pub const fn request(kind: RequestType) -> Option<&'static str> {
    Some(match kind {
        RequestType::Generic => return None,
        RequestType::Add => "AddRequest",
        RequestType::Rm => "RmRequest",
        RequestType::RegenerateBundle => "RegenerateBundleRequest",
        RequestType::MergeIndexImage => "MergeIndexImageRequest",
        RequestType::CreateEmptyIndex => "CreateEmptyIndexRequest",
        RequestType::RecursiveRelatedBundles => "RecursiveRelatedBundlesRequest",
        RequestType::FbcOperations => "FbcOperationsRequest",
        RequestType::AddDeprecations => "AddDeprecationsRequest",
    })
}

/// The types that can be submitted.
pub fn submitted() -> impl Iterator<Item = RequestType> {
    RequestType::ALL
        .into_iter()
        .filter(|kind| *kind != RequestType::Generic)
}

/// An object with exactly these properties.
fn object(properties: &Map<String, Value>, required: &[&str]) -> Value {
    let mut schema = json!({
        "type": "object",
        "properties": properties,
        "additionalProperties": false,
    });
    if !required.is_empty() {
        schema["required"] = json!(required);
    }
    schema
}
