//! A store in a database of its own, with a clock the test moves.
#![allow(
    clippy::disallowed_methods,
    clippy::print_stderr,
    reason = "which server to test with is the environment's to say, and a skipped test is to be seen"
)]
#![allow(
    dead_code,
    unused_macros,
    unreachable_pub,
    reason = "each test file uses its own part of this"
)]

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};
use std::time::Duration;

use api::{Payload, RequestType, RequestView, Rules};
use jiff::Timestamp;
use secrecy::ExposeSecret as _;
use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, Connection as _, Executor as _, PgConnection, SqliteConnection};
use store::{
    Announcer, Clock, Database, Job, NewRequest, ResultFields, SealingKey, State, Store,
    StoreConfig, Submission, Update, WorkerId,
};
use tempfile::TempDir;

pub const LEASE: Duration = Duration::from_mins(1);

/// Makes a test of each function, which takes a [`Fixture`], on each kind of database.
macro_rules! on_each_database {
    ($($name:ident),* $(,)?) => {
        mod on_sqlite {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
                async fn $name() {
                    super::$name(crate::support::Fixture::sqlite().await).await;
                }
            )*
        }

        mod on_postgres {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
                async fn $name() {
                    if let Some(fixture) = crate::support::Fixture::postgres().await {
                        super::$name(fixture).await;
                    }
                }
            )*
        }
    };
}

pub struct Fixture {
    pub store: Store,
    pub directory: TempDir,
    pub statements: Arc<AtomicUsize>,
    config: StoreConfig,
    now: Arc<AtomicI64>,
    server: Option<Server>,
}

/// A database on a server, which is removed with this.
struct Server {
    admin: String,
    name: String,
}

impl Drop for Server {
    fn drop(&mut self) {
        let admin = self.admin.clone();
        let sql = format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", self.name);
        // The runtime of the test cannot be waited for in here.
        let removed = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap();
            runtime.block_on(async {
                let mut connection = PgConnection::connect(&admin).await?;
                connection.execute(AssertSqlSafe(sql)).await
            })
        })
        .join();
        if !matches!(removed, Ok(Ok(_))) {
            eprintln!("the database of a test was not removed: {removed:?}");
        }
    }
}

/// The server for tests, by the address of a database in it that exists; none when there is none, which is an error in CI.
async fn server() -> Option<String> {
    const USUAL: [&str; 2] = [
        "postgres:///postgres?host=/var/run/postgresql",
        "postgres://postgres@127.0.0.1:5432/postgres",
    ];
    let named = std::env::var("IIB_TEST_POSTGRES").ok();
    let addresses = match &named {
        Some(address) => vec![address.as_str()],
        None => USUAL.to_vec(),
    };
    for address in addresses {
        if PgConnection::connect(address).await.is_ok() {
            return Some(address.to_owned());
        }
    }
    let remedy = "name one in IIB_TEST_POSTGRES as `postgres://USER:PASSWORD@HOST/DATABASE`";
    assert!(
        named.is_none(),
        "the server of IIB_TEST_POSTGRES does not answer"
    );
    skip(&format!("no PostgreSQL server; start one, or {remedy}"));
    None
}

/// Leaves a test out, and says why; in CI nothing is left out.
pub fn skip(why: &str) {
    assert!(std::env::var("CI").is_err(), "{why}");
    eprintln!("SKIPPED: {why}");
}

impl Fixture {
    pub async fn sqlite() -> Self {
        Self::on(None, |config| config).await
    }

    /// None when there is no server to test with.
    pub async fn postgres() -> Option<Self> {
        let admin = server().await?;
        Some(Self::on(Some(admin), |config| config).await)
    }

    /// The same kind of database, empty, with other settings.
    pub async fn like(&self, change: impl FnOnce(StoreConfig) -> StoreConfig) -> Self {
        let admin = self.server.as_ref().map(|server| server.admin.clone());
        Self::on(admin, change).await
    }

