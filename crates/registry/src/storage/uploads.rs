//! Uploads: bytes on their way in, hashed while they are written.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::path::PathBuf;
use std::time::Duration;

use bytes::Bytes;
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use super::{Storage, if_found};
use crate::digest::Digest;
use crate::name::RepositoryName;

/// An unfinished upload: a directory with the bytes so far and the name of the repository.
#[derive(Debug)]
pub(crate) struct Upload {
    id: Uuid,
    repository: RepositoryName,
    data: PathBuf,
    size: u64,
    hasher: Sha256,
    /// Finished or cancelled; whoever waited for it must be told that it is unknown.
    over: bool,
}

impl Upload {
    pub(crate) fn id(&self) -> Uuid {
        self.id
    }

    /// Bytes received and written.
    pub(crate) fn size(&self) -> u64 {
        self.size
    }

    pub(crate) fn is_for(&self, repository: &RepositoryName) -> bool {
        !self.over && self.repository == *repository
    }

    /// Appends to the file and to the digest.
    pub(crate) fn append(&mut self, chunks: &[Bytes]) -> io::Result<()> {
        let mut file = OpenOptions::new().append(true).open(&self.data)?;
        for chunk in chunks {
            if let Err(e) = file.write_all(chunk) {
                // A part may have been written; without it the file still agrees with size and digest.
                file.set_len(self.size)?;
                return Err(e);
            }
            self.hasher.update(chunk);
            self.size = self.size.saturating_add(crate::reply::size(chunk.len()));
        }
        Ok(())
    }
}

impl Storage {
    pub(crate) fn create_upload(&self, repository: &RepositoryName) -> io::Result<Upload> {
        let id = Uuid::new_v4();
        let directory = self.upload(id);
        fs::create_dir(&directory)?;
        let data = directory.join("data");
        File::create_new(&data)?;
        fs::write(directory.join("repository"), repository.as_str())?;
        Ok(Upload {
            id,
            repository: repository.clone(),
            data,
            size: 0,
            hasher: Sha256::new(),
            over: false,
        })
    }

    /// Takes up an upload that a former process began; reads all of it once to hash it.
    pub(crate) fn reopen_upload(&self, id: Uuid) -> io::Result<Option<Upload>> {
        let directory = self.upload(id);
        let Some(name) = if_found(fs::read_to_string(directory.join("repository")))? else {
            return Ok(None);
        };
        // A name cut short by a crash belongs to an upload nobody was told about.
        let Ok(repository) = name.parse() else {
            return Ok(None);
        };
        let data = directory.join("data");
        let Some(mut file) = if_found(File::open(&data))? else {
            return Ok(None);
        };
        let mut hasher = Sha256::new();
        let mut size = 0_u64;
        let mut buffer = vec![0; 1 << 20];
        loop {
            let read = file.read(&mut buffer)?;
            if read == 0 {
                break;
            }
            hasher.update(&buffer[..read]);
            size = size.saturating_add(crate::reply::size(read));
        }
        Ok(Some(Upload {
            id,
            repository,
            data,
            size,
            hasher,
            over: false,
        }))
    }

    /// Turns the upload into a blob of its repository. Gives the digest of what came, and stores nothing when that is not
    /// `expected`; the upload is over either way, for its bytes cannot be mended.
    pub(crate) fn finish_upload(
        &self,
        upload: &mut Upload,
        expected: Digest,
    ) -> io::Result<Digest> {
        let actual = Digest::so_far(&upload.hasher);
        if actual == expected {
            self.sync(&File::open(&upload.data)?)?;
            self.move_into_place(&upload.data, &self.blob_path(actual))?;
            self.write(&self.blob_link(&upload.repository, actual), b"")?;
        }
        self.drop_upload(upload)?;
        Ok(actual)
    }

    /// Ends an upload and removes its bytes.
    pub(crate) fn drop_upload(&self, upload: &mut Upload) -> io::Result<()> {
        upload.over = true;
        if_found(fs::remove_dir_all(self.upload(upload.id))).map(|_| ())
    }

    pub(super) fn remove_stale_uploads(&self, age: Duration) -> io::Result<()> {
        for entry in fs::read_dir(self.root.join("uploads"))? {
            let directory = entry?.path();
            let touched = match if_found(fs::metadata(directory.join("data")))? {
                Some(data) => data.modified()?,
                None => fs::metadata(&directory)?.modified()?,
            };
            // A time in the future is a clock set back: not stale.
            if touched.elapsed().is_ok_and(|elapsed| elapsed >= age) {
                fs::remove_dir_all(&directory)?;
            }
        }
        Ok(())
    }
}
