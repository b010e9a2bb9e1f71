//! Writing a database: from nothing, or over one that is there.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{BufWriter, ErrorKind, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::super::fnv::Fnv;
use super::super::hasher::Job;
use super::super::pipeline::Sink;
use super::super::{CacheError, at};
use super::hash::{Growth, murmur3};
use super::layout::{
    DELETION, INDEX_META, LOCK, MAIN, OVERFLOW, SEED, SEED_META, START, Slot, header, lengths,
    segment_name,
};
use super::segment::{self, Counts, Segment, Value, bury, deletion_len};
use super::{buckets, gob};

/// Values are limited to half a gibibyte by the format.
const MAX_VALUE: u64 = 1 << 29;

/// How the names of files end until the database is committed. Servers do not look at such files.
const UNFINISHED: &str = "new";

/// An update adds a segment, and a server has all of them open.
const MANY_SEGMENTS: usize = 100;

/// A database under construction.
///
/// Its files have other names until [`Writer::commit`]: what was there before stays whole until then.
#[derive(Debug)]
pub(in super::super) struct Writer {
    dir: PathBuf,
    /// The records that were there before, and are neither kept nor superseded yet.
    before: BTreeMap<Vec<u8>, Slot>,
    slots: BTreeMap<Vec<u8>, Slot>,
    /// Segments that were there before.
    old: BTreeMap<u16, Segment>,
    new: Vec<Unfinished>,
    /// All other files.
    small: Vec<NewFile>,
    group: Vec<(Vec<u8>, Value)>,
    counts: Tally,
}

/// What became of the records of a database.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(in super::super) struct Tally {
    /// Records that stayed where they were.
    pub(in super::super) kept: usize,
    /// Records that are new or have changed.
    pub(in super::super) put: usize,
    /// Records that are no more.
    pub(in super::super) deleted: usize,
    /// Bytes written.
    pub(in super::super) bytes: u64,
}

/// A segment that is being written.
#[derive(Debug)]
struct Unfinished {
    file: BufWriter<Arc<File>>,
    at: NewFile,
    number: u16,
    sequence: u64,
    end: u32,
    counts: Counts,
}

