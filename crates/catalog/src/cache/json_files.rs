//! The `json` format: one file a record.

use std::fs::{self, File, OpenOptions, Permissions};
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use super::fnv::Fnv;
use super::{CacheError, archive, at};

/// The folder of the records.
pub(super) const FOLDER: &str = "cache";

/// The records of a JSON cache under construction (file-based catalog specification, 4.5).
#[derive(Debug)]
pub(super) struct Writer {
    folder: PathBuf,
}

impl Writer {
    /// Begins with an empty folder; one that exists is emptied, and keeps its permissions, which are part of the digest.
    pub(super) fn create(cache_dir: &Path) -> Result<Self, CacheError> {
        let folder = cache_dir.join(FOLDER);
        if folder.is_dir() {
            for entry in fs::read_dir(&folder).map_err(at("read", &folder))? {
                let entry = entry.map_err(at("read", &folder))?;
                let path = entry.path();
                let kind = entry.file_type().map_err(at("read", &path))?;
                let removed = if kind.is_dir() {
                    fs::remove_dir_all(&path)
                } else {
                    fs::remove_file(&path)
                };
                removed.map_err(at("remove", &path))?;
            }
        } else {
            fs::create_dir(&folder).map_err(at("create", &folder))?;
            fs::set_permissions(&folder, Permissions::from_mode(0o750))
                .map_err(at("set the permissions of", &folder))?;
        }
        Ok(Self { folder })
    }

    /// Writes a file.
    pub(super) fn file(&self, name: &str, json: &str) -> Result<(), CacheError> {
        if name.contains(['/', '\0']) {
            return Err(CacheError::FileName {
                name: name.to_owned(),
            });
        }
        let path = self.folder.join(name);
        if path.exists() {
            return Err(CacheError::Twice {
                key: name.to_owned(),
            });
        }
        write_file(&path, json.as_bytes(), 0o640)
    }
}

/// The digest of a JSON cache: the catalog's files, then the cache's.
pub(super) fn digest(catalog_dir: &Path, cache_dir: &Path) -> Result<String, CacheError> {
    let mut fnv = Fnv::new();
    for dir in [catalog_dir, &cache_dir.join(FOLDER)] {
        archive::write_directory(&mut fnv, dir).map_err(at("read", dir))?;
    }
    Ok(fnv.to_hex())
}

/// Creates a file with exactly these permissions, whatever the process's mask.
pub(super) fn write_file(path: &Path, bytes: &[u8], mode: u32) -> Result<(), CacheError> {
    let write = |mut file: File| {
        file.set_permissions(Permissions::from_mode(mode))?;
        file.write_all(bytes)
    };
    OpenOptions::new()
        .write(true)
        .create_new(true)
        .open(path)
        .and_then(write)
        .map_err(at("write", path))
}
