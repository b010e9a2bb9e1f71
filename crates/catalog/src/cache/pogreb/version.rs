//! A new version of a database: which records stay, which are added, and the index of them all.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::super::{CacheError, Extent, Usage, at};
use super::hash::{Growth, murmur3};
use super::layout::{
    DELETION, INDEX_META, MAIN, OVERFLOW, SEED, SEED_META, START, Slot, header, lengths,
    segment_name,
};
use super::segment::{Counts, Segment, bury, deletion_len};
use super::{buckets, gob};

/// Values are limited to half a gibibyte by the format.
const MAX_VALUE: u64 = 1 << 29;

/// No database has more segments.
const MAX_SEGMENTS: u16 = 32_767;

/// An update adds a segment, and a server has all of them open.
const MANY_SEGMENTS: usize = 100;

/// Where the files of a new version go.
pub(super) trait Target {
    type File: NewFile;

    fn create(&mut self, name: String) -> Result<Self::File, CacheError>;
}

/// A file under construction.
pub(super) trait NewFile {
    fn write(&mut self, part: &[u8]) -> Result<(), CacheError>;

    /// Makes sure that what was written can be read.
    fn flush(&mut self) -> Result<(), CacheError>;
}

/// A version under construction. Nothing that was there before is changed.
#[derive(Debug)]
pub(super) struct Version<T: Target> {
    /// What errors call the database.
    pub(super) dir: PathBuf,
    target: T,
    /// The records that were there before, and are neither kept nor superseded yet.
    pub(super) before: BTreeMap<Vec<u8>, Slot>,
    /// The records of the new version.
    pub(super) slots: BTreeMap<Vec<u8>, Slot>,
    /// Segments that were there before.
    pub(super) old: BTreeMap<u16, Segment>,
    pub(super) new: Vec<Unfinished<T::File>>,
    /// All other files.
    pub(super) small: Vec<T::File>,
    pub(super) tally: Tally,
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
pub(super) struct Unfinished<F> {
    pub(super) file: F,
    pub(super) number: u16,
    sequence: u64,
    end: u32,
    counts: Counts,
}

impl<T: Target> Version<T> {
    /// A version of a database that has nothing yet.
    pub(super) fn new(dir: &Path, target: T) -> Self {
        Self {
            dir: dir.to_owned(),
            target,
            before: BTreeMap::new(),
            slots: BTreeMap::new(),
            old: BTreeMap::new(),
            new: Vec::new(),
            small: Vec::new(),
            tally: Tally::default(),
        }
    }

    /// Builds on segments that were there before, and on the records in them that count. Those are gone unless they are put
    /// again or kept.
    ///
    /// # Errors
    /// [`CacheError::TooManySegments`] if there are so many that one more would slow servers down.
    pub(super) fn over(
        mut self,
        old: BTreeMap<u16, Segment>,
        records: BTreeMap<Vec<u8>, Slot>,
    ) -> Result<Self, CacheError> {
        if old.len() >= MANY_SEGMENTS {
            return Err(self.too_many());
        }
        (self.old, self.before) = (old, records);
        Ok(self)
    }

    /// Keeps the records that were there before and are wanted, without looking at their values.
    pub(super) fn keep(&mut self, wanted: impl Fn(&[u8]) -> bool) {
        let kept = self.before.extract_if(.., |key, _| wanted(key));
        self.slots.extend(kept);
        self.tally.kept = self.slots.len();
    }

