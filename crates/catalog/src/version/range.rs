//! Ranges of versions, as `skipRange` and dependencies name them.

use std::cmp::Ordering;
use std::str::FromStr;

use super::{Version, VersionError};

/// A range of versions such as `>=1.0.0 <1.2.0 || 2.x` (file-based catalog specification, end of 2.3).
///
/// Read as the reference tools' library reads it, whose odd sides are part of the format: pieces of one character
/// are passed over, `1.2.x.x` is no wildcard, `1.x.x` ends below `1.1.0`, and an operator it does not know
/// counts as `=` in front of a wildcard.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VersionRange {
    /// One of them must hold.
    alternatives: Vec<Alternative>,
}

/// All of the bounds must hold; without any bound nothing does.
type Alternative = Vec<Bound>;

#[derive(Debug, Clone, PartialEq, Eq)]
struct Bound {
    operator: Operator,
    version: Version,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Operator {
    Equal,
    NotEqual,
    Greater,
    GreaterOrEqual,
    Less,
    LessOrEqual,
}

/// A text that is not a range of versions.
#[derive(Debug, thiserror::Error)]
#[error("`{text}` is not a range of versions such as `>=1.0.0 <1.2.0`: {reason}")]
pub struct RangeError {
    text: String,
    reason: Reason,
}

#[derive(Debug, thiserror::Error)]
enum Reason {
    #[error("it must begin and end with a version")]
    NoVersion,
    #[error("`{0}` holds no version")]
    NoDigit(String),
    #[error(
        "`{operator}` in `{part}` is no comparison; use one of = == ! != > >= < <=, and spaces around ||"
    )]
    Operator { operator: String, part: String },
    #[error(
        "`{0}` has an `x` where none can stand; it may take the place of the minor or patch number"
    )]
    Wildcard(String),
    #[error("`{0}` holds no strict version such as `1.2.3`")]
    Version(String),
}

impl VersionRange {
    /// Whether a version is in the range. Build metadata plays no part.
    pub fn contains(&self, version: &Version) -> bool {
        self.alternatives
            .iter()
            .any(|bounds| !bounds.is_empty() && bounds.iter().all(|bound| bound.holds(version)))
    }
}

impl FromStr for VersionRange {
    type Err = RangeError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let refuse = |reason| RangeError {
            text: text.to_owned(),
            reason,
        };
        let parts = parts(text);
        let ends = [parts.first(), parts.last()];
        if ends.iter().any(|end| end.is_none_or(|end| end == "||")) {
            return Err(refuse(Reason::NoVersion));
        }
        let mut alternatives = Vec::new();
        for parts in parts.split(|part| part == "||") {
            let mut bounds = Alternative::new();
            for part in parts {
                read(part, &mut bounds).map_err(refuse)?;
            }
            alternatives.push(bounds);
        }
        Ok(Self { alternatives })
    }
}

impl Bound {
    fn holds(&self, version: &Version) -> bool {
        let ordering = version.cmp_precedence(&self.version);
        match self.operator {
            Operator::Equal => ordering == Ordering::Equal,
            Operator::NotEqual => ordering != Ordering::Equal,
            Operator::Greater => ordering == Ordering::Greater,
            Operator::GreaterOrEqual => ordering != Ordering::Less,
            Operator::Less => ordering == Ordering::Less,
            Operator::LessOrEqual => ordering != Ordering::Greater,
        }
    }
}

impl Operator {
    fn read(text: &str) -> Option<Self> {
        Some(match text {
            "" | "=" | "==" => Self::Equal,
            "!" | "!=" => Self::NotEqual,
            ">" => Self::Greater,
            ">=" => Self::GreaterOrEqual,
            "<" => Self::Less,
            "<=" => Self::LessOrEqual,
            _ => return None,
        })
    }
}

