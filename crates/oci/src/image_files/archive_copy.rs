//! The uncompressed archive of a layer, onto disk while it passes.

use std::fs::File;
use std::io::{self, Read, Write as _};
use std::path::PathBuf;

use crate::digest::{Algorithm, DiffId, Hasher};
use crate::size;

/// A file that takes the uncompressed archive of a layer, and what has passed of it.
#[derive(Debug)]
pub(crate) struct ArchiveCopy {
    file: File,
    path: PathBuf,
    hasher: Hasher,
    size_bytes: u64,
}

/// An archive that was copied whole.
#[derive(Debug)]
pub(crate) struct CopiedArchive {
    /// Its digest.
    pub(crate) diff_id: DiffId,
    /// Its size in bytes.
    pub(crate) size_bytes: u64,
}

/// The copy cannot be written, on its way through readers that know only `io::Error`.
#[derive(Debug, thiserror::Error)]
#[error("the uncompressed layer cannot be written")]
pub(super) struct Unwritable {
    /// The file.
    pub(super) path: PathBuf,
    /// What the system says.
    pub(super) source: io::Error,
}

impl ArchiveCopy {
    /// Copies to the empty `file`, which is at `path`.
    pub(crate) fn new(file: File, path: PathBuf) -> Self {
        Self {
            file,
            path,
            hasher: Hasher::new(Algorithm::Sha256),
            size_bytes: 0,
        }
    }

    /// Brings what has passed onto the disk.
    pub(crate) fn finish(self) -> io::Result<CopiedArchive> {
        self.file.sync_data()?;
        Ok(CopiedArchive {
            diff_id: DiffId::new(self.hasher.finish()),
            size_bytes: self.size_bytes,
        })
    }

    fn take(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.hasher.update(bytes);
        self.size_bytes += size::of(bytes.len());
        self.file.write_all(bytes).map_err(|source| {
            io::Error::other(Unwritable {
                path: self.path.clone(),
                source,
            })
        })
    }
}

/// Gives what `source` gives, and copies it when there is a copy to make.
pub(super) struct Tee<'a, R> {
    source: R,
    copy: Option<&'a mut ArchiveCopy>,
}

impl<'a, R: Read> Tee<'a, R> {
    pub(super) fn new(source: R, copy: Option<&'a mut ArchiveCopy>) -> Self {
        Self { source, copy }
    }
}

impl<R: Read> Read for Tee<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.source.read(buffer)?;
        if let Some(copy) = &mut self.copy {
            copy.take(&buffer[..count])?;
        }
        Ok(count)
    }
}
