//! Segments: the files that hold the records.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{BufReader, Read};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::super::{CacheError, at};
use super::hash::murmur3;
use super::layout::{
    DELETION, HEADER, LENGTHS, MAGIC, RECORD_OVERHEAD, SEED, START, Slot, segment_number,
};
use super::{check_is_file, damaged};

/// A segment file.
#[derive(Debug)]
pub(super) struct Segment {
    pub(super) file: Arc<File>,
    pub(super) path: PathBuf,
    pub(super) size: u64,
    /// Its place in the order of writing.
    pub(super) sequence: u64,
    pub(super) counts: Counts,
}

/// What the meta data of a segment count.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Counts {
    pub(super) puts: u64,
    pub(super) deletes: u64,
    /// Records that a later one supersedes or deletes.
    pub(super) dead_keys: u64,
    /// Bytes of those, and of all deletions.
    pub(super) dead_bytes: u64,
}

/// The segments in a directory by number. Nothing but their sizes is read.
pub(super) fn open_all(dir: &Path) -> Result<BTreeMap<u16, Segment>, CacheError> {
    let mut segments = BTreeMap::new();
    for entry in fs::read_dir(dir).map_err(at("read", dir))? {
        let path = entry.map_err(at("read", dir))?.path();
        let name = path.file_name().and_then(|name| name.to_str());
        let Some((number, sequence)) = name.and_then(segment_number) else {
            continue;
        };
        check_is_file(&path)?;
        let file = File::open(&path).map_err(at("open", &path))?;
        let size = file.metadata().map_err(at("read", &path))?.len();
        let segment = Segment {
            file: Arc::new(file),
            path,
            size,
            sequence,
            counts: Counts::default(),
        };
        if let Some(twin) = segments.insert(number, segment) {
            return Err(damaged(&twin.path, "another segment has its number"));
        }
    }
    Ok(segments)
}

/// A record's value, in the file that holds it.
#[derive(Debug, Clone)]
pub(super) struct Value {
    file: Arc<File>,
    offset: u64,
    length: u64,
}

/// As much of a value as is held in memory.
const PIECE: usize = 1 << 16;

impl Value {
    pub(super) fn new(file: &Arc<File>, slot: Slot) -> Self {
        Self {
            file: Arc::clone(file),
            offset: u64::from(slot.offset) + LENGTHS + u64::from(slot.key_len),
            length: slot.value_len.into(),
        }
    }

    /// Reads the value piece by piece, for as long as `each` says that it needs more.
    pub(super) fn read(&self, mut each: impl FnMut(&[u8]) -> bool) -> std::io::Result<()> {
        let mut buffer = vec![0; PIECE.min(usize::try_from(self.length).unwrap_or(PIECE))];
        let (mut offset, mut left) = (self.offset, self.length);
        while left > 0 {
            let count = buffer.len().min(usize::try_from(left).unwrap_or(PIECE));
            self.file.read_exact_at(&mut buffer[..count], offset)?;
            if !each(&buffer[..count]) {
                break;
            }
            let read = u64::try_from(count).unwrap_or(left);
            (offset, left) = (offset + read, left - read);
        }
        Ok(())
    }
}

/// The records that count, found as a server finds them that has lost its index: segments in the order they were written
/// in, later records over earlier ones. Every checksum is verified. The segments' counts are set.
///
/// # Errors
/// [`CacheError::Damaged`] at the first record that is not whole.
pub(super) fn replay(
    segments: &mut BTreeMap<u16, Segment>,
) -> Result<BTreeMap<Vec<u8>, Slot>, CacheError> {
    let mut order: Vec<(u64, u16)> = segments
        .iter()
        .map(|(number, segment)| (segment.sequence, *number))
        .collect();
    order.sort_unstable();
    let mut live: BTreeMap<Vec<u8>, Slot> = BTreeMap::new();
    for (_, number) in order {
        let mut own = Counts::default();
        let mut superseded = Vec::new();
        let mut records = Records::of(&segments[&number], number)?;
        while let Some((key, slot)) = records.next()? {
            if let Some(slot) = slot {
                own.puts += 1;
                superseded.extend(live.insert(key, slot));
            } else {
                own.deletes += 1;
                own.dead_bytes += deletion_len(&key);
                superseded.extend(live.remove(&key));
            }
        }
        if let Some(segment) = segments.get_mut(&number) {
            segment.counts = own;
        }
        for slot in superseded {
            bury(segments, slot);
        }
    }
    Ok(live)
}

