//! `PATCH builds/{id}`: what a worker reports (section 8).

pub(crate) mod keys;

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use self::keys::{mutable_keys, without_effect};
use crate::fields::{Fields, kind_of, texts_by_name};
use crate::kind::{RequestType, State};
use crate::nesting::is_deeper_than;
use crate::refusal::Refusal;
use crate::result_fields::ResultFields;

/// How deep a document within a report may be nested. It is stored as a part of another one, which has to be read again.
const MAX_DEPTH: usize = 64;

/// A report of a worker with every rule of the contract already checked, but for the state the request is in.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Patch {
    /// The state to be in, and why; none leaves it as it is.
    pub state: Option<(State, String)>,
    /// What became known.
    pub fields: ResultFields,
}

impl Patch {
    /// A state with its reason, and nothing else.
    pub fn state(state: State, reason: impl Into<String>) -> Self {
        Self {
            state: Some((state, reason.into())),
            fields: ResultFields::default(),
        }
    }

    /// Reads the body of a PATCH of a request of type `kind`.
    ///
    /// # Errors
    /// A [`Refusal`] with every rule the body breaks: 400. Nothing of it is to be applied then.
    pub fn parse(object: &Map<String, Value>, kind: RequestType) -> Result<Self, Refusal> {
        let mut fields = Fields::new(object);
        let own = mutable_keys(kind);
        fields.allow_only(&[&keys::COMMON, own, without_effect(kind)]);
        let mut patch = Self {
            state: state(&mut fields),
            fields: ResultFields::default(),
        };
        for (name, value) in object {
            if name == "arches" {
                patch.fields.arches = Some(fields.expect_strings(name, value));
            } else if own.iter().any(|key| key.name == name) {
                read(&mut patch.fields, &mut fields, name, value);
            } else if without_effect(kind).iter().any(|key| key.name == name) {
                check_without_effect(&mut fields, name, value);
            }
        }
        fields.findings.accept(patch)
    }
}

/// State and reason, which go together.
fn state(fields: &mut Fields<'_>) -> Option<(State, String)> {
    const STATE: &str = "state";
    const REASON: &str = "state_reason";
    let (given, reason) = (fields.present(STATE), fields.present(REASON));
    if given.is_none() && reason.is_none() {
        return None;
    }
    let known = given.and_then(Value::as_str).and_then(State::from_name);
    if known.is_none() {
        let names = State::ALL.map(State::name).join(", ");
        let message = format!("must be one of: {names}; it goes together with `{REASON}`");
        fields.findings.invalid(STATE, message);
    }
    let reason = reason
        .and_then(Value::as_str)
        .filter(|text| !text.is_empty());
    if reason.is_none() {
        let message =
            format!("must be a string that is not empty; it goes together with `{STATE}`");
        fields.findings.invalid(REASON, message);
    }
    Some((known?, reason?.to_owned()))
}

fn read(result: &mut ResultFields, fields: &mut Fields<'_>, name: &str, value: &Value) {
    match name {
        "bundle_mapping" => result.bundle_mapping = Some(bundle_mapping(fields, name, value)),
        "fbc_fragments_resolved" => {
            result.fbc_fragments_resolved = Some(fields.expect_images(name, value));
        }
        "distribution_scope" => {
            let scope = fields.scope();
            if scope.is_none() {
                fields.require(name);
            }
            result.distribution_scope = scope.map(|scope| scope.name().to_owned());
        }
        "omps_operator_version" => {
            let text = value
                .as_str()
                .filter(|text| !is_deeper_than(MAX_DEPTH, text.as_bytes()));
            match text.map(serde_json::from_str) {
                Some(Ok(version)) => result.omps_operator_version = Some(version),
                Some(Err(_)) | None => fields
                    .findings
                    .invalid(name, format!("must be a string that holds a JSON document, nested no deeper than {MAX_DEPTH} levels")),
            }
        }
        "labels" => match texts_by_name(value) {
            Some(labels) => result.labels = Some(labels),
            None => fields
                .findings
                .invalid(name, "must be an object whose values are strings"),
        },
        _ => {
            if let Some(image) = result.image_mut(name) {
                *image = fields.image(name);
                if image.is_none() {
                    fields.require(name);
                }
            }
        }
    }
}

