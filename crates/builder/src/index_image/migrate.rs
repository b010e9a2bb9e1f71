//! An index database as the files of a catalog.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::PathBuf;

use catalog::fbc::Output;
use indexdb::{IndexDb, RenderError};
use oci::ImageName;
use rayon::prelude::*;

use super::PROFILE;
use super::facts::{CatalogFile, UnitFiles, UnitPath};
use crate::blocking::blocking;
use crate::error::{ContentError, Error};
use crate::level::MigrateLevel;

/// Renders the packages of the database `file`, all or only those in `packages`, one unit each, as `level` says, into the directory `to`.
pub(crate) async fn units(
    index: &ImageName,
    file: &std::path::Path,
    epoch: i64,
    packages: Option<BTreeSet<String>>,
    level: MigrateLevel,
    to: PathBuf,
) -> Result<BTreeMap<UnitPath, UnitFiles>, Error> {
    let (index, file) = (index.clone(), file.to_owned());
    blocking(move || {
        let refused = |source| {
            Error::from(ContentError::Migrate {
                index: Box::new(index.clone()),
                source,
            })
        };
        let database = IndexDb::open_unchanged(&file, epoch)
            .map_err(|source| refused(Box::new(RenderError::from(source)).into()))?;
        let rendered = if level == MigrateLevel::CsvMetadata {
            database.catalog_with_csv_metadata(packages.as_ref())
        } else {
            database.catalog_of(packages.as_ref())
        };
        let mut catalog = rendered.map_err(|source| refused(Box::new(source).into()))?;
        catalog.arrange();
        let written: Vec<Result<(UnitPath, UnitFiles), Error>> = catalog
            .migrated(PROFILE)
            .par_iter()
            .map(|blobs| {
                let package = blobs.package();
                if !is_safe_name(package) {
                    return Err(Error::from(ContentError::PackageName {
                        origin: format!("the index image `{index}`"),
                        name: package.to_owned(),
                    }));
                }
                let folder = to.join(package);
                let path = folder.join("catalog.json");
                let failed = |source| Error::Io {
                    path: path.clone(),
                    source,
                };
                let mut text = Vec::new();
                blobs.write(Output::Json, &mut text).map_err(failed)?;
                fs::create_dir_all(&folder).map_err(failed)?;
                fs::write(&path, &text).map_err(failed)?;
                let name = format!("{package}/catalog.json");
                let files = UnitFiles::from([(name, CatalogFile::Here(path))]);
                Ok((UnitPath::top(package), files))
            })
            .collect();
        written.into_iter().collect()
    })
    .await
}

/// Whether `name` names something right in a directory.
pub(crate) fn is_file_name(name: &str) -> bool {
    !matches!(name, "" | "." | "..") && !name.contains(['/', '\0'])
}

/// Whether a package's name can be that of a directory (spec workflows 3.8).
pub(crate) fn is_safe_name(name: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let bytes = name.as_bytes();
    bytes.first().copied().is_some_and(plain)
        && bytes.last().copied().is_some_and(plain)
        && bytes
            .iter()
            .all(|byte| plain(*byte) || matches!(byte, b'.' | b'-'))
        && !name.contains("..")
}

#[cfg(test)]
mod tests {
    use super::is_safe_name;

    #[test]
    fn names_of_packages_are_names_of_directories() {
        for name in ["a", "0", "a-b.c", "3scale-operator"] {
            assert!(is_safe_name(name), "{name}");
        }
        for name in [
            "",
            ".",
            "..",
            "a/b",
            "A",
            "-a",
            "a.",
            "a..b",
            "_operator-deprecations-content",
            "ä",
        ] {
            assert!(!is_safe_name(name), "{name}");
        }
    }
}
