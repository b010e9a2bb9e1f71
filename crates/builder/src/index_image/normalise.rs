//! Catalogs in YAML become catalogs in JSON when packages are rendered into them (spec workflows 3.7).

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use catalog::ordered;

use super::change::{Changes, UnitChange};
use super::facts::{CatalogFile, UnitFiles, UnitPath};
use crate::error::{ContentError, Error};

/// The name of a file in YAML without its end.
pub(crate) fn yaml_stem(path: &str) -> Option<&str> {
    [".yaml", ".yml"]
        .iter()
        .find_map(|end| path.strip_suffix(end))
}

/// What makes JSON of all YAML in the unit `unit` with `files`. New files go into the directory `to`. Blocking.
///
/// # Errors
/// Files that are no YAML or say nothing, and two that would become one.
pub(crate) fn unit(
    origin: &str,
    unit: &UnitPath,
    files: &UnitFiles,
    to: &Path,
    changes: &mut Changes,
) -> Result<(), Error> {
    let mut stems = BTreeSet::new();
    let mut in_json = files.clone();
    for (path, file) in files {
        let Some(stem) = yaml_stem(path) else {
            continue;
        };
        let json = format!("{stem}.json");
        if !stems.insert(stem) {
            return Err(Error::from(ContentError::SameStem {
                origin: origin.to_owned(),
                path: json,
            }));
        }
        let text = to_json(origin, path, &file.read()?)?;
        let place = written(to, &json, &text)?;
        in_json.remove(path);
        in_json.insert(json, CatalogFile::Here(place));
    }
    if stems.is_empty() {
        return Ok(());
    }
    // A file right in the directory of the catalog is a unit by its name, which changes.
    let is_file = files.contains_key(unit.as_str());
    if is_file {
        changes.insert(unit.clone(), UnitChange::Remove);
        for (path, file) in in_json {
            let files = UnitFiles::from([(path.clone(), file)]);
            changes.insert(UnitPath::of(&path), UnitChange::Put(files));
        }
    } else {
        changes.insert(unit.clone(), UnitChange::Put(in_json));
    }
    Ok(())
}

fn to_json(origin: &str, path: &str, text: &[u8]) -> Result<String, Error> {
    let documents = ordered::documents(text).map_err(|source| ContentError::YamlFile {
        origin: origin.to_owned(),
        path: path.to_owned(),
        source: Box::new(source),
    })?;
    Ok(documents.iter().map(ordered::to_text).collect())
}

fn written(to: &Path, path: &str, text: &str) -> Result<PathBuf, Error> {
    let place = to.join(path);
    let failed = |source| Error::Io {
        path: place.clone(),
        source,
    };
    if let Some(folder) = place.parent() {
        fs::create_dir_all(folder).map_err(failed)?;
    }
    fs::write(&place, text).map_err(failed)?;
    Ok(place)
}