    pub async fn with_announcer(&self, announcer: impl Announcer + 'static) -> Self {
        self.like(|config| StoreConfig {
            announcer: Some(Arc::new(announcer)),
            ..config
        })
        .await
    }

    async fn on(admin: Option<String>, change: impl FnOnce(StoreConfig) -> StoreConfig) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let (server, database) = match admin {
            None => {
                let path = directory.path().join("iib.db");
                (None, Database::Sqlite(path))
            }
            Some(admin) => {
                let name = format!("iib_test_{}", uuid::Uuid::new_v4().simple());
                let mut connection = PgConnection::connect(&admin).await.unwrap();
                let sql = format!("CREATE DATABASE {name}");
                connection.execute(AssertSqlSafe(sql)).await.unwrap();
                let mut address = url_without_database(&admin);
                address.insert_str(address.find('?').unwrap_or(address.len()), &name);
                (Some(Server { admin, name }), address.parse().unwrap())
            }
        };
        let now = Arc::new(AtomicI64::new(1_800_000_000_000_000));
        let statements = Arc::new(AtomicUsize::new(0));
        let config = change(config(database, &directory, &now, &statements));
        let store = Store::open(&config).await.unwrap();
        Self {
            store,
            directory,
            statements,
            config,
            now,
            server,
        }
    }

    /// The same database through connections of its own, as another process would have them.
    pub async fn second_store(&self) -> Store {
        self.store_with(|config| config).await
    }

    /// The same, with other settings.
    pub async fn store_with(&self, change: impl FnOnce(StoreConfig) -> StoreConfig) -> Store {
        Store::open(&change(self.config.clone())).await.unwrap()
    }

    /// The settings of the store.
    pub fn config(&self) -> StoreConfig {
        self.config.clone()
    }

    pub fn is_sqlite(&self) -> bool {
        self.server.is_none()
    }

    /// Runs a statement behind the store's back.
    pub async fn execute(&self, sql: &str) {
        let sql = AssertSqlSafe(sql.to_owned());
        match &self.config.database {
            Database::Sqlite(path) => {
                let mut connection = SqliteConnection::connect(path.to_str().unwrap())
                    .await
                    .unwrap();
                connection.execute(sql).await.unwrap();
            }
            Database::Postgres(address) => {
                let mut connection = PgConnection::connect(address.expose_secret())
                    .await
                    .unwrap();
                connection.execute(sql).await.unwrap();
            }
        }
    }

    /// The number that a question has for an answer.
    pub async fn number(&self, sql: &str) -> i64 {
        let sql = AssertSqlSafe(sql.to_owned());
        match &self.config.database {
            Database::Sqlite(path) => {
                let mut connection = SqliteConnection::connect(path.to_str().unwrap())
                    .await
                    .unwrap();
                sqlx::query_scalar(sql)
                    .fetch_one(&mut connection)
                    .await
                    .unwrap()
            }
            Database::Postgres(address) => {
                let mut connection = PgConnection::connect(address.expose_secret())
                    .await
                    .unwrap();
                sqlx::query_scalar(sql)
                    .fetch_one(&mut connection)
                    .await
                    .unwrap()
            }
        }
    }

    pub async fn count(&self, table: &str) -> i64 {
        self.number(&format!("SELECT count(*) FROM {table}")).await
    }

    /// In how many places of the database the text is found: files of `SQLite`, rows of a server.
    pub async fn grep(&self, text: &str) -> i64 {
        if self.is_sqlite() {
            let files = std::fs::read_dir(self.directory.path()).unwrap();
            let contents: Vec<_> = files
                .map(|file| std::fs::read(file.unwrap().path()).unwrap())
                .collect();
            assert!(contents.len() >= 3, "database, journal and key are there");
            let found = contents.iter().filter(|content| {
                content
                    .windows(text.len())
                    .any(|window| window == text.as_bytes())
            });
            return i64::try_from(found.count()).unwrap();
        }
        let mut found = 0;
        let bytes = hex(text);
        for table in [
            "batch",
            "counter",
            "image",
            "job",
            "outbox",
            "request",
            "secret",
            "submit_key",
        ] {
            let sql = format!(
                "SELECT count(*) FROM {table} t WHERE t::text LIKE '%{text}%' OR t::text LIKE '%{bytes}%'"
            );
            found += self.number(&sql).await;
        }
        found
    }

    pub fn pass(&self, time: Duration) {
        self.now
            .fetch_add(i64::try_from(time.as_micros()).unwrap(), Ordering::SeqCst);
    }

    /// Sets the clock back.
    pub fn set_back(&self, time: Duration) {
        self.now
            .fetch_sub(i64::try_from(time.as_micros()).unwrap(), Ordering::SeqCst);
    }

    pub async fn submit(&self, index: &str) -> i64 {
        self.add(&json!({"from_index": index}), None).await.id
    }

    /// Submits one addition.
    pub async fn add(&self, change: &Value, user: Option<&str>) -> RequestView {
        let mut views = self.store.submit(submission(change, user)).await.unwrap();
        assert_eq!(views.len(), 1);
        views.remove(0)
    }

    pub async fn claim(&self) -> Job {
        self.store
            .claim(&WorkerId::random(), LEASE)
            .await
            .unwrap()
            .expect("a job waits")
    }

    /// Checks that no job can be claimed.
    pub async fn claims_nothing(&self) {
        let claimed = self.store.claim(&WorkerId::random(), LEASE).await.unwrap();
        assert!(claimed.is_none(), "a job is free: {claimed:?}");
    }

    pub async fn finish(&self, job: &Job, state: State, fields: ResultFields) {
        self.store
            .finish(&job.lease, &update(state, "it ended", fields))
            .await
            .unwrap();
    }
}

