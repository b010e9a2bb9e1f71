//! Names of repositories and tags, after the grammar of the distribution specification ("Pulling manifests").

use std::fmt;
use std::str::FromStr;

use crate::digest::Digest;

/// The longest repository name accepted, in bytes.
const MAX_NAME: usize = 255;
/// The longest tag, in bytes.
const MAX_TAG: usize = 128;

/// A repository: path components of lower case letters, digits and single separators.
///
/// No component starts with `_` or `.`, so it is safe as a relative path, and names starting with `_` are ours.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct RepositoryName(String);

/// The text is not a repository name.
#[derive(Debug, thiserror::Error)]
#[error(
    "`{0}` is not a repository name: lower case letters and digits, separated by one of `.`, `_`, `__`, `-` or `/`"
)]
pub(crate) struct InvalidName(String);

impl RepositoryName {
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for RepositoryName {
    type Err = InvalidName;

    fn from_str(text: &str) -> Result<Self, InvalidName> {
        if text.len() <= MAX_NAME && text.split('/').all(is_component) {
            Ok(Self(text.to_owned()))
        } else {
            Err(InvalidName(text.chars().take(MAX_NAME).collect()))
        }
    }
}

impl fmt::Display for RepositoryName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// `[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*`
fn is_component(text: &str) -> bool {
    let is_word = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    let bytes = text.as_bytes();
    let (Some(&first), Some(&last)) = (bytes.first(), bytes.last()) else {
        return false;
    };
    is_word(first)
        && is_word(last)
        && text
            .split(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit())
            .all(|gap| matches!(gap, "" | "." | "_" | "__") || gap.bytes().all(|b| b == b'-'))
}

/// A tag: `[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}`. Safe as a file name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Tag(String);

impl Tag {
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

/// How a request names a manifest.
#[derive(Clone, Debug)]
pub(crate) enum Reference {
    Tag(Tag),
    Digest(Digest),
}

/// The text is neither a tag nor a digest.
#[derive(Debug, thiserror::Error)]
#[error("`{0}` is neither a tag nor a `sha256:` digest")]
pub(crate) struct InvalidReference(String);

impl FromStr for Reference {
    type Err = InvalidReference;

    fn from_str(text: &str) -> Result<Self, InvalidReference> {
        let is_word = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
        let is_tag = text.len() <= MAX_TAG
            && text.bytes().next().is_some_and(is_word)
            && text.bytes().all(|b| is_word(b) || b == b'.' || b == b'-');
        if is_tag {
            return Ok(Self::Tag(Tag(text.to_owned())));
        }
        text.parse()
            .map(Self::Digest)
            .map_err(|_| InvalidReference(text.chars().take(MAX_NAME).collect()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_follow_the_grammar() {
        for good in [
            "a",
            "library/busybox",
            "a/b/c/d",
            "a.b",
            "a_b",
            "a__b",
            "a---b",
            "0/1",
            "iib-build",
        ] {
            assert!(good.parse::<RepositoryName>().is_ok(), "{good}");
        }
        let long = "a".repeat(256);
        for bad in [
            "", "/", "a/", "/a", "a//b", "A", "_a", "a_", ".a", "a..b", "a___b", "a._b", "..",
            "a/../b", "a b", &long,
        ] {
            assert!(bad.parse::<RepositoryName>().is_err(), "{bad}");
        }
    }

    #[test]
    fn references_are_tags_or_digests() {
        for tag in ["latest", "v4.20", "_x", "A-b.c_d", &"t".repeat(128)] {
            assert!(matches!(tag.parse(), Ok(Reference::Tag(_))), "{tag}");
        }
        let digest = Digest::of(b"x").to_string();
        assert!(matches!(digest.parse(), Ok(Reference::Digest(_))));
        for bad in ["", ".", "..", "-a", "a/b", "a:b", &"t".repeat(129)] {
            assert!(bad.parse::<Reference>().is_err(), "{bad}");
        }
    }
}
