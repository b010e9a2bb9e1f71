//! What processes left that ended while they wrote. Blocking.

use std::fs::{self, File, TryLockError};
use std::io;
use std::path::Path;
use std::time::{Duration, SystemTime};

use super::layers::OUTGOING;
use super::places::{Places, archive_of, digest_of};
use crate::layout::blobs::INCOMING;

/// What was written to within this time is left alone, locked or not.
const MIN_AGE: Duration = Duration::from_hours(1);

/// Removes temporary files that nobody writes any more. What cannot be removed stays.
pub(super) fn clear(places: &Places) {
    let cleared = || {
        let now = places.now()?;
        for_each(places.root(), |name, path| {
            if name.starts_with(INCOMING) && is_left(path, now)? {
                fs::remove_file(path)?;
            }
            Ok(())
        })?;
        for_each(&places.layers(), |name, path| {
            let is_left = name.starts_with(OUTGOING)
                || (name.starts_with(INCOMING) && is_layer_left(path, now)?);
            if is_left {
                fs::remove_dir_all(path)?;
            }
            Ok(())
        })?;
        for_each(&places.media_types(), |name, path| {
            // Written before the manifest, and removed after it.
            let manifest = digest_of(name).map(|digest| places.blob(&digest));
            if manifest.is_some_and(|manifest| !manifest.exists()) && is_old(path, now)? {
                fs::remove_file(path)?;
            }
            Ok(())
        })
    };
    let cleared: io::Result<()> = cleared();
    if let Err(error) = cleared {
        tracing::debug!(%error, "what others left in the blob cache could not be looked at");
    }
}

fn for_each(
    directory: &Path,
    mut look: impl FnMut(&str, &Path) -> io::Result<()>,
) -> io::Result<()> {
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        let name = entry.file_name();
        if let Err(error) = look(&name.to_string_lossy(), &entry.path()) {
            // Others clear as well, and some files may belong to other users.
            tracing::debug!(%error, path = %entry.path().display(), "a temporary file of the blob cache was not removed");
        }
    }
    Ok(())
}

fn is_layer_left(directory: &Path, now: SystemTime) -> io::Result<bool> {
    let archive = archive_of(directory);
    match is_left(&archive, now) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => is_old(directory, now),
        is_left => is_left,
    }
}

/// Whether nobody writes the file any more.
fn is_left(path: &Path, now: SystemTime) -> io::Result<bool> {
    if !is_old(path, now)? {
        return Ok(false);
    }
    match File::open(path)?.try_lock() {
        Err(TryLockError::WouldBlock) => Ok(false),
        // Where there are no locks, its age has to do.
        Ok(()) | Err(TryLockError::Error(_)) => Ok(true),
    }
}

fn is_old(path: &Path, now: SystemTime) -> io::Result<bool> {
    let changed = path.metadata()?.modified()?;
    Ok(now.duration_since(changed).is_ok_and(|age| age >= MIN_AGE))
}
