//! Canonical JSON text.

use std::borrow::Cow;

use super::Value;
use super::scan::run_until;

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
    // Manifests are full of quotation marks.
    text.reserve(string.len() + string.len() / 8 + 2);
    text.push('"');
    escape_where(text, string, |byte| {
        let [a, b, c, d] = needs_escape(byte);
        [a, b, c, d, byte == b'<', byte == b'>', byte == b'&']
    });
    text.push('"');
}

/// Appends a string in quotes with `<`, `>` and `&` as they are; U+2028 and U+2029 are escaped all the same.
pub fn quote_plain(text: &mut String, string: &str) {
    text.reserve(string.len() + 2);
    text.push('"');
    escape_plain(text, string);
    text.push('"');
}

/// The byte that U+2028 and U+2029 begin with, and many characters that stay as they are.
pub(super) const FIRST_OF_SEPARATORS: u8 = 0xe2;

/// Appends what stands between the quotation marks in [`quote_plain`].
pub(super) fn escape_plain(text: &mut String, string: &str) {
    escape_where(text, string, needs_escape);
}

fn needs_escape(byte: u8) -> [bool; 4] {
    [
        byte < b' ',
        byte == b'"',
        byte == b'\\',
        byte == FIRST_OF_SEPARATORS,
    ]
}

/// Looks at characters only where their first byte may need an escape: most of a catalog's text is copied in long runs.
fn escape_where<const N: usize>(
    text: &mut String,
    string: &str,
    may_need: impl Fn(u8) -> [bool; N],
) {
    let bytes = string.as_bytes();
    let (mut clean_from, mut at) = (0, 0);
    loop {
        at += run_until(&bytes[at..], &may_need);
        let end = match bytes.get(at) {
            None => break,
            // By far the most frequent ones.
            Some(b'"' | b'\\') => {
                text.push_str(&string[clean_from..at]);
                text.push('\\');
                // The character itself goes with the next run.
                clean_from = at;
                at + 1
            }
            Some(_) => {
                let Some(character) = string[at..].chars().next() else {
                    break;
                };
                let end = at + character.len_utf8();
                if let Some(escape) = escape(character) {
                    text.push_str(&string[clean_from..at]);
                    text.push_str(&escape);
                    clean_from = end;
                }
                end
            }
        };
        at = end;
    }
    text.push_str(&string[clean_from..]);
}

/// The escape of a character of the basic plane: `\u` and four digits.
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
