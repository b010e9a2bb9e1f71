//! Parts of files.

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::FileExt;
use std::sync::Arc;

/// Bytes in a file that may be a part of it, such as an entry of an archive.
#[derive(Debug, Clone)]
pub struct Extent {
    /// The file. It is read at given places only, so any number of extents may share it.
    pub file: Arc<File>,
    /// Where the bytes begin.
    pub offset: u64,
    /// How many there are.
    pub size: u64,
}

/// As much of an extent as is held in memory.
const PIECE: u64 = 1 << 16;

impl Extent {
    /// A whole file.
    pub(super) fn whole(file: File) -> io::Result<Self> {
        let size = file.metadata()?.len();
        Ok(Self {
            file: Arc::new(file),
            offset: 0,
            size,
        })
    }

    /// A part of it; cut where it would end behind the extent.
    pub(super) fn part(&self, offset: u64, size: u64) -> Self {
        let offset = offset.min(self.size);
        Self {
            file: Arc::clone(&self.file),
            offset: self.offset.saturating_add(offset),
            size: size.min(self.size - offset),
        }
    }

    /// Takes in an extent that begins where this one ends; gives back any other.
    pub(super) fn join(&mut self, next: Self) -> Option<Self> {
        if Arc::ptr_eq(&self.file, &next.file)
            && self.offset.checked_add(self.size) == Some(next.offset)
        {
            self.size = self.size.saturating_add(next.size);
            return None;
        }
        Some(next)
    }

    /// Fills the buffer with what stands `at` bytes behind the beginning, and never with what stands behind the end.
    pub(super) fn read_at(&self, buffer: &mut [u8], at: u64) -> io::Result<()> {
        let length = u64::try_from(buffer.len()).unwrap_or(u64::MAX);
        let is_inside = at.checked_add(length).is_some_and(|end| end <= self.size);
        let Some(from) = self.offset.checked_add(at).filter(|_| is_inside) else {
            return Err(io::ErrorKind::UnexpectedEof.into());
        };
        self.file.read_exact_at(buffer, from)?;
        #[cfg(test)]
        log::note(&self.file, from, length);
        Ok(())
    }

    /// All of it, for those who have looked at its size.
    pub(super) fn read(&self) -> io::Result<Vec<u8>> {
        let size = usize::try_from(self.size).map_err(|_| io::ErrorKind::OutOfMemory)?;
        let mut bytes = vec![0; size];
        self.read_at(&mut bytes, 0)?;
        Ok(bytes)
    }

    /// Reads it piece by piece, for as long as `each` says that it needs more.
    pub(super) fn pieces(&self, mut each: impl FnMut(&[u8]) -> bool) -> io::Result<()> {
        let mut buffer = vec![0; usize::try_from(PIECE.min(self.size)).unwrap_or(0)];
        let mut at = 0;
        while at < self.size {
            let count = PIECE.min(self.size - at);
            let piece = &mut buffer[..usize::try_from(count).unwrap_or(0)];
            self.read_at(piece, at)?;
            if !each(piece) {
                break;
            }
            at += count;
        }
        Ok(())
    }
}

/// Reads an extent from its beginning.
#[derive(Debug)]
pub(super) struct Reader<'e> {
    extent: &'e Extent,
    at: u64,
}

impl<'e> Reader<'e> {
    pub(super) fn new(extent: &'e Extent) -> Self {
        Self { extent, at: 0 }
    }
}

impl Read for Reader<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = usize::try_from(self.extent.size - self.at).unwrap_or(usize::MAX);
        let count = left.min(buffer.len());
        self.extent.read_at(&mut buffer[..count], self.at)?;
        self.at += u64::try_from(count).unwrap_or(0);
        Ok(count)
    }
}

/// What was read of which file, for tests that count it.
#[cfg(test)]
pub(super) mod log {
    use std::collections::HashMap;
    use std::fs::File;
    use std::ops::Range;
    use std::sync::{Arc, LazyLock, Mutex};

    /// By the file's address: a test looks at files that are open.
    static READS: LazyLock<Mutex<HashMap<usize, Vec<Range<u64>>>>> = LazyLock::new(Mutex::default);

    pub(super) fn note(file: &Arc<File>, from: u64, length: u64) {
        let mut reads = READS.lock().unwrap();
        let reads = reads.entry(Arc::as_ptr(file).addr()).or_default();
        reads.push(from..from + length);
    }

    /// What was read of a file since it was asked last.
    pub(in super::super) fn take(file: &Arc<File>) -> Vec<Range<u64>> {
        let mut reads = READS.lock().unwrap();
        reads.remove(&Arc::as_ptr(file).addr()).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn extent(offset: u64, size: u64) -> Extent {
        let path = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(path.path(), "0123456789").unwrap();
        Extent {
            file: Arc::new(File::open(path.path()).unwrap()),
            offset,
            size,
        }
    }

    #[test]
    fn nothing_behind_the_end_is_read() {
        let extent = extent(2, 5);
        assert_eq!(extent.read().unwrap(), b"23456");
        let mut buffer = [0; 3];
        extent.read_at(&mut buffer, 2).unwrap();
        assert_eq!(&buffer, b"456");
        for at in [3, 5, u64::MAX] {
            let error = extent.read_at(&mut buffer, at).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
        }
        let parts = [(1, 2), (4, 9), (7, 1)].map(|(at, size)| extent.part(at, size).read());
        assert_eq!(
            parts.map(Result::unwrap),
            [&b"34"[..], b"6", b""].map(<[u8]>::to_vec)
        );
    }

    #[test]
    fn files_that_are_shorter_than_said_are_an_error() {
        assert!(extent(2, 20).read().is_err());
        assert!(extent(u64::MAX, 2).read().is_err());
        assert!(extent(0, 11).pieces(|_| true).is_err());
    }

    #[test]
    fn neighbours_are_joined() {
        let mut one = extent(2, 3);
        let (next, far) = (one.clone(), one.clone());
        let next = Extent { offset: 5, ..next };
        assert!(one.join(next).is_none());
        assert_eq!(one.read().unwrap(), b"234567");
        assert!(one.join(far).is_some());
        assert!(one.join(extent(8, 1)).is_some(), "of another file");
    }
}
