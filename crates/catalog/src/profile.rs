//! What differs between releases of the reference tool, as one table (file-based catalog specification, section 0).
//!
//! Two differences are no rows of it. A package's name that leads out of the output directory of a migration, such as
//! `../x`, is refused in both profiles, though the older release writes where it says. A chain of `olm.substitutesFor`
//! that is a circle is refused in both, though the older release never ends there.

use std::fmt;
use std::str::FromStr;

/// The behaviour of a release of the reference tool.
///
/// Two of them matter; they are constants, and [`Profile::default`] is the one that golden results come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "it is a table, and each row stands for itself"
)]
pub struct Profile {
    /// Its name, as options and layers' histories have it.
    pub name: &'static str,
    /// Whether index databases can be rendered; an image that names one in its labels is one before it is a catalog, then.
    pub reads_databases: bool,
    /// Whether a `skipRange` must be a range of versions.
    pub checks_skip_ranges: bool,
    /// Whether migrating a catalog keeps deprecations, blobs of other schemas and what belongs to packages without blob.
    pub migrates_everything: bool,
    /// Whether serve caches hold the blobs of other schemas.
    pub caches_other_blobs: bool,
    /// Whether serve caches list a package for every name that any blob mentions.
    pub lists_mentioned_packages: bool,
    /// How many bytes a release, which is a list of pre-release identifiers, may have.
    pub longest_release: Option<usize>,
    /// Whether the version of a bundle that substitutes for another one is split at `+` into version and release.
    pub splits_substitutes: bool,
}

impl Profile {
    /// operator-registry 1.65.
    pub const A: Self = Self {
        name: "a",
        reads_databases: true,
        checks_skip_ranges: false,
        migrates_everything: false,
        caches_other_blobs: false,
        lists_mentioned_packages: true,
        longest_release: None,
        splits_substitutes: true,
    };
    /// operator-registry 1.73.
    pub const B: Self = Self {
        name: "b",
        reads_databases: false,
        checks_skip_ranges: true,
        migrates_everything: true,
        caches_other_blobs: true,
        lists_mentioned_packages: false,
        longest_release: Some(20),
        splits_substitutes: false,
    };
}

impl Default for Profile {
    fn default() -> Self {
        Self::A
    }
}

impl fmt::Display for Profile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

/// There is no profile of that name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("there is no profile `{0}`; the profiles are `a` (opm 1.65) and `b` (opm 1.73)")]
pub struct UnknownProfile(String);

impl FromStr for Profile {
    type Err = UnknownProfile;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        [Self::A, Self::B]
            .into_iter()
            .find(|profile| profile.name.eq_ignore_ascii_case(name))
            .ok_or_else(|| UnknownProfile(name.to_owned()))
    }
}
