//! Documents as RFC 8785 writes JSON: what digests of parsed content are made of.

use std::collections::BTreeMap;

use catalog::placed::{Node, Value};

/// The canonical JSON of what a document says.
pub fn canonical(node: &Node) -> String {
    let mut text = String::new();
    write(&mut text, node);
    text
}

fn write(text: &mut String, node: &Node) {
    match &node.value {
        Value::Null => text.push_str("null"),
        Value::Bool(bool) => text.push_str(if *bool { "true" } else { "false" }),
        Value::Number(number) => text.push_str(&number_text(*number)),
        Value::String(string) => write_string(text, string),
        Value::Sequence(elements) => {
            text.push('[');
            for (index, element) in elements.iter().enumerate() {
                text.push_str(if index == 0 { "" } else { "," });
                write(text, element);
            }
            text.push(']');
        }
        Value::Mapping(members) => {
            // The order is that of UTF-16.
            let sorted: BTreeMap<Vec<u16>, _> = members
                .iter()
                .map(|(key, member)| (key.encode_utf16().collect(), (key, &member.node)))
                .collect();
            text.push('{');
            for (index, (key, node)) in sorted.into_values().enumerate() {
                text.push_str(if index == 0 { "" } else { "," });
                write_string(text, key);
                text.push(':');
                write(text, node);
            }
            text.push('}');
        }
    }
}

fn write_string(text: &mut String, string: &str) {
    text.push_str(&serde_json::Value::String(string.to_owned()).to_string());
}

/// A number as ECMAScript writes it.
fn number_text(number: f64) -> String {
    let size = number.abs();
    if number == 0.0 {
        return "0".to_owned();
    }
    if (1e-6..1e21).contains(&size) {
        return format!("{number}");
    }
    let text = format!("{number:e}");
    match text.split_once('e') {
        Some((digits, exponent)) if !exponent.starts_with('-') => format!("{digits}e+{exponent}"),
        _ => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use catalog::placed::{Expansion, document};

    #[test]
    fn documents_have_one_form() {
        let text = "b: [1.0, 1e21, 1e-7, 0.000001, -0.0]\na: \"\\u00e9\\u2028\\n\"\nA: {}\n";
        let node = document(text.as_bytes(), &Expansion::of_size(0)).unwrap();
        let expected = "{\"A\":{},\"a\":\"é\u{2028}\\n\",\"b\":[1,1e+21,1e-7,0.000001,0]}";
        assert_eq!(canonical(&node), expected);
    }
}
