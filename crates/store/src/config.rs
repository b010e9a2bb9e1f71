//! What a store needs to know before it opens.

use std::collections::BTreeSet;
use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use sea_orm::{DbErr, RuntimeErr};
use secrecy::{ExposeSecret as _, SecretString};
use sqlx::postgres::PgConnectOptions;

use crate::announce::Announcer;
use crate::error::Error;
use crate::sealing::SealingKey;

/// Called after each SQL statement with the time it took; for metrics and for tests that count statements.
pub type StatementObserver = Arc<dyn Fn(Duration) + Send + Sync>;

/// Settings of a [`crate::Store`].
#[derive(Clone)]
pub struct StoreConfig {
    /// Where the data lives.
    pub database: Database,
    /// Seals the secrets of requests. Secrets sealed with another key cannot be opened: such requests fail.
    pub sealing_key: SealingKey,
    /// Whether opening creates the database and brings its schema up to date. Without it, an absent or outdated schema is an error.
    pub migrate: bool,
    /// How many connections read at the same time; default 4. There is always one more, which writes.
    pub readers: u32,
    /// How long a statement waits for another process that is writing; default 10 seconds.
    pub busy_timeout: Duration,
    /// Where the time comes from; default the system clock.
    pub clock: Clock,
    /// How long a call waits for a connection; default 10 seconds. A database server that was away for less is not noticed by callers.
    pub acquire_timeout: Duration,
    /// Words the messages about changes; default nobody, and no messages.
    pub announcer: Option<Arc<dyn Announcer>>,
    /// Queues of which one request is worked on at a time, in the order of their numbers; default none. The same in every process.
    pub serial_queues: BTreeSet<String>,
    /// Is told of every statement; default nobody.
    pub observer: Option<StatementObserver>,
}

impl StoreConfig {
    /// Settings with every default, for a database that is already up to date.
    pub fn new(database: Database, sealing_key: SealingKey) -> Self {
        Self {
            database,
            sealing_key,
            migrate: false,
            readers: 4,
            busy_timeout: Duration::from_secs(10),
            clock: Clock::system(),
            acquire_timeout: Duration::from_secs(10),
            announcer: None,
            serial_queues: BTreeSet::new(),
            observer: None,
        }
    }
}

impl fmt::Debug for StoreConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StoreConfig")
            .field("database", &self.database)
            .field("sealing_key", &self.sealing_key)
            .field("migrate", &self.migrate)
            .field("readers", &self.readers)
            .field("busy_timeout", &self.busy_timeout)
            .field("acquire_timeout", &self.acquire_timeout)
            .field("serial_queues", &self.serial_queues)
            .finish_non_exhaustive()
    }
}

/// Where the data lives; parsed from a path or an address that begins with `sqlite:`, `postgres:` or `postgresql:`.
#[derive(Clone, Debug)]
pub enum Database {
    /// A file on this host. It must not lie on a network file system: write-ahead logging needs shared memory.
    Sqlite(PathBuf),
    /// A server that several processes may share, by its address, which may hold a password.
    Postgres(SecretString),
}

impl fmt::Display for Database {
    /// The address without anything secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite(path) => write!(f, "{}", path.display()),
            Self::Postgres(address) => match PgConnectOptions::from_str(address.expose_secret()) {
                Ok(options) => {
                    let name = options.get_database().unwrap_or_default();
                    write!(
                        f,
                        "postgres://{}:{}/{name}",
                        options.get_host(),
                        options.get_port()
                    )
                }
                Err(_) => f.write_str("postgres"),
            },
        }
    }
}

impl FromStr for Database {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let path = match text.split_once(':') {
            Some(("sqlite", rest)) => rest.strip_prefix("//").unwrap_or(rest),
            Some(("postgres" | "postgresql", _)) => {
                return match PgConnectOptions::from_str(text) {
                    Ok(_) => Ok(Self::Postgres(SecretString::from(text))),
                    Err(error) => Err(Error::DatabaseAddress {
                        source: DbErr::Conn(RuntimeErr::SqlxError(Arc::new(error))),
                    }),
                };
            }
            // The address may hold a password, so only its scheme is repeated.
            Some((scheme, rest)) if rest.starts_with("//") => {
                return Err(Error::DatabaseUnsupported {
                    scheme: scheme.to_owned(),
                });
            }
            Some(_) | None => text,
        };
        if path.is_empty() || path == ":memory:" {
            return Err(Error::DatabaseUnsupported {
                scheme: "in-memory sqlite".to_owned(),
            });
        }
        Ok(Self::Sqlite(PathBuf::from(path)))
    }
}

/// Tells the time. Leases of several hosts compare these times, so the clocks of the hosts have to agree within a fraction of a lease.
#[derive(Clone)]
pub struct Clock(Arc<dyn Fn() -> Timestamp + Send + Sync>);

impl Clock {
    /// The clock of this host.
    pub fn system() -> Self {
        Self(Arc::new(Timestamp::now))
    }

    /// A clock that says what `now` says; for tests.
    pub fn custom(now: impl Fn() -> Timestamp + Send + Sync + 'static) -> Self {
        Self(Arc::new(now))
    }

    /// What time it is.
    pub fn now(&self) -> Timestamp {
        (self.0)()
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Clock")
    }
}

#[cfg(test)]
mod tests {
    use super::Database;

    #[test]
    fn databases_are_files_or_servers() {
        for text in ["/srv/iib.db", "sqlite:/srv/iib.db", "sqlite:///srv/iib.db"] {
            let parsed = text.parse::<Database>().unwrap();
            assert!(
                matches!(&parsed, Database::Sqlite(path) if path.as_os_str() == "/srv/iib.db"),
                "{text}"
            );
        }
        for text in [
            "postgres://u:s3cr3t@db:5433/iib",
            "postgresql://u:s3cr3t@db:5433/iib",
        ] {
            let parsed = text.parse::<Database>().unwrap();
            assert_eq!(parsed.to_string(), "postgres://db:5433/iib");
            assert!(!format!("{parsed:?}").contains("s3cr3t"));
        }
        for text in [
            "mysql://user:s3cr3t@host/db",
            "postgres://u:s3cr3t@host:port/db",
        ] {
            let error = text.parse::<Database>().unwrap_err();
            assert!(
                !format!("{error} {error:?}").contains("s3cr3t"),
                "{error:?}"
            );
        }
        assert!("sqlite::memory:".parse::<Database>().is_err());
    }
}
