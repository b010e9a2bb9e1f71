//! Connections to either kind of database. Below this file nobody asks which it is.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use sea_orm::{DatabaseConnection, DbErr, RuntimeErr, SqlxPostgresConnector, SqlxSqliteConnector};
use secrecy::ExposeSecret as _;
use sqlx::pool::PoolOptions;
use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous};
use sqlx::{ConnectOptions as _, Connection as _};

use crate::config::{Database, StoreConfig};
use crate::error::{During as _, Error};

/// How many prepared statements a connection keeps.
const STATEMENTS: usize = 300;

/// How long a statement may run on a server, in milliseconds. None of ours takes a second.
const STATEMENT_TIMEOUT: &str = "30000";

/// How long a transaction may stay idle on a server, in milliseconds: the end of one whose process was cut off.
const IDLE_TIMEOUT: &str = "60000";

/// How long a connection to a server is taken to be good without a sign of life.
const TRUSTED: Duration = Duration::from_secs(1);

/// Connections of their own for reading, so that reads never wait for writes.
#[derive(Clone)]
pub(crate) struct Connections {
    /// One connection: there is one task that writes.
    pub(crate) writer: DatabaseConnection,
    pub(crate) readers: DatabaseConnection,
}

pub(crate) async fn connect(config: &StoreConfig) -> Result<Connections, Error> {
    let (mut writer, mut readers) = match &config.database {
        Database::Sqlite(path) => sqlite(path, config).await,
        Database::Postgres(address) => postgres(address.expose_secret(), config).await,
    }
    .map_err(|error| DbErr::Conn(RuntimeErr::SqlxError(Arc::new(error))))
    .during("opening it")?;
    if let Some(observer) = &config.observer {
        for connection in [&mut writer, &mut readers] {
            let observer = Arc::clone(observer);
            connection.set_metric_callback(move |info| observer(info.elapsed));
        }
    }
    Ok(Connections { writer, readers })
}

async fn sqlite(
    path: &Path,
    config: &StoreConfig,
) -> Result<(DatabaseConnection, DatabaseConnection), sqlx::Error> {
    let options = SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(config.migrate)
        .journal_mode(SqliteJournalMode::Wal)
        // An accepted request survives a power cut, not only a crash of the process.
        .synchronous(SqliteSynchronous::Full)
        .foreign_keys(true)
        .busy_timeout(config.busy_timeout)
        .statement_cache_capacity(STATEMENTS)
        .disable_statement_logging();
    // Connections are local and cheap to keep; each holds its prepared statements.
    let pool = |connections| pool(config, connections).test_before_acquire(false);
    let writer = pool(1).connect_with(options.clone()).await?;
    let options = options.pragma("query_only", "ON").create_if_missing(false);
    let readers = pool(config.readers.max(1)).connect_with(options).await?;
    let connector = SqlxSqliteConnector::from_sqlx_sqlite_pool;
    Ok((connector(writer), connector(readers)))
}

async fn postgres(
    address: &str,
    config: &StoreConfig,
) -> Result<(DatabaseConnection, DatabaseConnection), sqlx::Error> {
    let options = address
        .parse::<PgConnectOptions>()?
        .application_name("iib")
        .statement_cache_capacity(STATEMENTS)
        .options([
            ("statement_timeout", STATEMENT_TIMEOUT),
            ("idle_in_transaction_session_timeout", IDLE_TIMEOUT),
        ])
        .disable_statement_logging();
    let pool = |connections| {
        pool(config, connections)
            // All are made now. A handshake takes a tenth of a second even on the same machine, as the driver's small packets wait for late
            // acknowledgements, and whoever asked by then would wait with it.
            .min_connections(connections)
            // Replaced now and then, so that a server behind a name that moved is found.
            .max_lifetime(Duration::from_mins(30))
            // Whether the server is there is not asked before each statement, which would double the number of questions. A connection that was
            // used just now is good, or its loss is survived like one in the middle of a statement.
            .test_before_acquire(false)
            .before_acquire(|connection: &mut PgConnection, state| {
                Box::pin(async move {
                    if state.idle_for >= TRUSTED {
                        connection.ping().await?;
                    }
                    Ok(true)
                })
            })
    };
    let (writer, readers) = tokio::try_join!(
        pool(1).connect_with(options.clone()),
        pool(config.readers.max(1)).connect_with(options),
    )?;
    let connector = SqlxPostgresConnector::from_sqlx_postgres_pool;
    Ok((connector(writer), connector(readers)))
}

fn pool<DB: sqlx::Database>(config: &StoreConfig, connections: u32) -> PoolOptions<DB> {
    PoolOptions::new()
        .max_connections(connections)
        .acquire_timeout(config.acquire_timeout)
        .idle_timeout(None)
        .max_lifetime(None)
}
