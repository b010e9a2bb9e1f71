//! Reading a database, with every number in it doubted.

use std::collections::BTreeMap;
use std::path::Path;

use super::super::{CacheError, Usage, at};
use super::damaged;
use super::files::Files;
use super::hash::{Growth, murmur3};
use super::layout::{
    HEADER, INDEX_META, LENGTHS, LOCK, MAIN, NEXT_AT, OVERFLOW, SEED, SEED_META, SLOT, SLOTS, Slot,
};
use super::pass::{Home, Piece, Record, pass};
use super::segment::{Counts, Segment};

/// Index files above this size, and more bytes of keys, are no serve cache's: a bucket takes 512 bytes for about twenty
/// keys, so this is room for two million records.
const MAX_INDEX_BYTES: u64 = 1 << 26;
const MAX_KEY_BYTES: u64 = 1 << 28;

/// A closed database. The index is held in memory (about 25 bytes a key), values are read when asked for.
#[derive(Debug)]
pub(in super::super) struct Database {
    files: Files,
    segments: BTreeMap<u16, Segment>,
    growth: Growth,
    seed: u32,
    keys: u64,
    main: Vec<u8>,
    overflow: Vec<u8>,
}

/// Segments, and the records in them that count.
type Stored = (BTreeMap<u16, Segment>, BTreeMap<Vec<u8>, Slot>);

/// A key and where its record is.
#[derive(Debug)]
struct Entry {
    key: Vec<u8>,
    slot: Slot,
}

impl Database {
    /// Opens the database in a directory without changing it.
    ///
    /// # Errors
    /// Those of [`Database::of`].
    pub(in super::super) fn open(dir: &Path) -> Result<Self, CacheError> {
        Self::of(Files::open(dir)?)
    }

    /// Reads the index of a database. One that a server has open, or did not close, is refused: its index may be older than
    /// its records.
    ///
    /// # Errors
    /// [`CacheError::Damaged`] if a file is missing or is not what it should be.
    pub(in super::super) fn of(files: Files) -> Result<Self, CacheError> {
        if files.has(LOCK) {
            return Err(damaged(
                &files.path(LOCK),
                "a server has the cache open, or did not close it",
            ));
        }
        let meta = files.meta(INDEX_META)?;
        let field = |name: &str| meta.get(name).copied().unwrap_or(0);
        let small = |name: &str| u32::try_from(field(name)).unwrap_or(u32::MAX);
        let growth = Growth {
            level: small("Level"),
            split: small("SplitBucketIndex"),
        };
        let main = files.body(MAIN, MAX_INDEX_BYTES)?;
        let whole = growth.buckets().filter(|&count| {
            u64::from(count) == field("NumBuckets")
                && usize::try_from(count).is_ok_and(|count| main.len() / HEADER >= count)
        });
        if whole.is_none() {
            let reason = "it does not fit the size of the index";
            return Err(damaged(&files.path(INDEX_META), reason));
        }
        let seed = files.meta(SEED_META)?.get("HashSeed").copied();
        let seed = u32::try_from(seed.unwrap_or(0))
            .map_err(|_| damaged(&files.path(SEED_META), "the hash seed is not readable"))?;
        Ok(Self {
            segments: files.segments()?,
            growth,
            seed,
            keys: field("NumKeys"),
            main,
            overflow: files.body(OVERFLOW, MAX_INDEX_BYTES)?,
            files,
        })
    }

    /// All keys the index knows, in byte order.
    fn entries(&self) -> Result<Vec<Entry>, CacheError> {
        let mut slots = self.slots()?;
        // Files are read from front to back; buckets are in no order at all.
        slots.sort_unstable_by_key(|(_, slot)| (slot.segment, slot.offset));
        let mut entries: Vec<Entry> = Vec::with_capacity(slots.len());
        for (bucket, slot) in slots {
            let key = self.key(slot)?;
            if slot.hash != murmur3(&key, self.seed) || self.growth.bucket(slot.hash) != bucket {
                return Err(self.misplaced());
            }
            entries.push(Entry { key, slot });
        }
        entries.sort_by(|left, right| left.key.cmp(&right.key));
        if entries.windows(2).any(|pair| pair[0].key == pair[1].key) {
            return Err(self.misplaced());
        }
        if u64::try_from(entries.len()) != Ok(self.keys) {
            let reason = "it counts other keys";
            return Err(damaged(&self.files.path(INDEX_META), reason));
        }
        Ok(entries)
    }

    /// All slots, each with the bucket it is in.
    fn slots(&self) -> Result<Vec<(u32, Slot)>, CacheError> {
        let mut slots = Vec::new();
        // Slots may be made up so that many chains meet or many records are one.
        let mut links = self.overflow.len() / HEADER;
        let mut key_bytes = MAX_KEY_BYTES;
        let segments = self.segments.values();
        let mut record_bytes: u64 = segments.map(|segment| segment.extent.size).sum();
        for bucket in 0..self.growth.buckets().unwrap_or(0) {
            for slot in self.chain(bucket, &mut links)? {
                let keys = key_bytes.checked_sub(slot.key_len.into());
                let records = record_bytes.checked_sub(slot.record_len());
                let (Some(keys), Some(records)) = (keys, records) else {
                    return Err(self.misplaced());
                };
                (key_bytes, record_bytes) = (keys, records);
                slots.push((bucket, slot));
            }
        }
        Ok(slots)
    }

