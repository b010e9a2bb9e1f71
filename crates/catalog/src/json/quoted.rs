//! Strings as they stand in JSON, and the texts they stand for.

use std::borrow::Cow;

use memchr::memchr;

use super::parse::Reader;

/// What stands between the quotation marks of a string; every escape in it is valid.
#[derive(Clone, Copy)]
pub(crate) struct Quoted<'a> {
    pub(super) bytes: &'a [u8],
    /// Whether there are no escapes.
    pub(super) is_plain: bool,
}

impl<'a> Quoted<'a> {
    /// The text that the string stands for.
    pub(crate) fn text(self) -> Cow<'a, str> {
        if self.is_plain
            && let Ok(text) = std::str::from_utf8(self.bytes)
        {
            return Cow::Borrowed(text);
        }
        let mut text = String::with_capacity(self.bytes.len());
        unescape(&mut text, self.bytes);
        Cow::Owned(text)
    }
}

/// Appends the text that a string with valid escapes stands for.
fn unescape(text: &mut String, bytes: &[u8]) {
    let mut reader = Reader::new(bytes);
    loop {
        let from = reader.at;
        let rest = &bytes[from..];
        reader.at += memchr(b'\\', rest).unwrap_or(rest.len());
        push_lossy(text, &bytes[from..reader.at]);
        if reader.at == bytes.len() {
            return;
        }
        reader.at += 1;
        text.push(reader.escaped().unwrap_or(char::REPLACEMENT_CHARACTER));
    }
}

/// The character of the escape that begins with the backslash at `at`, and the place behind it.
pub(super) fn escape_at(bytes: &[u8], at: usize) -> (char, usize) {
    let mut reader = Reader::new(bytes);
    reader.at = at + 1;
    let character = reader.escaped().unwrap_or(char::REPLACEMENT_CHARACTER);
    (character, reader.at)
}

/// JSON text as UTF-8, each invalid byte as one U+FFFD.
pub fn lossy(text: &[u8]) -> Cow<'_, str> {
    if let Ok(valid) = std::str::from_utf8(text) {
        return Cow::Borrowed(valid);
    }
    let mut converted = String::with_capacity(text.len());
    push_lossy(&mut converted, text);
    Cow::Owned(converted)
}

/// Appends bytes as UTF-8, each invalid byte as one U+FFFD as Go does (Rust's own lossy conversion joins some).
pub(crate) fn push_lossy(text: &mut String, bytes: &[u8]) {
    // Nearly always valid, and checking that is much faster than looking for chunks.
    if let Ok(valid) = std::str::from_utf8(bytes) {
        text.push_str(valid);
        return;
    }
    for chunk in bytes.utf8_chunks() {
        text.push_str(chunk.valid());
        text.extend(chunk.invalid().iter().map(|_| char::REPLACEMENT_CHARACTER));
    }
}
