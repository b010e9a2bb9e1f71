//! The files of a database, wherever they are.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::{Path, PathBuf};

use super::super::{CacheError, Extent, at};
use super::layout::{
    HEADER, INDEX_META, LOCK, MAGIC, MAIN, OVERFLOW, SEED_META, segment_name, segment_number,
};
use super::segment::{Counts, Segment};
use super::{check_is_file, damaged, gob};

/// Files of meta data end far below this size.
pub(super) const MAX_META_BYTES: u64 = 1 << 20;

/// The files of a database by name: those in a directory, or parts of archives.
#[derive(Debug)]
pub(in super::super) struct Files {
    /// What errors call the place they are in.
    dir: PathBuf,
    files: BTreeMap<String, Extent>,
}

impl Files {
    /// Files that are open already; `dir` is what errors say before their names.
    pub(in super::super) fn new(dir: PathBuf, files: BTreeMap<String, Extent>) -> Self {
        Self { dir, files }
    }

    /// Opens all files in a directory that make up a database. Nothing but their sizes is read.
    pub(super) fn open(dir: &Path) -> Result<Self, CacheError> {
        Self::open_those(dir, |name| {
            segment_number(name).is_some()
                || [INDEX_META, LOCK, MAIN, OVERFLOW, SEED_META].contains(&name)
        })
    }

    /// Opens the segments in a directory, whatever its other files are like.
    pub(super) fn open_segments(dir: &Path) -> Result<Self, CacheError> {
        Self::open_those(dir, |name| segment_number(name).is_some())
    }

    fn open_those(dir: &Path, wanted: impl Fn(&str) -> bool) -> Result<Self, CacheError> {
        let mut files = BTreeMap::new();
        for entry in fs::read_dir(dir).map_err(at("read", dir))? {
            let path = entry.map_err(at("read", dir))?.path();
            let name = path.file_name().and_then(|name| name.to_str());
            let Some(name) = name.filter(|name| wanted(name)) else {
                continue;
            };
            check_is_file(&path)?;
            let file = File::open(&path).map_err(at("open", &path))?;
            let extent = Extent::whole(file).map_err(at("read", &path))?;
            files.insert(name.to_owned(), extent);
        }
        Ok(Self::new(dir.to_owned(), files))
    }

    pub(super) fn dir(&self) -> &Path {
        &self.dir
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.dir.join(name)
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.files.contains_key(name)
    }

    /// What follows the header of a file that ends below so many bytes.
    pub(super) fn body(&self, name: &str, limit: u64) -> Result<Vec<u8>, CacheError> {
        let path = self.path(name);
        let Some(extent) = self.files.get(name) else {
            return Err(damaged(&path, "it is not there"));
        };
        if extent.size > limit {
            return Err(damaged(&path, "it is too large"));
        }
        let mut bytes = extent.read().map_err(at("read", &path))?;
        if bytes.len() < HEADER || !bytes.starts_with(&MAGIC) {
            return Err(damaged(&path, "it has no header"));
        }
        bytes.drain(..HEADER);
        Ok(bytes)
    }

    /// The fields of a file of meta data.
    pub(super) fn meta(&self, name: &str) -> Result<BTreeMap<String, u64>, CacheError> {
        gob::decode(&self.body(name, MAX_META_BYTES)?)
            .ok_or_else(|| damaged(&self.path(name), "the meta data are not readable"))
    }

    /// The segments by number; their counts are zero.
    pub(super) fn segments(&self) -> Result<BTreeMap<u16, Segment>, CacheError> {
        let mut segments = BTreeMap::new();
        for (name, extent) in &self.files {
            let Some((number, sequence)) = segment_number(name) else {
                continue;
            };
            let segment = Segment {
                extent: extent.clone(),
                path: self.path(name),
                sequence,
                counts: Counts::default(),
            };
            if let Some(twin) = segments.insert(number, segment) {
                return Err(damaged(&twin.path, "another segment has its number"));
            }
        }
        Ok(segments)
    }

    /// How many records a segment has, and how many of them delete, as its meta data count them. A server goes on without
    /// these, so they may be missing; then nothing is known.
    pub(super) fn records(&self, number: u16, sequence: u64) -> Result<(u64, u64), CacheError> {
        let name = format!("{}.pmt", segment_name(number, sequence));
        if !self.has(&name) {
            return Ok((0, 0));
        }
        let meta = self.meta(&name)?;
        let field = |name: &str| meta.get(name).copied().unwrap_or(0);
        Ok((field("PutRecords"), field("DeleteRecords")))
    }
}
