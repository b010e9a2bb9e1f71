//! Reading a database, with every number in it doubted.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use super::super::{CacheError, at};
use super::hash::{Growth, murmur3};
use super::layout::{
    CHECKSUM, HEADER, INDEX_META, LENGTHS, LOCK, MAGIC, MAIN, NEXT_AT, OVERFLOW, SEED_META, SLOT,
    SLOTS, Slot, lengths,
};
use super::segment::{self, Segment, Value};
use super::{check_is_file, damaged, gob};

/// Index files above this size, and more bytes of keys, are no serve cache's: a bucket takes 512 bytes for about twenty
/// keys, so this is room for two million records.
const MAX_INDEX_BYTES: u64 = 1 << 26;
const MAX_KEY_BYTES: u64 = 1 << 28;
const MAX_META_BYTES: u64 = 1 << 20;

/// A closed database. The index is held in memory (about 25 bytes a key), values are read when asked for.
#[derive(Debug)]
pub(in super::super) struct Database {
    dir: PathBuf,
    segments: BTreeMap<u16, Segment>,
    growth: Growth,
    seed: u32,
    keys: u64,
    main: Vec<u8>,
    overflow: Vec<u8>,
}

/// A key and where its record is.
#[derive(Debug)]
struct Entry {
    key: Vec<u8>,
    slot: Slot,
}

