//! What is in the cache, and what has to go. Blocking.

use std::fs;
use std::io;
use std::path::Path;
use std::time::SystemTime;

use super::error::CacheError;
use super::places::{Places, archive_of, at, digest_of};
use super::{layers, small_blobs};
use crate::digest::{Algorithm, Digest};

/// What a file takes on the disk is a multiple of this, on most file systems.
const BLOCK_BYTES: u64 = 4096;

/// Something that the cache holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CachedItem {
    /// What it is.
    pub kind: CachedKind,
    /// Its digest; of a layer, that of the compressed blob.
    pub digest: Digest,
    /// What it takes on the disk, in whole blocks; of a layer, with its notes.
    pub bytes: u64,
    /// When it was used last, to the minute, by the clock of the file system.
    pub last_used: SystemTime,
}

/// What an item of the cache is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum CachedKind {
    /// A manifest, an image config or another small blob.
    Blob,
    /// An opened layer with its notes.
    Layer,
}

/// What pruning did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pruned {
    /// How many items were removed.
    pub removed: usize,
    /// What they took on the disk.
    pub removed_bytes: u64,
    /// How many items are left.
    pub kept: usize,
    /// What they take on the disk. More than the limit when what is left is in use.
    pub kept_bytes: u64,
}

/// What a file of `length` bytes takes on the disk.
pub(super) fn on_disk(length: u64) -> u64 {
    length
        .checked_next_multiple_of(BLOCK_BYTES)
        .unwrap_or(length)
}

/// Everything in the cache, last used first.
pub(super) fn take_stock(places: &Places) -> Result<Vec<CachedItem>, CacheError> {
    let mut items = Vec::new();
    for algorithm in [Algorithm::Sha256, Algorithm::Sha512] {
        let directory = places.blobs(algorithm);
        for_each(&directory, |digest, path| {
            let found = path.metadata()?;
            items.push(CachedItem {
                kind: CachedKind::Blob,
                digest,
                bytes: on_disk(found.len()),
                last_used: found.modified()?,
            });
            Ok(())
        })?;
    }
    for_each(&places.layers(), |digest, path| {
        let mut bytes = 0;
        for file in fs::read_dir(path)? {
            bytes += on_disk(file?.metadata()?.len());
        }
        // Without its archive it is no layer, but it takes its place on the disk.
        let used = archive_of(path).metadata().or_else(|_| path.metadata())?;
        items.push(CachedItem {
            kind: CachedKind::Layer,
            digest,
            bytes,
            last_used: used.modified()?,
        });
        Ok(())
    })?;
    let newest_first = |item: &CachedItem| (std::cmp::Reverse(item.last_used), item.digest.clone());
    items.sort_by_cached_key(newest_first);
    Ok(items)
}

/// Calls `look` for everything in `directory` that is called by a digest. What vanishes meanwhile is left out.
fn for_each(
    directory: &Path,
    mut look: impl FnMut(Digest, &Path) -> io::Result<()>,
) -> Result<(), CacheError> {
    let names = match fs::read_dir(directory) {
        Ok(names) => names,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(at(directory)(error)),
    };
    for name in names {
        let name = name.map_err(at(directory))?;
        let Some(digest) = name.file_name().to_str().and_then(digest_of) else {
            continue;
        };
        match look(digest, &name.path()) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(at(&name.path())(error));
            }
            Ok(()) | Err(_) => {}
        }
    }
    Ok(())
}

/// Removes what was not used for longest until at most `limit_bytes` are left, and never a layer that `is_in_use`.
pub(super) fn evict(
    places: &Places,
    limit_bytes: u64,
    is_in_use: impl Fn(&Digest) -> bool,
) -> Result<Pruned, CacheError> {
    let items = take_stock(places)?;
    let mut pruned = Pruned {
        kept: items.len(),
        kept_bytes: items.iter().map(|item| item.bytes).sum(),
        ..Pruned::default()
    };
    for item in items.iter().rev() {
        if pruned.kept_bytes <= limit_bytes {
            break;
        }
        let removed = match item.kind {
            CachedKind::Layer if is_in_use(&item.digest) => continue,
            CachedKind::Layer => layers::remove(&places.layer(&item.digest)),
            CachedKind::Blob => small_blobs::remove(places, &item.digest),
        };
        if let Err(error) = removed {
            tracing::warn!(%error, digest = %item.digest, "an item could not be removed from the blob cache");
            continue;
        }
        tracing::debug!(digest = %item.digest, bytes = item.bytes, "evicted from the blob cache");
        pruned.kept -= 1;
        pruned.kept_bytes -= item.bytes;
        pruned.removed += 1;
        pruned.removed_bytes += item.bytes;
    }
    Ok(pruned)
}