fn bundle_mapping(
    fields: &mut Fields<'_>,
    name: &str,
    value: &Value,
) -> BTreeMap<String, Vec<String>> {
    let Value::Object(entries) = value else {
        fields.findings.invalid(
            name,
            format!(
                "must be an object that maps operators to lists of bundle images, not {}",
                kind_of(value)
            ),
        );
        return BTreeMap::new();
    };
    entries
        .iter()
        .map(|(operator, images)| (operator.clone(), fields.expect_images(name, images)))
        .collect()
}

fn check_without_effect(fields: &mut Fields<'_>, name: &str, value: &Value) {
    match name {
        "bundle_replacements" => {
            if texts_by_name(value).is_none() {
                fields
                    .findings
                    .invalid(name, "must be an object whose values are strings");
            }
        }
        "from_bundle_image_resolved" => {
            if fields.image(name).is_none() {
                fields.require(name);
            }
        }
        _ => {
            let text = value.as_str().unwrap_or_default();
            if text.is_empty() {
                fields.findings.invalid(
                    name,
                    "must be a string that is not empty, and changes nothing",
                );
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::Patch;
    use crate::{RequestType, State};

    fn parse(kind: RequestType, body: &Value) -> Result<Patch, crate::Refusal> {
        Patch::parse(body.as_object().unwrap(), kind)
    }

    #[test]
    fn state_and_reason_go_together() {
        let patch = parse(
            RequestType::Rm,
            &json!({"state": "complete", "state_reason": "done", "arches": []}),
        )
        .unwrap();
        assert_eq!(patch.state, Some((State::Complete, "done".to_owned())));
        assert_eq!(patch.fields.arches, Some(Vec::new()));
        for body in [
            json!({"state": "complete"}),
            json!({"state_reason": "x"}),
            json!({"state": "done", "state_reason": "x"}),
            json!({"state": "complete", "state_reason": 5}),
            json!({"state": 2, "state_reason": "x"}),
        ] {
            assert!(parse(RequestType::Rm, &body).is_err(), "{body}");
        }
    }

    #[test]
    fn a_document_within_a_report_can_be_read_again_wherever_it_is_stored() {
        let nested = |levels| format!("{}{}", "[".repeat(levels), "]".repeat(levels));
        let report = |levels| json!({"omps_operator_version": nested(levels)});
        let patch = parse(RequestType::Add, &report(super::MAX_DEPTH)).unwrap();
        let stored = serde_json::to_string(&patch.fields).unwrap();
        let read: crate::ResultFields = serde_json::from_str(&stored).unwrap();
        assert_eq!(read, patch.fields);
        // Those of 127 levels are JSON for our reader, and those around them would not be.
        for levels in [super::MAX_DEPTH + 1, 127, 500] {
            assert!(
                parse(RequestType::Add, &report(levels)).is_err(),
                "{levels}"
            );
        }
    }

    #[test]
    fn each_type_has_its_own_keys_and_every_one_of_them_is_read() {
        let image = "r/i@sha256:ab";
        for kind in RequestType::ALL {
            for name in super::mutable_keys(kind).iter().map(|key| key.name) {
                let value = match name {
                    "bundle_mapping" => json!({"op": [image]}),
                    "fbc_fragments_resolved" => json!([image]),
                    "distribution_scope" => json!("PROD"),
                    "omps_operator_version" => json!("{\"a\": \"1\"}"),
                    "labels" => json!({"a": "b"}),
                    _ => json!(image),
                };
                let patch = parse(kind, &json!({name: value})).unwrap();
                assert_ne!(
                    patch.fields,
                    crate::ResultFields::default(),
                    "{kind:?} {name}"
                );
                assert!(parse(kind, &json!({name: 5})).is_err(), "{kind:?} {name}");
                assert!(
                    parse(kind, &json!({name: null})).is_err(),
                    "{kind:?} {name}"
                );
            }
            for name in super::without_effect(kind).iter().map(|key| key.name) {
                assert!(
                    parse(kind, &json!({name: null})).is_err(),
                    "{kind:?} {name}"
                );
            }
            assert!(
                parse(kind, &json!({"from_index": "r/i:1"})).is_err(),
                "{kind:?}"
            );
        }
        assert_eq!(
            parse(RequestType::Add, &json!({"bundles": "text"})).unwrap(),
            Patch::default()
        );
        let replacements = json!({"bundle_replacements": {"a:1": "b:1"}});
        assert_eq!(
            parse(RequestType::RegenerateBundle, &replacements).unwrap(),
            Patch::default()
        );
    }
}
