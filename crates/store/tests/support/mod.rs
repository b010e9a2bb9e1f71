//! A store in a temporary directory, with a clock the test moves.
#![allow(
    dead_code,
    unreachable_pub,
    reason = "each test file uses its own part of this"
)]

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};
use std::time::Duration;

use api::{Payload, RequestType, RequestView, Rules};
use jiff::Timestamp;
use serde_json::{Value, json};
use store::{
    Clock, Job, NewRequest, ResultFields, SealingKey, State, Store, StoreConfig, Submission,
    Update, WorkerId,
};
use tempfile::TempDir;

pub const LEASE: Duration = Duration::from_mins(1);

pub struct Fixture {
    pub store: Store,
    pub directory: TempDir,
    pub statements: Arc<AtomicUsize>,
    now: Arc<AtomicI64>,
}

impl Fixture {
    pub async fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let now = Arc::new(AtomicI64::new(1_800_000_000_000_000));
        let statements = Arc::new(AtomicUsize::new(0));
        let store = Store::open(&config(&directory, &now, &statements))
            .await
            .unwrap();
        Self {
            store,
            directory,
            statements,
            now,
        }
    }

    /// The same database through connections of its own, as another process would have them.
    pub async fn second_store(&self) -> Store {
        Store::open(&config(&self.directory, &self.now, &self.statements))
            .await
            .unwrap()
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

fn config(directory: &TempDir, now: &Arc<AtomicI64>, statements: &Arc<AtomicUsize>) -> StoreConfig {
    let now = Arc::clone(now);
    let statements = Arc::clone(statements);
    let key = SealingKey::load_or_generate(&directory.path().join("key")).unwrap();
    let database = directory
        .path()
        .join("iib.db")
        .to_str()
        .unwrap()
        .parse()
        .unwrap();
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
