//! One blob: from a value to its kind.

use std::collections::BTreeMap;

use super::property::{check_object, decode_base64, encode_base64};
use super::{
    BUNDLE, BUNDLE_OBJECT, Bundle, CHANNEL, Channel, DEPRECATIONS, Deprecation, Deprecations,
    Entry, Icon, Other, PACKAGE, Package, Property, RelatedImage,
};
use crate::json::{Fields, JsonError, Part};
use crate::yaml::{Expansion, YamlError};

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
    /// The aliases of all documents and manifests of the file together expand too far.
    #[error(
        "the aliases of this file expand without reasonable bound; write out what they stand for"
    )]
    Aliases,
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

impl Blob {
    /// Makes a blob of its text in normal form; `line` is where it begins.
    pub(super) fn from_text(
        text: &str,
        line: usize,
        expansion: &Expansion,
    ) -> Result<Self, Unreadable> {
        let value = Part::new(text);
        if value.is_null() {
            return Err(no_schema(line, ""));
        }
        let members = value.fields().ok_or_else(|| Unreadable::NoMapping {
            line,
            kind: value.kind(),
        })?;
        check_keys(&members, line)?;
        let identity = |name: &str| match folded(&members, name) {
            None => Ok(String::new()),
            Some(value) => {
                let text = value.string().ok_or_else(|| Unreadable::Field {
                    line,
                    schema: "object".to_owned(),
                    name: String::new(),
                    reason: format!(
                        "expected the value for key `{name}` to be a string, got {}: {}",
                        value.kind(),
                        excerpt(value.text())
                    ),
                })?;
                Ok(text.into_owned())
            }
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
            "" => return Err(no_schema(line, text)),
            PACKAGE => Self::Package(package_blob(&members, name.clone()).map_err(refuse)?),
            CHANNEL => {
                Self::Channel(channel_blob(&members, name.clone(), package).map_err(refuse)?)
            }
            BUNDLE => {
                let properties = all(list(&members, "properties").map_err(refuse)?, |fields| {
                    Ok(fields)
                });
                let properties = properties.map_err(refuse)?;
                for (index, fields) in properties.iter().enumerate() {
                    if fields.some("type").and_then(Part::string).as_deref() == Some(BUNDLE_OBJECT)
                    {
                        check_object(fields.some("value"), expansion).map_err(|reason| {
                            Unreadable::Object {
                                line,
                                package: package.clone(),
                                bundle: name.clone(),
                                index,
                                reason,
                            }
                        })?;
                    }
                }
                let properties: Result<_, _> = properties.iter().map(property).collect();
                Self::Bundle(Bundle {
                    properties: properties.map_err(refuse)?,
                    related_images: related_images(&members).map_err(refuse)?,
                    image: string(&members, "image").map_err(refuse)?,
                    name: name.clone(),
                    package,
                })
            }
            DEPRECATIONS => Self::Deprecations(Deprecations {
                entries: deprecations(&members).map_err(refuse)?,
                package,
            }),
            _ => Self::Other(Other {
                blob: text.to_owned(),
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
fn check_keys(members: &Fields<'_>, line: usize) -> Result<(), Unreadable> {
    let mut seen: BTreeMap<String, &str> = BTreeMap::new();
    for (key, _) in members.iter() {
        if let Some(other) = seen.insert(key.to_lowercase(), key) {
            return Err(Unreadable::DuplicateKeys {
                line,
                key: key.to_lowercase(),
                keys: vec![other.to_owned(), key.to_owned()],
            });
        }
    }
    Ok(())
}

fn folded<'a>(members: &Fields<'a>, name: &str) -> Option<Part<'a>> {
    let exact = members.iter().find(|(key, _)| *key == name);
    exact
        .or_else(|| members.iter().find(|(key, _)| key.to_lowercase() == name))
        .map(|(_, value)| value)
}

fn string(members: &Fields<'_>, name: &str) -> Result<String, String> {
    match members.some(name) {
        None => Ok(String::new()),
        Some(value) => match value.string() {
            Some(text) => Ok(text.into_owned()),
            None => Err(format!("`{name}` must be text, not {}", value.kind())),
        },
    }
}

fn list<'a>(members: &Fields<'a>, name: &str) -> Result<Option<Vec<Part<'a>>>, String> {
    let elements = |value: Part<'a>| {
        value
            .elements()
            .ok_or_else(|| format!("`{name}` must be a list, not {}", value.kind()))
    };
    members.some(name).map(elements).transpose()
}

