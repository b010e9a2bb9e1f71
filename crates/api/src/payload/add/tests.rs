use secrecy::ExposeSecret as _;
use serde_json::{Value, json};

use super::AddPayload;
use crate::refusal::RefusalKind;
use crate::rules::{Overwriter, Rules};

/// A payload that is fine by itself, with `change` laid over it; a change to the text `-` takes the parameter away.
fn body(change: &Value) -> serde_json::Map<String, Value> {
    let mut object =
        json!({"bundles": ["r/b:1"], "from_index": "r/index:1", "binary_image": "r/opm:1"});
    let object = object.as_object_mut().unwrap();
    for (name, value) in change.as_object().unwrap() {
        if value == "-" {
            object.remove(name);
        } else {
            object.insert(name.clone(), value.clone());
        }
    }
    object.clone()
}

fn parse(change: &Value) -> Result<AddPayload, crate::Refusal> {
    AddPayload::parse(&body(change), &Rules::default())
}

#[track_caller]
fn accepted(change: &Value) -> AddPayload {
    parse(change).unwrap_or_else(|refusal| panic!("{change}: {refusal}"))
}

#[track_caller]
fn refused(change: &Value) {
    match parse(change) {
        Err(refusal) => assert_eq!(refusal.kind, RefusalKind::Invalid, "{change}: {refusal}"),
        Ok(_) => panic!("{change} was accepted"),
    }
}

#[test]
fn every_problem_is_reported_at_once() {
    let refusal =
        parse(&json!({"bundles": [1], "from_index": 5, "surprise": 1, "binary_image": "none"}))
            .unwrap_err();
    let fields: Vec<_> = refusal
        .problems
        .iter()
        .map(|problem| problem.field.as_str())
        .collect();
    for field in ["surprise", "bundles", "from_index", "binary_image"] {
        assert!(fields.contains(&field), "{field} in {fields:?}");
    }
    assert!(
        refusal
            .to_string()
            .contains("`surprise` is not a parameter"),
        "{refusal}"
    );
}

#[test]
fn a_problem_names_the_field_what_it_is_and_what_it_should_be() {
    for (change, text) in [
        (
            json!({"bundles": {"a": 1}}),
            "`bundles` must be a list of non-empty strings, not an object",
        ),
        (
            json!({"from_index": "r/index"}),
            "`from_index` is `r/index`, but must be an image reference with a tag or a digest",
        ),
        (
            json!({"overwrite_from_index": "true"}),
            "`overwrite_from_index` must be a boolean, not a string",
        ),
        (
            json!({"organization": null}),
            "`organization` must be a string, not null",
        ),
        (json!({"oragnization": "x"}), "it takes add_arches, "),
    ] {
        let refusal = parse(&change).unwrap_err().to_string();
        assert!(refusal.contains(text), "{refusal}");
    }
}

#[test]
fn an_answer_stays_short_however_much_is_wrong() {
    let bundles = vec!["no-tag".repeat(1000); 10_000];
    let refusal = parse(&json!({"bundles": bundles, "x".repeat(1_000_000): 1})).unwrap_err();
    assert_eq!(refusal.problems.len(), 10_001);
    let text = refusal.to_string();
    assert!(
        text.len() < 20_000 && text.ends_with("; and 9981 more"),
        "{} bytes",
        text.len()
    );
}

#[test]
fn unknown_names_are_refused_even_internal_ones() {
    for name in ["surprise", "id", "state", "type", "output_fbc", "user"] {
        refused(&json!({name: "x"}));
    }
}

#[test]
fn bundles_are_a_list_of_image_references_without_repeats() {
    for wrong in [
        json!(null),
        json!("x:1"),
        json!({}),
        json!([""]),
        json!([1]),
        json!([null]),
        json!(5),
        json!(true),
        json!([{}]),
        json!([["x:1"]]),
        json!(["bundle"]),
    ] {
        refused(&json!({"bundles": wrong}));
        refused(&json!({"deprecation_list": wrong}));
    }
    assert_eq!(
        accepted(&json!({"bundles": ["z:1", "a:1", "z:1", "m:1"]})).bundles,
        ["z:1", "a:1", "m:1"]
    );
    assert_eq!(
        accepted(&json!({"deprecation_list": ["z:1", "a:1", "z:1"]})).deprecation_list,
        ["z:1", "a:1"]
    );
    assert!(accepted(&json!({"bundles": []})).bundles.is_empty());
    assert!(accepted(&json!({"bundles": "-"})).bundles.is_empty());
    refused(&json!({"bundles": [], "from_index": "-", "add_arches": ["amd64"]}));
}

