//! What can go wrong, by what a caller can do about it.

use std::path::PathBuf;

use api::State;
use sea_orm::DbErr;

/// Why the store could not do what it was asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The database failed.
    #[error("{action} failed in the database; see whether it is reachable, writable and has room")]
    Database {
        /// What was being done.
        action: &'static str,
        /// What the database said.
        #[source]
        source: DbErr,
    },
    /// This kind of database is not supported.
    #[error(
        "a database of kind `{scheme}` is not supported; name a file, as in `sqlite:/var/lib/iib/iib.db`"
    )]
    DatabaseUnsupported {
        /// The scheme of its address.
        scheme: String,
    },
    /// The schema is older than this release.
    #[error(
        "the database lacks {pending} schema changes of this release; run `iib db migrate` first"
    )]
    SchemaOutdated {
        /// How many changes are missing.
        pending: usize,
    },
    /// The schema is newer than this release.
    #[error(
        "the database has schema change `{version}`, which this release does not know; run a release that knows it"
    )]
    SchemaTooNew {
        /// The first unknown change.
        version: String,
    },
    /// Another worker holds the job, or the lease has run out.
    #[error(
        "the lease on request `{request_id}` is lost; stop working on it, another worker takes over"
    )]
    LeaseLost {
        /// The request.
        request_id: i64,
    },
    /// The request has ended.
    #[error("request `{request_id}` is already {}; stop working on it", state.name())]
    Final {
        /// The request.
        request_id: i64,
        /// The state it stays in.
        state: State,
    },
    /// The request has ended, and was to be in another state. Workers of the replaced service know these texts.
    #[error("A {} request cannot change states", state.name())]
    StateIsFinal {
        /// The state it stays in.
        state: State,
    },
    /// There is no request of this number.
    #[error("there is no request `{request_id}`")]
    NoSuchRequest {
        /// The number.
        request_id: i64,
    },
    /// A job was to be finished with a state that is not final.
    #[error(
        "request `{request_id}` cannot be finished as in progress; finish it as complete or failed"
    )]
    NotFinal {
        /// The request.
        request_id: i64,
    },
    /// A filter names an image that no request ever mentioned.
    #[error("no image is known that `{filter}` could mean with `{reference}`; check the spelling")]
    UnknownImage {
        /// The name of the filter.
        filter: &'static str,
        /// Its value.
        reference: String,
    },
    /// The file with the sealing key is unusable.
    #[error("the sealing key file `{}` cannot be used: {problem}", path.display())]
    KeyFile {
        /// The file.
        path: PathBuf,
        /// What is wrong with it and what to do.
        problem: &'static str,
        /// What the system said, if it said anything.
        #[source]
        source: Option<std::io::Error>,
    },
    /// A secret could not be sealed or opened.
    #[error("a secret of request `{request_id}` cannot be {action}; was the sealing key replaced?")]
    Sealing {
        /// The request.
        request_id: i64,
        /// `sealed` or `opened`.
        action: &'static str,
    },
    /// A row holds what this release cannot read.
    #[error("request `{request_id}` cannot be read from the database: {problem}")]
    Unreadable {
        /// The request.
        request_id: i64,
        /// Which part, and why.
        problem: String,
    },
}

impl Error {
    /// Whether the same call may succeed later without anybody doing anything.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Database { source, .. } => {
                matches!(source, DbErr::ConnectionAcquire(_) | DbErr::Conn(_)) || is_busy(source)
            }
            Self::DatabaseUnsupported { .. }
            | Self::SchemaOutdated { .. }
            | Self::SchemaTooNew { .. }
            | Self::LeaseLost { .. }
            | Self::Final { .. }
            | Self::StateIsFinal { .. }
            | Self::NoSuchRequest { .. }
            | Self::NotFinal { .. }
            | Self::UnknownImage { .. }
            | Self::KeyFile { .. }
            | Self::Sealing { .. }
            | Self::Unreadable { .. } => false,
        }
    }

    /// Whether a worker has to stop because the job is no longer its own.
    pub const fn is_job_lost(&self) -> bool {
        matches!(self, Self::LeaseLost { .. } | Self::Final { .. })
    }
}

/// Whether `SQLite` gave up waiting for another writer; its primary result code is 5 (busy) or 6 (locked).
fn is_busy(error: &DbErr) -> bool {
    let (DbErr::Exec(runtime) | DbErr::Query(runtime)) = error else {
        return false;
    };
    let sea_orm::RuntimeErr::SqlxError(error) = runtime else {
        return false;
    };
    let code = error
        .as_database_error()
        .and_then(sqlx::error::DatabaseError::code);
    code.and_then(|code| code.parse::<u32>().ok())
        .is_some_and(|code| matches!(code & 0xff, 5 | 6))
}

/// Names what was being done when the database failed.
pub(crate) trait During<T> {
    fn during(self, action: &'static str) -> Result<T, Error>;
}

impl<T> During<T> for Result<T, DbErr> {
    fn during(self, action: &'static str) -> Result<T, Error> {
        self.map_err(|source| Error::Database { action, source })
    }
}