/// As `PostgreSQL` prints bytes.
fn hex(text: &str) -> String {
    use std::fmt::Write as _;
    text.bytes().fold(String::new(), |mut hex, byte| {
        write!(hex, "{byte:02x}").unwrap();
        hex
    })
}

fn url_without_database(address: &str) -> String {
    let (scheme, rest) = address.split_once("://").unwrap();
    let (host, rest) = rest.split_once('/').unwrap_or((rest, ""));
    let query = rest.split_once('?').map(|(_, query)| query);
    let query = query.map(|query| format!("?{query}")).unwrap_or_default();
    format!("{scheme}://{host}/{query}")
}

fn config(
    database: Database,
    directory: &TempDir,
    now: &Arc<AtomicI64>,
    statements: &Arc<AtomicUsize>,
) -> StoreConfig {
    let now = Arc::clone(now);
    let statements = Arc::clone(statements);
    let key = SealingKey::load_or_generate(&directory.path().join("key")).unwrap();
    StoreConfig {
        migrate: true,
        clock: Clock::custom(move || {
            Timestamp::from_microsecond(now.load(Ordering::SeqCst)).unwrap()
        }),
        observer: Some(Arc::new(move |_| {
            statements.fetch_add(1, Ordering::SeqCst);
        })),
        ..StoreConfig::new(database, key)
    }
}

/// One addition.
pub fn submission(change: &Value, user: Option<&str>) -> Submission {
    Submission {
        requests: vec![NewRequest {
            payload: payload(change),
            queue: None,
        }],
        annotations: None,
        user: user.map(str::to_owned),
        trace_context: None,
    }
}

pub fn payload(change: &Value) -> Payload {
    let mut body =
        json!({"bundles": ["r/bundle:1"], "from_index": "r/index:1", "binary_image": "r/opm:1"});
    let object = body.as_object_mut().unwrap();
    object.extend(change.as_object().unwrap().clone());
    Payload::parse(RequestType::Add, object, &Rules::default())
        .unwrap()
        .unwrap()
}

pub fn update(state: State, reason: &str, fields: ResultFields) -> Update {
    Update {
        state,
        state_reason: reason.to_owned(),
        fields,
    }
}
