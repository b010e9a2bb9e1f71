//! What can go wrong with files.

use std::path::PathBuf;

use crate::Kind;

/// Why a file could not be read, written or uploaded.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The disk refuses.
    #[error("the file `{}` could not be {action}; check the directory's permissions and free space", path.display())]
    Local {
        /// What was tried, such as `read`.
        action: &'static str,
        /// The file or directory.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// Nobody said where files of this kind are written.
    #[error("no directory is configured for files of the kind {0:?}")]
    NoDirectory(Kind),
    /// The bucket cannot be used as it is configured.
    #[error(
        "the bucket `{bucket}` cannot be used as it is configured; check endpoint, region and credentials"
    )]
    Setup {
        /// Its name.
        bucket: String,
        /// Why.
        #[source]
        source: Box<object_store::Error>,
    },
    /// The bucket does not do what it is asked for.
    #[error(
        "`{key}` in the bucket `{bucket}` could not be {action}; check that the storage is reachable and the credentials allow it"
    )]
    Bucket {
        /// What was tried, such as `uploaded`.
        action: &'static str,
        /// Its name.
        bucket: String,
        /// The key or its prefix.
        key: String,
        /// Why.
        #[source]
        source: Box<object_store::Error>,
    },
    /// The bucket does not answer.
    #[error(
        "`{key}` in the bucket `{bucket}` could not be {action} in time; check that the storage is reachable"
    )]
    TimedOut {
        /// What was tried, such as `uploaded`.
        action: &'static str,
        /// Its name.
        bucket: String,
        /// The key.
        key: String,
    },
}

impl Error {
    pub(crate) fn local(
        action: &'static str,
        path: impl Into<PathBuf>,
    ) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.into();
        move |source| Self::Local {
            action,
            path,
            source,
        }
    }
}