/// A file that has not got its name yet; without it, it is removed in the end.
#[derive(Debug)]
struct NewFile {
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
            before: BTreeMap::new(),
            slots: BTreeMap::new(),
            old: BTreeMap::new(),
            new: Vec::new(),
            small: Vec::new(),
            group: Vec::new(),
            counts: Tally::default(),
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
        writer.old = segment::open_all(dir)?;
        if writer.old.len() >= MANY_SEGMENTS {
            return Err(writer.too_many());
        }
        writer.before = segment::replay(&mut writer.old)?;
        Ok(writer)
    }

    /// Whether most of the records that would be in the database are of no more use.
    pub(in super::super) fn is_mostly_dead(&self) -> bool {
        let old = self.old.values();
        let dead: u64 = old.clone().map(|segment| segment.counts.dead_bytes).sum();
        let leftovers = self.before.values().map(|slot| slot.record_len());
        let total = old.map(|segment| segment.size).sum::<u64>()
            + self.new.iter().map(|new| u64::from(new.end)).sum::<u64>();
        2 * (dead + leftovers.sum::<u64>()) > total
    }

    /// Writes all that is left to write. Whatever fails here or before leaves the database as it was.
    pub(in super::super) fn seal(&mut self) -> Result<(), CacheError> {
        self.delete_leftovers()?;
        let mut metas = Vec::new();
        for (number, segment) in &self.old {
            metas.push((segment.sequence, *number, segment.counts));
        }
        for unfinished in &mut self.new {
            unfinished.flush()?;
            self.counts.bytes += u64::from(unfinished.end);
            metas.push((unfinished.sequence, unfinished.number, unfinished.counts));
        }
        // A server appends to a segment that is not full, and makes a new one if there is none.
        let newest = metas.iter().map(|(sequence, ..)| *sequence).max();
        for (sequence, number, counts) in metas {
            let meta = gob::segment(Some(sequence) != newest, counts);
            self.file(format!("{}.pmt", segment_name(number, sequence)), &meta)?;
        }
        let growth = Growth::for_keys(self.slots.len());
        let (main, overflow) = buckets::place(growth, self.slots.values().copied());
        let keys = u64::try_from(self.slots.len()).unwrap_or(u64::MAX);
        let count = growth.buckets().unwrap_or(1);
        let index = gob::index(growth.level, keys, count, growth.split);
        for (name, body) in [
            (MAIN, main),
            (OVERFLOW, overflow),
            (INDEX_META, index),
            (SEED_META, gob::seed(SEED)),
        ] {
            self.file(name.to_owned(), &body)?;
        }
        Ok(())
    }

    /// Puts a sealed database in the place of what is there, and says what was written.
    ///
    /// Stopped in the middle, this leaves whole segments, but perhaps no index that fits them.
    pub(in super::super) fn commit(self) -> Result<Tally, CacheError> {
        let segments = self.new.iter().map(|unfinished| &unfinished.at);
        let files: Vec<&NewFile> = segments.chain(&self.small).collect();
        self.clear(&files)?;
        for file in files {
            let path = self.dir.join(&file.name);
            fs::rename(&file.path, &path).map_err(at("write", &path))?;
        }
        Ok(self.counts)
    }

    /// Deletes the records that are left from before. Servers that lose their index replay segments, so deletions stand
    /// behind everything else.
    fn delete_leftovers(&mut self) -> Result<(), CacheError> {
        for (key, slot) in std::mem::take(&mut self.before) {
            let segment = self.room(deletion_len(&key))?;
            let key_len = slot.key_len;
            segment.append(key_len, DELETION, &key, &[])?;
            segment.counts.deletes += 1;
            segment.counts.dead_bytes += deletion_len(&key);
            bury(&mut self.old, slot);
            self.counts.deleted += 1;
        }
        Ok(())
    }

    /// Removes everything but the segments that stay and what is new.
    fn clear(&self, new: &[&NewFile]) -> Result<(), CacheError> {
        let old = self.old.values().map(|segment| &segment.path);
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

    /// The segment that has room for a record of so many bytes.
    fn room(&mut self, bytes: u64) -> Result<&mut Unfinished, CacheError> {
        let fits = |new: &Unfinished| u32::try_from(u64::from(new.end) + bytes).is_ok();
        if !self.new.last().is_some_and(fits) {
            let taken = |number: &u16| {
                self.old.contains_key(number) || self.new.iter().any(|new| new.number == *number)
            };
            let number = (0..MAX_SEGMENTS).find(|number| !taken(number));
            let number = number.ok_or_else(|| self.too_many())?;
            let old = self.old.values().map(|segment| segment.sequence);
            let new = self.new.iter().map(|new| new.sequence);
            let sequence = old.chain(new).max().unwrap_or(0).saturating_add(1);
            let new = Unfinished::create(&self.dir, number, sequence)?;
            self.new.push(new);
        }
        Ok(self
            .new
            .last_mut()
            .expect("one was pushed if none had room"))
    }

    fn too_many(&self) -> CacheError {
        CacheError::TooManySegments {
            dir: self.dir.clone(),
        }
    }

    fn file(&mut self, name: String, body: &[u8]) -> Result<(), CacheError> {
        let (new, file) = NewFile::create(&self.dir, name)?;
        let bytes = [&header(), body].concat();
        (&*file).write_all(&bytes).map_err(at("write", &new.path))?;
        self.counts.bytes += u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        self.small.push(new);
        Ok(())
    }
}

/// No database has more segments.
const MAX_SEGMENTS: u16 = 32_767;

impl Sink for Writer {
    type Early = fn(&str, &[&[u8]]) -> Result<(), CacheError>;

    /// Nothing: where a record goes is known once all before it are stored.
    fn early(&self) -> Self::Early {
        |_, _| Ok(())
    }

    fn put(&mut self, key: &str, value: &[&[u8]]) -> Result<(), CacheError> {
        let too_large = || CacheError::TooLarge {
            key: key.to_owned(),
        };
        let bytes = key.as_bytes();
        let key_len = u16::try_from(bytes.len()).map_err(|_| too_large())?;
        let value_len: usize = value.iter().map(|part| part.len()).sum();
        let value_len = u32::try_from(value_len).map_err(|_| too_large())?;
        if u64::from(value_len) > MAX_VALUE {
            return Err(too_large());
        }
        if self.slots.contains_key(bytes) {
            return Err(CacheError::Twice {
                key: key.to_owned(),
            });
        }
        let before = self.before.remove(bytes);
        if let Some(slot) = before {
            let held = &self.old[&slot.segment];
            let stored = Value::new(&held.file, slot);
            if slot.value_len == value_len
                && is_equal(&stored, value).map_err(at("read", &held.path))?
            {
                self.counts.kept += 1;
                self.group.push((bytes.to_vec(), stored));
                self.slots.insert(bytes.to_vec(), slot);
                return Ok(());
            }
            bury(&mut self.old, slot);
        }
        let mut slot = Slot {
            hash: murmur3(bytes, SEED),
            segment: 0,
            key_len,
            value_len,
            offset: 0,
        };
        let segment = self.room(slot.record_len())?;
        slot.segment = segment.number;
        slot.offset = segment.end;
        segment.append(key_len, value_len, bytes, value)?;
        segment.counts.puts += 1;
        let stored = Value::new(segment.file.get_ref(), slot);
        self.counts.put += 1;
        self.group.push((bytes.to_vec(), stored));
        self.slots.insert(bytes.to_vec(), slot);
        Ok(())
    }

