//! How much of an image is looked at before it is refused.

use std::sync::atomic::{AtomicU64, Ordering};

use super::error::LimitKind;

const MIB: u64 = 1024 * 1024;
const GIB: u64 = 1024 * MIB;

/// How much of an image is looked at before it is refused: hostile images cost bounded time and memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The largest single file that is read or extracted, in bytes.
    pub max_file_bytes: u64,
    /// The content kept for one image, in memory or as a tree on disk, in bytes, over all its layers.
    pub max_content_bytes: u64,
    /// The uncompressed size of one layer, in bytes.
    pub max_total_bytes: u64,
    /// The number of entries of all layers together. Their names may have 256 bytes each on average.
    pub max_entries: u64,
    /// The number of layers. Container engines stop at about 125.
    pub max_layers: usize,
}

impl Limits {
    /// For bundle images: 64 MiB of content, layers of at most 8 GiB (some are built upon a whole system).
    pub const fn bundle() -> Self {
        Self {
            max_file_bytes: 32 * MIB,
            max_content_bytes: 64 * MIB,
            max_total_bytes: 8 * GIB,
            max_entries: 500_000,
            max_layers: 128,
        }
    }

    /// For index images: layers and files of at most 16 GiB, 2 GiB of content in memory.
    pub const fn index() -> Self {
        Self {
            max_file_bytes: 16 * GIB,
            max_content_bytes: 2 * GIB,
            max_total_bytes: 16 * GIB,
            max_entries: 1_000_000,
            max_layers: 128,
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self::bundle()
    }
}

/// What is left of the limits that all layers of one image share.
#[derive(Debug)]
pub(super) struct Budget {
    content_bytes: AtomicU64,
    entries: AtomicU64,
    name_bytes: AtomicU64,
}

impl Budget {
    pub(super) fn new(limits: &Limits) -> Self {
        Self {
            content_bytes: AtomicU64::new(limits.max_content_bytes),
            entries: AtomicU64::new(limits.max_entries),
            name_bytes: AtomicU64::new(limits.max_entries.saturating_mul(256)),
        }
    }

    pub(super) fn take_content(&self, bytes: u64) -> Result<(), LimitKind> {
        take(&self.content_bytes, bytes, LimitKind::Content)
    }

    pub(super) fn take_entry(&self) -> Result<(), LimitKind> {
        take(&self.entries, 1, LimitKind::Entries)
    }

    /// How many more entries there may be.
    pub(super) fn entries_left(&self) -> u64 {
        self.entries.load(Ordering::Relaxed)
    }

    pub(super) fn take_names(&self, name_bytes: u64) -> Result<(), LimitKind> {
        take(&self.name_bytes, name_bytes, LimitKind::Names)
    }
}

fn take(left: &AtomicU64, amount: u64, kind: LimitKind) -> Result<(), LimitKind> {
    left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| {
        left.checked_sub(amount)
    })
    .map(drop)
    .map_err(|_| kind)
}
