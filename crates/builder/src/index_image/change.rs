//! What a request changes of a catalog.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use super::facts::{CatalogFile, UnitFiles, UnitPath};
use crate::error::{ContentError, Error};

/// What becomes of a unit.
#[derive(Debug)]
pub(crate) enum UnitChange {
    /// It has these files, and no others.
    Put(UnitFiles),
    /// It is gone.
    Remove,
}

/// What becomes of units; all others stay.
pub(crate) type Changes = BTreeMap<UnitPath, UnitChange>;

/// The units of a catalog on disk, each with its files. Blocking.
///
/// # Errors
/// What cannot be read, and what is neither a file nor a directory.
pub(crate) fn units_of(root: &Path) -> Result<BTreeMap<UnitPath, UnitFiles>, Error> {
    let mut units: BTreeMap<UnitPath, UnitFiles> = BTreeMap::new();
    for (path, file) in files_of(root)? {
        units
            .entry(UnitPath::of(&path))
            .or_default()
            .insert(path, CatalogFile::Here(file));
    }
    Ok(units)
}

/// The files of one unit of a catalog on disk; none if there is no such unit. Blocking.
pub(crate) fn unit_of(root: &Path, unit: &UnitPath) -> Result<UnitFiles, Error> {
    let place = root.join(unit.as_str());
    if place.is_file() {
        return Ok(UnitFiles::from([(
            unit.as_str().to_owned(),
            CatalogFile::Here(place),
        )]));
    }
    if !place.is_dir() {
        return Ok(UnitFiles::new());
    }
    let files = files_of(&place)?.into_iter();
    Ok(files
        .map(|(path, file)| {
            let path = format!("{}/{path}", unit.as_str());
            (path, CatalogFile::Here(file))
        })
        .collect())
}

/// All files below a directory by their paths from there. Blocking.
pub(crate) fn files_of(root: &Path) -> Result<BTreeMap<String, PathBuf>, Error> {
    Ok(walk(root)?.0)
}

/// The directories below a directory that nothing is in, by their paths from there. Blocking.
pub(crate) fn empty_directories_of(root: &Path) -> Result<BTreeSet<String>, Error> {
    Ok(walk(root)?.1)
}

/// The files below a directory, and the directories that nothing is in.
fn walk(root: &Path) -> Result<(BTreeMap<String, PathBuf>, BTreeSet<String>), Error> {
    let (mut files, mut empty) = (BTreeMap::new(), BTreeSet::new());
    let mut open = vec![(root.to_owned(), String::new())];
    while let Some((folder, prefix)) = open.pop() {
        let failed = |source| Error::Io {
            path: folder.clone(),
            source,
        };
        let mut is_empty = true;
        for entry in fs::read_dir(&folder).map_err(failed)? {
            is_empty = false;
            let entry = entry.map_err(failed)?;
            let Ok(name) = entry.file_name().into_string() else {
                return Err(Error::from(ContentError::NotAFile { path: entry.path() }));
            };
            let path = format!("{prefix}{name}");
            let kind = entry.file_type().map_err(failed)?;
            if kind.is_dir() {
                open.push((entry.path(), format!("{path}/")));
            } else if kind.is_file() {
                files.insert(path, entry.path());
            } else {
                return Err(Error::from(ContentError::NotAFile { path: entry.path() }));
            }
        }
        if is_empty && !prefix.is_empty() {
            empty.insert(prefix.trim_end_matches('/').to_owned());
        }
    }
    Ok((files, empty))
}

/// Does `changes` to a catalog on disk. Blocking.
pub(crate) fn apply(changes: &Changes, root: &Path) -> Result<(), Error> {
    let failed = |path: &Path| {
        let path = path.to_owned();
        move |source| Error::Io { path, source }
    };
    for (unit, change) in changes {
        let place = root.join(unit.as_str());
        let removed = match fs::symlink_metadata(&place) {
            Ok(metadata) if metadata.is_dir() => fs::remove_dir_all(&place),
            Ok(_) => fs::remove_file(&place),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
            Err(error) => Err(error),
        };
        removed.map_err(failed(&place))?;
        let UnitChange::Put(files) = change else {
            continue;
        };
        for (path, file) in files {
            let to = root.join(path);
            if let Some(folder) = to.parent() {
                fs::create_dir_all(folder).map_err(failed(folder))?;
            }
            fs::write(&to, file.read()?).map_err(failed(&to))?;
        }
    }
    Ok(())
}
