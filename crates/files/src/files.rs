//! The one place where files are found.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use futures::stream;

use crate::bucket::Bucket;
use crate::content::Content;
use crate::directories::{self, Directories};
use crate::error::Error;
use crate::kind::Kind;

/// The files of requests. Clones are the same.
#[derive(Clone, Debug, Default)]
pub struct Files(Arc<Places>);

#[derive(Debug, Default)]
struct Places {
    directories: Directories,
    bucket: Option<Bucket>,
}

impl Files {
    /// Files that are written to and read from `directories`, which must exist.
    pub fn in_directories(directories: Directories) -> Self {
        Self(Arc::new(Places {
            directories,
            bucket: None,
        }))
    }

    /// Files that are read from `bucket`. Workers write them to `directories`, which must exist, and upload them from there.
    pub fn in_bucket(directories: Directories, bucket: Bucket) -> Self {
        Self(Arc::new(Places {
            directories,
            bucket: Some(bucket),
        }))
    }

    /// The bucket that files are read from, where there is one.
    pub fn bucket(&self) -> Option<&Bucket> {
        self.0.bucket.as_ref()
    }

    /// Where this host writes files of `kind`.
    pub fn directory(&self, kind: Kind) -> Option<&Path> {
        self.0.directories.of(kind)
    }

    /// Whether files of `kind` can be read at all.
    pub fn keeps(&self, kind: Kind) -> bool {
        self.0.bucket.is_some() || self.directory(kind).is_some()
    }

    /// The file of the request `id`; none when there is none.
    ///
    /// A bucket that cannot be read counts as one without the file, as the contract has it; the log says why.
    ///
    /// # Errors
    /// [`Error::Local`] when there is a file that cannot be read.
    pub async fn open(&self, kind: Kind, id: i64) -> Result<Option<Content>, Error> {
        if let Some(bucket) = &self.0.bucket {
            return Ok(bucket.open(kind, id).await.unwrap_or_else(|error| {
                let cause = std::error::Error::source(&error).map(ToString::to_string);
                tracing::error!(request.id = id, %error, cause, "a file counts as not found");
                None
            }));
        }
        match self.0.directories.path(kind, id) {
            Some(path) => directories::open(&path).await,
            None => Ok(None),
        }
    }

    /// Writes the file of the request `id` as a whole, replacing an earlier one, to where readers look for it.
    ///
    /// # Errors
    /// Any [`Error`]; readers see the former file then.
    pub async fn write(&self, kind: Kind, id: i64, content: Bytes) -> Result<(), Error> {
        let path = self.written_to(kind, id)?;
        directories::write(&path, stream::iter([Ok(content)])).await?;
        self.deliver(kind, id).await
    }

    /// Brings the file of the request `id` to this host if it was begun on another one, so that it can be appended to.
    ///
    /// # Errors
    /// Any [`Error`]; there is nothing to append to then.
    pub async fn resume(&self, kind: Kind, id: i64) -> Result<(), Error> {
        let Some(bucket) = &self.0.bucket else {
            return Ok(());
        };
        let path = self.written_to(kind, id)?;
        let here = tokio::fs::try_exists(&path)
            .await
            .map_err(Error::local("read", &path))?;
        if here {
            return Ok(());
        }
        match bucket.open(kind, id).await? {
            Some(content) => directories::write(&path, content).await,
            None => Ok(()),
        }
    }

    /// Takes the local file of the request `id` to where readers look for it: into the bucket, if there is one.
    ///
    /// # Errors
    /// Any [`Error`]; readers see the former file then, and the local one stays.
    pub async fn deliver(&self, kind: Kind, id: i64) -> Result<(), Error> {
        match &self.0.bucket {
            Some(bucket) => bucket.upload(kind, id, &self.written_to(kind, id)?).await,
            None => Ok(()),
        }
    }

    /// Deletes the local copy of a file that was delivered into a bucket.
    ///
    /// # Errors
    /// [`Error::Local`].
    pub async fn forget_copy(&self, kind: Kind, id: i64) -> Result<(), Error> {
        match &self.0.bucket {
            Some(_) => directories::remove(&self.written_to(kind, id)?).await,
            None => Ok(()),
        }
    }

    fn written_to(&self, kind: Kind, id: i64) -> Result<PathBuf, Error> {
        self.0
            .directories
            .path(kind, id)
            .ok_or(Error::NoDirectory(kind))
    }
}
