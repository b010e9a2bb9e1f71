//! Writing a database into a directory: from nothing, or over one that is there.

use std::collections::BTreeSet;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{BufWriter, ErrorKind, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::super::fnv::Fnv;
use super::super::hasher::Job;
use super::super::pipeline::Sink;
use super::super::{CacheError, Extent, at};
use super::files::Files;
use super::layout::{LOCK, Slot};
use super::segment;
use super::version::{NewFile, Tally, Target, Version};

/// How the names of files end until the database is committed. Servers do not look at such files.
const UNFINISHED: &str = "new";

/// A database under construction.
///
/// Its files have other names until [`Writer::commit`]: what was there before stays whole until then.
#[derive(Debug)]
pub(in super::super) struct Writer {
    dir: PathBuf,
    version: Version<Folder>,
    group: Vec<(String, Extent)>,
}

/// Where new files are made.
#[derive(Debug)]
struct Folder(PathBuf);

/// A file that has not got its name yet; without it, it is removed in the end.
#[derive(Debug)]
struct Unnamed {
    file: BufWriter<Arc<File>>,
    path: PathBuf,
    name: String,
}

impl Writer {
    /// Begins a database that will take the place of whatever is in the directory.
    ///
    /// # Errors
    /// [`CacheError::InUse`] if a server has the database open.
    pub(in super::super) fn create(dir: &Path) -> Result<Self, CacheError> {
        check_lock(dir)?;
        Ok(Self {
            dir: dir.to_owned(),
            version: Version::new(dir, Folder(dir.to_owned())),
            group: Vec::new(),
        })
    }

    /// Begins a new version of the database in the directory, in which records that do not change stay where they are.
    ///
    /// What is there is read from the records alone: the index may be of any age.
    ///
    /// # Errors
    /// [`CacheError::InUse`] if a server has the database open, [`CacheError::Damaged`] if a record is not whole, and
    /// [`CacheError::TooManySegments`] if there are so many that one more would slow servers down.
    pub(in super::super) fn update(dir: &Path) -> Result<Self, CacheError> {
        let mut writer = Self::create(dir)?;
        let mut old = Files::open_segments(dir)?.segments()?;
        let records = segment::replay(&mut old)?;
        writer.version = writer.version.over(old, records)?;
        Ok(writer)
    }

    /// Whether most of the records that would be in the database are of no more use.
    pub(in super::super) fn is_mostly_dead(&self) -> bool {
        self.version.usage().is_mostly_dead()
    }

    /// Writes all that is left to write. Whatever fails here or before leaves the database as it was.
    pub(in super::super) fn seal(&mut self) -> Result<(), CacheError> {
        self.version.seal()
    }

    /// Puts a sealed database in the place of what is there, and says what was written.
    ///
    /// Stopped in the middle, this leaves whole segments, but perhaps no index that fits them.
    pub(in super::super) fn commit(self) -> Result<Tally, CacheError> {
        let segments = self.version.new.iter().map(|unfinished| &unfinished.file);
        let files: Vec<&Unnamed> = segments.chain(&self.version.small).collect();
        self.clear(&files)?;
        for file in files {
            let path = self.dir.join(&file.name);
            fs::rename(&file.path, &path).map_err(at("write", &path))?;
        }
        Ok(self.version.tally)
    }

    /// Removes everything but the segments that stay and what is new.
    fn clear(&self, new: &[&Unnamed]) -> Result<(), CacheError> {
        let old = self.version.old.values().map(|segment| &segment.path);
        let stays: BTreeSet<&PathBuf> = old.chain(new.iter().map(|file| &file.path)).collect();
        for entry in fs::read_dir(&self.dir).map_err(at("read", &self.dir))? {
            let entry = entry.map_err(at("read", &self.dir))?;
            let path = entry.path();
            if !stays.contains(&path) {
                let is_dir = entry.file_type().map_err(at("read", &path))?.is_dir();
                let removed = if is_dir {
                    fs::remove_dir_all(&path)
                } else {
                    fs::remove_file(&path)
                };
                removed.map_err(at("remove", &path))?;
            }
        }
        Ok(())
    }

    /// The value of a record of the new version; nothing of it can be read before its segment is flushed.
    fn value(&self, slot: Slot) -> Extent {
        match self.version.made(slot) {
            None => self.version.old[&slot.segment].value(slot),
            Some(new) => {
                let whole = Extent {
                    file: Arc::clone(new.file.file.get_ref()),
                    offset: 0,
                    size: u64::MAX,
                };
                segment::value(&whole, slot)
            }
        }
    }
}

impl Sink for Writer {
    type Early = fn(&str, &[&[u8]]) -> Result<(), CacheError>;

    /// Nothing: where a record goes is known once all before it are stored.
    fn early(&self) -> Self::Early {
        |_, _| Ok(())
    }

    fn put(&mut self, key: &str, value: &[&[u8]]) -> Result<(), CacheError> {
        let slot = self.version.put(key, value)?;
        self.group.push((key.to_owned(), self.value(slot)));
        Ok(())
    }

    /// Values are read back: as many as a package has may be too many to hold in memory.
    fn end_group(&mut self) -> Result<Option<Job>, CacheError> {
        for unfinished in &mut self.version.new {
            unfinished.file.flush()?;
        }
        let mut group = std::mem::take(&mut self.group);
        group.sort_unstable_by(|one, other| one.0.cmp(&other.0));
        let dir = self.dir.clone();
        Ok(Some(Box::new(move |fnv: &mut Fnv| {
            for (key, value) in &group {
                fnv.write(key.as_bytes());
                let read = value.pieces(|piece| {
                    fnv.write(piece);
                    true
                });
                read.map_err(at("read", &dir))?;
            }
            Ok(())
        })))
    }
}

impl Target for Folder {
    type File = Unnamed;

    /// Creates a file that the server's group may write.
    fn create(&mut self, name: String) -> Result<Unnamed, CacheError> {
        let path = self.0.join(format!("{name}.{UNFINISHED}"));
        // What an interrupted run has left.
        match fs::remove_file(&path) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                return Err(at("remove", &path)(error));
            }
            Ok(()) | Err(_) => {}
        }
        let mut options = OpenOptions::new();
        options.read(true).write(true).create_new(true);
        let file = options.open(&path).map_err(at("create", &path))?;
        let new = Unnamed {
            file: BufWriter::with_capacity(1 << 18, Arc::new(file)),
            path,
            name,
        };
        new.file
            .get_ref()
            .set_permissions(fs::Permissions::from_mode(0o660))
            .map_err(at("set the permissions of", &new.path))?;
        Ok(new)
    }
}

impl NewFile for Unnamed {
    fn write(&mut self, part: &[u8]) -> Result<(), CacheError> {
        self.file.write_all(part).map_err(at("write", &self.path))
    }

    fn flush(&mut self) -> Result<(), CacheError> {
        self.file.flush().map_err(at("write", &self.path))
    }
}

impl Drop for Unnamed {
    fn drop(&mut self) {
        // Gone under this name if it was committed; what else cannot be removed is removed by the next run.
        let _gone = fs::remove_file(&self.path);
    }
}

/// Refuses a database that a server has open. One that a server did not close has the file, but nobody holds it.
fn check_lock(dir: &Path) -> Result<(), CacheError> {
    let path = dir.join(LOCK);
    let file = match File::open(&path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(at("open", &path)(error)),
    };
    match file.try_lock() {
        Ok(()) => Ok(()),
        Err(TryLockError::WouldBlock) => Err(CacheError::InUse { path }),
        Err(TryLockError::Error(error)) => Err(at("lock", &path)(error)),
    }
}
