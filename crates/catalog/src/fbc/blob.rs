//! One blob: from a value to its kind.

use std::collections::BTreeMap;

use super::property::{decode_base64, encode_base64, object_of};
use super::{
    BUNDLE, BUNDLE_OBJECT, Bundle, CHANNEL, Channel, DEPRECATIONS, Deprecation, Deprecations,
    Entry, Icon, Other, PACKAGE, Package, Property, RelatedImage,
};
use crate::json::{self, JsonError, Value};
use crate::yaml::YamlError;

/// A blob of a catalog, by its schema.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Blob {
    /// `olm.package`.
    Package(Package),
    /// `olm.channel`.
    Channel(Channel),
    /// `olm.bundle`.
    Bundle(Bundle),
    /// `olm.deprecations`.
    Deprecations(Deprecations),
    /// Any other schema.
    Other(Other),
}

/// Why a file is not a stream of blobs.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Unreadable {
    /// The file begins like JSON and is neither JSON nor YAML.
    #[error("line {line}: not valid JSON")]
    Json {
        /// The line, counted from 1.
        line: usize,
        /// What is wrong.
        source: JsonError,
    },
    /// A document is not YAML that the reference tool would read.
    #[error("the document that begins on line {line} is not valid YAML")]
    Yaml {
        /// The line the document begins on, counted from 1.
        line: usize,
        /// What is wrong; its line is counted within the document.
        source: YamlError,
    },
    /// A line begins with three dashes and goes on.
    #[error(
        "line {line}: `---{rest}` is no document separator; three dashes at the beginning of a line must stand alone, even in a block of text"
    )]
    Separator {
        /// The line, counted from 1.
        line: usize,
        /// What follows the dashes.
        rest: String,
    },
    /// A blob is not a mapping.
    #[error("line {line}: a blob must be a mapping, not {kind}")]
    NoMapping {
        /// The line it begins on, counted from 1.
        line: usize,
        /// What it is.
        kind: &'static str,
    },
    /// A blob has no schema; a document that holds no text at all counts too.
    #[error(
        "line {line}: object `{blob}` is missing its root field `schema`; a document without content (comments above a `---`, two `---` in a row) counts as an object"
    )]
    NoSchema {
        /// The line it begins on, counted from 1.
        line: usize,
        /// The beginning of the blob as JSON.
        blob: String,
    },
    /// Two keys of a blob differ in case only.
    #[error("line {line}: duplicate keys for key `{key}`: {}; keep one of them", keys.join(", "))]
    DuplicateKeys {
        /// The line the blob begins on, counted from 1.
        line: usize,
        /// The key in lower case.
        key: String,
        /// The keys as written.
        keys: Vec<String>,
    },
    /// A field has the wrong type.
    #[error("line {line}: {schema} `{name}`: {reason}")]
    Field {
        /// The line the blob begins on, counted from 1.
        line: usize,
        /// What kind of blob it is.
        schema: String,
        /// The blob's name; empty if unknown.
        name: String,
        /// Which field, and what is wrong with it.
        reason: String,
    },
    /// An embedded manifest cannot be read.
    #[error(
        "line {line}: package `{package}`, bundle `{bundle}`: property {index} is no bundle object: {reason}"
    )]
    Object {
        /// The line the blob begins on, counted from 1.
        line: usize,
        /// The package of the bundle.
        package: String,
        /// The bundle.
        bundle: String,
        /// Which of its properties, counted from 0.
        index: usize,
        /// What is wrong.
        reason: String,
    },
}

type Members = BTreeMap<String, Value>;

