//! As much of protocol buffers as caches need: strings, messages, and the messages that stand for JSON.

use crate::json::Value;

/// A message under construction; fields are written in the order of the calls.
#[derive(Debug, Default)]
pub(super) struct Message(Vec<u8>);

/// How a field's value is laid out.
#[derive(Debug, Clone, Copy)]
enum Wire {
    Varint = 0,
    Eight = 1,
    LengthDelimited = 2,
}

impl Message {
    /// A message that is expected to take so many bytes.
    pub(super) fn with_capacity(bytes: usize) -> Self {
        Self(Vec::with_capacity(bytes))
    }

    /// Writes a field of type string unless it is empty, as version 3 of the language wants it.
    pub(super) fn string(&mut self, number: u32, text: &str) {
        if !text.is_empty() {
            self.bytes(number, text.as_bytes());
        }
    }

    /// Writes each element of a repeated string, empty ones too.
    pub(super) fn strings<'a>(&mut self, number: u32, texts: impl IntoIterator<Item = &'a str>) {
        for text in texts {
            self.bytes(number, text.as_bytes());
        }
    }

    /// Writes an embedded message, even an empty one.
    pub(super) fn message(&mut self, number: u32, message: &Message) {
        self.bytes(number, &message.0);
    }

    /// The message's bytes.
    pub(super) fn into_bytes(self) -> Vec<u8> {
        self.0
    }

    fn bytes(&mut self, number: u32, bytes: &[u8]) {
        self.key(number, Wire::LengthDelimited);
        self.varint(u64::try_from(bytes.len()).unwrap_or(u64::MAX));
        self.0.extend_from_slice(bytes);
    }

    fn key(&mut self, number: u32, wire: Wire) {
        self.varint(u64::from(number << 3 | wire as u32));
    }

    fn varint(&mut self, mut value: u64) {
        loop {
            let [low, ..] = value.to_le_bytes();
            value >>= 7;
            if value == 0 {
                self.0.push(low);
                return;
            }
            self.0.push(low | 0x80);
        }
    }

    /// The message `google.protobuf.Struct` of a JSON object, members in byte order of their keys. What is no object is an
    /// empty one.
    pub(super) fn of_object(value: &Value) -> Self {
        let mut fields = Self::default();
        for (key, member) in value.as_object().into_iter().flatten() {
            let mut entry = Self::default();
            // A map's entries have their keys even where those are empty.
            entry.bytes(1, key.as_bytes());
            entry.message(2, &Self::of_value(member));
            fields.message(1, &entry);
        }
        fields
    }

    /// The message `google.protobuf.Value`: always one field, even where it is zero or empty.
    fn of_value(value: &Value) -> Self {
        let mut message = Self::default();
        match value {
            Value::Null => {
                message.key(1, Wire::Varint);
                message.varint(0);
            }
            Value::Number(number) => {
                message.key(2, Wire::Eight);
                message
                    .0
                    .extend_from_slice(&number.to_double().to_le_bytes());
            }
            Value::String(text) => message.bytes(3, text.as_bytes()),
            Value::Bool(bool) => {
                message.key(4, Wire::Varint);
                message.varint(u64::from(*bool));
            }
            Value::Object(_) => message.message(5, &Self::of_object(value)),
            Value::Array(elements) => {
                let mut list = Self::default();
                for element in elements {
                    list.message(1, &Self::of_value(element));
                }
                message.message(6, &list);
            }
        }
        message
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::parse;

    #[test]
    fn empty_strings_are_left_out_and_empty_elements_are_not() {
        let mut message = Message::default();
        message.string(1, "");
        message.strings(2, ["", "x"]);
        message.message(15, &Message::default());
        assert_eq!(message.into_bytes(), [0x12, 0, 0x12, 1, b'x', 0x7a, 0]);
    }

    #[test]
    fn lengths_beyond_seven_bits_take_more_bytes() {
        let mut message = Message::default();
        message.string(16, &"y".repeat(300));
        assert_eq!(message.into_bytes()[..5], [0x82, 0x01, 0xac, 0x02, b'y']);
    }

    #[test]
    fn json_becomes_a_struct_with_sorted_members() {
        let value = parse(br#"{"b":[1,"",null],"a":{"":true},"c":{}}"#).unwrap();
        let expected = [
            &b"\x0a\x0f\x0a\x01a\x12\x0a\x2a\x08\x0a\x06\x0a\x00\x12\x02\x20\x01"[..],
            b"\x0a\x1a\x0a\x01b\x12\x15\x32\x13",
            b"\x0a\x09\x11\x00\x00\x00\x00\x00\x00\xf0\x3f",
            b"\x0a\x02\x1a\x00",
            b"\x0a\x02\x08\x00",
            b"\x0a\x07\x0a\x01c\x12\x02\x2a\x00",
        ]
        .concat();
        assert_eq!(Message::of_object(&value).into_bytes(), expected);
    }
}
