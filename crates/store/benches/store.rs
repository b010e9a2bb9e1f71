//! What the store alone does in a second, with as many callers at once as the service's own measurements have, and how many statements an
//! operation takes: `cargo bench -p store`. On `SQLite`, and on a server named in `IIB_BENCH_POSTGRES` (an empty database in it).
//!
//! Writes are synced to disk. `IIB_BENCH_STORED` says how many requests are stored before reads are measured; default 1500.
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a measurement is told by the environment what to measure, prints, and stops at the first thing that is wrong"
)]

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use api::{Payload, RequestType, Rules};
use serde_json::json;
use store::{
    Database, Form, ListFilter, NewRequest, Page, SealingKey, Store, StoreConfig, Submission,
};

const CALLERS: usize = 16;
const TIME: Duration = Duration::from_secs(4);

#[tokio::main]
async fn main() {
    // `cargo test --benches` only wants to know whether it runs.
    let time = if std::env::args().any(|argument| argument == "--test") {
        Duration::from_millis(20)
    } else {
        TIME
    };
    let stored = number_from("IIB_BENCH_STORED").unwrap_or(1500);
    let directory = tempfile::tempdir().unwrap();
    let file = Database::Sqlite(directory.path().join("iib.db"));
    let server = std::env::var("IIB_BENCH_POSTGRES").ok();
    let server = server.map(|address| address.parse().unwrap());
    for (name, database) in [("sqlite", Some(file)), ("postgres", server)] {
        let Some(database) = database else { continue };
        let statements = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&statements);
        let key = SealingKey::load_or_generate(&directory.path().join("key")).unwrap();
        let config = StoreConfig {
            migrate: true,
            observer: Some(Arc::new(move |_| {
                counted.fetch_add(1, Ordering::Relaxed);
            })),
            ..StoreConfig::new(database, key)
        };
        let store = Store::open(&config).await.unwrap();
        measure(name, &store, &statements, stored, time).await;
        store.close().await.unwrap();
    }
}

fn number_from(variable: &str) -> Option<u64> {
    std::env::var(variable).ok()?.parse().ok()
}

async fn measure(
    database: &str,
    store: &Store,
    statements: &Arc<AtomicUsize>,
    stored: u64,
    time: Duration,
) {
    while store
        .list(&ListFilter::default(), page(1, Form::Short))
        .await
        .unwrap()
        .total
        < stored
    {
        let requests = vec![addition(); 100];
        let submission = Submission {
            requests,
            annotations: None,
            user: None,
            trace_context: None,
        };
        store.submit(submission).await.unwrap();
    }
    let run = |name: &'static str| Run {
        name: format!("{database}: {name}"),
        statements: Arc::clone(statements),
        time,
    };
    run("read one")
        .of(store, |store| async move {
            store.request(5).await.unwrap().unwrap();
        })
        .await;
    for (name, form) in [
        ("list of 20", Form::Short),
        ("list of 20, verbose", Form::Verbose),
    ] {
        run(name)
            .of(store, move |store| async move {
                let listing = store.list(&ListFilter::default(), page(1, form)).await;
                assert_eq!(listing.unwrap().items.len(), 20);
            })
            .await;
    }
    run("list of 20, far back")
        .of(store, move |store| async move {
            let far = page(stored / 20, Form::Short);
            let listing = store.list(&ListFilter::default(), far).await;
            assert_eq!(listing.unwrap().items.len(), 20);
        })
        .await;
    run("submit")
        .of(store, |store| async move {
            let submission = Submission {
                requests: vec![addition()],
                annotations: None,
                user: None,
                trace_context: None,
            };
            store.submit(submission).await.unwrap();
        })
        .await;
}

struct Run {
    name: String,
    statements: Arc<AtomicUsize>,
    time: Duration,
}

impl Run {
    async fn of<F, Fut>(self, store: &Store, operation: F)
    where
        F: Fn(Store) -> Fut + Clone + Send + 'static,
        Fut: Future<Output = ()> + Send,
    {
        let before = self.statements.load(Ordering::Relaxed);
        let began = Instant::now();
        let callers: Vec<_> = (0..CALLERS)
            .map(|_| {
                let (store, operation, time) = (store.clone(), operation.clone(), self.time);
                tokio::spawn(async move {
                    let mut took = Vec::new();
                    while began.elapsed() < time {
                        let start = Instant::now();
                        operation(store.clone()).await;
                        took.push(start.elapsed());
                    }
                    took
                })
            })
            .collect();
        let mut took = Vec::new();
        for caller in callers {
            took.extend(caller.await.unwrap());
        }
        let seconds = began.elapsed().as_secs_f64();
        let statements = self.statements.load(Ordering::Relaxed) - before;
        took.sort_unstable();
        let done = f64::from(u32::try_from(took.len()).unwrap());
        let statements = f64::from(u32::try_from(statements).unwrap());
        println!(
            "{:<32} {:>8.0}/s  p50 {:>7.2} ms  p99 {:>7.2} ms  {:>5.2} statements each",
            self.name,
            done / seconds,
            took[took.len() / 2].as_secs_f64() * 1e3,
            took[took.len() * 99 / 100].as_secs_f64() * 1e3,
            statements / done,
        );
    }
}

const fn page(number: u64, form: Form) -> Page {
    Page {
        number,
        per_page: 20,
        form,
    }
}

/// As the baseline has it: two bundles and a tag.
fn addition() -> NewRequest {
    let body = json!({
        "bundles": ["quay.example/team/one-bundle:v1.0.0", "quay.example/team/two-bundle:v1.0.0"],
        "from_index": "quay.example/team/index:v4.20",
        "binary_image": "quay.example/team/opm:v4.20",
        "build_tags": ["latest"],
    });
    let payload = Payload::parse(
        RequestType::Add,
        body.as_object().unwrap(),
        &Rules::default(),
    );
    NewRequest {
        payload: payload.unwrap().unwrap(),
        queue: None,
    }
}
