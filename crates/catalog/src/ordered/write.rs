//! JSON as Python's `json.dumps` writes it.

use super::Node;
use crate::json::run_until;

/// The JSON text of a node on one line, as Python's `json.dumps` gives it: `, ` and `: ` between parts, ASCII alone, no line break.
///
/// Numbers that JSON does not have are `Infinity`, `-Infinity` and `NaN`; readers of catalogs refuse them.
pub fn to_text(node: &Node) -> String {
    let mut text = String::new();
    write(&mut text, node);
    text
}

/// Appends what [`to_text`] gives.
pub fn write(text: &mut String, node: &Node) {
    match node {
        Node::Null => text.push_str("null"),
        Node::Bool(true) => text.push_str("true"),
        Node::Bool(false) => text.push_str("false"),
        Node::Integer(integer) => text.push_str(integer.as_str()),
        Node::Float(float) => text.push_str(&float_text(*float)),
        Node::String(string) => quote(text, string),
        Node::Sequence(elements) => {
            text.push('[');
            for (index, element) in elements.iter().enumerate() {
                if index > 0 {
                    text.push_str(", ");
                }
                write(text, element);
            }
            text.push(']');
        }
        Node::Mapping(members) => {
            text.push('{');
            for (index, (key, member)) in members.iter().enumerate() {
                if index > 0 {
                    text.push_str(", ");
                }
                quote(text, key);
                text.push_str(": ");
                write(text, member);
            }
            text.push('}');
        }
    }
}

/// The shortest text that means this number, always with a point or an exponent.
pub(super) fn float_text(float: f64) -> String {
    if float.is_nan() {
        return "NaN".to_owned();
    }
    if float.is_infinite() {
        let sign = if float < 0.0 { "-" } else { "" };
        return format!("{sign}Infinity");
    }
    // Rust changes to exponents where Python does, but writes them without plus sign and zeros.
    let text = format!("{float:?}");
    match text.split_once('e') {
        None => text,
        Some((digits, exponent)) => {
            let (sign, size) = match exponent.strip_prefix('-') {
                Some(size) => ('-', size),
                None => ('+', exponent),
            };
            format!("{digits}e{sign}{size:0>2}")
        }
    }
}

/// Appends a string in quotes; all that is not printable ASCII is escaped.
fn quote(text: &mut String, string: &str) {
    text.reserve(string.len() + string.len() / 8 + 2);
    text.push('"');
    let mut rest = string;
    loop {
        let clean = run_until(rest.as_bytes(), |byte| {
            [byte == b'"', byte == b'\\', byte < b' ', byte > b'~']
        });
        // What stops the run is ASCII or the first byte of a character.
        let (run, special) = rest.split_at(clean);
        text.push_str(run);
        let mut behind = special.chars();
        let Some(character) = behind.next() else {
            break;
        };
        escape(text, character);
        rest = behind.as_str();
    }
    text.push('"');
}

fn escape(text: &mut String, character: char) {
    match character {
        '"' => text.push_str("\\\""),
        '\\' => text.push_str("\\\\"),
        '\n' => text.push_str("\\n"),
        '\r' => text.push_str("\\r"),
        '\t' => text.push_str("\\t"),
        '\u{8}' => text.push_str("\\b"),
        '\u{c}' => text.push_str("\\f"),
        other => {
            for unit in other.encode_utf16(&mut [0; 2]) {
                text.push_str("\\u");
                let digits = [12, 8, 4, 0].map(|shift| u32::from(*unit) >> shift & 0xf);
                text.extend(digits.map(|digit| char::from_digit(digit, 16).unwrap_or('0')));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_as_python_does() {
        for (float, expected) in [
            (0.0, "0.0"),
            (-0.0, "-0.0"),
            (1.5, "1.5"),
            (1000.0, "1000.0"),
            (1e15, "1000000000000000.0"),
            (9_999_999_999_999_998.0, "9999999999999998.0"),
            (1e16, "1e+16"),
            (1.5e16, "1.5e+16"),
            (1e22, "1e+22"),
            (1e100, "1e+100"),
            (1e-4, "0.0001"),
            (1.5e-4, "0.00015"),
            (1e-5, "1e-05"),
            (-1.25e-7, "-1.25e-07"),
            (5e-324, "5e-324"),
            (f64::MAX, "1.7976931348623157e+308"),
            (0.1 + 0.2, "0.30000000000000004"),
            (123_456_789.123_456_79, "123456789.12345679"),
            (f64::INFINITY, "Infinity"),
            (f64::NEG_INFINITY, "-Infinity"),
            (f64::NAN, "NaN"),
        ] {
            assert_eq!(float_text(float), expected);
        }
    }

    #[test]
    fn text_is_ascii() {
        let text =
            "a\"\\/\u{8}\u{c}\n\r\t\u{0}\u{1f} ~\u{7f}\u{80}é\u{2028}\u{ffff}\u{10000}😀<&>'";
        let expected = r#""a\"\\/\b\f\n\r\t\u0000\u001f ~\u007f\u0080\u00e9\u2028\uffff\ud800\udc00\ud83d\ude00<&>'""#;
        assert_eq!(to_text(&Node::String(text.to_owned())), expected);
        assert_eq!(to_text(&Node::String(String::new())), "\"\"");
    }
}
