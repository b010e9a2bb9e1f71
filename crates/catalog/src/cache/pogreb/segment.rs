//! Segments: the files that hold the records.

use std::collections::BTreeMap;
use std::io::{BufReader, Read};
use std::path::{Path, PathBuf};

use super::super::extent::Reader;
use super::super::{CacheError, Extent, at};
use super::damaged;
use super::hash::murmur3;
use super::layout::{DELETION, HEADER, LENGTHS, MAGIC, RECORD_OVERHEAD, SEED, START, Slot};

/// A segment file.
#[derive(Debug)]
pub(super) struct Segment {
    pub(super) extent: Extent,
    /// What errors call it.
    pub(super) path: PathBuf,
    /// Its place in the order of writing.
    pub(super) sequence: u64,
    pub(super) counts: Counts,
}

impl Segment {
    /// The value of a record.
    pub(super) fn value(&self, slot: Slot) -> Extent {
        value(&self.extent, slot)
    }

    /// The bytes of all records.
    pub(super) fn records_len(&self) -> u64 {
        self.extent.size.saturating_sub(START.into())
    }
}

/// The value of a record in the segment file that has it.
pub(super) fn value(segment: &Extent, slot: Slot) -> Extent {
    let offset = u64::from(slot.offset) + LENGTHS + u64::from(slot.key_len);
    segment.part(offset, slot.value_len.into())
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
    file: BufReader<Reader<'s>>,
    path: &'s Path,
    number: u16,
    size: u64,
    offset: u64,
}

impl<'s> Records<'s> {
    fn of(segment: &'s Segment, number: u16) -> Result<Self, CacheError> {
        let mut records = Self {
            file: BufReader::with_capacity(1 << 16, Reader::new(&segment.extent)),
            path: &segment.path,
            number,
            size: segment.extent.size,
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
