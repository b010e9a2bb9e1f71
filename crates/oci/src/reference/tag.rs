//! Tags.

use std::fmt;
use std::str::FromStr;

use super::error::{ParseError, Problem};

/// A tag, such as `v4.19`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tag(String);

impl Tag {
    /// `latest`: what a pull spec without tag and digest means.
    pub fn latest() -> Self {
        Self("latest".to_owned())
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Tag {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
        let first_fits = text.bytes().next().is_some_and(word);
        let rest_fits = text
            .bytes()
            .all(|byte| word(byte) || byte == b'.' || byte == b'-');
        if !first_fits || !rest_fits || text.len() > 128 {
            return Err(ParseError::new(text, Problem::Tag(text.to_owned())));
        }
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Display for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
