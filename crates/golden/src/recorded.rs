//! The files and directories that belong to a scenario.

use std::collections::BTreeMap;
use std::fs::{self, Permissions};
use std::io::Read as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use flate2::read::GzDecoder;
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use crate::scenario::Scenario;

/// The rights that the recorded directories and files had; digests of caches depend on them.
const DIRECTORY: u32 = 0o755;
const FILE: u32 = 0o644;

impl Scenario {
    /// A recorded file of the scenario, or of another one that it names by `../`; unpacked.
    pub(crate) fn file(&self, name: &str) -> anyhow::Result<Vec<u8>> {
        unpacked_file(&self.folder.join(name))
    }

    /// The files of a recorded directory, which may be packed.
    pub(crate) fn tree(&self, name: &str) -> anyhow::Result<BTreeMap<PathBuf, Vec<u8>>> {
        let path = self.folder.join(name);
        let read = || {
            if path.is_dir() {
                let mut files = BTreeMap::new();
                collect(&path, Path::new(""), &mut files)?;
                return Ok(files);
            }
            unpacked(&read_unpacked(&path)?)
        };
        read().with_context(|| format!("`{}` cannot be read", path.display()))
    }

    /// The rows of bundles in all recorded dumps of databases, unless those show digests.
    ///
    /// # Errors
    /// If a dump cannot be read.
    pub fn stored_bundles(&self) -> anyhow::Result<Vec<Value>> {
        let mut bundles = Vec::new();
        if self.hash_over.is_some() {
            return Ok(bundles);
        }
        for name in self.steps.iter().filter_map(|step| step.text("db_dump")) {
            for line in String::from_utf8_lossy(&self.file(name)?).lines() {
                let mut line: Value = serde_json::from_str(line)?;
                if line["table"] == "operatorbundle" {
                    bundles.push(line["row"].take());
                }
            }
        }
        Ok(bundles)
    }

    /// The database before the first step, if there is one.
    pub(crate) fn start_database(&self) -> anyhow::Result<Option<Vec<u8>>> {
        let Some(start) = &self.start else {
            return Ok(None);
        };
        let packed = format!("../{start}/index.db.gz");
        if self.folder.join(&packed).is_file() {
            return self.file(&packed).map(Some);
        }
        self.file(&format!("../{start}/index.db")).map(Some)
    }
}

/// The content of a recorded file; unpacked if its name ends in `.gz`.
///
/// # Errors
/// If it cannot be read.
pub fn unpacked_file(path: &Path) -> anyhow::Result<Vec<u8>> {
    read_unpacked(path).with_context(|| format!("`{}` cannot be read", path.display()))
}

/// The files of a recorded archive, by path.
///
/// # Errors
/// If it cannot be read.
pub fn archived_files(path: &Path) -> anyhow::Result<BTreeMap<PathBuf, Vec<u8>>> {
    let read = || unpacked(&read_unpacked(path)?);
    read().with_context(|| format!("`{}` cannot be read", path.display()))
}

fn read_unpacked(path: &Path) -> std::io::Result<Vec<u8>> {
    let bytes = fs::read(path)?;
    if path.extension().is_none_or(|extension| extension != "gz") {
        return Ok(bytes);
    }
    let mut unpacked = Vec::new();
    GzDecoder::new(&bytes[..]).read_to_end(&mut unpacked)?;
    Ok(unpacked)
}

/// The files of an archive, by path.
fn unpacked(archive: &[u8]) -> std::io::Result<BTreeMap<PathBuf, Vec<u8>>> {
    let mut files = BTreeMap::new();
    for entry in tar::Archive::new(archive).entries()? {
        let mut entry = entry?;
        if entry.header().entry_type().is_file() {
            let path = entry.path()?.components().collect::<PathBuf>();
            let path = path.strip_prefix(".").unwrap_or(&path).to_owned();
            let mut bytes = Vec::new();
            entry.read_to_end(&mut bytes)?;
            files.insert(path, bytes);
        }
    }
    Ok(files)
}

/// The files below a directory, by path.
pub(crate) fn files(root: &Path) -> anyhow::Result<BTreeMap<PathBuf, Vec<u8>>> {
    let mut files = BTreeMap::new();
    if root.is_dir() {
        collect(root, Path::new(""), &mut files)
            .with_context(|| format!("`{}` cannot be read", root.display()))?;
    }
    Ok(files)
}

fn collect(
    root: &Path,
    below: &Path,
    files: &mut BTreeMap<PathBuf, Vec<u8>>,
) -> std::io::Result<()> {
    for entry in fs::read_dir(root.join(below))? {
        let name = below.join(entry?.file_name());
        let path = root.join(&name);
        if path.is_dir() {
            collect(root, &name, files)?;
        } else {
            files.insert(name, fs::read(path)?);
        }
    }
    Ok(())
}

/// Makes a directory and those above it, with the rights that the recorded ones had.
pub(crate) fn make_directory(path: &Path) -> anyhow::Result<()> {
    if path.is_dir() {
        return Ok(());
    }
    if let Some(parent) = path.parent() {
        make_directory(parent)?;
    }
    let make = || {
        fs::create_dir(path)?;
        fs::set_permissions(path, Permissions::from_mode(DIRECTORY))
    };
    make().with_context(|| format!("`{}` cannot be made", path.display()))
}

/// Writes a file, with the rights that the recorded ones had.
pub(crate) fn write_file(path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    if let Some(parent) = path.parent() {
        make_directory(parent)?;
    }
    let write = || {
        fs::write(path, bytes)?;
        fs::set_permissions(path, Permissions::from_mode(FILE))
    };
    write().with_context(|| format!("`{}` cannot be written", path.display()))
}

/// The digest of a directory's files as the recordings have it.
pub fn tree_digest(files: &BTreeMap<PathBuf, Vec<u8>>) -> String {
    let mut hasher = Sha256::new();
    for (path, bytes) in files {
        hasher.update(path.to_string_lossy().as_bytes());
        hasher.update(b"\0");
        hasher.update(Sha256::digest(bytes));
    }
    hex::encode(hasher.finalize())
}
