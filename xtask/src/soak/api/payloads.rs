//! Valid payloads of every type, each with a mark by which it is found again.

use serde_json::{Map, Value, json};

use super::dice::Dice;

/// The types of requests, as their paths have them.
pub(super) const TYPES: [&str; 8] = [
    "builds/add",
    "builds/rm",
    "builds/regenerate-bundle",
    "builds/merge-index-image",
    "builds/create-empty-index",
    "builds/recursive-related-bundles",
    "builds/fbc-operations",
    "builds/add-deprecations",
];

pub(super) const ADD_RM_BATCH: &str = "builds/add-rm-batch";
pub(super) const REGENERATE_BATCH: &str = "builds/regenerate-bundle-batch";

const REGISTRY: &str = "registry.example.test/soak-inputs";

const BINARY_IMAGE: &str = "registry.example.test/opm:v4.19";

/// Part of every secret that is sent. It must not come back.
pub(super) const SECRET: &str = "s3cr3t-0f-the-s0ak";

/// A payload and what answers show of it.
#[derive(Debug, Clone)]
pub(super) struct Wanted {
    pub(super) body: Value,
    pub(super) shown: Map<String, Value>,
    /// Stands somewhere in `shown`, and in that of no other request.
    pub(super) mark: String,
    /// The text that `deprecation-schema` gives back.
    pub(super) schema: Option<String>,
}

/// The mark of a request of a client, or of an item of it.
pub(super) fn mark(client: u32, request: u32, item: usize) -> String {
    format!("mark-{client}-{request}-{item}.")
}

/// The marks in a request as it is shown.
pub(super) fn marks(shown: &str) -> Option<&str> {
    let start = shown.find("mark-")?;
    let length = shown[start..].find('.')?;
    shown.get(start..=start + length)
}

/// An index that some requests start from, and others do not.
pub(super) fn index(dice: &mut Dice) -> String {
    format!("{REGISTRY}/index:v4.{}", dice.below(20))
}

/// A payload for one of [`TYPES`], as `user` sends it.
pub(super) fn valid(dice: &mut Dice, path: &str, mark: String, user: Option<&str>) -> Wanted {
    let image = |name: &str| format!("{REGISTRY}/{name}-{mark}:1");
    let mut schema = None;
    // What is sent and shown alike, and what is sent alone.
    let (alike, sent) = match path {
        "builds/add" => (
            json!({
                "bundles": [image("bundle"), format!("{REGISTRY}/shared-{}:1", dice.below(50))],
                "from_index": index(dice),
                "binary_image": BINARY_IMAGE,
                "build_tags": ["candidate"],
                "check_related_images": dice.chance(50),
            }),
            overwriting(dice),
        ),
        "builds/rm" => (
            json!({"from_index": index(dice), "binary_image": BINARY_IMAGE}),
            json!({"operators": [format!("operator-{mark}"), "shared"]}),
        ),
        "builds/regenerate-bundle" => (
            json!({
                "from_bundle_image": image("bundle"),
                "organization": "acme",
                "bundle_replacements": {"a.test/a:1": "b.test/b:1"},
            }),
            json!({"registry_auths": auths()}),
        ),
        "builds/merge-index-image" => (
            json!({
                "source_from_index": image("source"),
                "target_index": index(dice),
                "binary_image": BINARY_IMAGE,
                "deprecation_list": [format!("{REGISTRY}/old:1")],
                "distribution_scope": "prod",
            }),
            json!({"overwrite_target_index": true, "overwrite_target_index_token": format!("user:{SECRET}")}),
        ),
        "builds/create-empty-index" => (
            json!({
                "from_index": index(dice),
                "binary_image": BINARY_IMAGE,
                "labels": {"mark": mark.clone(), "umlauts": "äöü \u{1F980} \"quoted\"\n"},
            }),
            json!({"output_fbc": true}),
        ),
        "builds/recursive-related-bundles" => (
            json!({"parent_bundle_image": image("parent"), "organization": null}),
            json!({"registry_auths": auths()}),
        ),
        "builds/fbc-operations" => (
            json!({
                "fbc_fragments": [image("fragment"), format!("{REGISTRY}/fragment:2")],
                "from_index": index(dice),
                "binary_image": BINARY_IMAGE,
            }),
            overwriting(dice),
        ),
        // The last one; a path of another name would be refused, and the run fail.
        _ => {
            let text = format!("{{ \"schema\": \"olm.deprecations\",\n \"mark\":\"{mark}\" }} ");
            schema = Some(text.clone());
            (
                json!({
                    "operator_package": format!("package-{mark}"),
                    "from_index": index(dice),
                    "binary_image": BINARY_IMAGE,
                }),
                json!({"deprecation_schema": text}),
            )
        }
    };
    let mut shown = object(alike);
    let mut body = shown.clone();
    body.extend(object(sent));
    if let Some(operators) = body.get("operators") {
        shown.insert("removed_operators".to_owned(), operators.clone());
    }
    let kind = path.trim_start_matches("builds/");
    shown.insert("request_type".to_owned(), kind.into());
    shown.insert("user".to_owned(), user.into());
    Wanted {
        body: body.into(),
        shown,
        mark,
        schema,
    }
}

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(object) => object,
        _ => Map::new(),
    }
}

fn overwriting(dice: &mut Dice) -> Value {
    if dice.chance(30) {
        json!({"overwrite_from_index": true, "overwrite_from_index_token": format!("user:{SECRET}")})
    } else {
        json!({})
    }
}

fn auths() -> Value {
    json!({"auths": {"registry.example.test": {"auth": SECRET}}})
}

/// The items of a batch and its body.
pub(super) fn batch(
    dice: &mut Dice,
    path: &str,
    marks: impl Iterator<Item = String>,
    user: Option<&str>,
) -> (Vec<Wanted>, Value) {
    let items: Vec<Wanted> = marks
        .map(|mark| {
            let kind = match path {
                ADD_RM_BATCH => dice.one_of(TYPES[0], &[TYPES[1]]),
                _ => TYPES[2],
            };
            valid(dice, kind, mark, user)
        })
        .collect();
    let bodies: Vec<&Value> = items.iter().map(|item| &item.body).collect();
    let body = json!({"build_requests": bodies, "annotations": {"soak": true}});
    (items, body)
}

#[cfg(test)]
mod tests {
    use super::{Dice, TYPES, mark, marks, valid};

    #[test]
    fn every_payload_shows_its_mark_and_no_secret() {
        let mut dice = Dice::new(1, 1);
        for path in TYPES {
            let wanted = valid(&mut dice, path, mark(3, 14, 1), Some("alice"));
            let shown = serde_json::to_string(&wanted.shown).unwrap();
            assert_eq!(marks(&shown), Some("mark-3-14-1."), "{path}");
            assert!(!shown.contains(super::SECRET), "{path}");
        }
        assert_eq!(marks("nothing"), None);
    }
}