fn all<'a, T>(
    values: Option<Vec<Part<'a>>>,
    each: fn(Fields<'a>) -> Result<T, String>,
) -> Result<Vec<T>, String> {
    let of_value = |value: Part<'a>| match value.fields() {
        Some(members) => each(members),
        None if value.is_null() => each(Fields::default()),
        None => Err(format!(
            "a list holds {} where a mapping belongs",
            value.kind()
        )),
    };
    values.into_iter().flatten().map(of_value).collect()
}

/// A member that must be a mapping.
fn mapping<'a>(members: &Fields<'a>, name: &str) -> Result<Option<Fields<'a>>, String> {
    let fields = |value: Part<'a>| {
        value
            .fields()
            .ok_or_else(|| format!("`{name}` must be a mapping, not {}", value.kind()))
    };
    members.some(name).map(fields).transpose()
}

fn package_blob(members: &Fields<'_>, name: String) -> Result<Package, String> {
    let icon = match mapping(members, "icon")? {
        None => None,
        Some(icon) => {
            let base64data = match icon.some("base64data") {
                None => None,
                Some(value) => {
                    let text = value.string().ok_or_else(|| {
                        format!("`icon.base64data` must be text, not {}", value.kind())
                    })?;
                    let bytes = decode_base64(&text)
                        .map_err(|reason| format!("`icon.base64data`: {reason}"))?;
                    Some(encode_base64(&bytes))
                }
            };
            Some(Icon {
                base64data,
                mediatype: string(&icon, "mediatype")?,
            })
        }
    };
    Ok(Package {
        name,
        default_channel: string(members, "defaultChannel")?,
        icon,
        description: string(members, "description")?,
        properties: properties(members)?,
    })
}

fn channel_blob(members: &Fields<'_>, name: String, package: String) -> Result<Channel, String> {
    let entries = match list(members, "entries")? {
        None => None,
        entries => Some(all(entries, |members| entry(&members))?),
    };
    Ok(Channel {
        name,
        package,
        entries,
        properties: properties(members)?,
    })
}

fn entry(members: &Fields<'_>) -> Result<Entry, String> {
    let skips = list(members, "skips")?.into_iter().flatten();
    let skips = skips.map(|skip| match skip.string() {
        Some(skip) => Ok(skip.into_owned()),
        None if skip.is_null() => Ok(String::new()),
        None => Err(format!("`skips` must hold text, not {}", skip.kind())),
    });
    Ok(Entry {
        skips: skips.collect::<Result<_, _>>()?,
        name: string(members, "name")?,
        replaces: string(members, "replaces")?,
        skip_range: string(members, "skipRange")?,
    })
}

fn properties(members: &Fields<'_>) -> Result<Vec<Property>, String> {
    all(list(members, "properties")?, |members| property(&members))
}

fn property(members: &Fields<'_>) -> Result<Property, String> {
    Ok(Property {
        type_: string(members, "type")?,
        // Here an explicit `null` is a value.
        value: members.get("value").map(|value| value.text().to_owned()),
    })
}

fn related_images(members: &Fields<'_>) -> Result<Vec<RelatedImage>, String> {
    all(list(members, "relatedImages")?, |members| {
        Ok(RelatedImage {
            name: string(&members, "name")?,
            image: string(&members, "image")?,
        })
    })
}

fn deprecations(members: &Fields<'_>) -> Result<Option<Vec<Deprecation>>, String> {
    let Some(values) = list(members, "entries")? else {
        return Ok(None);
    };
    let entries = all(Some(values), |members| {
        let reference = mapping(&members, "reference")?.unwrap_or_default();
        Ok(Deprecation {
            schema: string(&reference, "schema")?,
            name: string(&reference, "name")?,
            message: string(&members, "message")?,
        })
    })?;
    Ok(Some(entries))
}
