//! Reading records one after the other in the order of their keys, and every byte once.

use super::super::{CacheError, Extent, at};
use super::damaged;
use super::layout::{CHECKSUM, LENGTHS, Slot, lengths};
use super::segment::Segment;

/// What a database hands over.
#[derive(Debug, Clone, Copy)]
pub(in super::super) enum Piece<'a> {
    /// A key.
    Key(&'a [u8]),
    /// A part of the value of the key before.
    Value(&'a [u8]),
}

impl<'a> Piece<'a> {
    /// What it adds to a digest.
    pub(in super::super) fn bytes(self) -> &'a [u8] {
        match self {
            Self::Key(bytes) | Self::Value(bytes) => bytes,
        }
    }
}

/// A record and where it is.
#[derive(Debug, Clone, Copy)]
pub(super) struct Record<'a> {
    pub(super) key: &'a [u8],
    pub(super) slot: Slot,
    pub(super) home: Home<'a>,
}

/// What holds a record.
#[derive(Debug, Clone, Copy)]
pub(super) enum Home<'a> {
    /// A segment that was there before.
    Stored(&'a Segment),
    /// A segment made just now, as its file will be.
    Made(&'a [u8]),
}

/// Records are read so many bytes at a time: keys that follow each other have their records near each other, but in the
/// order of the bundles, not of the channels.
const WINDOW: usize = 4 << 20;

/// Hands over the records in the order they come in, each as its key and then its value in pieces. Checks that every record
/// has its checksum.
///
/// # Errors
/// [`CacheError::Damaged`] at a record that is not what it should be; those before it have been handed over.
pub(super) fn pass<'a>(
    records: impl Iterator<Item = Record<'a>>,
    mut each: impl FnMut(Piece<'_>),
) -> Result<(), CacheError> {
    let mut window = Window::default();
    for record in records {
        let length = record.stored_len();
        if window.bytes + length > WINDOW {
            window.hand_over(&mut each)?;
        }
        match record.home {
            Home::Stored(segment) if length > WINDOW => stream(&record, segment, &mut each)?,
            _ => {
                window.bytes += length;
                window.records.push(record);
            }
        }
    }
    window.hand_over(&mut each)
}

/// Records that are read at once.
#[derive(Debug, Default)]
struct Window<'a> {
    records: Vec<Record<'a>>,
    /// Bytes of those that are stored.
    bytes: usize,
    buffer: Vec<u8>,
}

impl Window<'_> {
    fn hand_over(&mut self, each: &mut impl FnMut(Piece<'_>)) -> Result<(), CacheError> {
        self.buffer.resize(self.bytes, 0);
        let places = self.read()?;
        for (record, place) in self.records.iter().zip(places) {
            let value = match record.home {
                Home::Stored(segment) => {
                    let bytes = &self.buffer[place..place + record.stored_len()];
                    checked_value(record, segment, bytes)?
                }
                Home::Made(file) => made_value(record.slot, file),
            };
            each(Piece::Key(record.key));
            each(Piece::Value(value));
        }
        self.records.clear();
        self.bytes = 0;
        Ok(())
    }

    /// Fills the buffer with all stored records in the order they are stored in; neighbours are read together. Gives the
    /// place of each.
    fn read(&mut self) -> Result<Vec<usize>, CacheError> {
        let mut stored: Vec<(Slot, &Segment, usize)> = Vec::with_capacity(self.records.len());
        for (index, record) in self.records.iter().enumerate() {
            if let Home::Stored(segment) = record.home {
                stored.push((record.slot, segment, index));
            }
        }
        stored.sort_unstable_by_key(|(slot, ..)| (slot.segment, slot.offset));
        let mut places = vec![0; self.records.len()];
        let mut filled = 0;
        let neighbours = stored.chunk_by(|(one, ..), (next, ..)| {
            one.segment == next.segment && one.end() == u64::from(next.offset)
        });
        for run in neighbours {
            let from = filled;
            for (slot, _, index) in run {
                places[*index] = filled;
                filled += usize::try_from(slot.record_len()).unwrap_or(usize::MAX);
            }
            if let Some((first, segment, _)) = run.first() {
                let part = &mut self.buffer[from..filled];
                let read = segment.extent.read_at(part, first.offset.into());
                read.map_err(at("read", &segment.path))?;
            }
        }
        Ok(places)
    }
}

/// A record that is too large to hold.
fn stream(
    record: &Record<'_>,
    segment: &Segment,
    each: &mut impl FnMut(Piece<'_>),
) -> Result<(), CacheError> {
    let Record { key, slot, .. } = *record;
    let head = segment.extent.part(slot.offset.into(), LENGTHS);
    let stored_key = segment
        .extent
        .part(u64::from(slot.offset) + LENGTHS, slot.key_len.into());
    let sum = segment.extent.part(slot.end() - CHECKSUM, CHECKSUM);
    let read = |extent: &Extent| extent.read().map_err(at("read", &segment.path));
    if read(&head)? != lengths(slot) || read(&stored_key)? != key {
        return Err(wrong(segment));
    }
    let mut crc = libdeflater::Crc::new();
    crc.update(&lengths(slot));
    crc.update(key);
    each(Piece::Key(key));
    let value = segment.value(slot).pieces(|piece| {
        crc.update(piece);
        each(Piece::Value(piece));
        true
    });
    value.map_err(at("read", &segment.path))?;
    if read(&sum)? != crc.sum().to_le_bytes() {
        return Err(wrong(segment));
    }
    Ok(())
}

/// The value in the bytes of a stored record.
fn checked_value<'b>(
    record: &Record<'_>,
    segment: &Segment,
    bytes: &'b [u8],
) -> Result<&'b [u8], CacheError> {
    let head = [&lengths(record.slot), record.key].concat();
    bytes
        .split_last_chunk::<4>()
        .filter(|(body, sum)| libdeflater::crc32(body).to_le_bytes() == **sum)
        .and_then(|(body, _)| body.strip_prefix(&head[..]))
        .ok_or_else(|| wrong(segment))
}

/// The value of a record in a file that was made just now.
fn made_value(slot: Slot, file: &[u8]) -> &[u8] {
    let end = usize::try_from(slot.end() - CHECKSUM).unwrap_or(usize::MAX);
    let from = end - usize::try_from(slot.value_len).unwrap_or(usize::MAX);
    &file[from..end]
}

fn wrong(segment: &Segment) -> CacheError {
    damaged(&segment.path, "the checksum of a record is wrong")
}

impl Record<'_> {
    /// How many bytes there are to read.
    fn stored_len(&self) -> usize {
        match self.home {
            Home::Stored(_) => usize::try_from(self.slot.record_len()).unwrap_or(usize::MAX),
            Home::Made(_) => 0,
        }
    }
}
