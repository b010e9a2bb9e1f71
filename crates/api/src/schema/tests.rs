//! The schemas say what the code does: every parameter with every kind of value, every type's answer.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use jsonschema::Validator;
use serde_json::{Map, Value, json};

use super::{components, form, payload as payload_schema, request as request_schema, submitted};
use crate::batch::{Batch, BatchKind};
use crate::kind::{RequestType, State};
use crate::parameter::{Form, Parameter};
use crate::patch::{Patch, keys};
use crate::view::{Artefact, Artefacts, RequestView, StateEntry};
use crate::{Payload, ResultFields, Rules};

fn validator(name: &str) -> Validator {
    let document = json!({
        "$ref": format!("#/components/schemas/{name}"),
        "components": {"schemas": components()},
    });
    jsonschema::draft202012::new(&document).unwrap()
}

/// A body with nothing but what a submit needs.
fn least(kind: RequestType) -> Map<String, Value> {
    let body = match kind {
        RequestType::Generic => json!({}),
        RequestType::Add => json!({"bundles": ["r/b:1"], "from_index": "r/i:1"}),
        RequestType::Rm => json!({"operators": ["op"], "from_index": "r/i:1"}),
        RequestType::RegenerateBundle => json!({"from_bundle_image": "r/b:1"}),
        RequestType::MergeIndexImage => json!({"source_from_index": "r/i:1"}),
        RequestType::CreateEmptyIndex => json!({"from_index": "r/i:1"}),
        RequestType::RecursiveRelatedBundles => json!({"parent_bundle_image": "r/b:1"}),
        RequestType::FbcOperations => json!({"fbc_fragments": ["r/f:1"], "from_index": "r/i:1"}),
        RequestType::AddDeprecations => {
            json!({"operator_package": "op", "deprecation_schema": "{}", "from_index": "r/i:1"})
        }
    };
    body.as_object().unwrap().clone()
}

/// Values of every kind, fit and unfit for every form.
fn values() -> Vec<Value> {
    let json = r#"[null, 0, -0.0, 1, 0.5, true, false, "", "x", "scratch", "scratch2", "r/i", "r:5000/i", "r/i:1", "r/i@sha256:ab", "1",
        "{}", "PROD", "stage", "complete", [], {}, [null], [""], ["x"], ["r/i:1"], ["r/i:1", "r/i:1"], [["r/i:1"]], [{}], {"a": "b"},
        {"a": 1}, {"a": []}, {"a": ["r/i:1"]}, {"a": ["x"]}, {"auths": {}}, {"auths": {"r": {"auth": "x"}}},
        {"auths": {"r": {"auth": 1}}}, {"auths": {"r": {"auth": "x", "more": 1}}}, {"auths": {"r": {"auth": "x"}}, "more": 1}]"#;
    serde_json::from_str(json).unwrap()
}

