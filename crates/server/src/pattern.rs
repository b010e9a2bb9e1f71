//! Entries of configured lists: names, or patterns of names.

use std::str::FromStr;

/// A name, in which `*` stands for any text. Letter case matters, as it does in the contract's comparisons.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Pattern(String);

/// An entry that nothing can fit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a name or pattern must not be empty; leave the entry out, or write `*` for everything")]
pub struct EmptyPattern;

impl Pattern {
    /// The text of the configuration.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether `text` is the name, or fits the pattern.
    pub fn fits(&self, text: &str) -> bool {
        let mut parts = self.0.split('*');
        // The first part of a split always exists; what follows it stands behind a star.
        let Some(rest) = text.strip_prefix(parts.next().unwrap_or_default()) else {
            return false;
        };
        let mut rest = rest;
        let mut parts = parts.peekable();
        if parts.peek().is_none() {
            return rest.is_empty();
        }
        while let Some(part) = parts.next() {
            if parts.peek().is_none() {
                return rest.ends_with(part);
            }
            // The earliest place leaves most room for the parts behind it.
            let Some(at) = rest.find(part) else {
                return false;
            };
            rest = rest.get(at + part.len()..).unwrap_or_default();
        }
        true
    }
}

impl FromStr for Pattern {
    type Err = EmptyPattern;

    fn from_str(text: &str) -> Result<Self, EmptyPattern> {
        if text.is_empty() {
            return Err(EmptyPattern);
        }
        Ok(Self(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::Pattern;

    #[test]
    fn a_star_stands_for_any_text() {
        let fits = |pattern: &str, text| pattern.parse::<Pattern>().unwrap().fits(text);
        for (pattern, text) in [
            ("alice@X", "alice@X"),
            ("*", ""),
            ("*", "anything"),
            ("bot-*@X", "bot-1@X"),
            ("*@X", "a@X"),
            ("r/*/index:*", "r/team/index:v1"),
            ("a*a", "aa"),
            ("*b*", "abc"),
            ("a*b*c", "a-b-b-c"),
        ] {
            assert!(fits(pattern, text), "{pattern} {text}");
        }
        for (pattern, text) in [
            ("alice@X", "alice@x"),
            ("alice", "alice@X"),
            ("bot-*@X", "bot-1@Y"),
            ("a*a", "a"),
            ("ab*ba", "aba"),
            ("a*b*c", "acb"),
        ] {
            assert!(!fits(pattern, text), "{pattern} {text}");
        }
        assert!("".parse::<Pattern>().is_err());
    }
}
