//! Blobs: bytes shared by all repositories, and who has them.

use std::fs::File;
use std::io;

use super::{Storage, if_found};
use crate::digest::Digest;
use crate::name::RepositoryName;

impl Storage {
    /// The blob and its size in bytes; `None` when the repository does not have it or its bytes are gone.
    pub(crate) fn open_blob(
        &self,
        repository: &RepositoryName,
        digest: Digest,
    ) -> io::Result<Option<(File, u64)>> {
        if !self.has_blob(repository, digest)? {
            return Ok(None);
        }
        let Some(file) = if_found(File::open(self.blob_path(digest)))? else {
            return Ok(None);
        };
        let size = file.metadata()?.len();
        Ok(Some((file, size)))
    }

    /// Gives `to` the blob of `from` without moving a byte; false when `from` does not have it.
    pub(crate) fn mount_blob(
        &self,
        from: &RepositoryName,
        to: &RepositoryName,
        digest: Digest,
    ) -> io::Result<bool> {
        let _links = self.lock_links();
        if !self.has_blob(from, digest)? {
            return Ok(false);
        }
        self.write(&self.blob_link(to, digest), b"")?;
        Ok(true)
    }

    /// Takes the blob from the repository; false when it did not have it.
    pub(crate) fn unlink_blob(
        &self,
        repository: &RepositoryName,
        digest: Digest,
    ) -> io::Result<bool> {
        let _links = self.lock_links();
        self.remove(&self.blob_link(repository, digest))
    }

    pub(super) fn has_blob(&self, repository: &RepositoryName, digest: Digest) -> io::Result<bool> {
        Ok(self.blob_link(repository, digest).try_exists()?
            && self.blob_path(digest).try_exists()?)
    }
}