/// The rules that depend on the service: the most it may allow, so that what remains is what the schema can say.
fn generous(check: impl Fn(&Rules<'_>)) {
    let modes = ["x".to_owned()];
    let indexes = ["r/i".to_owned()];
    check(&Rules {
        binary_image_configured: true,
        graph_mode_options: &modes,
        graph_mode_index_allow_list: &indexes,
        ..Rules::default()
    });
}

#[test]
fn a_schema_takes_exactly_the_submits_that_the_service_takes() {
    generous(|rules| {
        let mut both = [0, 0];
        for kind in submitted() {
            let schema = validator(payload_schema(kind).unwrap());
            let mut bodies = vec![Map::new(), least(kind)];
            for parameter in super::payload::parameters(kind).iter().copied().flatten() {
                let mut without = least(kind);
                without.remove(parameter.name);
                bodies.push(without);
                for value in values() {
                    let mut with = least(kind);
                    with.insert(parameter.name.into(), value);
                    bodies.push(with.clone());
                    // What needs another parameter to be allowed.
                    for (name, value) in [
                        ("overwrite_from_index", json!(true)),
                        ("overwrite_target_index", json!(true)),
                        ("overwrite_target_index_token", json!("u:p")),
                        ("bundles", json!([])),
                        ("fbc_fragments", json!(null)),
                        ("add_arches", json!(["amd64"])),
                    ] {
                        let mut more = with.clone();
                        more.insert(name.into(), value);
                        bodies.push(more.clone());
                        more.remove("from_index");
                        bodies.push(more);
                    }
                }
            }
            for body in bodies {
                // Which modes and texts of JSON there are, no schema can say.
                let unsaid = |name: &str, fine: &[&str]| {
                    body.get(name)
                        .and_then(Value::as_str)
                        .is_some_and(|text| !text.is_empty() && !fine.contains(&text))
                };
                if unsaid("graph_update_mode", &[]) || unsaid("deprecation_schema", &["{}", "1"]) {
                    continue;
                }
                let taken = Payload::parse(kind, &body, rules);
                let body = Value::Object(body);
                assert_eq!(
                    schema.is_valid(&body),
                    taken.is_ok(),
                    "{kind:?} {body}: {taken:?}"
                );
                both[usize::from(taken.is_ok())] += 1;
            }
        }
        assert!(both[0] > 1000 && both[1] > 1000, "{both:?}");
    });
}

#[test]
fn a_schema_takes_exactly_the_batches_that_the_service_takes() {
    generous(|rules| {
        for kind in [BatchKind::AddRm, BatchKind::RegenerateBundle] {
            let schema = validator(super::batch(kind));
            let fit = match kind {
                BatchKind::AddRm => json!([least(RequestType::Add), least(RequestType::Rm)]),
                BatchKind::RegenerateBundle => json!([least(RequestType::RegenerateBundle)]),
            };
            let mut bodies = vec![json!({}), json!({"build_requests": fit, "other": 1})];
            for value in values() {
                bodies.push(json!({"build_requests": fit, "annotations": value}));
                bodies.push(json!({"build_requests": [value]}));
                bodies.push(json!({"build_requests": value}));
                bodies
                    .push(json!({"build_requests": [{"operators": value, "from_index": "r/i:1"}]}));
                bodies.push(json!({"build_requests": [
                    {"operators": value, "bundles": ["r/b:1"], "from_index": "r/i:1"},
                ]}));
                bodies.push(json!({"build_requests": [{"bundles": value, "from_index": "r/i:1"}]}));
                bodies.push(json!({"build_requests": [{"from_bundle_image": value}]}));
            }
            for body in bodies {
                let taken = Batch::parse(kind, body.as_object().unwrap(), rules);
                assert_eq!(
                    schema.is_valid(&body),
                    taken.is_ok(),
                    "{kind:?} {body}: {taken:?}"
                );
            }
        }
    });
}

#[test]
fn a_schema_takes_exactly_the_reports_that_the_service_takes() {
    let mut names = BTreeSet::new();
    for kind in submitted() {
        let own = keys::mutable_keys(kind);
        names.extend(
            own.iter()
                .chain(keys::without_effect(kind))
                .map(|key| key.name),
        );
    }
    names.extend(keys::COMMON.map(|key| key.name));
    for kind in submitted() {
        let schema = validator(&request_schema(kind).unwrap().replace("Request", "Patch"));
        for name in &names {
            for value in values() {
                let mut body = json!({ *name: value });
                if *name == "state" {
                    body["state_reason"] = "done".into();
                } else if *name == "state_reason" {
                    body["state"] = "failed".into();
                } else if *name == "omps_operator_version"
                    && value
                        .as_str()
                        .is_some_and(|text| text.parse::<Value>().is_err())
                {
                    continue;
                }
                let taken = Patch::parse(body.as_object().unwrap(), kind);
                assert_eq!(
                    schema.is_valid(&body),
                    taken.is_ok(),
                    "{kind:?} {body}: {taken:?}"
                );
            }
        }
        for half in [
            json!({"state": "failed"}),
            json!({"state_reason": "x"}),
            json!({}),
        ] {
            assert!(!schema.is_valid(&half), "{half}");
        }
    }
}

fn view(kind: RequestType) -> RequestView {
    let mut payload = None;
    let rules = Rules {
        binary_image_configured: true,
        ..Rules::default()
    };
    if let Ok(parsed) = Payload::parse(kind, &least(kind), &rules) {
        payload = parsed;
    }
    let updated = Timestamp::UNIX_EPOCH;
    RequestView {
        id: 7,
        batch: 3,
        batch_annotations: None,
        user: None,
        state: State::InProgress,
        state_reason: "working".into(),
        updated,
        state_history: vec![StateEntry {
            state: State::InProgress,
            state_reason: "working".into(),
            updated,
        }],
        payload: payload.unwrap(),
        result: ResultFields::default(),
        bundle_mapping: BTreeMap::new(),
    }
}

fn artefacts() -> Artefacts {
    let file = || {
        Some(Artefact {
            expiration: Timestamp::UNIX_EPOCH,
            url: "http://iib.example/x".into(),
        })
    };
    Artefacts {
        logs: file(),
        related_bundles: file(),
        nested_bundles: file(),
        deprecation_schema_url: Some("http://iib.example/x".into()),
    }
}

#[test]
fn an_answer_of_each_type_has_exactly_the_properties_of_its_schema() {
    for kind in submitted() {
        let name = request_schema(kind).unwrap();
        let view = view(kind);
        let verbose = serde_json::to_value(view.verbose(artefacts())).unwrap();
        let keys = |value: &Value| -> BTreeSet<String> {
            value.as_object().unwrap().keys().cloned().collect()
        };
        assert_eq!(
            keys(&verbose),
            keys(&components()[name]["properties"]),
            "{kind:?}"
        );
        for (form, answer) in [
            ("verbose", verbose),
            (
                "short",
                serde_json::to_value(view.short(artefacts())).unwrap(),
            ),
        ] {
            for schema in [name, "Request"] {
                let errors: Vec<_> = validator(schema)
                    .iter_errors(&answer)
                    .map(|error| error.to_string())
                    .collect();
                assert!(errors.is_empty(), "{kind:?} {form} {schema}: {errors:?}");
            }
            assert_eq!(
                validator("VerboseForm").is_valid(&answer),
                form == "verbose"
            );
        }
    }
}

#[test]
fn lists_errors_and_health_are_as_described() {
    let meta = crate::Meta::new(1, 20, 40, |page| format!("http://iib.example/{page}")).unwrap();
    let error = crate::ErrorBody { error: "no".into() };
    let problems = [crate::Problem {
        field: "bundles".into(),
        message: "must be given".into(),
    }];
    let problem =
        crate::ProblemDetails::new(crate::ProblemCode::InvalidPayload, "no", "id", &problems);
    for (schema, value) in [
        ("Meta", serde_json::to_value(meta)),
        ("Error", serde_json::to_value(error)),
        ("ProblemDetails", serde_json::to_value(problem)),
        ("Health", serde_json::to_value(crate::Health::OK)),
    ] {
        let value = value.unwrap();
        let errors: Vec<_> = validator(schema)
            .iter_errors(&value)
            .map(|error| error.to_string())
            .collect();
        assert!(errors.is_empty(), "{schema} {value}: {errors:?}");
        assert_eq!(
            value.as_object().unwrap().len(),
            components()[schema]["properties"]
                .as_object()
                .unwrap()
                .len(),
            "{schema}"
        );
    }
}

#[test]
fn examples_and_defaults_are_json_that_the_parameter_takes() {
    let mut examples = 0;
    for kind in submitted() {
        let submit = super::payload::parameters(kind).iter().copied().flatten();
        let all: Vec<&Parameter> = submit
            .chain(&keys::COMMON)
            .chain(keys::mutable_keys(kind))
            .collect();
        for parameter in all {
            let schema = json!({
                "allOf": [form::parameter(parameter)],
                "components": {"schemas": components()},
            });
            let schema = jsonschema::draft202012::new(&schema).unwrap();
            for text in [parameter.example, parameter.default].into_iter().flatten() {
                let value = form::parse(text);
                assert!(
                    value.is_some_and(|value| schema.is_valid(&value)),
                    "{}: {text}",
                    parameter.name
                );
                examples += 1;
            }
            assert!(parameter.about.ends_with('.'), "{}", parameter.name);
            assert_eq!(
                parameter.secret,
                parameter.form == Form::DockerConfig || parameter.name.ends_with("_token"),
                "{}",
                parameter.name
            );
        }
    }
    assert!(examples > 50, "{examples}");
}

#[test]
fn every_reference_leads_somewhere() {
    let components = components();
    let text = serde_json::to_string(&components).unwrap();
    let mut references = 0;
    for rest in text.split("\"#/components/schemas/").skip(1) {
        let name = rest.split('"').next().unwrap();
        assert!(components.contains_key(name), "{name}");
        references += 1;
    }
    assert!(references > 50);
}
