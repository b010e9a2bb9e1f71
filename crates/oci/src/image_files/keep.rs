//! What is kept of the files that pass by while a layer is read.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use tempfile::NamedTempFile;

use super::error::LimitKind;
use super::limits::Budget;
use super::scan::ScanError;
use crate::layer::Owner;
use crate::size;

/// Which files of a layer are wanted.
#[derive(Clone, Debug)]
pub(super) enum Wanted {
    /// Those below these directories; paths as in the layer, the empty path is the root.
    Below(Arc<[String]>),
    /// The one at this path.
    At(String),
    /// The entries with these numbers.
    Ordinals(BTreeSet<u64>),
}

impl Wanted {
    fn includes(&self, path: &str, ordinal: u64) -> bool {
        match self {
            Self::Below(directories) => directories.iter().any(|directory| {
                directory.is_empty()
                    || path
                        .strip_prefix(directory.as_str())
                        .is_some_and(|rest| rest.starts_with('/'))
            }),
            Self::At(wanted) => path == wanted,
            Self::Ordinals(wanted) => wanted.contains(&ordinal),
        }
    }
}

/// What an archive says of an entry beside its path and content.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct EntryFacts {
    /// Who owns it.
    pub(super) owner: Owner,
    /// The permission bits.
    pub(super) mode: u32,
    /// Where its content begins in the uncompressed archive, in bytes.
    pub(super) offset: u64,
}

/// Is shown each entry of a layer and offered each regular file.
pub(super) trait Keeper {
    /// Takes notice of what an entry puts at `path`; its content, if it is a file, comes next.
    fn see(&mut self, _path: &str, _facts: EntryFacts) {}
    /// Whether to keep the file.
    fn wants(&self, path: &str, ordinal: u64) -> bool;
    /// Keeps its content, which is `size_bytes` long.
    fn keep(
        &mut self,
        ordinal: u64,
        size_bytes: u64,
        content: &mut dyn Read,
    ) -> Result<(), ScanError>;
}

/// Keeps files in memory.
#[derive(Debug)]
pub(super) struct MemoryKeeper {
    wanted: Wanted,
    budget: Arc<Budget>,
    kept: BTreeMap<u64, Bytes>,
}

impl MemoryKeeper {
    pub(super) fn new(wanted: Wanted, budget: Arc<Budget>) -> Self {
        Self {
            wanted,
            budget,
            kept: BTreeMap::new(),
        }
    }

    /// What was kept, by the entry's number.
    pub(super) fn into_kept(self) -> BTreeMap<u64, Bytes> {
        self.kept
    }
}

impl Keeper for MemoryKeeper {
    fn wants(&self, path: &str, ordinal: u64) -> bool {
        self.wanted.includes(path, ordinal)
    }

    fn keep(
        &mut self,
        ordinal: u64,
        size_bytes: u64,
        content: &mut dyn Read,
    ) -> Result<(), ScanError> {
        self.budget
            .take_content(size_bytes)
            .map_err(ScanError::Limit)?;
        // The size is a claim of the archive: memory follows what really comes.
        let mut bytes = Vec::new();
        content.read_to_end(&mut bytes).map_err(ScanError::Read)?;
        self.kept.insert(ordinal, bytes.into());
        Ok(())
    }
}

/// Keeps one file on disk, the last one that fits.
#[derive(Debug)]
pub(super) struct FileKeeper {
    wanted: Wanted,
    folder: PathBuf,
    kept: Option<KeptFile>,
}

/// A file on disk under a temporary name; dropping it deletes it.
#[derive(Debug)]
pub(super) struct KeptFile {
    /// The entry's number.
    pub(super) ordinal: u64,
    /// How long it is.
    pub(super) size_bytes: u64,
    /// Where it is.
    pub(super) file: NamedTempFile,
}

impl FileKeeper {
    pub(super) fn new(wanted: Wanted, folder: &Path) -> Self {
        Self {
            wanted,
            folder: folder.to_owned(),
            kept: None,
        }
    }

    pub(super) fn into_kept(self) -> Option<KeptFile> {
        self.kept
    }
}

impl Keeper for FileKeeper {
    fn wants(&self, path: &str, ordinal: u64) -> bool {
        self.wanted.includes(path, ordinal)
    }

    fn keep(&mut self, ordinal: u64, _: u64, content: &mut dyn Read) -> Result<(), ScanError> {
        let mut file = NamedTempFile::new_in(&self.folder).map_err(unwritable(&self.folder))?;
        let path = file.path().to_owned();
        let size_bytes = copy(content, file.as_file_mut(), &path)?;
        self.kept = Some(KeptFile {
            ordinal,
            size_bytes,
            file,
        });
        Ok(())
    }
}

/// Keeps files on disk, each under a name that ends with its entry's number.
#[derive(Debug)]
pub(super) struct FolderKeeper {
    wanted: Wanted,
    budget: Arc<Budget>,
    prefix: PathBuf,
    kept: BTreeMap<u64, PathBuf>,
}

impl FolderKeeper {
    /// Keeps them under names that begin with `prefix`, in a directory that exists.
    pub(super) fn new(wanted: Wanted, budget: Arc<Budget>, prefix: PathBuf) -> Self {
        Self {
            wanted,
            budget,
            prefix,
            kept: BTreeMap::new(),
        }
    }

    /// Where the files are, by the entry's number.
    pub(super) fn into_kept(self) -> BTreeMap<u64, PathBuf> {
        self.kept
    }
}

impl Keeper for FolderKeeper {
    fn wants(&self, path: &str, ordinal: u64) -> bool {
        self.wanted.includes(path, ordinal)
    }

    fn keep(
        &mut self,
        ordinal: u64,
        size_bytes: u64,
        content: &mut dyn Read,
    ) -> Result<(), ScanError> {
        self.budget
            .take_content(size_bytes)
            .map_err(ScanError::Limit)?;
        let mut path = self.prefix.clone().into_os_string();
        path.push(ordinal.to_string());
        let path = PathBuf::from(path);
        let mut file = File::create(&path).map_err(unwritable(&path))?;
        copy(content, &mut file, &path)?;
        self.kept.insert(ordinal, path);
        Ok(())
    }
}

/// Copies all of `content` to the file at `path` and gives its size in bytes.
fn copy(content: &mut dyn Read, file: &mut File, path: &Path) -> Result<u64, ScanError> {
    let mut buffer = vec![0; 256 * 1024];
    let mut size_bytes = 0;
    loop {
        let count = match content.read(&mut buffer) {
            Ok(0) => return Ok(size_bytes),
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(ScanError::Read(error)),
        };
        file.write_all(&buffer[..count]).map_err(unwritable(path))?;
        size_bytes += size::of(count);
    }
}

fn unwritable(path: &Path) -> impl FnOnce(io::Error) -> ScanError + use<> {
    let path = path.to_owned();
    move |source| ScanError::Write { path, source }
}

/// A limit that is met while reading, on its way through readers that know only `io::Error`.
#[derive(Debug, thiserror::Error)]
#[error("a limit was exceeded")]
pub(super) struct LimitMet(pub(super) LimitKind);
