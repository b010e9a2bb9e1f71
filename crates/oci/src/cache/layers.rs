//! Opened layers on disk: written, found and removed. Blocking.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::Path;

use tempfile::TempDir;

use super::error::CacheError;
use super::layer_index::{LayerIndex, NoIndex};
use super::open_layer::OpenLayer;
use super::places::{Places, archive_of, at, index_of};
use crate::digest::Digest;
use crate::error::Error;
use crate::image_files::{ArchiveCopy, Limits, list_layer};
use crate::layout::blobs::INCOMING;
use crate::manifest::Descriptor;

/// What the names of directories begin with that are being removed.
pub(super) const OUTGOING: &str = ".outgoing-";

/// The layer, if it is there and seems sound. One that is not is removed.
pub(super) fn find(places: &Places, digest: &Digest) -> Option<OpenLayer> {
    let home = places.layer(digest);
    let problem = match LayerIndex::read(&index_of(&home)) {
        Ok(index) => match open_archive(&home, &index) {
            Ok(archive) => {
                places.touch(&archive);
                return Some(OpenLayer::new(digest.clone(), index, archive, home));
            }
            Err(problem) => problem,
        },
        Err(problem) => problem,
    };
    match problem {
        NoIndex::Absent if !home.exists() => return None,
        NoIndex::OtherVersion => {
            tracing::debug!(layer = %digest, "a cached layer was written by another release; it is fetched anew");
        }
        NoIndex::Absent | NoIndex::Damaged => {
            tracing::warn!(layer = %digest, "a cached layer is damaged; it is fetched anew");
        }
        NoIndex::Io(error) => {
            tracing::warn!(%error, layer = %digest, "a cached layer cannot be read; it is fetched anew");
            return None;
        }
    }
    if let Err(error) = remove(&home) {
        tracing::warn!(%error, layer = %digest, "a layer could not be removed from the blob cache");
    }
    None
}

fn open_archive(home: &Path, index: &LayerIndex) -> Result<File, NoIndex> {
    let archive = File::open(archive_of(home)).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => NoIndex::Absent,
        _ => NoIndex::Io(error),
    })?;
    let length = archive.metadata().map_err(NoIndex::Io)?.len();
    if length != index.archive_bytes {
        return Err(NoIndex::Damaged);
    }
    Ok(archive)
}

/// What was received, and how much of the disk it takes.
pub(super) struct Received {
    pub(super) layer: OpenLayer,
    pub(super) bytes: u64,
}

/// Writes the layer that comes compressed from `compressed`, which checks its size and digest at its end. It appears
/// when it is whole; when another process was faster, the other's stays.
pub(super) fn receive(
    places: &Places,
    compressed: impl Read,
    layer: &Descriptor,
    limits: &Limits,
    image: &str,
) -> Result<Received, Error> {
    let incoming = tempfile::Builder::new()
        .prefix(INCOMING)
        .tempdir_in(places.layers())
        .map_err(at(&places.layers()))?;
    let path = archive_of(incoming.path());
    let file = File::create_new(&path).map_err(at(&path))?;
    // Says that somebody still writes. Where there are no locks, the file's age alone protects it.
    drop(file.try_lock());
    let mut copy = ArchiveCopy::new(file, path.clone());
    let listing = list_layer(compressed, &mut copy, limits, image, &layer.digest)?;
    let copied = copy.finish().map_err(at(&path))?;
    let index = LayerIndex {
        blob_bytes: layer.size,
        diff_id: copied.diff_id,
        archive_bytes: copied.size_bytes,
        measures: listing.measures,
        entries: listing.entries,
    };
    let index_path = index_of(incoming.path());
    // No sync: what a lost write leaves of the index is told by its digest.
    let index_bytes = index.write(&index_path).map_err(at(&index_path))?;
    let archive = File::open(&path).map_err(at(&path))?;
    let home = places.layer(&layer.digest);
    publish(incoming, &home)?;
    Ok(Received {
        bytes: index_bytes.saturating_add(index.archive_bytes),
        layer: OpenLayer::new(layer.digest.clone(), index, archive, home),
    })
}

/// Moves a whole layer to its place, unless there is one.
fn publish(incoming: TempDir, home: &Path) -> Result<(), CacheError> {
    match fs::rename(incoming.path(), home) {
        Ok(()) => {
            // There is nothing left to delete under the temporary name.
            let _ = incoming.keep();
            Ok(())
        }
        Err(error)
            if matches!(
                error.kind(),
                io::ErrorKind::DirectoryNotEmpty | io::ErrorKind::AlreadyExists
            ) =>
        {
            Ok(())
        }
        Err(error) => Err(at(home)(error)),
    }
}

/// Removes the layer in the directory `home`; in one step, for those who look for it.
pub(super) fn remove(home: &Path) -> io::Result<()> {
    // A name that nobody else has; making a directory first would fail when the disk is full.
    let name = format!("{OUTGOING}{:016x}", rand::random::<u64>());
    let outgoing = home.with_file_name(name);
    match fs::rename(home, &outgoing) {
        Ok(()) => fs::remove_dir_all(&outgoing),
        // Somebody else was faster.
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
    }
}