impl Blob {
    /// Makes a blob of a value whose numbers are doubles; `line` is where it begins.
    pub(super) fn from_value(value: Value, line: usize) -> Result<Self, Unreadable> {
        let mut members = match value {
            Value::Object(members) => members,
            Value::Null => return Err(no_schema(line, "")),
            other => {
                let kind = other.kind();
                return Err(Unreadable::NoMapping { line, kind });
            }
        };
        check_keys(&members, line)?;
        let identity = |name: &str| match folded(&members, name) {
            None => Ok(String::new()),
            Some(Value::String(text)) => Ok(text.clone()),
            Some(other) => Err(Unreadable::Field {
                line,
                schema: "object".to_owned(),
                name: String::new(),
                reason: format!(
                    "expected the value for key `{name}` to be a string, got {}: {}",
                    other.kind(),
                    excerpt(&json::to_plain_text(other))
                ),
            }),
        };
        let (schema, package, name) =
            (identity("schema")?, identity("package")?, identity("name")?);
        let refuse = |reason| Unreadable::Field {
            line,
            schema: schema.clone(),
            name: name.clone(),
            reason,
        };
        Ok(match schema.as_str() {
            "" => {
                let text = json::to_plain_text(&Value::Object(members));
                return Err(no_schema(line, &text));
            }
            PACKAGE => Self::Package(package_blob(&mut members, name.clone()).map_err(refuse)?),
            CHANNEL => {
                Self::Channel(channel_blob(&mut members, name.clone(), package).map_err(refuse)?)
            }
            BUNDLE => {
                let bad_object = |index, reason| Unreadable::Object {
                    line,
                    package: package.clone(),
                    bundle: name.clone(),
                    index,
                    reason,
                };
                let properties = list(&mut members, "properties").map_err(refuse)?;
                for (index, value) in properties.iter().flatten().enumerate() {
                    let is_object =
                        value.field("type").and_then(Value::as_str) == Some(BUNDLE_OBJECT);
                    if is_object {
                        let value = value.field("value").unwrap_or(&Value::Null);
                        object_of(value).map_err(|reason| bad_object(index, reason))?;
                    }
                }
                Self::Bundle(Bundle {
                    properties: all(properties, property).map_err(refuse)?,
                    related_images: related_images(&mut members).map_err(refuse)?,
                    image: text(&mut members, "image").map_err(refuse)?,
                    name: name.clone(),
                    package,
                })
            }
            DEPRECATIONS => Self::Deprecations(Deprecations {
                entries: deprecations(&mut members).map_err(refuse)?,
                package,
            }),
            _ => Self::Other(Other {
                blob: json::to_plain_text(&Value::Object(members)),
                schema,
                package,
                name,
            }),
        })
    }
}

fn no_schema(line: usize, text: &str) -> Unreadable {
    Unreadable::NoSchema {
        line,
        blob: excerpt(text),
    }
}

/// Enough of a text to recognise it.
fn excerpt(text: &str) -> String {
    const ENOUGH: usize = 200;
    match text.char_indices().nth(ENOUGH) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// Refuses keys that differ in case only.
fn check_keys(members: &Members, line: usize) -> Result<(), Unreadable> {
    let mut seen: BTreeMap<String, &str> = BTreeMap::new();
    for key in members.keys() {
        if let Some(other) = seen.insert(key.to_lowercase(), key) {
            return Err(Unreadable::DuplicateKeys {
                line,
                key: key.to_lowercase(),
                keys: vec![other.to_owned(), key.clone()],
            });
        }
    }
    Ok(())
}

fn folded<'a>(members: &'a Members, name: &str) -> Option<&'a Value> {
    members.get(name).or_else(|| {
        members
            .iter()
            .find(|(key, _)| key.to_lowercase() == name)
            .map(|(_, value)| value)
    })
}

/// Takes the member that a Go structure would fill a field from; an explicit `null` counts as absent.
fn take(members: &mut Members, name: &str) -> Option<Value> {
    let key = if members.contains_key(name) {
        name.to_owned()
    } else {
        let same = |key: &&String| key.eq_ignore_ascii_case(name);
        members.keys().find(same)?.clone()
    };
    members.remove(&key).filter(|value| !value.is_null())
}

fn text(members: &mut Members, name: &str) -> Result<String, String> {
    match take(members, name) {
        None => Ok(String::new()),
        Some(Value::String(text)) => Ok(text),
        Some(other) => Err(format!("`{name}` must be text, not {}", other.kind())),
    }
}

fn list(members: &mut Members, name: &str) -> Result<Option<Vec<Value>>, String> {
    match take(members, name) {
        None => Ok(None),
        Some(Value::Array(elements)) => Ok(Some(elements)),
        Some(other) => Err(format!("`{name}` must be a list, not {}", other.kind())),
    }
}

