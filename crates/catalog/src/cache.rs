//! The caches that `opm serve` starts from (file-based catalog specification, section 4).
//!
//! A server that reads its catalog anew takes long to start, so catalog images carry a cache beside it: the packages with
//! their upgrade graphs, and one record for every bundle in every channel. A digest over the catalog and the cache's
//! contents tells the server whether the two belong together. [`write`](fn@write) makes a cache, [`update`] brings one up to
//! date, [`check`] judges one. [`delta`] says what to lay over one that is in the layers of an image.
//!
//! Work goes through three threads and the pool: `contents` says what there is to do, `pipeline` has it done in the pool and
//! stored by a second thread, and the third, `hasher`, computes the digest. At no time are the records of more than a few
//! bundles in memory.

mod archive;
mod build;
mod contents;
mod csv;
mod error;
mod extent;
mod facts;
mod fnv;
mod hasher;
mod index;
mod json_files;
mod layered;
mod object;
mod pipeline;
mod pogreb;
mod protobuf;
mod record;
mod usage;

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::str::FromStr;

pub use build::{check, detect, records, update, write};
pub use error::CacheError;
pub use extent::Extent;
pub use layered::{CacheDelta, CacheFile, PackageChange, StoredCache, delta};
pub use usage::Usage;

use crate::Profile;

/// What cache is wanted.
#[derive(Debug, Clone, Copy, Default)]
pub struct Options {
    /// The format; `None` for that of the cache which is there, or else [`Format::Pogreb`].
    pub format: Option<Format>,
    /// Decides what is in the cache, and what else a valid catalog is.
    pub profile: Profile,
}

/// What was done to a cache.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// The digest of the cache.
    pub digest: String,
    /// How it came about.
    pub change: Change,
    /// Records that stayed where they were.
    pub kept: usize,
    /// Records that were written.
    pub written: usize,
    /// Records that were deleted.
    pub deleted: usize,
    /// Bytes that were written.
    pub bytes: u64,
}

/// How a cache came to belong to its catalog.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// It did already.
    Unchanged,
    /// Changed records were added to it.
    Updated,
    /// It was written anew.
    Rewritten,
}

impl Report {
    fn unchanged(digest: String) -> Self {
        Self {
            digest,
            change: Change::Unchanged,
            kept: 0,
            written: 0,
            deleted: 0,
            bytes: 0,
        }
    }
}

/// How a cache is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Format {
    /// `pogreb.v1`, a database; what the reference tool makes unless it finds the other.
    #[default]
    Pogreb,
    /// `json`, one file a record. Its digest covers the permissions of the catalog's files.
    Json,
}

impl fmt::Display for Format {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Pogreb => "pogreb.v1",
            Self::Json => "json",
        })
    }
}

impl FromStr for Format {
    type Err = CacheError;

    fn from_str(name: &str) -> Result<Self, CacheError> {
        match name {
            "pogreb.v1" => Ok(Self::Pogreb),
            "json" => Ok(Self::Json),
            other => Err(CacheError::UnknownFormat {
                name: other.to_owned(),
            }),
        }
    }
}

/// Whether a cache belongs to a catalog.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Integrity {
    /// It does: a server that enforces integrity starts from it.
    Current {
        /// The digest.
        digest: String,
    },
    /// It does not: catalog or cache were changed since it was written.
    Stale {
        /// The digest in the cache; empty where the writing of the cache was interrupted.
        recorded: String,
        /// The digest of what is there.
        computed: String,
    },
    /// There is no cache, or one without digest.
    Absent,
}

/// Turns an I/O failure into an error that names the file.
fn at<'a>(action: &'static str, path: &'a Path) -> impl FnOnce(io::Error) -> CacheError + 'a {
    move |source| CacheError::Io {
        action,
        path: PathBuf::from(path),
        source,
    }
}
