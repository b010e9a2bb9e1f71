//! JSON text spread over indented lines.

use memchr::memchr2;

/// What one level of nesting is indented by (file-based catalog specification, 1.6).
const STEP: &str = "    ";

/// Appends a JSON value over several lines, its inner lines indented by `depth` levels and more.
///
/// Key order, escapes and the spelling of numbers stay. The value must be JSON.
pub(crate) fn indent(text: &mut String, value: &str, depth: usize) {
    let bytes = value.as_bytes();
    let (mut depth, mut at) = (depth, 0);
    while let Some(&byte) = bytes.get(at) {
        match byte {
            b'"' => {
                let end = string_end(bytes, at + 1);
                text.push_str(&value[at..end]);
                at = end;
                continue;
            }
            b' ' | b'\t' | b'\r' | b'\n' => {}
            b'{' | b'[' => {
                text.push(char::from(byte));
                let next = at + 1 + blanks(&bytes[at + 1..]);
                if let Some(&closing @ (b'}' | b']')) = bytes.get(next) {
                    text.push(char::from(closing));
                    at = next;
                } else {
                    depth += 1;
                    line(text, depth);
                }
            }
            b'}' | b']' => {
                depth = depth.saturating_sub(1);
                line(text, depth);
                text.push(char::from(byte));
            }
            b',' => {
                text.push(',');
                line(text, depth);
            }
            b':' => text.push_str(": "),
            _ => {
                let end = at
                    + bytes[at..]
                        .iter()
                        .position(|byte| b"\",:{}[] \t\r\n".contains(byte))
                        .unwrap_or(bytes.len() - at);
                text.push_str(&value[at..end]);
                at = end;
                continue;
            }
        }
        at += 1;
    }
}

/// Begins a line at a level of nesting.
pub(crate) fn line(text: &mut String, depth: usize) {
    text.push('\n');
    text.extend(std::iter::repeat_n(STEP, depth));
}

/// The place behind the quotation mark that ends the string whose text begins at `at`.
pub(super) fn string_end(bytes: &[u8], mut at: usize) -> usize {
    while let Some(step) = bytes.get(at..).and_then(|rest| memchr2(b'"', b'\\', rest)) {
        at += step;
        if bytes[at] == b'"' {
            return at + 1;
        }
        at += 2;
    }
    bytes.len()
}

fn blanks(bytes: &[u8]) -> usize {
    bytes
        .iter()
        .take_while(|byte| matches!(byte, b' ' | b'\t' | b'\r' | b'\n'))
        .count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spelling_and_order_stay() {
        let mut text = String::new();
        indent(
            &mut text,
            r#"{"b":[1.0,"\u003e \\",{},[ ]],"a":{"é":null}}"#,
            1,
        );
        assert_eq!(
            text,
            "{\n        \"b\": [\n            1.0,\n            \"\\u003e \\\\\",\n            {},\n            []\n        ],\n        \"a\": {\n            \"é\": null\n        }\n    }"
        );
    }
}
