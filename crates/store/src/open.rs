//! Opening a store: connections, pragmas and the check of the schema.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use sea_orm::{
    ConnectionTrait as _, DatabaseConnection, DatabaseTransaction, EntityTrait as _,
    SqliteTransactionMode, SqlxSqliteConnector, Statement, TransactionOptions,
    TransactionTrait as _,
};
use sea_orm_migration::{MigratorTrait as _, seaql_migrations};
use sqlx::ConnectOptions as _;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use tokio::sync::Notify;

use crate::config::{Clock, Database, StatementObserver, StoreConfig};
use crate::error::{During as _, Error};
use crate::migration::Migrator;
use crate::sealing::SealingKey;

/// How long a call waits for a free connection of this process.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(30);

/// A handle on the database; clones share its connections.
///
/// Every method is safe to cancel: a transaction that was not committed is rolled back.
#[derive(Clone)]
pub struct Store(pub(crate) Arc<Inner>);

pub(crate) struct Inner {
    /// One connection: `SQLite` has one writer at a time, and queueing here is fair while its own lock is not.
    writer: DatabaseConnection,
    readers: DatabaseConnection,
    pub(crate) sealing_key: SealingKey,
    pub(crate) clock: Clock,
    pub(crate) submitted: Arc<Notify>,
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Store")
    }
}

impl Store {
    /// Opens the database. Brings the schema up to date only when [`StoreConfig::migrate`] says so.
    ///
    /// # Errors
    /// [`Error::SchemaOutdated`] and [`Error::SchemaTooNew`] when the schema is not the one this release knows, [`Error::Database`]
    /// when the database cannot be opened.
    pub async fn open(config: &StoreConfig) -> Result<Self, Error> {
        let Database::Sqlite(path) = &config.database;
        let options = sqlite_options(path, config);
        let writer = connect(options.clone(), 1, config.observer.as_ref()).await?;
        let readers = options.pragma("query_only", "ON").create_if_missing(false);
        let store = |readers| {
            Self(Arc::new(Inner {
                writer,
                readers,
                sealing_key: config.sealing_key.clone(),
                clock: config.clock.clone(),
                submitted: Arc::new(Notify::new()),
            }))
        };
        let store = store(connect(readers, config.readers.max(1), config.observer.as_ref()).await?);
        if config.migrate {
            store.migrate().await?;
        } else {
            let pending = store.pending_migrations().await?;
            if pending > 0 {
                return Err(Error::SchemaOutdated { pending });
            }
        }
        Ok(store)
    }

    /// Brings the schema up to date.
    ///
    /// # Errors
    /// [`Error::SchemaTooNew`] when a later release was here, [`Error::Database`] when a change fails; it then leaves nothing behind.
    pub async fn migrate(&self) -> Result<(), Error> {
        if self.pending_migrations().await? > 0 {
            Migrator::up(&self.0.writer, None)
                .await
                .during("bringing the schema up to date")?;
        }
        Ok(())
    }

    /// Asks the database a trivial question.
    ///
    /// # Errors
    /// [`Error::Database`] when it does not answer.
    pub async fn ping(&self) -> Result<(), Error> {
        let readers = &self.0.readers;
        let question = Statement::from_string(readers.get_database_backend(), "SELECT 1");
        readers
            .query_one_raw(question)
            .await
            .during("asking for a sign of life")
            .map(drop)
    }

    /// Closes every connection after the calls that run; later calls fail.
    ///
    /// # Errors
    /// [`Error::Database`] when the database objects.
    pub async fn close(self) -> Result<(), Error> {
        self.0.readers.clone().close().await.during("closing")?;
        self.0.writer.clone().close().await.during("closing")
    }

    /// The time as this store sees it.
    pub fn now(&self) -> Timestamp {
        self.0.clock.now()
    }

    /// Completes once a request was submitted or released in this process since the last such completion; one waiter per
    /// request wakes. Other processes are not seen, so poll as well.
    pub fn wake(&self) -> impl Future<Output = ()> + Send + 'static {
        let submitted = Arc::clone(&self.0.submitted);
        async move { submitted.notified().await }
    }

    async fn pending_migrations(&self) -> Result<usize, Error> {
        const ACTION: &str = "reading the state of the schema";
        let known = Migrator::migrations();
        let manager = sea_orm_migration::SchemaManager::new(&self.0.readers);
        if !manager.has_table("seaql_migrations").await.during(ACTION)? {
            return Ok(known.len());
        }
        // Not through the migrator, which creates its table when asked.
        let applied = seaql_migrations::Entity::find()
            .all(&self.0.readers)
            .await
            .during(ACTION)?;
        for model in &applied {
            if !known
                .iter()
                .any(|migration| migration.name() == model.version)
            {
                return Err(Error::SchemaTooNew {
                    version: model.version.clone(),
                });
            }
        }
        Ok(known.len().saturating_sub(applied.len()))
    }

    /// A transaction that writes. It takes `SQLite`'s write lock at once: taking it later fails when somebody else wrote in between.
    pub(crate) async fn begin_write(&self) -> Result<DatabaseTransaction, Error> {
        let options = TransactionOptions {
            sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate),
            ..TransactionOptions::default()
        };
        self.0
            .writer
            .begin_with_options(options)
            .await
            .during("starting to write")
    }

    /// A transaction that reads, so that several statements see the same state.
    pub(crate) async fn begin_read(&self) -> Result<DatabaseTransaction, Error> {
        self.0.readers.begin().await.during("starting to read")
    }

    /// Connections for single statements that read.
    pub(crate) fn readers(&self) -> &DatabaseConnection {
        &self.0.readers
    }
}

fn sqlite_options(path: &Path, config: &StoreConfig) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(config.migrate)
        .journal_mode(SqliteJournalMode::Wal)
        // An accepted request survives a power cut, not only a crash of the process.
        .synchronous(SqliteSynchronous::Full)
        .foreign_keys(true)
        .busy_timeout(config.busy_timeout)
        .statement_cache_capacity(200)
        .disable_statement_logging()
}

async fn connect(
    options: SqliteConnectOptions,
    connections: u32,
    observer: Option<&StatementObserver>,
) -> Result<DatabaseConnection, Error> {
    let pool = SqlitePoolOptions::new()
        .max_connections(connections)
        .acquire_timeout(ACQUIRE_TIMEOUT)
        // Connections are local and cheap to keep; each holds its prepared statements.
        .idle_timeout(None)
        .max_lifetime(None)
        .test_before_acquire(false)
        .connect_with(options)
        .await
        .map_err(|error| sea_orm::DbErr::Conn(sea_orm::RuntimeErr::SqlxError(Arc::new(error))))
        .during("opening it")?;
    let mut connection = SqlxSqliteConnector::from_sqlx_sqlite_pool(pool);
    if let Some(observer) = observer {
        let observer = Arc::clone(observer);
        connection.set_metric_callback(move |info| observer(info.elapsed));
    }
    Ok(connection)
}
