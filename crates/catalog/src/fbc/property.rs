//! The values of properties.

use std::borrow::Cow;

use base64::Engine;
use base64::alphabet::STANDARD as ALPHABET;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use memchr::memchr2;

use crate::json::{self, Part};
use crate::yaml::{self, Expansion};

/// Standard base64 that forgives what Go forgives: bits behind the last byte, but no missing padding.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &ALPHABET,
    GeneralPurposeConfig::new()
        .with_decode_allow_trailing_bits(true)
        .with_decode_padding_mode(DecodePaddingMode::RequireCanonical),
);

/// Decodes base64; line breaks inside are allowed.
pub(super) fn decode_base64(text: &str) -> Result<Vec<u8>, String> {
    let decoded = if memchr2(b'\r', b'\n', text.as_bytes()).is_some() {
        BASE64.decode(text.replace(['\r', '\n'], ""))
    } else {
        BASE64.decode(text)
    };
    decoded.map_err(|error| format!("it is not base64: {error}"))
}

pub(super) fn encode_base64(bytes: &[u8]) -> String {
    base64_simd::STANDARD.encode_to_string(bytes)
}

/// Whether a text is base64 as [`decode_base64`] reads it, line breaks aside.
fn is_base64(text: &[u8]) -> bool {
    const PADDING: [u8; 2] = *b"==";
    let data = text
        .strip_suffix(&PADDING)
        .or_else(|| text.strip_suffix(&PADDING[..1]))
        .unwrap_or(text);
    let digits = json::run_of(data, |byte| {
        let is_letter = (byte | 0x20).wrapping_sub(b'a') < 26;
        // The slash stands in front of the digits.
        let is_digit = byte.wrapping_sub(b'/') < 11;
        [is_letter, is_digit, byte == b'+']
    });
    text.len().is_multiple_of(4) && digits == data.len()
}

/// Whether base64 that is valid holds a JSON object or nothing at all: what is used as it is, whatever follows.
fn begins_json(text: &[u8]) -> bool {
    const STEP: usize = 64;
    let decoded = text.chunks(STEP).find_map(|chunk| {
        let decoded = BASE64.decode(chunk).ok()?;
        decoded.into_iter().find(|byte| !byte.is_ascii_whitespace())
    });
    decoded.is_none_or(|byte| byte == b'{')
}

/// The base64 text in the value of an `olm.bundle.object` property; `None` if it has none.
fn data(value: Option<Part<'_>>) -> Result<Option<Cow<'_, str>>, String> {
    let Some(value) = value.filter(|value| !value.is_null()) else {
        return Ok(None);
    };
    let fields = value
        .fields()
        .ok_or_else(|| format!("the value must be a mapping, not {}", value.kind()))?;
    let Some(data) = fields.some("data") else {
        return Ok(None);
    };
    let text = data
        .string()
        .ok_or_else(|| format!("`data` must be text in base64, not {}", data.kind()))?;
    Ok(Some(text))
}

/// Checks that [`object`] would find a manifest, at a fraction of the cost where that is JSON.
pub(super) fn check_object(value: Option<Part<'_>>, expansion: &Expansion) -> Result<(), String> {
    match data(value)? {
        None => Ok(()),
        Some(text) if is_base64(text.as_bytes()) && begins_json(text.as_bytes()) => Ok(()),
        Some(text) => manifest(&text, expansion).map(drop),
    }
}

/// The manifest in the value of an `olm.bundle.object` property, as JSON text where it is YAML.
pub(super) fn object(value: &str) -> Result<Vec<u8>, String> {
    match data(Some(Part::new(value.trim_ascii())))? {
        None => Ok(Vec::new()),
        Some(text) => manifest(&text, &Expansion::of_size(value.len())),
    }
}

fn manifest(data: &str, expansion: &Expansion) -> Result<Vec<u8>, String> {
    let decoded = decode_base64(data).map_err(|reason| format!("`data` is wrong: {reason}"))?;
    let first = decoded.iter().find(|byte| !byte.is_ascii_whitespace());
    if first.is_none_or(|byte| *byte == b'{') {
        return Ok(decoded);
    }
    yaml::parse_within(&decoded, expansion)
        .map(|value| json::to_text(&value).into_bytes())
        .map_err(|error| format!("the manifest in `data` is not YAML: {error}"))
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
        const FRAME: (&str, &str) = (r#"{"data":""#, r#""}"#);
        let length = manifest.len().div_ceil(3) * 4;
        let mut value = String::with_capacity(FRAME.0.len() + length + FRAME.1.len());
        value.push_str(FRAME.0);
        base64_simd::STANDARD.encode_append(manifest, &mut value);
        value.push_str(FRAME.1);
        Property {
            type_: super::super::BUNDLE_OBJECT.to_owned(),
            value: Some(value),
        }
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
    let no_mapping = || "the value must be a mapping".to_owned();
    let value = Part::new(value);
    if texts.is_empty() && value.kind() == "a mapping" {
        return Ok(());
    }
    let members = value.fields().ok_or_else(no_mapping)?;
    for name in texts {
        if members
            .some(name)
            .is_some_and(|text| text.string().is_none())
        {
            return Err(format!("`{name}` must be text; write it in quotes"));
        }
    }
    Ok(())
}

/// A text in the value of a property; empty if it is absent.
pub(super) fn text(value: &str, name: &str) -> String {
    Part::new(value)
        .fields()
        .and_then(|fields| Some(fields.some(name)?.string()?.into_owned()))
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_quick_look_at_an_object_is_as_good_as_decoding_it(
            manifest in prop_oneof![
                "[ \n]{0,100}(\\{.{0,100})?",
                "[a-z:\\[ \n]{0,20}",
            ],
            damage in prop::option::of((any::<prop::sample::Index>(), "[=+/ \n\\-{]")),
            cut in 0..4_usize,
        ) {
            let mut data = encode_base64(manifest.as_bytes());
            if let Some((place, byte)) = damage && !data.is_empty() {
                let place = place.index(data.len());
                data.replace_range(place..=place, &byte);
            }
            data.truncate(data.len().saturating_sub(cut));
            let value = json::to_plain_text(&json::Value::Object(
                [("data".to_owned(), json::Value::String(data.clone()))].into(),
            ));
            prop_assert_eq!(check_object(Some(Part::new(&value)), &Expansion::of_size(value.len())), object(&value).map(drop));
            if is_base64(data.as_bytes()) {
                prop_assert!(decode_base64(&data).is_ok());
            }
        }
    }

    #[test]
    fn ordinary_base64_is_seen_at_a_glance() {
        for length in 0..80 {
            assert!(is_base64(encode_base64(&vec![0xfb; length]).as_bytes()));
        }
        for text in ["=", "a", "ab=", "a===", "====", "ab==cd==", "ab-d", "abc\n"] {
            assert!(!is_base64(text.as_bytes()), "{text:?}");
        }
    }
}