#[test]
fn an_index_or_architectures_are_needed() {
    refused(&json!({"from_index": "-"}));
    refused(&json!({"from_index": null, "add_arches": []}));
    let payload = accepted(&json!({"from_index": "", "add_arches": ["amd64"]}));
    assert_eq!(
        (payload.index.from_index, payload.index.add_arches),
        (None, vec!["amd64".to_owned()])
    );
    for wrong in [json!(5), json!(["x:1"]), json!(false), json!("r/index")] {
        refused(&json!({"from_index": wrong}));
    }
}

#[test]
fn architectures_are_non_empty_strings() {
    for wrong in [
        json!("amd64"),
        json!([""]),
        json!([1]),
        json!({"amd64": 1}),
        json!(["amd64", null]),
        json!(false),
    ] {
        refused(&json!({"add_arches": wrong}));
    }
    for absent in [json!(null), json!([]), json!("-")] {
        assert!(
            accepted(&json!({"add_arches": absent}))
                .index
                .add_arches
                .is_empty()
        );
    }
}

#[test]
fn the_binary_image_may_be_left_out_only_when_configured() {
    let configured = Rules {
        binary_image_configured: true,
        ..Rules::default()
    };
    for absent in [json!("-"), json!(""), json!(null)] {
        let change = json!({"binary_image": absent});
        refused(&change);
        assert_eq!(
            AddPayload::parse(&body(&change), &configured)
                .unwrap()
                .index
                .binary_image,
            None
        );
    }
    for wrong in [json!(5), json!(["x:1"]), json!("r/no-tag"), json!(false)] {
        let change = json!({"binary_image": wrong});
        refused(&change);
        assert!(
            AddPayload::parse(&body(&change), &configured).is_err(),
            "{change}"
        );
    }
    assert_eq!(
        accepted(&json!({"binary_image": "scratch"}))
            .index
            .binary_image
            .as_deref(),
        Some("scratch")
    );
}

#[test]
fn overwriting_needs_a_boolean_and_a_user_needs_a_token() {
    for wrong in [json!("true"), json!(1), json!([1])] {
        refused(&json!({"overwrite_from_index": wrong}));
    }
    for absent in [json!(null), json!(0), json!(""), json!(false)] {
        assert!(
            !accepted(&json!({"overwrite_from_index": absent}))
                .index
                .overwrite_from_index
        );
    }
    for wrong in [json!(5), json!(["u:p"]), json!(false)] {
        refused(&json!({"overwrite_from_index": true, "overwrite_from_index_token": wrong}));
    }
    refused(&json!({"overwrite_from_index_token": "u:p"}));
    refused(&json!({"overwrite_from_index": false, "overwrite_from_index_token": "u:p"}));

    assert!(
        accepted(&json!({"overwrite_from_index": true}))
            .index
            .overwrite_from_index,
        "nobody is logged in"
    );
    let user = Rules {
        overwriter: Overwriter::User,
        ..Rules::default()
    };
    for absent in [json!("-"), json!(""), json!(null)] {
        let change = json!({"overwrite_from_index": true, "overwrite_from_index_token": absent});
        assert_eq!(
            AddPayload::parse(&body(&change), &user).unwrap_err().kind,
            RefusalKind::Forbidden
        );
    }
    let change = json!({"overwrite_from_index": true, "overwrite_from_index_token": "u:p"});
    let payload = AddPayload::parse(&body(&change), &user).unwrap();
    assert_eq!(
        payload
            .index
            .overwrite_from_index_token
            .unwrap()
            .expose_secret(),
        "u:p"
    );
}

#[test]
fn a_malformed_payload_is_400_even_when_it_is_forbidden_too() {
    let user = Rules {
        overwriter: Overwriter::User,
        ..Rules::default()
    };
    let refusal = AddPayload::parse(
        &body(&json!({"overwrite_from_index": true, "bundles": 5})),
        &user,
    )
    .unwrap_err();
    assert_eq!(refusal.kind, RefusalKind::Invalid);
}

