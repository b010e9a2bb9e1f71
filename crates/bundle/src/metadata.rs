//! The files in `/metadata`: annotations, dependencies and properties (index database specification, 2.1, 2.3, 2.7).

use std::collections::BTreeMap;

use catalog::json::{self, Value, raw};
use catalog::yaml::Expansion;
use catalog::{Document, Format};

use crate::{Problem, Warning};

const PACKAGE: &str = "operators.operatorframework.io.bundle.package.v1";
const CHANNELS: &str = "operators.operatorframework.io.bundle.channels.v1";
const DEFAULT_CHANNEL: &str = "operators.operatorframework.io.bundle.channel.default.v1";

/// A dependency as the dependencies file states it, valid or not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dependency {
    /// The type, such as `olm.package`; unknown ones are kept, a missing one is empty.
    pub type_: String,
    /// The value as JSON: canonical if the file is YAML, as written if it is JSON. `None` if there is none.
    pub value: Option<String>,
}

#[derive(Debug, Clone, Default)]
pub(crate) struct Annotations {
    pub(crate) package: String,
    pub(crate) channels: Vec<String>,
    pub(crate) default_channel: Option<String>,
}

#[derive(Debug, Clone)]
pub(crate) struct Metadata {
    pub(crate) annotations: Annotations,
    pub(crate) dependencies: Vec<Dependency>,
    pub(crate) properties: Vec<Dependency>,
}

impl Metadata {
    /// Tries every file as each of the three types; for each type the first file that has something to say wins.
    /// File names do not matter, and hidden files count.
    pub(crate) fn read(
        files: &BTreeMap<String, Vec<u8>>,
        expansion: &Expansion,
        warnings: &mut Vec<Warning>,
    ) -> Result<Self, Problem> {
        let (mut annotations, mut dependencies, mut properties) = (None, Vec::new(), Vec::new());
        for (name, bytes) in files {
            let document = match Document::read_within(bytes, expansion) {
                Ok(document) => document,
                Err(error) => {
                    warnings.push(Warning::undecodable("metadata", name, &error));
                    continue;
                }
            };
            let mut keep = |read: Result<(), String>| {
                if let Err(reason) = read {
                    warnings.push(Warning {
                        file: format!("metadata/{name}"),
                        line: 1,
                        reason,
                    });
                }
            };
            if annotations.is_none() {
                keep(read_annotations(&document).map(|read| annotations = read));
            }
            if dependencies.is_empty() {
                keep(read_items(&document, "dependencies").map(|read| dependencies = read));
            }
            if properties.is_empty() {
                keep(read_items(&document, "properties").map(|read| properties = read));
            }
        }
        Ok(Self {
            annotations: annotations.ok_or(Problem::NoAnnotations)?,
            dependencies,
            properties,
        })
    }
}

/// The annotations, if at least one of the three is given.
fn read_annotations(document: &Document<'_>) -> Result<Option<Annotations>, String> {
    let Some(annotations) = document.value().field("annotations") else {
        return Ok(None);
    };
    if annotations.as_object().is_none() {
        return Err(format!(
            "`annotations` must be a mapping, but is {}",
            annotations.kind()
        ));
    }
    let text = |key: &str| text(annotations.field(key), key, document.format());
    let (package, channels, default_channel) =
        (text(PACKAGE)?, text(CHANNELS)?, text(DEFAULT_CHANNEL)?);
    if package.is_empty() && channels.is_empty() && default_channel.is_empty() {
        return Ok(None);
    }
    let channels = match channels.as_str() {
        "" => Vec::new(),
        names => names.split(',').map(str::to_owned).collect(),
    };
    Ok(Some(Annotations {
        package,
        channels,
        default_channel: Some(default_channel).filter(|name| !name.is_empty()),
    }))
}

/// A text field; YAML scalars of other types become text, JSON ones are refused.
fn text(value: Option<&Value>, field: &str, format: Format<'_>) -> Result<String, String> {
    match (value, format) {
        (None | Some(Value::Null), _) => Ok(String::new()),
        (Some(Value::String(text)), _) => Ok(text.clone()),
        (Some(Value::Bool(bool)), Format::Yaml) => Ok(bool.to_string()),
        (Some(Value::Number(number)), Format::Yaml) => Ok(number.to_plain_string()),
        (Some(other), _) => Err(format!("`{field}` must be text, but is {}", other.kind())),
    }
}

/// The list of types and values under `field`; empty if the file has no such field.
fn read_items(document: &Document<'_>, field: &str) -> Result<Vec<Dependency>, String> {
    let Some(items) = document.value().field(field) else {
        return Ok(Vec::new());
    };
    let Some(items) = items.as_array() else {
        return Err(format!("`{field}` must be a list, but is {}", items.kind()));
    };
    if let Some(other) = items
        .iter()
        .find(|item| !item.is_null() && item.as_object().is_none())
    {
        return Err(format!(
            "`{field}` must hold mappings only, but holds {}",
            other.kind()
        ));
    }
    let mut written = match document.format() {
        Format::Yaml => Vec::new(),
        Format::Json(source) => written_values(source, field).map_err(|error| error.to_string())?,
    };
    written.resize(items.len(), None);
    let read = |(item, written): (&Value, Option<String>)| {
        Ok(Dependency {
            type_: text(item.field("type"), "type", document.format())?,
            value: written.or_else(|| item.field_or_null("value").map(json::to_text)),
        })
    };
    items.iter().zip(written).map(read).collect()
}

/// The values of the items as they are written in a JSON source.
fn written_values(source: &[u8], field: &str) -> Result<Vec<Option<String>>, json::JsonError> {
    let find = |members: Vec<(String, &'_ [u8])>, name: &str| -> Option<Vec<u8>> {
        let exact = members.iter().rfind(|(key, _)| key == name);
        let folded = || {
            members
                .iter()
                .find(|(key, _)| key.eq_ignore_ascii_case(name))
        };
        exact.or_else(folded).map(|(_, value)| value.to_vec())
    };
    let Some(items) = find(raw::members(source)?, field) else {
        return Ok(Vec::new());
    };
    raw::elements(&items)?
        .into_iter()
        .map(|item| {
            if item == b"null" {
                return Ok(None);
            }
            let value = find(raw::members(item)?, "value");
            Ok(value.map(|value| String::from_utf8_lossy(&value).into_owned()))
        })
        .collect()
}