    /// Puts a record, and says where it is. One that was there before stays where it was if its value is the same.
    pub(super) fn put(&mut self, key: &str, value: &[&[u8]]) -> Result<Slot, CacheError> {
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
        if let Some(slot) = self.before.remove(bytes) {
            let held = &self.old[&slot.segment];
            let stored = held.value(slot);
            if slot.value_len == value_len
                && is_equal(&stored, value).map_err(at("read", &held.path))?
            {
                self.tally.kept += 1;
                self.slots.insert(bytes.to_vec(), slot);
                return Ok(slot);
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
        self.tally.put += 1;
        self.slots.insert(bytes.to_vec(), slot);
        Ok(slot)
    }

    /// The new segment that has a record; `None` if it is in an old one.
    pub(super) fn made(&self, slot: Slot) -> Option<&Unfinished<T::File>> {
        self.new.iter().find(|new| new.number == slot.segment)
    }

    /// What the segments hold once the version is sealed.
    pub(super) fn usage(&self) -> Usage {
        let mut usage = Usage {
            segments: self.old.len() + self.new.len(),
            bytes: 0,
            dead: 0,
        };
        for segment in self.old.values() {
            usage.bytes += segment.extent.size;
            usage.dead += segment.counts.dead_bytes;
        }
        for segment in &self.new {
            usage.bytes += u64::from(segment.end);
            usage.dead += segment.counts.dead_bytes;
        }
        if self.new.is_empty() && !self.before.is_empty() {
            usage.segments += 1;
            usage.bytes += u64::from(START);
        }
        for (key, slot) in &self.before {
            usage.bytes += deletion_len(key);
            usage.dead += deletion_len(key) + slot.record_len();
        }
        usage
    }

    /// Writes all that is left to write.
    pub(super) fn seal(&mut self) -> Result<(), CacheError> {
        self.delete_leftovers()?;
        let mut metas = Vec::new();
        for (number, segment) in &self.old {
            metas.push((segment.sequence, *number, segment.counts));
        }
        for unfinished in &mut self.new {
            unfinished.file.flush()?;
            self.tally.bytes += u64::from(unfinished.end);
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

    /// Deletes the records that are left from before. Servers that lose their index replay segments, so deletions stand
    /// behind everything else.
    fn delete_leftovers(&mut self) -> Result<(), CacheError> {
        for (key, slot) in std::mem::take(&mut self.before) {
            let segment = self.room(deletion_len(&key))?;
            segment.append(slot.key_len, DELETION, &key, &[])?;
            segment.counts.deletes += 1;
            segment.counts.dead_bytes += deletion_len(&key);
            bury(&mut self.old, slot);
            self.tally.deleted += 1;
        }
        Ok(())
    }

    /// The segment that has room for a record of so many bytes.
    fn room(&mut self, bytes: u64) -> Result<&mut Unfinished<T::File>, CacheError> {
        let fits = |new: &Unfinished<_>| u32::try_from(u64::from(new.end) + bytes).is_ok();
        if !self.new.last().is_some_and(fits) {
            let taken = |number: &u16| {
                self.old.contains_key(number) || self.new.iter().any(|new| new.number == *number)
            };
            let number = (0..MAX_SEGMENTS).find(|number| !taken(number));
            let number = number.ok_or_else(|| self.too_many())?;
            let old = self.old.values().map(|segment| segment.sequence);
            let new = self.new.iter().map(|new| new.sequence);
            let sequence = old.chain(new).max().unwrap_or(0).saturating_add(1);
            let mut file = self.target.create(segment_name(number, sequence))?;
            file.write(&header())?;
            self.new.push(Unfinished {
                file,
                number,
                sequence,
                end: START,
                counts: Counts::default(),
            });
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
        let mut file = self.target.create(name)?;
        let bytes = [&header(), body].concat();
        file.write(&bytes)?;
        file.flush()?;
        self.tally.bytes += u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        self.small.push(file);
        Ok(())
    }
}

/// Whether a stored value is the one that these parts make up.
fn is_equal(stored: &Extent, parts: &[&[u8]]) -> std::io::Result<bool> {
    let mut parts = parts.iter().copied().filter(|part| !part.is_empty());
    let (mut part, mut equal): (&[u8], bool) = (&[], true);
    stored.pieces(|mut piece| {
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

impl<F: NewFile> Unfinished<F> {
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
        let mut crc = libdeflater::Crc::new();
        for part in [&lengths, key].into_iter().chain(value.iter().copied()) {
            crc.update(part);
            self.file.write(part)?;
        }
        self.file.write(&crc.sum().to_le_bytes())?;
        let value: usize = value.iter().map(|part| part.len()).sum();
        let length = deletion_len(key) + u64::try_from(value).unwrap_or(u64::MAX);
        self.end = u32::try_from(u64::from(self.end) + length).unwrap_or(u32::MAX);
        Ok(())
    }
}
