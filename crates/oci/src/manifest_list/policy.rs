//! What happens when a tag would lose entries that it has (spec workflows 8.3).

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use super::difference::difference;
use super::entry::EntryName;
use super::listing::Listing;
use super::merge::{MergeError, NewList, Selection, combine};

/// What to do when the list a tag points to has images that the new one lacks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LossPolicy {
    /// Publish nothing and say what would be lost.
    #[default]
    Refuse,
    /// Take the missing platforms over from the list that is there, as they are.
    KeepMissing,
    /// Let them go.
    Replace,
}

/// Why a text is no policy.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is no policy; use `refuse`, `keep-missing` or `replace`")]
pub struct ParseLossPolicyError {
    text: String,
}

impl FromStr for LossPolicy {
    type Err = ParseLossPolicyError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "refuse" => Ok(Self::Refuse),
            "keep-missing" => Ok(Self::KeepMissing),
            "replace" => Ok(Self::Replace),
            other => Err(ParseLossPolicyError {
                text: other.to_owned(),
            }),
        }
    }
}

impl fmt::Display for LossPolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Refuse => "refuse",
            Self::KeepMissing => "keep-missing",
            Self::Replace => "replace",
        })
    }
}

/// What to publish when `new` is to take the place of `current`.
///
/// An image is lost when no image of the new list is for its platform in its compression. Attestations and artifacts are
/// not counted: they belong to the images of their list. [`LossPolicy::KeepMissing`] keeps whole platforms only: an old
/// image in another compression beside a new one would give two contents to one platform.
///
/// # Errors
/// [`MergeError::Lost`] under [`LossPolicy::Refuse`], and [`MergeError::MixedTypes`] when entries to keep do not fit in.
pub fn guard(
    new: &Listing,
    current: Option<&Listing>,
    policy: LossPolicy,
) -> Result<NewList, MergeError> {
    if policy == LossPolicy::KeepMissing {
        return combine(new, current, &Selection::All);
    }
    if policy == LossPolicy::Refuse {
        check_keeps(new, current)?;
    }
    Ok(NewList {
        manifest: new.to_raw(),
        taken: new.descriptors().cloned().collect(),
        kept: Vec::new(),
        changes: difference(current, new),
    })
}

/// Refuses a list that lacks an image of the current one.
pub(super) fn check_keeps(new: &Listing, current: Option<&Listing>) -> Result<(), MergeError> {
    let names: BTreeSet<EntryName> = new.names().into_iter().collect();
    let mut lost: Vec<EntryName> = Vec::new();
    for name in current.map_or_else(Vec::new, Listing::names) {
        if name.is_image() && !names.contains(&name) && !lost.contains(&name) {
            lost.push(name);
        }
    }
    if lost.is_empty() {
        Ok(())
    } else {
        Err(MergeError::Lost { lost })
    }
}

/// The names for an error's text.
pub(super) fn list(names: &[EntryName]) -> String {
    let names: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    names.join(", ")
}