/// The text without its spaces, cut at them unless an operator stands before; pieces of one byte are dropped.
fn parts(text: &str) -> Vec<String> {
    let mut parts = Vec::new();
    let (mut part, mut length, mut last) = (String::new(), 0, None);
    for character in text.chars().map(Some).chain([None]) {
        match character {
            Some(' ') if matches!(last, Some('<' | '=' | '>')) => length += 1,
            Some(' ') | None => {
                if length > 1 {
                    parts.push(std::mem::take(&mut part));
                }
                part.clear();
                length = 0;
            }
            Some(character) => {
                part.push(character);
                length += character.len_utf8();
                last = Some(character);
            }
        }
    }
    parts
}

/// Appends what a part says.
fn read(part: &str, bounds: &mut Alternative) -> Result<(), Reason> {
    let digit = part
        .find(char::is_numeric)
        .ok_or_else(|| Reason::NoDigit(part.to_owned()))?;
    let (operator_text, version) = (part[..digit].trim(), &part[digit..]);
    let operator = Operator::read(operator_text);
    let no_version = |_: VersionError| Reason::Version(part.to_owned());
    let mut push = |operator, version| bounds.push(Bound { operator, version });
    if !part.contains('x') {
        let operator = operator.ok_or_else(|| Reason::Operator {
            operator: operator_text.to_owned(),
            part: part.to_owned(),
        })?;
        push(operator, version.parse().map_err(no_version)?);
        return Ok(());
    }
    let first: Version = lowest(version).parse().map_err(no_version)?;
    let beyond = || behind(version, &first).ok_or_else(|| Reason::Wildcard(part.to_owned()));
    match operator {
        None => push(Operator::Equal, first),
        Some(Operator::GreaterOrEqual) => push(Operator::GreaterOrEqual, first),
        Some(Operator::Less) => push(Operator::Less, first),
        Some(Operator::Greater) => push(Operator::GreaterOrEqual, beyond()?),
        Some(Operator::LessOrEqual) => push(Operator::Less, beyond()?),
        Some(Operator::Equal) => {
            let beyond = beyond()?;
            push(Operator::GreaterOrEqual, first);
            push(Operator::Less, beyond);
        }
        // Both bounds must hold, as the reference tools have it: nothing is in such a range.
        Some(Operator::NotEqual) => {
            let beyond = beyond()?;
            push(Operator::Less, first);
            push(Operator::GreaterOrEqual, beyond);
        }
    }
    Ok(())
}

/// The first version that a wildcard stands for.
fn lowest(version: &str) -> String {
    let mut lowest = version.replacen(".x.x", ".x", 1).replacen(".x", ".0", 1);
    if lowest.split('.').count() == 2 {
        lowest.push_str(".0");
    }
    lowest
}

