//! The `json` format: one file a record.

use std::collections::BTreeSet;
use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, ErrorKind, IoSlice, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use super::fnv::Fnv;
use super::hasher::Job;
use super::pipeline::Sink;
use super::{CacheError, archive, at};

/// The folder of the records.
pub(super) const FOLDER: &str = "cache";

/// The records of a JSON cache under construction (file-based catalog specification, 4.5).
#[derive(Debug)]
pub(super) struct Writer {
    folder: PathBuf,
    /// What stands in the folder since the last group.
    group: BTreeSet<String>,
    /// Files written, and their bytes.
    pub(super) files: usize,
    pub(super) bytes: u64,
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
            create_folder(&folder)?;
        }
        Ok(Self {
            folder,
            group: BTreeSet::new(),
            files: 0,
            bytes: 0,
        })
    }

    /// The job that begins the archive of the folder.
    pub(super) fn begin(&self) -> Job {
        let folder = self.folder.clone();
        Box::new(move |fnv| archive::add_root(fnv, &folder).map_err(at("read", &folder)))
    }
}

impl Sink for Writer {
    type Early = Files;

    /// Files do not wait for each other.
    fn early(&self) -> Files {
        let folder = self.folder.clone();
        Box::new(move |key, value| write_record(&folder, key, value))
    }

    /// Notes a file that was written.
    fn put(&mut self, key: &str, value: &[&[u8]]) -> Result<(), CacheError> {
        let bytes: usize = value.iter().map(|part| part.len()).sum();
        self.files += 1;
        self.bytes += u64::try_from(bytes).unwrap_or(u64::MAX);
        let (top, _) = key.split_once('/').unwrap_or((key, ""));
        self.group.insert(top.to_owned());
        Ok(())
    }

    fn end_group(&mut self) -> Result<Option<Job>, CacheError> {
        let (folder, group) = (self.folder.clone(), std::mem::take(&mut self.group));
        Ok(Some(Box::new(move |fnv: &mut Fnv| {
            group.iter().try_for_each(|name| {
                let path = folder.join(name);
                archive::add_entry(fnv, &path, name.as_bytes()).map_err(at("read", &path))
            })
        })))
    }
}

/// Writes files.
pub(super) type Files = Box<dyn Fn(&str, &[&[u8]]) -> Result<(), CacheError> + Sync>;

/// Writes the file of a record. The key is its path; it leads through a folder only where the record is a blob of another
/// schema.
fn write_record(folder: &Path, key: &str, value: &[&[u8]]) -> Result<(), CacheError> {
    for (end, _) in key.match_indices('/') {
        let path = folder.join(&key[..end]);
        match create_folder(&path) {
            // Another thread was faster, or it was there.
            Err(CacheError::Io { source, .. }) if source.kind() == ErrorKind::AlreadyExists => {}
            created => created?,
        }
    }
    write_file(&folder.join(key), value, 0o640).map_err(|error| match error {
        CacheError::Io { source, .. } if source.kind() == ErrorKind::AlreadyExists => {
            CacheError::Twice {
                key: key.to_owned(),
            }
        }
        other => other,
    })
}

fn create_folder(path: &Path) -> Result<(), CacheError> {
    fs::create_dir(path).map_err(at("create", path))?;
    fs::set_permissions(path, Permissions::from_mode(0o750))
        .map_err(at("set the permissions of", path))
}

/// Adds the records of a cache to the digest, behind the catalog's files.
pub(super) fn add_records(fnv: &mut Fnv, cache_dir: &Path) -> Result<(), CacheError> {
    let folder = cache_dir.join(FOLDER);
    archive::add_directory(fnv, &folder).map_err(at("read", &folder))
}

/// Creates a file of these parts, with exactly these permissions, whatever the process's mask.
pub(super) fn write_file(path: &Path, parts: &[&[u8]], mode: u32) -> Result<(), CacheError> {
    let write = |mut file: File| {
        // Asking is cheaper than setting, and the mask seldom takes anything away.
        if file.metadata()?.permissions().mode() & 0o7777 != mode {
            file.set_permissions(Permissions::from_mode(mode))?;
        }
        write_parts(&mut file, parts)
    };
    OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(mode)
        .open(path)
        .and_then(write)
        .map_err(at("write", path))
}

/// Writes parts one after the other, without putting them together in memory.
fn write_parts(to: &mut impl Write, parts: &[&[u8]]) -> io::Result<()> {
    let mut slices: Vec<IoSlice<'_>> = parts.iter().map(|part| IoSlice::new(part)).collect();
    let mut rest = &mut slices[..];
    // This passes over parts that are empty.
    IoSlice::advance_slices(&mut rest, 0);
    while !rest.is_empty() {
        match to.write_vectored(rest) {
            Ok(0) => return Err(ErrorKind::WriteZero.into()),
            Ok(written) => IoSlice::advance_slices(&mut rest, written),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Takes a few bytes of one part at a time, is interrupted before each, and has room for so many.
    struct Slow {
        written: Vec<u8>,
        room: usize,
        is_ready: bool,
    }

    impl Write for Slow {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.is_ready = !self.is_ready;
            if self.is_ready {
                return Err(ErrorKind::Interrupted.into());
            }
            let count = bytes.len().min(3).min(self.room - self.written.len());
            self.written.extend_from_slice(&bytes[..count]);
            Ok(count)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn written(parts: &[&[u8]], room: usize) -> io::Result<Vec<u8>> {
        let mut slow = Slow {
            written: Vec::new(),
            room,
            is_ready: false,
        };
        write_parts(&mut slow, parts).map(|()| slow.written)
    }

    #[test]
    fn parts_are_written_whole_however_little_is_taken() {
        let parts: &[&[u8]] = &[b"", b"abcdefg", b"", b"h", b"ij", b""];
        assert_eq!(written(parts, 10).unwrap(), b"abcdefghij");
        assert_eq!(written(&[], 0).unwrap(), b"");
        assert_eq!(written(parts, 9).unwrap_err().kind(), ErrorKind::WriteZero);
    }

    #[test]
    fn permissions_are_those_asked_for() {
        let folder = tempfile::tempdir().unwrap();
        // No usual mask leaves the second one as it is.
        for mode in [0o640, 0o666] {
            let path = folder.path().join(format!("{mode:o}"));
            write_file(&path, &[b"x".as_slice()], mode).unwrap();
            let found = fs::metadata(&path).unwrap().permissions().mode();
            assert_eq!(found & 0o7777, mode);
        }
    }
}
