//! For which OpenShift versions a bundle is meant, by a label of its image (workflow specification, 3.5).

mod version;

use std::str::FromStr;

use version::Version;

/// The label of a bundle image that says for which OpenShift versions the bundle is meant.
pub const LABEL: &str = "com.redhat.openshift.versions";

/// The OpenShift version an index image is for, as its label `com.redhat.index.delivery.version` has it: `v4.14` or `4.14`.
///
/// Versions follow PEP 440: `4.10` is above `4.9`, and `4.5` equals `4.5.0`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IndexVersion(Version);

/// A text that is no version of an index.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{value}` is not an OpenShift version such as `v4.14`; correct the label `com.redhat.index.delivery.version` of the index image"
)]
pub struct IndexVersionError {
    value: String,
}

impl FromStr for IndexVersion {
    type Err = IndexVersionError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Version::read(text)
            .map(Self)
            .ok_or_else(|| IndexVersionError {
                value: text.to_owned(),
            })
    }
}

/// What becomes of bundles whose image does not say for which versions they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MissingLabel {
    /// They are for every version.
    Allowed,
    /// They are for none.
    Refused,
}

/// Whether a bundle whose image has this [`LABEL`] belongs into an index of this version; an empty label is a missing one.
///
/// The forms of the label, the first that fits deciding: `=v4.6|>=v4.8` (any of them), `=v4.6` (exactly), `v4.5-v4.7` (both
/// ends included), `v4.5,v4.6` (from the smallest on) and `v4.5` (from there on). A bundle with a label of no such form belongs into no
/// index, and so does one with a version in it that is none.
pub fn allows(label: &str, index: &IndexVersion, missing: MissingLabel) -> bool {
    let holds = match (label, missing) {
        ("", MissingLabel::Allowed) => Some(true),
        _ if label.contains('|') => any_of(label, &index.0),
        _ if label.starts_with('=') => equal(label, &index.0),
        _ if label.contains('-') => between(label, &index.0),
        _ if label.contains(',') => {
            let versions: Option<Vec<Version>> = label.split(',').map(Version::read).collect();
            versions.and_then(|versions| Some(index.0 >= versions.into_iter().min()?))
        }
        _ => Version::read(label).map(|least| index.0 >= least),
    };
    holds.unwrap_or(false)
}

/// Whether a part of the list holds; `None` if one before it is wrong. Those behind it are not looked at.
fn any_of(label: &str, index: &Version) -> Option<bool> {
    let parts: Vec<&str> = label.split('|').collect();
    if !parts
        .iter()
        .all(|part| part.starts_with('=') || part.starts_with(">="))
    {
        return None;
    }
    for part in parts {
        let holds = match part.strip_prefix(">=") {
            Some(least) => *index >= Version::read(least)?,
            None => equal(part, index)?,
        };
        if holds {
            return Some(true);
        }
    }
    Some(false)
}

fn equal(part: &str, index: &Version) -> Option<bool> {
    Some(*index == Version::read(part.trim_start_matches('='))?)
}

fn between(label: &str, index: &Version) -> Option<bool> {
    let (least, most) = label.split_once('-')?;
    let (least, most) = (Version::read(least)?, Version::read(most)?);
    Some((least..=most).contains(index))
}

#[cfg(test)]
mod tests {
    use super::*;

    const INDEXES: [&str; 5] = ["v4.5", "v4.6", "v4.7", "v4.8", "v4.10"];

    fn index(text: &str) -> IndexVersion {
        text.parse().unwrap()
    }

    /// Fails unless a label allows those of [`INDEXES`] that are marked.
    #[track_caller]
    fn check(label: &str, expected: [bool; 5]) {
        let found = INDEXES.map(|version| allows(label, &index(version), MissingLabel::Refused));
        assert_eq!(found, expected, "`{label}`");
        if !label.is_empty() {
            let found =
                INDEXES.map(|version| allows(label, &index(version), MissingLabel::Allowed));
            assert_eq!(found, expected, "a label that is there, `{label}`");
        }
    }

    #[test]
    fn labels_allow_what_the_table_says() {
        const Y: bool = true;
        const N: bool = false;
        for (labels, expected) in [
            (&["v4.5", "4.5"][..], [Y, Y, Y, Y, Y]),
            (&["v4.10"], [N, N, N, N, Y]),
            (&["v4.5.3"], [N, Y, Y, Y, Y]),
            (&["=v4.6", "==v4.6"], [N, Y, N, N, N]),
            (&["v4.5-v4.7", "v4.5 - v4.7"], [Y, Y, Y, N, N]),
            (&["v4.7-v4.5"], [N; 5]),
            (&["v4.5,v4.6"], [Y; 5]),
            (&["v4.6,v4.5"], [Y; 5]),
            (&["=v4.5|=v4.6"], [Y, Y, N, N, N]),
            (&["=v4.5|>=v4.7"], [Y, N, Y, Y, Y]),
            (&["=v4.6|=bad"], [N, Y, N, N, N]),
            (&["=v4.5|v4.7", "=v4.5 | =v4.6"], [N; 5]),
            (&[">=v4.6"], [N; 5]),
            (&["v=4.6", "=v4.5,v4.6", "=v4.5-v4.7"], [N; 5]),
            (
                &["v4.5-v4.7,v4.9", "v4.5-", "-v4.7", "v4.5-v4.6-v4.7"],
                [N; 5],
            ),
            (&["", "bad"], [N; 5]),
        ] {
            for label in labels {
                check(label, expected);
            }
        }
    }

    #[test]
    fn rows_beyond_the_table() {
        // What is wrong before a part that would hold is noticed.
        check("=bad|=v4.6", [false; 5]);
        check(">=bad|>=v4.5", [false; 5]);
        check(">=v4.7|=bad", [false, false, true, true, true]);
        check("=v4.5|", [false; 5]);
        check("v4.5,bad", [false; 5]);
        check("v4.5,", [false; 5]);
        check(" v4.7 ", [false, false, true, true, true]);
        check(" v4.8 , v4.7 ", [false, false, true, true, true]);
        check(" ", [false; 5]);
        check("=", [false; 5]);
        check("v4.6-v4.6", [false, true, false, false, false]);
        check("4", [true; 5]);
        check("v4.8rc1", [false, false, false, true, true]);
    }

    #[test]
    fn a_missing_label_is_allowed_where_that_is_chosen() {
        for version in INDEXES {
            assert!(allows("", &index(version), MissingLabel::Allowed));
            assert!(!allows("", &index(version), MissingLabel::Refused));
        }
    }

    #[test]
    fn a_wrong_index_version_is_named() {
        for text in ["", "latest", "v4.x", "v4.5-v4.6", "=v4.5"] {
            let error = text.parse::<IndexVersion>().unwrap_err().to_string();
            assert!(error.contains(&format!("`{text}`")), "{error}");
            assert!(
                error.contains("com.redhat.index.delivery.version"),
                "{error}"
            );
        }
        assert_eq!(index("4.5"), index(" v4.5.0 "));
    }
}
