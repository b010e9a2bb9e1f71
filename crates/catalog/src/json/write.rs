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
                write(text, element);
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
                write(text, member);
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
