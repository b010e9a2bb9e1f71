//! As much of protocol buffers as bundle records need: strings and messages.

/// A message under construction; fields are written in the order of the calls.
#[derive(Debug, Default)]
pub(super) struct Message(Vec<u8>);

/// The wire type of everything that is preceded by its length.
const LENGTH_DELIMITED: u32 = 2;

impl Message {
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
        self.varint(u64::from(number << 3 | LENGTH_DELIMITED));
        self.varint(u64::try_from(bytes.len()).unwrap_or(u64::MAX));
        self.0.extend_from_slice(bytes);
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
}

#[cfg(test)]
mod tests {
    use super::*;

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
}
