//! Names of users, from wherever they come.

use std::fmt;
use std::str::FromStr;

/// Longer names are nobody's: they are stored with every request and shown in every list.
const MAX_BYTES: usize = 255;

/// The name of a user, compared exactly, including case: a principal, a subject, or what the configuration says.
///
/// Not empty, at most 255 bytes, without control characters and without space at its ends.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UserName(String);

impl UserName {
    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for UserName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for UserName {
    type Err = BadUserName;

    fn from_str(text: &str) -> Result<Self, BadUserName> {
        let name = text.trim();
        if name.is_empty() || name.len() > MAX_BYTES || name.chars().any(char::is_control) {
            return Err(BadUserName);
        }
        Ok(Self(name.to_owned()))
    }
}

/// A text is no name of a user.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the name of a user has 1 to {MAX_BYTES} bytes and no control characters")]
pub struct BadUserName;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_short_printable_text() {
        let longest = "x".repeat(MAX_BYTES);
        for good in ["alice", "alice@EXAMPLE.TEST", "svc/host@R", "Zoë", &longest] {
            assert_eq!(good.parse::<UserName>().unwrap().as_str(), good);
        }
        assert_eq!(" alice\t".parse::<UserName>().unwrap().as_str(), "alice");
        let too_long = "x".repeat(MAX_BYTES + 1);
        for bad in ["", "  ", "a\0b", "a\nb", "a\u{85}b", &too_long] {
            assert_eq!(bad.parse::<UserName>(), Err(BadUserName), "{bad:?}");
        }
    }
}