    /// Values are read back: as many as a package has may be too many to hold in memory.
    fn end_group(&mut self) -> Result<Job, CacheError> {
        for unfinished in &mut self.new {
            unfinished.flush()?;
        }
        let mut group = std::mem::take(&mut self.group);
        group.sort_unstable_by(|one, other| one.0.cmp(&other.0));
        let dir = self.dir.clone();
        Ok(Box::new(move |fnv: &mut Fnv| {
            for (key, value) in &group {
                fnv.write(key);
                let read = value.read(|piece| {
                    fnv.write(piece);
                    true
                });
                read.map_err(at("read", &dir))?;
            }
            Ok(())
        }))
    }
}

/// Whether a stored value is the one that these parts make up.
fn is_equal(stored: &Value, parts: &[&[u8]]) -> std::io::Result<bool> {
    let mut parts = parts.iter().copied().filter(|part| !part.is_empty());
    let (mut part, mut equal): (&[u8], bool) = (&[], true);
    stored.read(|mut piece| {
        while equal && !piece.is_empty() {
            if part.is_empty() {
                part = parts.next().unwrap_or_default();
            }
            let count = piece.len().min(part.len());
            equal = count > 0 && piece[..count] == part[..count];
            (piece, part) = (&piece[count..], &part[count..]);
        }
        equal
    })?;
    Ok(equal)
}

impl Unfinished {
    fn create(dir: &Path, number: u16, sequence: u64) -> Result<Self, CacheError> {
        let (at, file) = NewFile::create(dir, segment_name(number, sequence))?;
        let mut unfinished = Self {
            file: BufWriter::with_capacity(1 << 18, file),
            at,
            number,
            sequence,
            end: START,
            counts: Counts::default(),
        };
        unfinished.write(&[&header()])?;
        Ok(unfinished)
    }

    fn write(&mut self, parts: &[&[u8]]) -> Result<(), CacheError> {
        for part in parts {
            let written = self.file.write_all(part);
            written.map_err(at("write", &self.at.path))?;
        }
        Ok(())
    }

    fn flush(&mut self) -> Result<(), CacheError> {
        self.file.flush().map_err(at("write", &self.at.path))
    }

    /// Appends a record for which there is room.
    fn append(
        &mut self,
        key_len: u16,
        value_len: u32,
        key: &[u8],
        value: &[&[u8]],
    ) -> Result<(), CacheError> {
        let slot = Slot {
            hash: 0,
            segment: self.number,
            key_len,
            value_len,
            offset: self.end,
        };
        let lengths = lengths(slot);
        let head = [&lengths, key];
        let mut crc = libdeflater::Crc::new();
        for part in head.into_iter().chain(value.iter().copied()) {
            crc.update(part);
        }
        self.write(&head)?;
        self.write(value)?;
        self.write(&[&crc.sum().to_le_bytes()])?;
        let value: usize = value.iter().map(|part| part.len()).sum();
        let length = deletion_len(key) + u64::try_from(value).unwrap_or(u64::MAX);
        self.end = u32::try_from(u64::from(self.end) + length).unwrap_or(u32::MAX);
        Ok(())
    }
}

impl NewFile {
    /// Creates a file that the server's group may write.
    fn create(dir: &Path, name: String) -> Result<(Self, Arc<File>), CacheError> {
        let path = dir.join(format!("{name}.{UNFINISHED}"));
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
        let new = Self { path, name };
        file.set_permissions(fs::Permissions::from_mode(0o660))
            .map_err(at("set the permissions of", &new.path))?;
        Ok((new, Arc::new(file)))
    }
}

impl Drop for NewFile {
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
