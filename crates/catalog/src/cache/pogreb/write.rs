//! Writing a database from nothing.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{BufWriter, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use super::super::{CacheError, at};
use super::hash::{Growth, murmur3};
use super::layout::{
    HEADER, INDEX_META, MAIN, NEXT_AT, OVERFLOW, SEED_META, SLOT, SLOTS, Slot, header, lengths,
    segment_name,
};
use super::{checksum, gob};

/// The hash seed of every database written here. Any value is right; a fixed one makes equal contents equal files.
const SEED: u32 = 0x1234_5678;

/// Values are limited to half a gibibyte by the format.
const MAX_VALUE: usize = 1 << 29;

/// A database under construction. Until [`Writer::finish`] it has no index, and no server takes it for a whole one.
#[derive(Debug)]
pub(in super::super) struct Writer {
    dir: PathBuf,
    file: BufWriter<File>,
    path: PathBuf,
    segment: u16,
    puts: u64,
    end: u32,
    slots: BTreeMap<Vec<u8>, Slot>,
}

impl Writer {
    /// Begins a database in an empty directory.
    pub(in super::super) fn create(dir: &Path) -> Result<Self, CacheError> {
        let (path, file) = create(dir, &segment_name(0))?;
        Ok(Self {
            dir: dir.to_owned(),
            file,
            path,
            segment: 0,
            puts: 0,
            end: START,
            slots: BTreeMap::new(),
        })
    }

    /// Appends a record.
    pub(in super::super) fn put(&mut self, key: &str, value: &[u8]) -> Result<(), CacheError> {
        let too_large = || CacheError::TooLarge {
            key: key.to_owned(),
        };
        let key_len = u16::try_from(key.len()).map_err(|_| too_large())?;
        let value_len = u32::try_from(value.len()).map_err(|_| too_large())?;
        if value.len() > MAX_VALUE {
            return Err(too_large());
        }
        if self.slots.contains_key(key.as_bytes()) {
            return Err(CacheError::Twice {
                key: key.to_owned(),
            });
        }
        let mut slot = Slot {
            hash: murmur3(key.as_bytes(), SEED),
            segment: self.segment,
            key_len,
            value_len,
            offset: self.end,
        };
        let end = |slot: Slot| u64::from(slot.offset) + slot.record_len();
        if u32::try_from(end(slot)).is_err() {
            self.next_segment()?;
            slot.segment = self.segment;
            slot.offset = self.end;
        }
        let lengths = lengths(slot);
        let crc = checksum(&[&lengths, key.as_bytes(), value]);
        for part in [&lengths[..], key.as_bytes(), value, &crc.to_le_bytes()] {
            self.file.write_all(part).map_err(at("write", &self.path))?;
        }
        self.end = u32::try_from(end(slot)).map_err(|_| too_large())?;
        self.puts += 1;
        self.slots.insert(key.as_bytes().to_vec(), slot);
        Ok(())
    }

    /// Writes the index and all meta data.
    pub(in super::super) fn finish(mut self) -> Result<(), CacheError> {
        self.close_segment(false)?;
        let growth = Growth::for_keys(self.slots.len());
        let (main, overflow) = buckets(growth, self.slots.values().copied());
        let keys = u64::try_from(self.slots.len()).unwrap_or(u64::MAX);
        let count = growth.buckets().unwrap_or(1);
        let meta = gob::index(growth.level, keys, count, growth.split);
        for (name, bytes) in [
            (MAIN, main),
            (OVERFLOW, overflow),
            (INDEX_META, meta),
            (SEED_META, gob::seed(SEED)),
        ] {
            write_file(&self.dir, name, &bytes)?;
        }
        Ok(())
    }

    /// Closes the segment and goes on in a new one.
    fn next_segment(&mut self) -> Result<(), CacheError> {
        self.close_segment(true)?;
        self.segment += 1;
        (self.path, self.file) = create(&self.dir, &segment_name(self.segment))?;
        self.puts = 0;
        self.end = START;
        Ok(())
    }

    fn close_segment(&mut self, full: bool) -> Result<(), CacheError> {
        self.file.flush().map_err(at("write", &self.path))?;
        let name = format!("{}.pmt", segment_name(self.segment));
        write_file(&self.dir, &name, &gob::segment(full, self.puts))
    }
}

/// Where the first record of a segment stands.
const START: u32 = 512;

/// Places slots into buckets: the contents of the main file and of the overflow file.
fn buckets(growth: Growth, slots: impl Iterator<Item = Slot>) -> (Vec<u8>, Vec<u8>) {
    let count = usize::try_from(growth.buckets().unwrap_or(1)).unwrap_or(1);
    let mut chains = vec![Vec::new(); count];
    for slot in slots {
        if let Some(chain) = usize::try_from(growth.bucket(slot.hash))
            .ok()
            .and_then(|bucket| chains.get_mut(bucket))
        {
            chain.push(slot);
        }
    }
    let (mut main, mut overflow) = (Vec::with_capacity(count * HEADER), Vec::new());
    for chain in chains {
        main.extend(bucket(&chain, &mut overflow));
    }
    (main, overflow)
}

/// One bucket; the slots it has no room for go to buckets in the overflow file.
fn bucket(chain: &[Slot], overflow: &mut Vec<u8>) -> [u8; HEADER] {
    let mut parts = chain.chunks(SLOTS);
    let first = parts.next().unwrap_or_default();
    // The overflow buckets of a chain follow each other, so each one's place is known when the one before is written.
    let mut next = HEADER + overflow.len();
    let head = filled(first, next, parts.len() > 0);
    while let Some(part) = parts.next() {
        next += HEADER;
        overflow.extend_from_slice(&filled(part, next, parts.len() > 0));
    }
    head
}

fn filled(slots: &[Slot], next: usize, goes_on: bool) -> [u8; HEADER] {
    let mut bytes = [0; HEADER];
    for (place, slot) in bytes.chunks_exact_mut(SLOT).zip(slots) {
        place.copy_from_slice(&slot.to_bytes());
    }
    if goes_on {
        let link = u64::try_from(next).unwrap_or(0).to_le_bytes();
        bytes[NEXT_AT..NEXT_AT + 8].copy_from_slice(&link);
    }
    bytes
}

/// Creates a file that the server's group may write, and writes the header.
fn create(dir: &Path, name: &str) -> Result<(PathBuf, BufWriter<File>), CacheError> {
    let path = dir.join(name);
    let opened = OpenOptions::new().write(true).create_new(true).open(&path);
    let file = opened.map_err(at("create", &path))?;
    file.set_permissions(fs::Permissions::from_mode(0o660))
        .map_err(at("set the permissions of", &path))?;
    let mut file = BufWriter::with_capacity(1 << 18, file);
    file.write_all(&header()).map_err(at("write", &path))?;
    Ok((path, file))
}

fn write_file(dir: &Path, name: &str, bytes: &[u8]) -> Result<(), CacheError> {
    let (path, mut file) = create(dir, name)?;
    file.write_all(bytes)
        .and_then(|()| file.flush())
        .map_err(at("write", &path))
}