/// The first version behind those that a wildcard stands for; `None` if there is no wildcard where one can be.
fn behind(version: &str, first: &Version) -> Option<Version> {
    let mut behind = first.0.clone();
    let numbers: Vec<&str> = version.split('.').collect();
    let number = match numbers[..] {
        [_, "x"] => &mut behind.major,
        [_, _, "x"] => &mut behind.minor,
        _ => return None,
    };
    *number = number.checked_add(1)?;
    Some(Version(behind))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Judges the versions 1.1.9, 1.2.0, 1.2.3, 1.3.0 and 2.0.0.
    fn members(range: &str) -> String {
        let range: VersionRange = range.parse().unwrap_or_else(|error| panic!("{error}"));
        let known = ["1.1.9", "1.2.0", "1.2.3", "1.3.0", "2.0.0"];
        let members = known
            .into_iter()
            .filter(|version| range.contains(&version.parse().unwrap()));
        members.collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn operators_compare_and_combine() {
        for (range, expected) in [
            ("1.2.3", "1.2.3"),
            ("=1.2.3", "1.2.3"),
            ("==1.2.3", "1.2.3"),
            ("!1.2.3", "1.1.9 1.2.0 1.3.0 2.0.0"),
            ("!=1.2.3", "1.1.9 1.2.0 1.3.0 2.0.0"),
            (">1.2.3", "1.3.0 2.0.0"),
            (">=1.2.3", "1.2.3 1.3.0 2.0.0"),
            ("<1.2.3", "1.1.9 1.2.0"),
            ("<=1.2.3", "1.1.9 1.2.0 1.2.3"),
            (">=1.2.0 <1.3.0", "1.2.0 1.2.3"),
            (" >=  1.2.0   <  1.3.0 ", "1.2.0 1.2.3"),
            (">=1.2.0 !1.2.3 <2.0.0", "1.2.0 1.3.0"),
            ("<1.2.0 || >=2.0.0", "1.1.9 2.0.0"),
            ("<1.2.0 || >=1.2.3 <1.3.0 || 2.0.0", "1.1.9 1.2.3 2.0.0"),
            (">2.0.0 <1.0.0", ""),
        ] {
            assert_eq!(members(range), expected, "{range}");
        }
    }

    #[test]
    fn wildcards_are_the_versions_they_stand_for() {
        for (range, expected) in [
            ("1.2.x", "1.2.0 1.2.3"),
            ("=1.2.x", "1.2.0 1.2.3"),
            (">=1.2.x", "1.2.0 1.2.3 1.3.0 2.0.0"),
            (">1.2.x", "1.3.0 2.0.0"),
            ("<1.2.x", "1.1.9"),
            ("<=1.2.x", "1.1.9 1.2.0 1.2.3"),
            ("1.x", "1.1.9 1.2.0 1.2.3 1.3.0"),
            (">1.x", "2.0.0"),
            ("<=1.x", "1.1.9 1.2.0 1.2.3 1.3.0"),
            ("2.x.x || 1.2.x", "1.2.0 1.2.3 2.0.0"),
            ("!=1.2.x", ""),
            ("~1.2.x", "1.2.0"),
            (">=1.2.0-linux", "1.2.0 1.2.3 1.3.0 2.0.0"),
        ] {
            assert_eq!(members(range), expected, "{range}");
        }
    }

    #[test]
    fn what_the_reference_library_passes_over_is_passed_over() {
        // `!` alone is dropped, so that the version after it is the one that is meant.
        assert_eq!(members("! 1.2.3"), "1.2.3");
        assert_eq!(members("1.2.3 | 1.2.3"), "1.2.3");
        assert_eq!(members(">\t1.3.0"), "2.0.0");
        assert_eq!(members("1.2.3 || || 2.0.0"), "1.2.3 2.0.0");
        let range: VersionRange = "1.x.x".parse().unwrap();
        assert!(range.contains(&"1.0.5".parse().unwrap()));
        assert!(!range.contains(&"1.1.0".parse().unwrap()));
    }

    #[test]
    fn pre_releases_sort_before_their_release_and_build_metadata_is_ignored() {
        let range: VersionRange = ">=1.0.0-rc.2 <1.0.1".parse().unwrap();
        for (version, expected) in [
            ("1.0.0-rc.1", false),
            ("1.0.0-rc.2", true),
            ("1.0.0-rc.10", true),
            ("1.0.0+5", true),
            ("1.0.1-rc.1", true),
            ("1.0.1+1", false),
        ] {
            assert_eq!(
                range.contains(&version.parse().unwrap()),
                expected,
                "{version}"
            );
        }
    }

    #[test]
    fn what_is_no_range_is_refused() {
        for range in [
            "",
            " ",
            "x",
            ">",
            "bogus",
            "1.0",
            "v1.0.0",
            ">>1.0.0",
            "=<1.0.0",
            "~1.0.0",
            "^1.2.3",
            "|| 1.0.0",
            "1.0.0 ||",
            ">=1.0.0||<2.0.0",
            ">= || 1.0.0",
            ">=1.0.0,<2.0.0",
            ">=1.0.0 <01.0.0",
            "1.0.0-linux",
            "1.2.x.x",
            "x.x.x",
            ">x",
            "1.x.3",
            "a.b.x",
            "18446744073709551615.x",
        ] {
            let read = range.parse::<VersionRange>();
            let message = read.expect_err(range).to_string();
            assert!(message.contains(&format!("`{range}`")), "{message}");
        }
    }
}
