//! Canonical JSON text.

use std::borrow::Cow;

use super::Value;

/// The canonical text of a value, without a line break at its end.
pub fn to_text(value: &Value) -> String {
    let mut text = String::new();
    write(&mut text, value);
    text
}

/// Appends the canonical text of a value.
pub fn write(text: &mut String, value: &Value) {
    write_with(text, value, quote);
}

/// The text of a value as [`to_text`] gives it, but with `<`, `>` and `&` as they are.
pub fn to_plain_text(value: &Value) -> String {
    let mut text = String::new();
    write_with(&mut text, value, quote_plain);
    text
}

fn write_with(text: &mut String, value: &Value, quote: fn(&mut String, &str)) {
    match value {
        Value::Null => text.push_str("null"),
        Value::Bool(true) => text.push_str("true"),
        Value::Bool(false) => text.push_str("false"),
        Value::Number(number) => text.push_str(&number.to_text()),
        Value::String(string) => quote(text, string),
        Value::Array(elements) => {
            text.push('[');
            for (index, element) in elements.iter().enumerate() {
                if index > 0 {
                    text.push(',');
                }
                write_with(text, element, quote);
            }
            text.push(']');
        }
        Value::Object(members) => {
            text.push('{');
            for (index, (key, member)) in members.iter().enumerate() {
                if index > 0 {
                    text.push(',');
                }
                quote(text, key);
                text.push(':');
                write_with(text, member, quote);
            }
            text.push('}');
        }
    }
}

/// Appends a string in quotes, escaped as Go's encoder does for HTML.
pub fn quote(text: &mut String, string: &str) {
    quote_where(text, string, |byte| {
        matches!(
            byte,
            0..=0x1f | b'"' | b'\\' | b'<' | b'>' | b'&' | FIRST_OF_SEPARATORS
        )
    });
}

/// Appends a string in quotes with `<`, `>` and `&` as they are; U+2028 and U+2029 are escaped all the same.
pub fn quote_plain(text: &mut String, string: &str) {
    quote_where(text, string, |byte| {
        matches!(byte, 0..=0x1f | b'"' | b'\\' | FIRST_OF_SEPARATORS)
    });
}

/// The byte that U+2028 and U+2029 begin with, and many characters that stay as they are.
const FIRST_OF_SEPARATORS: u8 = 0xe2;

/// Looks at characters only where their first byte may need an escape: most of a catalog's text is copied in long runs.
fn quote_where(text: &mut String, string: &str, may_need: impl Fn(u8) -> bool) {
    text.reserve(string.len() + 2);
    text.push('"');
    let mut clean_from = 0;
    for (at, byte) in string.bytes().enumerate() {
        if !may_need(byte) {
            continue;
        }
        let Some(character) = string[at..].chars().next() else {
            continue;
        };
        if let Some(escape) = escape(character) {
            text.push_str(&string[clean_from..at]);
            text.push_str(&escape);
            clean_from = at + character.len_utf8();
        }
    }
    text.push_str(&string[clean_from..]);
    text.push('"');
}

/// The escape `\uXXXX` of a character of the basic plane.
pub(super) fn unicode_escape(character: char) -> String {
    format!("\\u{:04x}", u32::from(character))
}

fn escape(character: char) -> Option<Cow<'static, str>> {
    let short = match character {
        '"' => "\\\"",
        '\\' => "\\\\",
        '\u{8}' => "\\b",
        '\u{c}' => "\\f",
        '\n' => "\\n",
        '\r' => "\\r",
        '\t' => "\\t",
        '\0'..='\u{1f}' | '<' | '>' | '&' | '\u{2028}' | '\u{2029}' => {
            return Some(unicode_escape(character).into());
        }
        _ => return None,
    };
    Some(short.into())
}
