//! The fields of a CSV an index needs (index database specification, 2.4).

use std::collections::BTreeMap;

use catalog::json::Value;

use crate::{Problem, shape};

pub(crate) const SUBSTITUTES_FOR: &str = "olm.substitutesFor";

/// How errors name the CSV.
pub(crate) const PLACE: &str = "the CSV";

#[derive(Debug, Clone)]
pub(crate) struct Csv {
    pub(crate) name: String,
    pub(crate) version: String,
    pub(crate) release: String,
    pub(crate) replaces: String,
    pub(crate) skips: Vec<String>,
    pub(crate) spec: Value,
    annotations: BTreeMap<String, String>,
}

impl Csv {
    pub(crate) fn read(csv: &Value) -> Result<Self, Problem> {
        let metadata = csv.field("metadata").unwrap_or(&Value::Null);
        let name = metadata
            .field("name")
            .and_then(Value::as_str)
            .unwrap_or_default();
        if name.is_empty() {
            return Err(Problem::NoName);
        }
        let spec = csv.field("spec");
        let Some(spec @ Value::Object(_)) = spec else {
            return Err(shape::not_mapping(spec, "spec", PLACE));
        };
        let text = |field: &str| shape::text(spec.get(field), &format!("spec.{field}"), PLACE);
        Ok(Self {
            name: name.to_owned(),
            version: text("version")?,
            release: release(spec.get("release"))?,
            replaces: text("replaces")?,
            skips: shape::texts(spec.get("skips"), "spec.skips", PLACE)?,
            annotations: annotations(metadata)?,
            spec: spec.clone(),
        })
    }

    /// An annotation; empty if there is none.
    pub(crate) fn annotation(&self, key: &str) -> &str {
        self.annotations.get(key).map_or("", String::as_str)
    }
}

fn annotations(metadata: &Value) -> Result<BTreeMap<String, String>, Problem> {
    let annotations = shape::mapping(metadata.field("annotations"), "metadata.annotations", PLACE)?;
    let members = annotations.and_then(Value::as_object).into_iter().flatten();
    members
        .map(|(key, value)| {
            let text = shape::text(Some(value), &format!("metadata.annotations[{key}]"), PLACE)?;
            Ok((key.clone(), text))
        })
        .collect()
}

/// Text, or a number as it is printed.
fn release(value: Option<&Value>) -> Result<String, Problem> {
    match value {
        Some(Value::Number(number)) => Ok(number.to_text()),
        other => shape::text(other, "spec.release", PLACE),
    }
}
