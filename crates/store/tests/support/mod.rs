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

pub mod scratch;

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};
use std::time::Duration;

use api::{Payload, RequestType, RequestView, Rules};
use jiff::Timestamp;
use serde_json::{Value, json};
use store::{
    Announcer, Clock, Database, Job, NewRequest, ResultFields, SealingKey, State, Store,
    StoreConfig, Submission, Update, WorkerId,
};
use tempfile::TempDir;

use self::scratch::Scratch;

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
    scratch: Option<Scratch>,
}

impl Fixture {
    pub async fn sqlite() -> Self {
        Self::on(None, |config| config).await
    }

    /// None when there is no server to test with.
    pub async fn postgres() -> Option<Self> {
        let scratch = Scratch::create().await?;
        Some(Self::on(Some(scratch), |config| config).await)
    }

    /// The same kind of database, empty, with other settings.
    pub async fn like(&self, change: impl FnOnce(StoreConfig) -> StoreConfig) -> Self {
        let scratch = match &self.scratch {
            Some(scratch) => Some(scratch.another().await),
            None => None,
        };
        Self::on(scratch, change).await
    }

    pub async fn with_announcer(&self, announcer: impl Announcer + 'static) -> Self {
        self.like(|config| StoreConfig {
            announcer: Some(Arc::new(announcer)),
            ..config
        })
        .await
    }

    async fn on(scratch: Option<Scratch>, change: impl FnOnce(StoreConfig) -> StoreConfig) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let database = match &scratch {
            None => Database::Sqlite(directory.path().join("iib.db")),
            Some(scratch) => scratch.address().parse().unwrap(),
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
            scratch,
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
        self.scratch.is_none()
    }

    /// Runs a statement behind the store's back.
    pub async fn execute(&self, sql: &str) {
        scratch::execute(&self.config.database, sql).await;
    }

    /// The number that a question has for an answer.
    pub async fn number(&self, sql: &str) -> i64 {
        scratch::number(&self.config.database, sql).await
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
