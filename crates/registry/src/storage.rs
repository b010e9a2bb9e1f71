//! Images on disk. Everything here blocks; the callers move it off the runtime.
//!
//! Files become visible only by a rename of what is already whole and synced, so a crash leaves either the former
//! state or the new one. See the crate's documentation for the layout.

mod blobs;
mod files;
mod lists;
mod manifests;
mod uploads;

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use uuid::Uuid;

pub(crate) use manifests::{Pushed, Stored};
pub(crate) use uploads::Upload;

use crate::config::Config;
use crate::digest::Digest;
use crate::error::Error;
use crate::name::{RepositoryName, Tag};

/// The directory of one registry.
#[derive(Debug)]
pub(crate) struct Storage {
    root: PathBuf,
    fsync: bool,
    /// Held while links and tags are checked and changed, so that a manifest is never accepted while what it refers to
    /// is being deleted.
    links: Mutex<()>,
}

/// Keeps other processes out of the directory for as long as it lives.
#[derive(Debug)]
pub(crate) struct RootLock(
    #[expect(dead_code, reason = "the lock ends when the file is closed")] File,
);

impl Storage {
    /// Opens or creates the directory, takes it into possession, and clears away what a crash left.
    pub(crate) fn open(config: &Config) -> Result<(Self, RootLock), Error> {
        let failed = |source| Error::Storage {
            root: config.root.clone(),
            source,
        };
        let storage = Self {
            root: config.root.clone(),
            fsync: config.fsync,
            links: Mutex::new(()),
        };
        storage.create_layout().map_err(failed)?;
        let lock = File::create(storage.root.join("lock")).map_err(failed)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(fs::TryLockError::WouldBlock) => {
                return Err(Error::InUse {
                    root: config.root.clone(),
                });
            }
            Err(fs::TryLockError::Error(source)) => return Err(failed(source)),
        }
        storage.clear_temporary().map_err(failed)?;
        storage
            .remove_stale_uploads(config.stale_upload_age)
            .map_err(failed)?;
        Ok((storage, RootLock(lock)))
    }

    fn create_layout(&self) -> io::Result<()> {
        for directory in ["blobs/sha256", "repositories", "uploads", "tmp"] {
            fs::create_dir_all(self.root.join(directory))?;
        }
        Ok(())
    }

    fn clear_temporary(&self) -> io::Result<()> {
        for entry in fs::read_dir(self.root.join("tmp"))? {
            fs::remove_file(entry?.path())?;
        }
        Ok(())
    }

    fn lock_links(&self) -> MutexGuard<'_, ()> {
        self.links.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn temporary(&self) -> PathBuf {
        self.root.join("tmp").join(Uuid::new_v4().to_string())
    }

    fn blob_path(&self, digest: Digest) -> PathBuf {
        self.root.join("blobs/sha256").join(digest.hex())
    }

    fn repository(&self, repository: &RepositoryName) -> PathBuf {
        self.root.join("repositories").join(repository.as_str())
    }

    fn blob_link(&self, repository: &RepositoryName, digest: Digest) -> PathBuf {
        self.repository(repository)
            .join("_blobs/sha256")
            .join(digest.hex())
    }

    fn manifest_link(&self, repository: &RepositoryName, digest: Digest) -> PathBuf {
        self.repository(repository)
            .join("_manifests/sha256")
            .join(digest.hex())
    }

    fn tags(&self, repository: &RepositoryName) -> PathBuf {
        self.repository(repository).join("_tags")
    }

    fn tag(&self, repository: &RepositoryName, tag: &Tag) -> PathBuf {
        self.tags(repository).join(tag.as_str())
    }

    fn upload(&self, id: Uuid) -> PathBuf {
        self.root.join("uploads").join(id.to_string())
    }
}

/// `None` when the file is not there.
fn if_found<T>(outcome: io::Result<T>) -> io::Result<Option<T>> {
    match outcome {
        Ok(value) => Ok(Some(value)),
        // A name that is a file elsewhere in the tree gives the second kind.
        Err(e)
            if matches!(
                e.kind(),
                io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
            ) =>
        {
            Ok(None)
        }
        Err(e) => Err(e),
    }
}

/// The names in a directory, sorted; none when it is not there.
fn names_in(directory: &Path) -> io::Result<Vec<String>> {
    let Some(entries) = if_found(fs::read_dir(directory))? else {
        return Ok(Vec::new());
    };
    let mut names = Vec::new();
    for entry in entries {
        // Names that are not text are none of ours.
        names.extend(entry?.file_name().into_string());
    }
    names.sort_unstable();
    Ok(names)
}
