//! The index of an opened layer: a line with its version and digest, then JSON. Blocking.

use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::digest::{DiffId, Digest};
use crate::image_files::{LayerEntry, Measures};
use crate::size;

/// What the first line begins with.
const MAGIC: &str = "oci-layer-index";
/// Grows with every change of what follows; readers take other versions as absent.
const VERSION: u32 = 1;
/// Far more than the names that [`crate::Limits`] allow.
const MAX_BYTES: u64 = 1024 * 1024 * 1024;

/// What is known of an opened layer beside its archive.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct LayerIndex {
    /// The size of the compressed blob in bytes.
    pub(super) blob_bytes: u64,
    /// The digest of the archive.
    pub(super) diff_id: DiffId,
    /// The size of the archive in bytes.
    pub(super) archive_bytes: u64,
    /// How much there is in it.
    pub(super) measures: Measures,
    /// Sorted by path.
    pub(super) entries: Vec<LayerEntry>,
}

/// Why there is no index.
#[derive(Debug)]
pub(super) enum NoIndex {
    /// There is none.
    Absent,
    /// It was written by another release.
    OtherVersion,
    /// It was written by this release, and is not what it was.
    Damaged,
    /// It cannot be read.
    Io(io::Error),
}

impl LayerIndex {
    /// Writes it to the new file `path` and returns the file's size in bytes.
    pub(super) fn write(&self, path: &Path) -> io::Result<u64> {
        let body = serde_json::to_vec(self)?;
        let head = format!("{MAGIC} {VERSION} {}\n", Digest::of(&body));
        let mut file = File::create_new(path)?;
        file.write_all(head.as_bytes())?;
        file.write_all(&body)?;
        Ok(size::of(head.len()) + size::of(body.len()))
    }

    /// Reads it from the file `path`.
    pub(super) fn read(path: &Path) -> Result<Self, NoIndex> {
        let file = File::open(path).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => NoIndex::Absent,
            _ => NoIndex::Io(error),
        })?;
        let mut bytes = Vec::new();
        file.take(MAX_BYTES)
            .read_to_end(&mut bytes)
            .map_err(NoIndex::Io)?;
        let end = bytes.iter().position(|byte| *byte == b'\n');
        let (head, body) = bytes.split_at(end.ok_or(NoIndex::Damaged)?);
        let head = std::str::from_utf8(head).map_err(|_| NoIndex::Damaged)?;
        let mut words = head.split(' ');
        if words.next() != Some(MAGIC) {
            return Err(NoIndex::Damaged);
        }
        if words.next() != Some(&VERSION.to_string()) {
            return Err(NoIndex::OtherVersion);
        }
        let body = &body[1..];
        if words.next() != Some(&Digest::of(body).to_string()) {
            return Err(NoIndex::Damaged);
        }
        serde_json::from_slice(body).map_err(|_| NoIndex::Damaged)
    }
}
