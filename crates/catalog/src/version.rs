//! Strict semantic versions in the order of the reference tools, and ranges of them.

mod range;

use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;

pub use range::{RangeError, VersionRange};

/// A strict semantic version: three numbers, no leading `v`, no leading zeros.
///
/// Ordered by precedence and then, unlike the standard says, by build metadata: none sorts below any, and the parts are
/// compared by the rules for pre-releases (index database specification, 4.2).
#[derive(Debug, Clone)]
pub struct Version(semver::Version);

/// A text that is not a strict semantic version.
#[derive(Debug, thiserror::Error)]
#[error(
    "`{text}` is not a strict semantic version such as `1.2.3` or `1.2.3-rc.1+4`; correct `spec.version` of the CSV"
)]
pub struct VersionError {
    text: String,
    source: semver::Error,
}

impl Version {
    /// The version `0.0.0`.
    pub const ZERO: Self = Self(semver::Version::new(0, 0, 0));

    /// Compares by precedence alone, so that versions which differ in build metadata only are equal.
    pub fn cmp_precedence(&self, other: &Self) -> Ordering {
        self.0.cmp_precedence(&other.0)
    }

    /// Whether both versions belong to the same minor release.
    pub fn same_minor(&self, other: &Self) -> bool {
        (self.0.major, self.0.minor) == (other.0.major, other.0.minor)
    }
}

impl FromStr for Version {
    type Err = VersionError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        semver::Version::parse(text)
            .map(Self)
            .map_err(|source| VersionError {
                text: text.to_owned(),
                source,
            })
    }
}

impl fmt::Display for Version {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

impl Ord for Version {
    fn cmp(&self, other: &Self) -> Ordering {
        self.cmp_precedence(other)
            .then_with(|| compare_build(self.0.build.as_str(), other.0.build.as_str()))
    }
}

impl PartialOrd for Version {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Version {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Version {}

fn compare_build(left: &str, right: &str) -> Ordering {
    if left.is_empty() || right.is_empty() {
        return right.is_empty().cmp(&left.is_empty());
    }
    let (mut left, mut right) = (left.split('.'), right.split('.'));
    loop {
        match (left.next(), right.next()) {
            (None, None) => return Ordering::Equal,
            (None, Some(_)) => return Ordering::Less,
            (Some(_), None) => return Ordering::Greater,
            (Some(a), Some(b)) => match compare_part(a, b) {
                Ordering::Equal => {}
                unequal => return unequal,
            },
        }
    }
}

/// Numbers by size and below all words; words by their bytes.
fn compare_part(left: &str, right: &str) -> Ordering {
    let numeric = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    match (numeric(left), numeric(right)) {
        (true, true) => {
            let (a, b) = (left.trim_start_matches('0'), right.trim_start_matches('0'));
            a.len().cmp(&b.len()).then_with(|| a.cmp(b))
        }
        (true, false) => Ordering::Less,
        (false, true) => Ordering::Greater,
        (false, false) => left.cmp(right),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_sort_by_precedence_then_build_metadata() {
        let sorted = [
            "0.0.0-a",
            "0.0.0-z",
            "0.0.0",
            "1.0.0-1",
            "1.0.0-alpha",
            "1.0.0-alpha.1",
            "1.0.0-rc.2",
            "1.0.0-rc.10",
            "1.0.0",
            "1.0.0+1",
            "1.0.0+2",
            "1.0.0+10",
            "1.0.0+10.a",
            "1.0.0+a",
            "1.0.1",
            "1.10.0",
            "2.0.0",
        ]
        .map(|text| text.parse::<Version>().unwrap());
        for pair in sorted.windows(2) {
            assert!(
                pair[0] < pair[1],
                "{} should sort below {}",
                pair[0],
                pair[1]
            );
        }
    }

    #[test]
    fn only_strict_versions_are_read() {
        for text in [
            "", "1", "1.0", "v1.0.0", "01.0.0", "1.0.0-01", "1.0.0 ", "1.x.0", "1.0.0+", "1.0.0-",
            "1.0.0.0",
        ] {
            assert!(text.parse::<Version>().is_err(), "`{text}` was read");
        }
    }
}