fn all<T>(
    values: Option<Vec<Value>>,
    each: fn(&mut Members) -> Result<T, String>,
) -> Result<Vec<T>, String> {
    let of_value = |value| match value {
        Value::Object(mut members) => each(&mut members),
        Value::Null => each(&mut Members::new()),
        other => Err(format!(
            "a list holds {} where a mapping belongs",
            other.kind()
        )),
    };
    values.into_iter().flatten().map(of_value).collect()
}

fn package_blob(members: &mut Members, name: String) -> Result<Package, String> {
    let icon = match take(members, "icon") {
        None => None,
        Some(Value::Object(mut icon)) => {
            let base64data = match take(&mut icon, "base64data") {
                None => None,
                Some(Value::String(text)) => {
                    let bytes = decode_base64(&text)
                        .map_err(|reason| format!("`icon.base64data`: {reason}"))?;
                    Some(encode_base64(&bytes))
                }
                Some(other) => {
                    return Err(format!(
                        "`icon.base64data` must be text, not {}",
                        other.kind()
                    ));
                }
            };
            Some(Icon {
                base64data,
                mediatype: text(&mut icon, "mediatype")?,
            })
        }
        Some(other) => return Err(format!("`icon` must be a mapping, not {}", other.kind())),
    };
    Ok(Package {
        name,
        default_channel: text(members, "defaultChannel")?,
        icon,
        description: text(members, "description")?,
        properties: properties(members)?,
    })
}

fn channel_blob(members: &mut Members, name: String, package: String) -> Result<Channel, String> {
    let entries = list(members, "entries")?;
    let entries = match entries {
        None => None,
        entries => Some(all(entries, entry)?),
    };
    Ok(Channel {
        name,
        package,
        entries,
        properties: properties(members)?,
    })
}

fn entry(members: &mut Members) -> Result<Entry, String> {
    let skips = list(members, "skips")?.into_iter().flatten();
    let skips = skips.map(|skip| match skip {
        Value::String(skip) => Ok(skip),
        Value::Null => Ok(String::new()),
        other => Err(format!("`skips` must hold text, not {}", other.kind())),
    });
    Ok(Entry {
        skips: skips.collect::<Result<_, _>>()?,
        name: text(members, "name")?,
        replaces: text(members, "replaces")?,
        skip_range: text(members, "skipRange")?,
    })
}

fn properties(members: &mut Members) -> Result<Vec<Property>, String> {
    let values = list(members, "properties")?;
    all(values, property)
}

fn property(members: &mut Members) -> Result<Property, String> {
    let type_ = text(members, "type")?;
    // Here an explicit `null` is a value.
    let key = if members.contains_key("value") {
        Some("value".to_owned())
    } else {
        let same = |key: &&String| key.eq_ignore_ascii_case("value");
        members.keys().find(same).cloned()
    };
    let value = key.and_then(|key| members.remove(&key));
    Ok(Property {
        type_,
        value: value.as_ref().map(json::to_plain_text),
    })
}

fn related_images(members: &mut Members) -> Result<Vec<RelatedImage>, String> {
    let values = list(members, "relatedImages")?;
    all(values, |members| {
        Ok(RelatedImage {
            name: text(members, "name")?,
            image: text(members, "image")?,
        })
    })
}

fn deprecations(members: &mut Members) -> Result<Option<Vec<Deprecation>>, String> {
    let Some(values) = list(members, "entries")? else {
        return Ok(None);
    };
    let entries = all(Some(values), |members| {
        let mut reference = match take(members, "reference") {
            None => Members::new(),
            Some(Value::Object(reference)) => reference,
            Some(other) => {
                return Err(format!(
                    "`reference` must be a mapping, not {}",
                    other.kind()
                ));
            }
        };
        Ok(Deprecation {
            schema: text(&mut reference, "schema")?,
            name: text(&mut reference, "name")?,
            message: text(members, "message")?,
        })
    })?;
    Ok(Some(entries))
}