/// What a database hands over.
#[derive(Debug, Clone, Copy)]
pub(in super::super) enum Piece<'a> {
    /// A key.
    Key(&'a [u8]),
    /// A part of the value of the key before.
    Value(&'a [u8]),
}

impl Database {
    /// Opens a database without changing it. One that a server has open, or did not close, is refused: its index may
    /// be older than its records.
    pub(in super::super) fn open(dir: &Path) -> Result<Self, CacheError> {
        let lock = dir.join(LOCK);
        if lock.exists() {
            return Err(damaged(
                &lock,
                "a server has the cache open, or did not close it",
            ));
        }
        let segments = segment::open_all(dir)?;
        let meta_path = dir.join(INDEX_META);
        let meta = gob::decode(&body(&meta_path, MAX_META_BYTES)?)
            .ok_or_else(|| damaged(&meta_path, "the meta data are not readable"))?;
        let field = |name: &str| meta.get(name).copied().unwrap_or(0);
        let small = |name: &str| u32::try_from(field(name)).unwrap_or(u32::MAX);
        let growth = Growth {
            level: small("Level"),
            split: small("SplitBucketIndex"),
        };
        let main = body(&dir.join(MAIN), MAX_INDEX_BYTES)?;
        let whole = growth.buckets().filter(|&count| {
            u64::from(count) == field("NumBuckets")
                && usize::try_from(count).is_ok_and(|count| main.len() / HEADER >= count)
        });
        if whole.is_none() {
            return Err(damaged(&meta_path, "it does not fit the size of the index"));
        }
        let seed_path = dir.join(SEED_META);
        let seed = gob::decode(&body(&seed_path, MAX_META_BYTES)?)
            .and_then(|meta| u32::try_from(meta.get("HashSeed").copied().unwrap_or(0)).ok())
            .ok_or_else(|| damaged(&seed_path, "the hash seed is not readable"))?;
        Ok(Self {
            dir: dir.to_owned(),
            segments,
            growth,
            seed,
            keys: field("NumKeys"),
            main,
            overflow: body(&dir.join(OVERFLOW), MAX_INDEX_BYTES)?,
        })
    }

    /// All keys the index knows, in byte order.
    fn entries(&self) -> Result<Vec<Entry>, CacheError> {
        let mut entries: Vec<Entry> = Vec::new();
        // Slots may be made up so that many chains meet or many records are one; no honest index has more than this.
        let mut slots = (self.main.len() + self.overflow.len()) / SLOT;
        let mut key_bytes = MAX_KEY_BYTES;
        let mut record_bytes: u64 = self.segments.values().map(|segment| segment.size).sum();
        for bucket in 0..self.growth.buckets().unwrap_or(0) {
            for slot in self.chain(bucket)? {
                let keys = key_bytes.checked_sub(slot.key_len.into());
                let records = record_bytes.checked_sub(slot.record_len());
                let (Some(keys), Some(records), Some(others)) =
                    (keys, records, slots.checked_sub(1))
                else {
                    return Err(self.misplaced());
                };
                (key_bytes, record_bytes, slots) = (keys, records, others);
                let key = self.read(slot, LENGTHS, u64::from(slot.key_len))?;
                if slot.hash != murmur3(&key, self.seed) || self.growth.bucket(slot.hash) != bucket
                {
                    return Err(self.misplaced());
                }
                entries.push(Entry { key, slot });
            }
        }
        entries.sort_by(|left, right| left.key.cmp(&right.key));
        if entries.windows(2).any(|pair| pair[0].key == pair[1].key) {
            return Err(self.misplaced());
        }
        Ok(entries)
    }

    /// Hands over all keys in byte order, each followed by its value in pieces. Checks what a server does not: that every
    /// record has its checksum, that each key is where its hash says, once, and that the meta data count them.
    pub(in super::super) fn verify(
        &self,
        mut each: impl FnMut(Piece<'_>),
    ) -> Result<(), CacheError> {
        let entries = self.entries()?;
        if u64::try_from(entries.len()) != Ok(self.keys) {
            return Err(damaged(&self.dir.join(INDEX_META), "it counts other keys"));
        }
        for Entry { key, slot } in &entries {
            let segment = self.segment(*slot)?;
            let lengths = lengths(*slot);
            let mut crc = libdeflater::Crc::new();
            crc.update(&lengths);
            crc.update(key);
            each(Piece::Key(key));
            let read = Value::new(&segment.file, *slot).read(|piece| {
                crc.update(piece);
                each(Piece::Value(piece));
                true
            });
            read.map_err(at("read", &segment.path))?;
            let stored = self.read(*slot, slot.record_len() - CHECKSUM, CHECKSUM)?;
            if self.read(*slot, 0, LENGTHS)? != lengths || stored != crc.sum().to_le_bytes() {
                let reason = "the checksum of a record is wrong";
                return Err(damaged(&segment.path, reason));
            }
        }
        Ok(())
    }

    fn misplaced(&self) -> CacheError {
        damaged(&self.dir.join(MAIN), "a key is in a wrong place")
    }

    /// The slots of a bucket and of the buckets its chain goes on in.
    fn chain(&self, bucket: u32) -> Result<Vec<Slot>, CacheError> {
        let overflow = || damaged(&self.dir.join(OVERFLOW), "a chain of buckets is broken");
        let start = usize::try_from(bucket).unwrap_or(usize::MAX) * HEADER;
        let mut bytes = self.main.get(start..start + HEADER).unwrap_or_default();
        let mut slots = Vec::new();
        // A chain longer than the file has buckets goes in a circle.
        for _ in 0..=self.overflow.len() / HEADER {
            let (table, _) = bytes.as_chunks::<SLOT>();
            slots.extend(table.iter().take(SLOTS).map_while(Slot::from_bytes));
            let next = bytes
                .get(NEXT_AT..)
                .and_then(|rest| rest.first_chunk())
                .map_or(0, |link| u64::from_le_bytes(*link));
            if next == 0 {
                return Ok(slots);
            }
            let start = usize::try_from(next)
                .ok()
                .and_then(|next| next.checked_sub(HEADER))
                .ok_or_else(overflow)?;
            bytes = start
                .checked_add(HEADER)
                .and_then(|end| self.overflow.get(start..end))
                .ok_or_else(overflow)?;
        }
        Err(overflow())
    }

    fn segment(&self, slot: Slot) -> Result<&Segment, CacheError> {
        self.segments
            .get(&slot.segment)
            .ok_or_else(|| damaged(&self.dir.join(MAIN), "it names a segment that is not there"))
    }

    /// Reads a part of a record, `skip` bytes behind its beginning.
    fn read(&self, slot: Slot, skip: u64, length: u64) -> Result<Vec<u8>, CacheError> {
        let segment = self.segment(slot)?;
        let behind = || damaged(&segment.path, "a record ends behind the end of the file");
        // Checked first, so that a made-up length does not reserve memory.
        if u64::from(slot.offset) + slot.record_len() > segment.size {
            return Err(behind());
        }
        let mut bytes = vec![0; usize::try_from(length).map_err(|_| behind())?];
        segment
            .file
            .read_exact_at(&mut bytes, u64::from(slot.offset) + skip)
            .map_err(at("read", &segment.path))?;
        Ok(bytes)
    }
}

/// What follows the header of a file.
fn body(path: &Path, limit: u64) -> Result<Vec<u8>, CacheError> {
    check_is_file(path)?;
    let size = fs::metadata(path).map_err(at("read", path))?.len();
    if size > limit {
        return Err(damaged(path, "it is too large"));
    }
    let mut bytes = fs::read(path).map_err(at("read", path))?;
    if bytes.len() < HEADER || !bytes.starts_with(&MAGIC) {
        return Err(damaged(path, "it has no header"));
    }
    bytes.drain(..HEADER);
    Ok(bytes)
}
