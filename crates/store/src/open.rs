//! Opening a store: connections, the check of the schema, and the tasks that read and write.

use std::sync::Arc;

use jiff::Timestamp;
use sea_orm::{
    ConnectionTrait as _, DatabaseConnection, DatabaseTransaction, EntityTrait as _, Statement,
    TransactionTrait as _,
};
use sea_orm_migration::{MigratorTrait as _, seaql_migrations};
use tokio::sync::Notify;
use tokio::task::JoinSet;

use crate::config::StoreConfig;
use crate::connect::{Connections, connect};
use crate::error::{During as _, Error};
use crate::images::KnownImages;
use crate::list::{Lists, answer_lists};
use crate::migration::Migrator;
use crate::read::{Requests, answer_requests};
use crate::watch::look_after;
use crate::writer::{Context, Operation, Writer};

/// How many statements of each kind of question run at the same time. While they do, further questions gather, to share the next ones.
const READING: usize = 2;

/// A handle on the database; clones share its connections.
///
/// Every method is safe to cancel: what it was to change is changed as a whole or not at all.
#[derive(Clone)]
pub struct Store(pub(crate) Arc<Inner>);

pub(crate) struct Inner {
    connections: Connections,
    pub(crate) context: Arc<Context>,
    pub(crate) writer: Writer,
    pub(crate) requests: Arc<Requests>,
    pub(crate) lists: Arc<Lists>,
    /// They end with the last handle.
    _tasks: JoinSet<()>,
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Store")
    }
}

impl Store {
    /// Opens the database. Brings the schema up to date only when [`StoreConfig::migrate`] says so. Needs a tokio runtime, which has to
    /// live as long as the store is used.
    ///
    /// # Errors
    /// [`Error::SchemaOutdated`] and [`Error::SchemaTooNew`] when the schema is not the one this release knows, [`Error::Database`]
    /// when the database cannot be opened.
    pub async fn open(config: &StoreConfig) -> Result<Self, Error> {
        let connections = connect(config).await?;
        if config.migrate {
            migrate(&connections).await?;
        } else {
            let pending = pending_migrations(&connections.readers).await?;
            if pending > 0 {
                return Err(Error::SchemaOutdated { pending });
            }
        }
        let context = Arc::new(Context {
            sealing_key: config.sealing_key.clone(),
            clock: config.clock.clone(),
            announcer: config.announcer.clone(),
            known_images: KnownImages::default(),
            serial_queues: config.serial_queues.clone(),
            submitted: Arc::new(Notify::new()),
            to_send: Arc::new(Notify::new()),
            watched: Arc::default(),
        });
        let mut tasks = JoinSet::new();
        let (writer, writing) = Writer::new(connections.writer.clone(), Arc::clone(&context));
        tasks.spawn(writing);
        let requests = Arc::new(Requests::new());
        let lists = Arc::new(Lists::new());
        for _ in 0..READING {
            let readers = || connections.readers.clone();
            tasks.spawn(answer_requests(Arc::clone(&requests), readers()));
            tasks.spawn(answer_lists(Arc::clone(&lists), readers()));
        }
        let watched = Arc::clone(&context.watched);
        tasks.spawn(look_after(watched, connections.readers.clone()));
        Ok(Self(Arc::new(Inner {
            connections,
            context,
            writer,
            requests,
            lists,
            _tasks: tasks,
        })))
    }

    /// Asks the database a trivial question.
    ///
    /// # Errors
    /// [`Error::Database`] when it does not answer.
    pub async fn ping(&self) -> Result<(), Error> {
        let readers = self.readers();
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
        let Connections { writer, readers } = self.0.connections.clone();
        readers.close().await.during("closing")?;
        writer.close().await.during("closing")
    }

    /// The time as this store sees it.
    pub fn now(&self) -> Timestamp {
        self.0.context.clock.now()
    }

    /// Completes once a request was submitted or released in this process since the last such completion; one waiter per
    /// request wakes. Other processes are not seen, so poll as well.
    pub fn wake(&self) -> impl Future<Output = ()> + Send + 'static {
        let submitted = Arc::clone(&self.0.context.submitted);
        async move { submitted.notified().await }
    }

    /// Makes a change, together with those of others.
    pub(crate) async fn write<O: Operation>(&self, operation: O) -> Result<O::Output, Error> {
        self.0.writer.run(operation).await
    }

    /// A transaction that reads, for questions of several statements: they share a connection, and on `SQLite` they see the same state.
    pub(crate) async fn begin_read(&self) -> Result<DatabaseTransaction, Error> {
        self.readers().begin().await.during("starting to read")
    }

    /// Connections for single statements that read.
    pub(crate) fn readers(&self) -> &DatabaseConnection {
        &self.0.connections.readers
    }
}

/// What bringing the schema up to date did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Migrated {
    /// How many changes were made now.
    pub changes: usize,
}

/// Brings the schema of a database up to date, or makes it. Nothing else may use the database meanwhile.
///
/// # Errors
/// [`Error::SchemaTooNew`] when a later release was here, [`Error::Database`] when a change fails; it then leaves nothing behind.
pub async fn migrate_database(config: &StoreConfig) -> Result<Migrated, Error> {
    let connections = connect(&StoreConfig {
        migrate: true,
        ..config.clone()
    })
    .await?;
    let changes = migrate(&connections).await?;
    let Connections { writer, readers } = connections;
    readers.close().await.during("closing")?;
    writer.close().await.during("closing")?;
    Ok(Migrated { changes })
}

async fn migrate(connections: &Connections) -> Result<usize, Error> {
    let pending = pending_migrations(&connections.readers).await?;
    if pending > 0 {
        Migrator::up(&connections.writer, None)
            .await
            .during("bringing the schema up to date")?;
    }
    Ok(pending)
}

async fn pending_migrations(connection: &DatabaseConnection) -> Result<usize, Error> {
    const ACTION: &str = "reading the state of the schema";
    let known = Migrator::migrations();
    let manager = sea_orm_migration::SchemaManager::new(connection);
    if !manager.has_table("seaql_migrations").await.during(ACTION)? {
        return Ok(known.len());
    }
    // Not through the migrator, which creates its table when asked.
    let applied = seaql_migrations::Entity::find()
        .all(connection)
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
