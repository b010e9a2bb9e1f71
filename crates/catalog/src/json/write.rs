//! Canonical JSON text.

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
    text.push('"');
    let mut clean_from = 0;
    for (at, character) in string.char_indices() {
        let Some(escape) = escape(character) else {
            continue;
        };
        text.push_str(&string[clean_from..at]);
        text.push_str(&escape);
        clean_from = at + character.len_utf8();
    }
    text.push_str(&string[clean_from..]);
    text.push('"');
}

/// Appends a string in quotes with `<`, `>` and `&` as they are; U+2028 and U+2029 are escaped all the same.
pub fn quote_plain(text: &mut String, string: &str) {
    text.push('"');
    let bytes = string.as_bytes();
    let mut clean_from = 0;
    for (at, byte) in bytes.iter().enumerate() {
        // 0xe2 begins U+2028 and U+2029, and many characters that stay as they are.
        if !matches!(byte, 0..=0x1f | b'"' | b'\\' | 0xe2) {
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

fn escape(character: char) -> Option<String> {
    let short = match character {
        '"' => "\\\"",
        '\\' => "\\\\",
        '\u{8}' => "\\b",
        '\u{c}' => "\\f",
        '\n' => "\\n",
        '\r' => "\\r",
        '\t' => "\\t",
        '\0'..='\u{1f}' | '<' | '>' | '&' | '\u{2028}' | '\u{2029}' => {
            return Some(unicode_escape(character));
        }
        _ => return None,
    };
    Some(short.to_owned())
}