/// Counts a record as dead.
pub(super) fn bury(segments: &mut BTreeMap<u16, Segment>, slot: Slot) {
    if let Some(segment) = segments.get_mut(&slot.segment) {
        segment.counts.dead_keys += 1;
        segment.counts.dead_bytes += slot.record_len();
    }
}

/// A key with its slot, or without one if it is deleted.
type Found = (Vec<u8>, Option<Slot>);

/// Reads a segment from its beginning, record by record.
struct Records<'s> {
    file: BufReader<&'s File>,
    path: &'s Path,
    number: u16,
    size: u64,
    offset: u64,
}

impl<'s> Records<'s> {
    fn of(segment: &'s Segment, number: u16) -> Result<Self, CacheError> {
        let mut records = Self {
            file: BufReader::with_capacity(PIECE, &segment.file),
            path: &segment.path,
            number,
            size: segment.size,
            offset: u64::from(START),
        };
        let mut header = [0; HEADER];
        if records.size < records.offset || {
            records.read(&mut header)?;
            !header.starts_with(&MAGIC)
        } {
            return Err(damaged(records.path, "it has no header"));
        }
        Ok(records)
    }

    fn read(&mut self, bytes: &mut [u8]) -> Result<(), CacheError> {
        self.file.read_exact(bytes).map_err(at("read", self.path))
    }

    /// The next record, if there is one.
    fn next(&mut self) -> Result<Option<Found>, CacheError> {
        let left = self.size - self.offset;
        if left == 0 {
            return Ok(None);
        }
        let cut = || damaged(self.path, "a record is not whole");
        if left < RECORD_OVERHEAD {
            return Err(cut());
        }
        let mut lengths = [0; 6];
        self.read(&mut lengths)?;
        let [k0, k1, v0, v1, v2, v3] = lengths;
        let value = u32::from_le_bytes([v0, v1, v2, v3]);
        let mut slot = Slot {
            hash: 0,
            segment: self.number,
            key_len: u16::from_le_bytes([k0, k1]),
            value_len: value & !DELETION,
            offset: u32::try_from(self.offset)
                .map_err(|_| damaged(self.path, "it is too large"))?,
        };
        let deleted = value & DELETION != 0;
        // Checked first, so that a made-up length reserves no memory.
        if slot.record_len() > left || deleted && slot.value_len > 0 {
            return Err(damaged(self.path, "a record is not whole"));
        }
        let mut crc = libdeflater::Crc::new();
        crc.update(&lengths);
        let mut key = vec![0; slot.key_len.into()];
        self.read(&mut key)?;
        crc.update(&key);
        let mut rest = slot.value_len;
        let mut piece = [0; 1 << 13];
        while rest > 0 {
            let count = piece
                .len()
                .min(usize::try_from(rest).unwrap_or(piece.len()));
            self.read(&mut piece[..count])?;
            crc.update(&piece[..count]);
            rest -= u32::try_from(count).unwrap_or(rest);
        }
        let mut sum = [0; 4];
        self.read(&mut sum)?;
        if crc.sum().to_le_bytes() != sum {
            return Err(damaged(self.path, "the checksum of a record is wrong"));
        }
        self.offset += slot.record_len();
        slot.hash = murmur3(&key, SEED);
        Ok(Some((key, (!deleted).then_some(slot))))
    }
}

/// The bytes of the record that deletes a key.
pub(super) fn deletion_len(key: &[u8]) -> u64 {
    RECORD_OVERHEAD + u64::try_from(key.len()).unwrap_or(u64::MAX)
}