    /// Hands over all keys in byte order, each followed by its value in pieces. Checks what a server does not: that every
    /// record has its checksum, that each key is where its hash says, once, and that the meta data count them.
    pub(in super::super) fn verify(&self, each: impl FnMut(Piece<'_>)) -> Result<(), CacheError> {
        let entries = self.entries()?;
        let records = entries.iter().map(|Entry { key, slot }| {
            let home = Home::Stored(&self.segments[&slot.segment]);
            Record {
                key,
                slot: *slot,
                home,
            }
        });
        pass(records, each)
    }

    /// What its segments hold.
    ///
    /// # Errors
    /// [`CacheError::Damaged`] where the index is not what it should be.
    pub(in super::super) fn usage(&self) -> Result<Usage, CacheError> {
        let slots = self.slots()?;
        let live: u64 = slots.iter().map(|(_, slot)| slot.record_len()).sum();
        let segments = self.segments.values();
        let records = segments.clone().map(Segment::records_len);
        Ok(Usage {
            segments: segments.len(),
            bytes: segments.map(|segment| segment.extent.size).sum(),
            dead: records.sum::<u64>().saturating_sub(live),
        })
    }

    /// The segments with their counts, and the records the index leads to. No value is read.
    ///
    /// # Errors
    /// [`CacheError::Damaged`] where the index is not what it should be.
    pub(super) fn into_records(mut self) -> Result<Stored, CacheError> {
        let entries = self.entries()?;
        let mut live = BTreeMap::<u16, (u64, u64)>::new();
        for Entry { slot, .. } in &entries {
            let (keys, bytes) = live.entry(slot.segment).or_default();
            (*keys, *bytes) = (*keys + 1, *bytes + slot.record_len());
        }
        for (number, segment) in &mut self.segments {
            let (keys, bytes) = live.get(number).copied().unwrap_or_default();
            let (puts, deletes) = self.files.records(*number, segment.sequence)?;
            // What the meta data say may be wrong, what the index says is not: a server goes by it.
            let puts = puts.max(keys);
            segment.counts = Counts {
                puts,
                deletes,
                dead_keys: puts - keys,
                dead_bytes: segment.records_len().saturating_sub(bytes),
            };
        }
        let record = |Entry { key, slot }| {
            let hash = murmur3(&key, SEED);
            (key, Slot { hash, ..slot })
        };
        Ok((self.segments, entries.into_iter().map(record).collect()))
    }

    /// What errors call it.
    pub(super) fn dir(&self) -> &Path {
        self.files.dir()
    }

    fn misplaced(&self) -> CacheError {
        damaged(&self.files.path(MAIN), "a key is in a wrong place")
    }

    /// The slots of a bucket and of the buckets its chain goes on in; `links` counts down how many of those there can still
    /// be: each belongs to one chain, and none goes in a circle.
    fn chain(&self, bucket: u32, links: &mut usize) -> Result<Vec<Slot>, CacheError> {
        let broken = || damaged(&self.files.path(OVERFLOW), "a chain of buckets is broken");
        let start = usize::try_from(bucket).unwrap_or(usize::MAX) * HEADER;
        let mut bytes = self.main.get(start..start + HEADER).unwrap_or_default();
        let mut slots = Vec::new();
        loop {
            let (table, _) = bytes.as_chunks::<SLOT>();
            slots.extend(table.iter().take(SLOTS).map_while(Slot::from_bytes));
            let next = bytes
                .get(NEXT_AT..)
                .and_then(|rest| rest.first_chunk())
                .map_or(0, |link| u64::from_le_bytes(*link));
            if next == 0 {
                return Ok(slots);
            }
            *links = links.checked_sub(1).ok_or_else(broken)?;
            let start = usize::try_from(next)
                .ok()
                .and_then(|next| next.checked_sub(HEADER))
                .ok_or_else(broken)?;
            bytes = start
                .checked_add(HEADER)
                .and_then(|end| self.overflow.get(start..end))
                .ok_or_else(broken)?;
        }
    }

    /// The key of a record, which is known to be inside its segment then.
    fn key(&self, slot: Slot) -> Result<Vec<u8>, CacheError> {
        let segment = self.segments.get(&slot.segment).ok_or_else(|| {
            let reason = "it names a segment that is not there";
            damaged(&self.files.path(MAIN), reason)
        })?;
        if slot.end() > segment.extent.size {
            let reason = "a record ends behind the end of the file";
            return Err(damaged(&segment.path, reason));
        }
        let mut key = vec![0; slot.key_len.into()];
        let read = segment
            .extent
            .read_at(&mut key, u64::from(slot.offset) + LENGTHS);
        read.map_err(at("read", &segment.path))?;
        Ok(key)
    }
}
