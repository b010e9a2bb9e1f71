//! What is kept of the files that pass by while a layer is read.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use tempfile::NamedTempFile;

use super::error::LimitKind;
use super::limits::Budget;
use super::scan::ScanError;
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

/// Is offered each regular file of a layer.
pub(super) trait Keeper {
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
        let unwritable = |path: &Path| {
            let path = path.to_owned();
            move |source: io::Error| ScanError::Write { path, source }
        };
        let mut file = NamedTempFile::new_in(&self.folder).map_err(unwritable(&self.folder))?;
        let mut buffer = vec![0; 256 * 1024];
        let mut size_bytes = 0;
        loop {
            let count = match content.read(&mut buffer) {
                Ok(0) => break,
                Ok(count) => count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(ScanError::Read(error)),
            };
            file.write_all(&buffer[..count])
                .map_err(unwritable(file.path()))?;
            size_bytes += size::of(count);
        }
        self.kept = Some(KeptFile {
            ordinal,
            size_bytes,
            file,
        });
        Ok(())
    }
}

/// A limit that is met while reading, on its way through readers that know only `io::Error`.
#[derive(Debug, thiserror::Error)]
#[error("a limit was exceeded")]
pub(super) struct LimitMet(pub(super) LimitKind);
