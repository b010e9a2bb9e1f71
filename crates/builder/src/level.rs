//! How catalogs show the bundles of a database, which differs between releases of opm (spec workflows 2.15).

use std::fmt;
use std::str::FromStr;

/// How the bundles of a database are shown in the catalog that is made of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MigrateLevel {
    /// Every manifest as a property of its own, `olm.bundle.object`.
    BundleObjects,
    /// The part of the CSV that users see, `olm.csv.metadata`.
    #[default]
    CsvMetadata,
}

/// The last release of opm that shows every manifest.
const LAST_WITH_OBJECTS: (u64, u64, u64) = (1, 46, 0);

/// Why a text is no release of opm.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no release of opm; write it like `1.44.0`, `v1.44.0` or `opm-v1.44.0`")]
pub struct ParseOpmError(String);

impl MigrateLevel {
    /// What the release `version` of opm does: `1.44.0`, `v1.44.0` or `opm-v1.44.0`.
    ///
    /// # Errors
    /// [`ParseOpmError`] when it is none.
    pub fn of_opm(version: &str) -> Result<Self, ParseOpmError> {
        let wrong = || ParseOpmError(version.to_owned());
        let text = version.strip_prefix("opm-").unwrap_or(version);
        let text = text.strip_prefix('v').unwrap_or(text);
        let numbers: Vec<u64> = text
            .split('.')
            .map(|number| number.parse().map_err(|_| wrong()))
            .collect::<Result<_, _>>()?;
        let [major, minor, patch] = numbers[..] else {
            return Err(wrong());
        };
        if (major, minor, patch) > LAST_WITH_OBJECTS {
            Ok(Self::CsvMetadata)
        } else {
            Ok(Self::BundleObjects)
        }
    }

    /// Its name, for people and programs.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::BundleObjects => "bundle-objects",
            Self::CsvMetadata => "csv-metadata",
        }
    }
}

impl fmt::Display for MigrateLevel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for MigrateLevel {
    type Err = ParseOpmError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::of_opm(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn releases_after_1_46_0_embed_the_metadata() {
        for (version, expected) in [
            ("1.26.4", MigrateLevel::BundleObjects),
            ("opm-v1.44.0", MigrateLevel::BundleObjects),
            ("v1.46.0", MigrateLevel::BundleObjects),
            ("1.46.1", MigrateLevel::CsvMetadata),
            ("opm-v1.48.0", MigrateLevel::CsvMetadata),
            ("2.0.0", MigrateLevel::CsvMetadata),
        ] {
            assert_eq!(MigrateLevel::of_opm(version), Ok(expected), "{version}");
        }
        for wrong in ["", "opm", "1.46", "1.46.0-rc1", "1.46.0.1"] {
            let refused = MigrateLevel::of_opm(wrong).unwrap_err();
            assert!(refused.to_string().contains("opm-v1.44.0"), "{refused}");
        }
    }
}
