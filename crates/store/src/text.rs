//! Texts in the form in which every supported database keeps them.

use std::borrow::Cow;

use aws_lc_rs::digest::{SHA256, digest};

/// `PostgreSQL` refuses longer texts in an index (its limit is near 2700 bytes).
const KEY_BYTES: usize = 1024;

/// A text to look up by: [`storable`], and when it is very long its beginning with a digest of all of it.
pub(crate) fn key(text: &str) -> Cow<'_, str> {
    let text = storable(text);
    if text.len() <= KEY_BYTES {
        return text;
    }
    let digest = digest(&SHA256, text.as_bytes());
    let mut short = text[..text.floor_char_boundary(KEY_BYTES)].to_owned();
    short.push('#');
    for byte in digest.as_ref() {
        for half in [byte >> 4, byte & 0xf] {
            short.extend(char::from_digit(u32::from(half), 16));
        }
    }
    Cow::Owned(short)
}

/// The text without NUL characters, which `PostgreSQL` refuses; each becomes the replacement character.
pub(crate) fn storable(text: &str) -> Cow<'_, str> {
    if text.contains('\0') {
        Cow::Owned(text.replace('\0', "\u{fffd}"))
    } else {
        Cow::Borrowed(text)
    }
}

/// The first text that no longer starts with `prefix`, in the order of Unicode scalar values (which is that of UTF-8 bytes); none when
/// every text from `prefix` on starts with it.
pub(crate) fn end_of_prefix(prefix: &str) -> Option<String> {
    let mut characters: Vec<char> = prefix.chars().collect();
    while let Some(last) = characters.pop() {
        // A range of `char` skips the surrogates.
        if let Some(next) = (last..=char::MAX).nth(1) {
            characters.push(next);
            return Some(characters.into_iter().collect());
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::{end_of_prefix, key, storable};

    #[test]
    fn the_end_of_a_prefix_is_the_next_text_of_that_length_or_less() {
        assert_eq!(end_of_prefix("ab").as_deref(), Some("ac"));
        assert_eq!(end_of_prefix("a%").as_deref(), Some("a&"));
        assert_eq!(end_of_prefix("a\u{d7ff}").as_deref(), Some("a\u{e000}"));
        assert_eq!(end_of_prefix("a\u{10ffff}").as_deref(), Some("b"));
        assert_eq!(end_of_prefix("\u{10ffff}"), None);
        assert_eq!(end_of_prefix(""), None);
    }

    #[test]
    fn very_long_texts_are_looked_up_by_their_beginning_and_a_digest() {
        let long = "é".repeat(2000);
        let longer = "é".repeat(2001);
        assert_eq!(key(&long).len(), 1024 + 1 + 64);
        assert_ne!(key(&long), key(&longer));
        assert_eq!(key("short"), "short");
    }

    #[test]
    fn only_nul_characters_are_replaced() {
        assert_eq!(storable("a\u{1}\n"), "a\u{1}\n");
        assert_eq!(storable("a\0b\0"), "a\u{fffd}b\u{fffd}");
    }
}