#[test]
fn scopes_are_known_words_in_any_case() {
    assert_eq!(
        accepted(&json!({"distribution_scope": "Stage"}))
            .index
            .distribution_scope
            .unwrap()
            .name(),
        "stage"
    );
    for absent in [json!(""), json!(null), json!("-")] {
        assert!(
            accepted(&json!({"distribution_scope": absent}))
                .index
                .distribution_scope
                .is_none()
        );
    }
    for wrong in [json!("qa"), json!(5), json!(["prod"]), json!(false)] {
        refused(&json!({"distribution_scope": wrong}));
    }
}

#[test]
fn build_tags_are_sorted_and_collapse() {
    let tags: Vec<_> = accepted(&json!({"build_tags": ["t2", "t1", "t2"]}))
        .index
        .build_tags
        .into_iter()
        .collect();
    assert_eq!(tags, ["t1", "t2"]);
    for wrong in [
        json!(5),
        json!("abc"),
        json!([{}]),
        json!([""]),
        json!(true),
    ] {
        refused(&json!({"build_tags": wrong}));
    }
}

#[test]
fn the_deprecated_parameters_keep_their_types() {
    for name in ["cnr_token", "organization"] {
        for wrong in [json!(5), json!(null), json!(["x"]), json!(false)] {
            refused(&json!({name: wrong}));
        }
    }
    assert_eq!(
        accepted(&json!({"organization": "acme"}))
            .organization
            .as_deref(),
        Some("acme")
    );
    assert_eq!(
        accepted(&json!({"organization": "", "cnr_token": ""})).organization,
        None
    );
    for wrong in [json!("yes"), json!(null), json!(0)] {
        refused(&json!({"force_backport": wrong}));
    }
    assert!(accepted(&json!({"force_backport": true})).force_backport);
}

#[test]
fn related_images_are_checked_only_with_bundles() {
    assert_eq!(accepted(&json!({})).check_related_images, None);
    assert_eq!(
        accepted(&json!({"check_related_images": false, "bundles": []})).check_related_images,
        Some(false)
    );
    assert_eq!(
        accepted(&json!({"check_related_images": true})).check_related_images,
        Some(true)
    );
    for wrong in [json!("true"), json!(null), json!(1)] {
        refused(&json!({"check_related_images": wrong}));
    }
    refused(&json!({"check_related_images": true, "bundles": []}));
}

#[test]
fn graph_modes_are_for_listed_indexes_and_options_come_first() {
    let options = ["replaces".to_owned(), "semver".to_owned()];
    let allow_list = ["r/any-tag".to_owned(), "r/one-tag:v1".to_owned()];
    let rules = Rules {
        graph_mode_options: &options,
        graph_mode_index_allow_list: &allow_list,
        ..Rules::default()
    };
    let outcome = |index: &str, mode: Value| {
        AddPayload::parse(
            &body(&json!({"from_index": index, "graph_update_mode": mode})),
            &rules,
        )
        .map_err(|refusal| refusal.kind)
    };
    assert_eq!(
        outcome("r/any-tag:v9", json!("semver"))
            .unwrap()
            .graph_update_mode
            .as_deref(),
        Some("semver")
    );
    assert!(outcome("r/one-tag:v1", json!("replaces")).is_ok());
    assert_eq!(
        outcome("r/one-tag:v2", json!("replaces")).unwrap_err(),
        RefusalKind::Forbidden
    );
    assert_eq!(
        outcome("r/any-tag@sha256:ab", json!("replaces")).unwrap_err(),
        RefusalKind::Forbidden
    );
    assert_eq!(
        outcome("r/one-tag:v2", json!("else")).unwrap_err(),
        RefusalKind::Invalid
    );
    assert_eq!(
        outcome("r/one-tag:v2", json!(""))
            .unwrap()
            .graph_update_mode,
        None
    );
    for wrong in [json!(null), json!(5), json!(["semver"]), json!(false)] {
        assert_eq!(
            outcome("r/any-tag:v1", wrong).unwrap_err(),
            RefusalKind::Invalid
        );
    }
}

#[test]
fn secrets_show_up_in_neither_debug_nor_stored_form() {
    let payload = accepted(
        &json!({"overwrite_from_index": true, "overwrite_from_index_token": "user:s3cr3t", "cnr_token": "s3cr3t"}),
    );
    assert!(!format!("{payload:?}").contains("s3cr3t"));
    assert!(!crate::Payload::Add(payload).to_stored().contains("s3cr3t"));
}
