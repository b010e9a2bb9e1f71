//! The properties of a bundle (index database specification, 2.8).

use std::collections::BTreeSet;

use catalog::Profile;
use catalog::fbc::PACKAGE;
use catalog::json::{self, Value, quote, raw};

use crate::csv::{Csv, SUBSTITUTES_FOR};
use crate::metadata::Metadata;
use crate::{Api, Problem};

/// The CSV annotation that declares properties.
pub(crate) const ANNOTATION: &str = "olm.properties";

const GVK: &str = "olm.gvk";

/// A property: a type and a value in compact JSON. Two that differ in key order only are two.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Property {
    /// The type, such as `olm.package`.
    pub type_: String,
    /// The value as compact JSON.
    pub value: String,
}

/// The properties an index database stores: the declared ones and those derived from the rest of the bundle.
pub(crate) fn collect(
    csv: &Csv,
    metadata: &Metadata,
    provided: &BTreeSet<Api>,
    profile: Profile,
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
    if !package.is_empty() {
        let (version, release) = version_and_release(csv, profile)?;
        properties.insert(Property {
            type_: PACKAGE.to_owned(),
            value: package_json(package, version, release),
        });
    }
    properties.extend(annotated(csv.annotation(ANNOTATION))?);
    for api in provided {
        properties.insert(Property {
            type_: GVK.to_owned(),
            value: api.gvk_json(),
        });
    }
    Ok(properties)
}

/// The version a bundle is known by, and its release, which for a substitute may stand in the build metadata.
pub(crate) fn version_and_release(csv: &Csv, profile: Profile) -> Result<(&str, &str), Problem> {
    let is_split = profile.splits_substitutes
        && csv.release.is_empty()
        && !csv.annotation(SUBSTITUTES_FOR).is_empty();
    if !is_split {
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
    let invalid = |reason| Problem::Properties { reason };
    let stored = |property: Property| {
        check_known(&property).map_err(invalid)?;
        Ok(Property {
            value: raw::compact_escaped(property.value.as_bytes()),
            ..property
        })
    };
    let written = written(annotation).map_err(invalid)?;
    written.into_iter().map(stored).collect()
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
fn check_known(property: &Property) -> Result<(), String> {
    match property.type_.as_str() {
        "olm.label" => known(property, ["label"]).map(drop),
        PACKAGE => known(property, ["packageName", "version"]).map(drop),
        GVK => known(property, ["group", "kind", "version"]).map(drop),
        _ => Ok(()),
    }
}

/// The texts a property of a known type has under some keys; empty where it has none, or a `null`.
pub(crate) fn known<const N: usize>(
    property: &Property,
    fields: [&str; N],
) -> Result<[String; N], String> {
    let refuse = || {
        format!(
            "the value of an `{}` must be a mapping with texts under `{}`",
            property.type_,
            fields.join("`, `")
        )
    };
    let value = json::parse(property.value.as_bytes()).map_err(|_| refuse())?;
    if value.as_object().is_none() && !value.is_null() {
        return Err(refuse());
    }
    let mut texts = [const { String::new() }; N];
    for (text, field) in texts.iter_mut().zip(fields) {
        match value.field(field) {
            None => {}
            Some(Value::String(found)) => text.clone_from(found),
            Some(_) => return Err(refuse()),
        }
    }
    Ok(texts)
}
