//! A new version of a database that lies elsewhere: only the files that are new are made, in memory.

use std::path::Path;

use super::super::hasher::Job;
use super::super::pipeline::Sink;
use super::super::{CacheError, Usage};
use super::damaged;
use super::pass::{Home, Piece, Record, pass};
use super::read::Database;
use super::version::{NewFile, Tally, Target, Version};

/// What is to be added to a database, and put in the place of its small files.
#[derive(Debug)]
pub(in super::super) struct Addition(Version<Memory>);

/// Files are kept by those who asked for them.
#[derive(Debug)]
struct Memory;

/// A file that exists in memory alone.
#[derive(Debug)]
struct Made {
    name: String,
    content: Vec<u8>,
}

impl Addition {
    /// Begins a new version. The records that `wanted` names stay as they are, without a look at their values; all others
    /// are gone unless they are put again.
    ///
    /// # Errors
    /// [`CacheError::Damaged`] if the index is not what it should be, and [`CacheError::TooManySegments`] if there are so
    /// many that one more would slow servers down.
    pub(in super::super) fn over(
        database: Database,
        wanted: impl Fn(&[u8]) -> bool,
    ) -> Result<Self, CacheError> {
        let version = Version::new(database.dir(), Memory);
        let (segments, records) = database.into_records()?;
        let mut version = version.over(segments, records)?;
        version.keep(wanted);
        Ok(Self(version))
    }

    /// The value of a record that was there before, and is neither kept nor put again yet.
    ///
    /// # Errors
    /// [`CacheError::Damaged`] if there is none, if it is longer than `limit`, or if its checksum is wrong.
    pub(in super::super) fn value_before(
        &self,
        key: &str,
        limit: u32,
    ) -> Result<Vec<u8>, CacheError> {
        let broken = |reason| damaged(self.dir(), reason);
        let slot = self.0.before.get(key.as_bytes()).copied();
        let slot = slot.ok_or_else(|| broken("the package index is not there"))?;
        if slot.value_len > limit {
            return Err(broken("the package index is too large"));
        }
        let record = Record {
            key: key.as_bytes(),
            slot,
            home: Home::Stored(&self.0.old[&slot.segment]),
        };
        let mut value = Vec::new();
        pass(std::iter::once(record), |piece| {
            if let Piece::Value(bytes) = piece {
                value.extend_from_slice(bytes);
            }
        })?;
        Ok(value)
    }

    /// What errors call the database.
    pub(in super::super) fn dir(&self) -> &Path {
        &self.0.dir
    }

    /// What the segments hold.
    pub(in super::super) fn usage(&self) -> Usage {
        self.0.usage()
    }

    /// Makes all that is left to make.
    ///
    /// # Errors
    /// [`CacheError::TooManySegments`] if the numbers of segments are used up.
    pub(in super::super) fn seal(&mut self) -> Result<(), CacheError> {
        self.0.seal()
    }

    /// Hands over all records of the new version, keys in byte order, each followed by its value in pieces.
    ///
    /// # Errors
    /// [`CacheError::Damaged`] if the checksum of a record is wrong.
    pub(in super::super) fn verify(&self, each: impl FnMut(Piece<'_>)) -> Result<(), CacheError> {
        let records = self.0.slots.iter().map(|(key, slot)| {
            let home = match self.0.made(*slot) {
                Some(new) => Home::Made(&new.file.content),
                None => Home::Stored(&self.0.old[&slot.segment]),
            };
            Record {
                key,
                slot: *slot,
                home,
            }
        });
        pass(records, each)
    }

    /// The new files with their names, and what became of the records.
    pub(in super::super) fn into_files(self) -> (impl Iterator<Item = (String, Vec<u8>)>, Tally) {
        let Version {
            new, small, tally, ..
        } = self.0;
        let segments = new.into_iter().map(|unfinished| unfinished.file);
        let files = segments.chain(small);
        (files.map(|file| (file.name, file.content)), tally)
    }
}

impl Sink for Addition {
    type Early = fn(&str, &[&[u8]]) -> Result<(), CacheError>;

    /// Nothing: where a record goes is known once all before it are stored.
    fn early(&self) -> Self::Early {
        |_, _| Ok(())
    }

    fn put(&mut self, key: &str, value: &[&[u8]]) -> Result<(), CacheError> {
        self.0.put(key, value).map(|_| ())
    }

    /// Records that stay stand between those that are put; [`Addition::verify`] hands over all of them.
    fn end_group(&mut self) -> Result<Option<Job>, CacheError> {
        Ok(None)
    }
}

impl Target for Memory {
    type File = Made;

    fn create(&mut self, name: String) -> Result<Made, CacheError> {
        let content = Vec::new();
        Ok(Made { name, content })
    }
}

impl NewFile for Made {
    fn write(&mut self, part: &[u8]) -> Result<(), CacheError> {
        self.content.extend_from_slice(part);
        Ok(())
    }

    fn flush(&mut self) -> Result<(), CacheError> {
        Ok(())
    }
}
