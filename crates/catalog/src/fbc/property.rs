//! The values of properties.

use base64::Engine;
use base64::alphabet::STANDARD as ALPHABET;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

use crate::json::{self, Value, raw};
use crate::yaml;

/// Standard base64 that forgives what Go forgives: bits behind the last byte, but no missing padding.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &ALPHABET,
    GeneralPurposeConfig::new()
        .with_decode_allow_trailing_bits(true)
        .with_decode_padding_mode(DecodePaddingMode::RequireCanonical),
);

/// Decodes base64; line breaks inside are allowed.
pub(super) fn decode_base64(text: &str) -> Result<Vec<u8>, String> {
    let decoded = if text.contains(['\r', '\n']) {
        BASE64.decode(text.replace(['\r', '\n'], ""))
    } else {
        BASE64.decode(text)
    };
    decoded.map_err(|error| format!("it is not base64: {error}"))
}

pub(super) fn encode_base64(bytes: &[u8]) -> String {
    BASE64.encode(bytes)
}

/// The manifest in the value of an `olm.bundle.object` property, as JSON text where it is YAML.
pub(super) fn object(value: &str) -> Result<Vec<u8>, String> {
    let value = json::parse(value.as_bytes()).map_err(|error| error.to_string())?;
    object_of(&value)
}

/// Like [`object`], from the value itself.
pub(super) fn object_of(value: &Value) -> Result<Vec<u8>, String> {
    let data = match value {
        Value::Null => None,
        Value::Object(_) => value.field("data"),
        other => return Err(format!("the value must be a mapping, not {}", other.kind())),
    };
    let decoded = match data {
        None => Vec::new(),
        Some(Value::String(data)) => {
            decode_base64(data).map_err(|reason| format!("`data` is wrong: {reason}"))?
        }
        Some(other) => {
            return Err(format!(
                "`data` must be text in base64, not {}",
                other.kind()
            ));
        }
    };
    let first = decoded.iter().find(|byte| !byte.is_ascii_whitespace());
    if first.is_none_or(|byte| *byte == b'{') {
        return Ok(decoded);
    }
    yaml::parse(&decoded)
        .map(|value| json::to_text(&value).into_bytes())
        .map_err(|error| format!("the manifest in `data` is not YAML: {error}"))
}

/// The member a Go structure would fill a field from: an exact key before one that differs in case only, the last of
/// several; `null` counts as absent.
pub(super) fn last<'a>(members: &[(String, &'a [u8])], name: &str) -> Option<&'a [u8]> {
    let exact = members.iter().rfind(|(key, _)| key == name);
    exact
        .or_else(|| {
            members
                .iter()
                .rfind(|(key, _)| key.eq_ignore_ascii_case(name))
        })
        .map(|(_, value)| *value)
        .filter(|value| *value != b"null")
}

/// Properties as the reference tool builds them: compact, keys in its order, nothing escaped for HTML
/// (file-based catalog specification, 2.4).
pub mod canonical {
    use super::super::Property;
    use crate::json::quote_plain;

    /// `olm.package`: the identity of a bundle. An empty release is left out.
    pub fn package(name: &str, version: &str, release: &str) -> Property {
        let mut members = vec![("packageName", name), ("version", version)];
        if !release.is_empty() {
            members.push(("release", release));
        }
        property("olm.package", &members)
    }

    /// `olm.package.required`: a dependency on a package.
    pub fn package_required(name: &str, version_range: &str) -> Property {
        let members = [("packageName", name), ("versionRange", version_range)];
        property("olm.package.required", &members)
    }

    /// `olm.gvk`: a provided API.
    pub fn gvk(group: &str, kind: &str, version: &str) -> Property {
        property(
            "olm.gvk",
            &[("group", group), ("kind", kind), ("version", version)],
        )
    }

    /// `olm.gvk.required`: a required API.
    pub fn gvk_required(group: &str, kind: &str, version: &str) -> Property {
        let members = [("group", group), ("kind", kind), ("version", version)];
        property("olm.gvk.required", &members)
    }

    /// `olm.bundle.object`: an embedded manifest.
    pub fn bundle_object(manifest: &[u8]) -> Property {
        property(
            super::super::BUNDLE_OBJECT,
            &[("data", &super::encode_base64(manifest))],
        )
    }

    fn property(type_: &str, members: &[(&str, &str)]) -> Property {
        let mut value = String::from("{");
        for (index, (key, text)) in members.iter().enumerate() {
            if index > 0 {
                value.push(',');
            }
            quote_plain(&mut value, key);
            value.push(':');
            quote_plain(&mut value, text);
        }
        value.push('}');
        Property {
            type_: type_.to_owned(),
            value: Some(value),
        }
    }
}

/// What is wrong with a value for its type, if anything is (specification, 2.4).
pub(super) fn check(type_: &str, value: Option<&str>) -> Result<(), String> {
    let Some(value) = value else {
        return Err("it has no value".to_owned());
    };
    let texts: &[&str] = match type_ {
        "olm.package" => &["packageName", "version", "release"],
        "olm.package.required" => &["packageName", "versionRange"],
        "olm.gvk" | "olm.gvk.required" => &["group", "kind", "version"],
        "olm.channel" => &["channelName"],
        super::CSV_METADATA => &[],
        // The reader has looked into embedded manifests already; all other types are opaque.
        _ => return Ok(()),
    };
    if value == "null" {
        return Ok(());
    }
    let members =
        raw::members(value.as_bytes()).map_err(|_| "the value must be a mapping".to_owned())?;
    for name in texts {
        if let Some(text) = last(&members, name)
            && text.first() != Some(&b'"')
        {
            return Err(format!("`{name}` must be text; write it in quotes"));
        }
    }
    Ok(())
}

/// A text in the value of a property; empty if it is absent.
pub(super) fn text(value: &str, name: &str) -> String {
    json::parse(value.as_bytes())
        .ok()
        .and_then(|value| value.field(name)?.as_str().map(str::to_owned))
        .unwrap_or_default()
}
