//! The key by which a submit that is sent again is known again.

use std::fmt;
use std::str::FromStr;

/// A text that a caller makes up for one submit and sends with each repetition of it. To the service it means nothing else.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct IdempotencyKey(String);

impl IdempotencyKey {
    /// The name of its header.
    pub const HEADER: &'static str = "Idempotency-Key";

    /// The most characters one may have.
    pub const MAX_LENGTH: usize = 255;

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for IdempotencyKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Why a text is no key. It is not repeated: it may be of any length.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "must have 1 to {} characters, all of them visible ASCII, such as a UUID",
    IdempotencyKey::MAX_LENGTH
)]
pub struct ParseIdempotencyKeyError;

impl FromStr for IdempotencyKey {
    type Err = ParseIdempotencyKeyError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let fits = (1..=Self::MAX_LENGTH).contains(&text.len())
            && text.bytes().all(|byte| byte.is_ascii_graphic());
        if fits {
            Ok(Self(text.to_owned()))
        } else {
            Err(ParseIdempotencyKeyError)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::IdempotencyKey;

    #[test]
    fn a_key_is_some_visible_characters() {
        let longest = "k".repeat(255);
        for good in [
            "k",
            "8e03978e-40d5-43dd-bc93-6894a57f9324",
            "\"quoted\"",
            &longest,
        ] {
            assert_eq!(good.parse::<IdempotencyKey>().unwrap().as_str(), good);
        }
        let too_long = "k".repeat(256);
        for bad in ["", " ", "a b", "a\n", "a\0", "é", &too_long] {
            assert!(bad.parse::<IdempotencyKey>().is_err(), "{bad:?}");
        }
    }
}
