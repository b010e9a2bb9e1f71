//! Errors made of what `SQLite` says, and told apart by what a caller can do.

use std::path::Path;

use super::Error;

impl Error {
    /// The database could not be opened or made.
    pub(crate) fn open(path: &Path, source: rusqlite::Error) -> Self {
        if is_disk_full(&source) {
            return Self::DiskFull {
                path: path.to_owned(),
                action: "opening",
            };
        }
        Self::Open {
            path: path.to_owned(),
            source,
        }
    }

    /// The error, naming the file when its disk is what failed.
    pub(crate) fn in_file(self, path: &Path) -> Self {
        match self {
            Self::Sqlite { action, source } if is_disk_full(&source) => Self::DiskFull {
                path: path.to_owned(),
                action,
            },
            other => other,
        }
    }

    /// Makes one error of all that is wrong; the same message is kept once.
    pub(crate) fn all(errors: Vec<Error>) -> Result<(), Error> {
        let mut kept: Vec<Error> = Vec::new();
        for error in errors {
            let text = error.to_string();
            if kept.iter().all(|other| other.to_string() != text) {
                kept.push(error);
            }
        }
        if kept.len() > 1 {
            return Err(Self::Several(kept));
        }
        kept.pop().map_or(Ok(()), Err)
    }

    /// Whether trying again later could help: another process holds the database.
    pub fn is_transient(&self) -> bool {
        let (Self::Sqlite { source, .. } | Self::Open { source, .. }) = self else {
            return false;
        };
        matches!(
            source.sqlite_error_code(),
            Some(rusqlite::ErrorCode::DatabaseBusy | rusqlite::ErrorCode::DatabaseLocked)
        )
    }

    /// The single things that are wrong.
    pub fn each(&self) -> &[Error] {
        match self {
            Self::Several(errors) => errors,
            single => std::slice::from_ref(single),
        }
    }
}

fn is_disk_full(error: &rusqlite::Error) -> bool {
    error.sqlite_error_code() == Some(rusqlite::ErrorCode::DiskFull)
}

/// Says what was being done when `SQLite` failed.
pub(crate) trait Doing<T> {
    fn doing(self, action: &'static str) -> Result<T, Error>;
}

impl<T> Doing<T> for rusqlite::Result<T> {
    fn doing(self, action: &'static str) -> Result<T, Error> {
        self.map_err(|source| Error::Sqlite { action, source })
    }
}
