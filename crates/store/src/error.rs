//! What can go wrong, by what a caller can do about it.

use std::path::PathBuf;
use std::sync::Arc;

use api::State;
use sea_orm::{DbErr, RuntimeErr};

/// Why the store could not do what it was asked. Callers whose work was done together get copies of the same error.
#[derive(Clone, Debug, thiserror::Error)]
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
    /// The database did not answer in time.
    #[error("{action} took too long; see whether the database is overloaded or out of reach")]
    Timeout {
        /// What was being done.
        action: &'static str,
    },
    /// The store was closed meanwhile.
    #[error("the store is closed")]
    Closed,
    /// This kind of database is not supported.
    #[error(
        "a database of kind `{scheme}` is not supported; name a file, as in `sqlite:/var/lib/iib/iib.db`, or a server, as in `postgres://iib@db.example/iib`"
    )]
    DatabaseUnsupported {
        /// The scheme of its address.
        scheme: String,
    },
    /// The address of the database cannot be used. It may hold a password, so it is not repeated.
    #[error(
        "the address of the database server cannot be used; write it as `postgres://USER:PASSWORD@HOST:PORT/NAME`"
    )]
    DatabaseAddress {
        /// What is wrong with it.
        #[source]
        source: DbErr,
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
    /// The key of a submission means another one.
    #[error(
        "this idempotency key came before, with another submit; use a new key for each submit, and send exactly the same when it is repeated"
    )]
    KeyReused,
    /// Another process used the same key for a submission at the same time.
    #[error("another submit with the same idempotency key is being accepted; try again")]
    KeyTaken,
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
        source: Option<Arc<std::io::Error>>,
    },
    /// A secret could not be sealed or opened.
    #[error("a secret of request `{request_id}` cannot be {action}; was the sealing key replaced?")]
    Sealing {
        /// The request.
        request_id: i64,
        /// `sealed` or `opened`.
        action: &'static str,
    },
    /// The row that numbers are given from is gone.
    #[error("the table `counter` has lost its row; restore the database from a backup")]
    NoCounter,
    /// A message to send cannot be read.
    #[error(
        "the message `{id}` cannot be read from the database: {what} is damaged; remove it from the table `outbox`"
    )]
    UnreadableMessage {
        /// Its number.
        id: i64,
        /// Which part.
        what: &'static str,
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

/// What a failed statement says about the next try.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Cause {
    /// The connection is gone, or there is none to be had.
    Connection,
    /// Another writer was faster, or is not done yet.
    Conflict,
    /// It fails the next time as well.
    Lasting,
}

impl Error {
    /// Whether the same call may succeed later without anybody doing anything.
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Timeout { .. }) || self.cause() != Cause::Lasting
    }

    /// Whether a worker has to stop because the job is no longer its own.
    pub const fn is_job_lost(&self) -> bool {
        matches!(self, Self::LeaseLost { .. } | Self::Final { .. })
    }

    /// Whether the change is not allowed as things stand, which was found out before anything was written.
    pub(crate) const fn is_refusal(&self) -> bool {
        matches!(
            self,
            Self::LeaseLost { .. }
                | Self::Final { .. }
                | Self::StateIsFinal { .. }
                | Self::NoSuchRequest { .. }
                | Self::KeyReused
        )
    }

    /// Whether another connection may do better.
    pub(crate) fn is_connection_lost(&self) -> bool {
        self.cause() == Cause::Connection
    }

    /// Whether the same change may succeed at once, as other writers were in the way.
    pub(crate) fn is_conflict(&self) -> bool {
        self.cause() == Cause::Conflict
    }

    fn cause(&self) -> Cause {
        let source = match self {
            Self::Database { source, .. } => source,
            Self::KeyTaken => return Cause::Conflict,
            _ => return Cause::Lasting,
        };
        match source {
            DbErr::ConnectionAcquire(_) | DbErr::Conn(_) => Cause::Connection,
            DbErr::Exec(RuntimeErr::SqlxError(error))
            | DbErr::Query(RuntimeErr::SqlxError(error)) => cause(error),
            _ => Cause::Lasting,
        }
    }
}

fn cause(error: &sqlx::Error) -> Cause {
    match error {
        sqlx::Error::Io(_)
        | sqlx::Error::Protocol(_)
        | sqlx::Error::Tls(_)
        | sqlx::Error::PoolTimedOut
        | sqlx::Error::WorkerCrashed => Cause::Connection,
        sqlx::Error::Database(error) => error
            .code()
            .map_or(Cause::Lasting, |code| cause_of_code(&code)),
        _ => Cause::Lasting,
    }
}

/// `PostgreSQL` has codes of five characters, `SQLite` has numbers.
fn cause_of_code(code: &str) -> Cause {
    if code.len() == 5 {
        return match code {
            // Serialization failure, deadlock, lock not available.
            "40001" | "40P01" | "55P03" => Cause::Conflict,
            // The server stops, crashed, starts, or has no room for connections.
            "57P01" | "57P02" | "57P03" | "53300" => Cause::Connection,
            code if code.starts_with("08") => Cause::Connection,
            _ => Cause::Lasting,
        };
    }
    // The primary result code of busy is 5, of locked 6.
    match code.parse::<u32>() {
        Ok(code) if matches!(code & 0xff, 5 | 6) => Cause::Conflict,
        Ok(_) | Err(_) => Cause::Lasting,
    }
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

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use sea_orm::{DbErr, RuntimeErr};

    use super::{Cause, Error, cause_of_code};

    #[test]
    fn codes_of_both_databases_say_what_to_do() {
        for (code, expected) in [
            ("40P01", true),
            ("5", true),
            ("517", true),
            ("6", true),
            ("23505", false),
            ("2067", false),
        ] {
            assert_eq!(cause_of_code(code) == Cause::Conflict, expected, "{code}");
        }
        for (code, expected) in [
            ("57P01", true),
            ("08006", true),
            ("42601", false),
            ("11", false),
        ] {
            assert_eq!(cause_of_code(code) == Cause::Connection, expected, "{code}");
        }
    }

    #[test]
    fn a_lost_connection_and_a_slow_answer_pass_and_a_wrong_statement_does_not() {
        let of = |error| Error::Database {
            action: "testing",
            source: DbErr::Query(RuntimeErr::SqlxError(Arc::new(error))),
        };
        assert!(of(sqlx::Error::PoolTimedOut).is_transient());
        assert!(Error::Timeout { action: "testing" }.is_transient());
        assert!(!of(sqlx::Error::RowNotFound).is_transient());
        assert!(!Error::NoCounter.is_transient());
        assert!(!Error::KeyReused.is_transient() && Error::KeyTaken.is_conflict());
    }
}
