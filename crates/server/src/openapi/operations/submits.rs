//! The submits, one by one and together.

use api::batch::BatchKind;
use api::schema::{self, reference};
use api::{IdempotencyKey, RequestType};
use serde_json::{Map, Value, json};

use super::super::answers::{good, header};
use super::{Group, Operation, verbose};

/// What is said of a submit beside its schema: path, operation, summary, notes, and the parameters that an example needs.
type Said = (
    &'static str,
    &'static str,
    &'static str,
    &'static str,
    &'static [&'static str],
);

const fn said(kind: RequestType) -> Option<Said> {
    Some(match kind {
        RequestType::Generic => return None,
        RequestType::Add => (
            "/api/v1/builds/add",
            "submitAdd",
            "Add bundles to an index image",
            "",
            &["bundles", "from_index", "binary_image"],
        ),
        RequestType::Rm => (
            "/api/v1/builds/rm",
            "submitRm",
            "Remove operators from an index image",
            "",
            &["operators", "from_index", "binary_image"],
        ),
        RequestType::RegenerateBundle => (
            "/api/v1/builds/regenerate-bundle",
            "submitRegenerateBundle",
            "Rewrite a bundle image for an organization",
            "",
            &["from_bundle_image", "organization"],
        ),
        RequestType::MergeIndexImage => (
            "/api/v1/builds/merge-index-image",
            "submitMergeIndexImage",
            "Merge one index image into another",
            "",
            &["source_from_index", "target_index", "binary_image"],
        ),
        RequestType::CreateEmptyIndex => (
            "/api/v1/builds/create-empty-index",
            "submitCreateEmptyIndex",
            "Make an empty index image like another",
            "",
            &["from_index", "binary_image", "labels"],
        ),
        RequestType::RecursiveRelatedBundles => (
            "/api/v1/builds/recursive-related-bundles",
            "submitRecursiveRelatedBundles",
            "List the bundles a bundle refers to, level by level",
            "",
            &["parent_bundle_image"],
        ),
        RequestType::FbcOperations => (
            "/api/v1/builds/fbc-operations",
            "submitFbcOperations",
            "Put catalog fragments into a file-based index image",
            "`fbc_fragments` or `fbc_fragment` is given, not both.",
            &["fbc_fragments", "from_index", "binary_image"],
        ),
        RequestType::AddDeprecations => (
            "/api/v1/builds/add-deprecations",
            "submitAddDeprecations",
            "Put deprecations of a package into an index image",
            "",
            &[
                "operator_package",
                "deprecation_schema",
                "from_index",
                "binary_image",
            ],
        ),
    })
}

/// The errors of every submit, in the order of the checks.
const OF_SUBMITS: [u16; 6] = [401, 415, 413, 400, 403, 409];

/// The name of the parameter that makes a submit known again.
pub(super) const IDEMPOTENCY_KEY: &str = "idempotencyKey";

/// That parameter.
pub(super) fn idempotency_key() -> Value {
    json!({
        "name": IdempotencyKey::HEADER,
        "in": "header",
        "description": "A text of the caller's, such as a UUID, that is new for each submit and sent again when the submit is repeated: a \
            submit that came before is answered with its requests as they are now, and `Idempotent-Replayed`. With another submit or at \
            another endpoint the same key is refused (409); a submit that was refused itself leaves no key. Keys are each user's own; callers without a user share theirs. They are kept for \
            a day, unless configured otherwise.",
        "schema": {
            "type": "string",
            "minLength": 1,
            "maxLength": IdempotencyKey::MAX_LENGTH,
            "pattern": "^[!-~]+$",
        },
    })
}

/// What the submits have in common.
fn submit(operation: Operation) -> Operation {
    let mut operation = Operation {
        method: "post",
        status: 201,
        needs_user: true,
        errors: &OF_SUBMITS,
        parameters: vec![json!({"$ref": format!("#/components/parameters/{IDEMPOTENCY_KEY}")})],
        ..operation
    };
    operation.answer["headers"]["Idempotent-Replayed"] = header("Replayed");
    operation
}

pub(super) fn single(kind: RequestType) -> Option<Operation> {
    let (path, id, summary, about, example) = said(kind)?;
    let answer = verbose(&reference(schema::request(kind)?));
    let body = schema::payload(kind)?;
    Some(submit(Operation {
        body: Some((body, example_of(body, example))),
        about,
        ..Operation::get(
            path,
            Group::Submit,
            id,
            summary,
            good("The request was accepted.", "application/json", &answer),
        )
    }))
}

pub(super) fn batch(kind: BatchKind) -> Operation {
    let (path, id, summary, items) = match kind {
        BatchKind::AddRm => (
            "/api/v1/builds/add-rm-batch",
            "submitAddRmBatch",
            "Submit additions and removals together",
            vec![RequestType::Add, RequestType::Rm],
        ),
        BatchKind::RegenerateBundle => (
            "/api/v1/builds/regenerate-bundle-batch",
            "submitRegenerateBundleBatch",
            "Submit bundles to rewrite together",
            vec![RequestType::RegenerateBundle],
        ),
    };
    let forms: Vec<Value> = items
        .iter()
        .filter_map(|kind| schema::request(*kind))
        .map(reference)
        .collect();
    let answer =
        json!({"type": "array", "minItems": 1, "items": verbose(&json!({"oneOf": forms}))});
    let examples: Vec<Value> = items
        .into_iter()
        .filter_map(|kind| Some(example_of(schema::payload(kind)?, said(kind)?.4)))
        .collect();
    let body = schema::batch(kind);
    let mut example = example_of(body, &["annotations"]);
    example["build_requests"] = examples.into();
    submit(Operation {
        body: Some((body, example)),
        about: "All are accepted or none. They share one `batch`, are processed in any order and may run in parallel.",
        ..Operation::get(
            path,
            Group::Submit,
            id,
            summary,
            good(
                "The requests were accepted, in the order given.",
                "application/json",
                &answer,
            ),
        )
    })
}

/// An object made of the examples of these parameters.
fn example_of(schema: &str, names: &[&str]) -> Value {
    let components = schema::components();
    let properties = &components[schema]["properties"];
    names
        .iter()
        .map(|name| ((*name).to_owned(), properties[*name]["examples"][0].clone()))
        .collect::<Map<String, Value>>()
        .into()
}
