//! The properties of a bundle (index database specification, 2.8).

use std::collections::BTreeSet;

use catalog::json::{self, Value, quote, raw};

use crate::csv::{Csv, SUBSTITUTES_FOR};
use crate::metadata::Metadata;
use crate::{Api, Problem};

/// A property: a type and a value in compact JSON. Two that differ in key order only are two.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Property {
    /// The type, such as `olm.package`.
    pub type_: String,
    /// The value as compact JSON.
    pub value: String,
}

/// The declared properties and those derived from the rest of the bundle.
pub(crate) fn collect(
    csv: &Csv,
    metadata: &Metadata,
    provided: &BTreeSet<Api>,
) -> Result<BTreeSet<Property>, Problem> {
    let mut properties = BTreeSet::new();
    for property in &metadata.properties {
        let value = property.value.as_deref().unwrap_or("null");
        properties.insert(Property {
            type_: property.type_.clone(),
            value: raw::compact(value.as_bytes()),
        });
    }
    let package = &metadata.annotations.package;
    let (version, release) = version_and_release(csv)?;
    if !package.is_empty() {
        properties.insert(Property {
            type_: "olm.package".to_owned(),
            value: package_json(package, version, release),
        });
    }
    properties.extend(annotated(csv.annotation("olm.properties"))?);
    for api in provided {
        properties.insert(Property {
            type_: "olm.gvk".to_owned(),
            value: api.gvk_json(),
        });
    }
    Ok(properties)
}

/// The version a bundle is known by, and its release, which for a substitute stands in the build metadata.
pub(crate) fn version_and_release(csv: &Csv) -> Result<(&str, &str), Problem> {
    if !csv.release.is_empty() || csv.annotation(SUBSTITUTES_FOR).is_empty() {
        return Ok((&csv.version, &csv.release));
    }
    csv.version
        .split_once('+')
        .ok_or_else(|| Problem::NoRelease {
            name: csv.name.clone(),
            version: csv.version.clone(),
        })
}

fn package_json(package: &str, version: &str, release: &str) -> String {
    let mut text = String::from("{\"packageName\":");
    quote(&mut text, package);
    text.push_str(",\"version\":");
    quote(&mut text, version);
    if !release.is_empty() {
        text.push_str(",\"release\":");
        quote(&mut text, release);
    }
    text.push('}');
    text
}

/// The properties in the CSV annotation `olm.properties`, as an index database stores them.
fn annotated(annotation: &str) -> Result<Vec<Property>, Problem> {
    let written = written(annotation).map_err(|reason| Problem::Properties { reason })?;
    let stored = |property: Property| Property {
        value: raw::compact_escaped(property.value.as_bytes()),
        ..property
    };
    Ok(written.into_iter().map(stored).collect())
}

/// The properties in the CSV annotation `olm.properties`, their values as they are written there.
pub(crate) fn written(annotation: &str) -> Result<Vec<Property>, String> {
    if annotation.is_empty() {
        return Ok(Vec::new());
    }
    let invalid = |error: json::JsonError| error.to_string();
    let listed = |item: &[u8]| {
        let item_value = json::parse(item).map_err(invalid)?;
        let type_ = match item_value.field("type") {
            Some(Value::String(type_)) => type_.clone(),
            None => String::new(),
            Some(other) => return Err(format!("a `type` is {}", other.kind())),
        };
        check_known(&type_, item_value.field("value"))?;
        let members = raw::members(item).map_err(invalid)?;
        let value = members
            .iter()
            .rfind(|(key, _)| key.eq_ignore_ascii_case("value"))
            .map_or(&b"null"[..], |(_, value)| value);
        Ok(Property {
            type_,
            value: String::from_utf8_lossy(value).into_owned(),
        })
    };
    raw::elements(annotation.as_bytes())
        .map_err(invalid)?
        .into_iter()
        .map(listed)
        .collect()
}

/// Values of the types the reference tools know must be mappings whose known members are texts.
fn check_known(type_: &str, value: Option<&Value>) -> Result<(), String> {
    let known: &[&str] = match type_ {
        "olm.label" => &["label"],
        "olm.package" => &["packageName", "version"],
        "olm.gvk" => &["group", "kind", "version"],
        _ => return Ok(()),
    };
    let Some(value) = value else { return Ok(()) };
    let valid = value.as_object().is_some()
        && known.iter().all(|field| {
            value
                .field(field)
                .is_none_or(|member| member.as_str().is_some())
        });
    if valid {
        return Ok(());
    }
    Err(format!(
        "the value of an `{type_}` must be a mapping with texts under `{}`",
        known.join("`, `")
    ))
}
