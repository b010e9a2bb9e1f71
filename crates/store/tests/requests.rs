//! Requests: what a submit writes, what reports change, what is kept secret.

#![allow(clippy::unwrap_used, reason = "this is a test, helpers included")]

#[macro_use]
mod support;

use std::collections::BTreeMap;

use api::Secret;
use secrecy::ExposeSecret as _;
use serde_json::json;
use store::{Error, ResultFields, SealingKey, State, Store, StoreConfig};
use support::{Fixture, submission, update};

async fn a_submit_is_seen_at_once_and_equals_what_is_read_back(fixture: Fixture) {
    let view = fixture
        .add(&json!({"build_tags": ["b", "a"]}), Some("alice"))
        .await;
    assert_eq!(
        (view.state, view.user.as_deref(), view.state_history.len()),
        (State::InProgress, Some("alice"), 1)
    );
    let again = fixture.store.request(view.id).await.unwrap().unwrap();
    let print = |view: &store::RequestView| {
        serde_json::to_string(&view.verbose(api::Artefacts::default())).unwrap()
    };
    assert_eq!(print(&view), print(&again));
    assert!(fixture.store.request(view.id + 1).await.unwrap().is_none());
    assert!(fixture.store.request(i64::MAX).await.unwrap().is_none());
}

async fn reports_add_history_newest_first_but_never_the_same_entry_twice(fixture: Fixture) {
    let id = fixture.submit("r/index:1").await;
    let job = fixture.claim().await;
    let fields = |index: &str| ResultFields {
        index_image: Some(index.into()),
        ..ResultFields::default()
    };
    for (reason, index) in [
        ("one", "r/a:1"),
        ("one", "r/b:1"),
        ("two", "r/c:1"),
        ("one", "r/d:1"),
    ] {
        fixture
            .store
            .report(
                &job.lease,
                &update(State::InProgress, reason, fields(index)),
            )
            .await
            .unwrap();
    }
    let view = fixture.store.request(id).await.unwrap().unwrap();
    let reasons: Vec<_> = view
        .state_history
        .iter()
        .map(|entry| entry.state_reason.as_str())
        .collect();
    assert_eq!(reasons[..3], ["one", "two", "one"]);
    assert_eq!(reasons.len(), 4);
    assert_eq!(view.state_reason, "one");
    assert_eq!(
        view.result.index_image.as_deref(),
        Some("r/d:1"),
        "fields are taken even without a new entry"
    );
}

async fn the_operator_belongs_to_the_image_and_shows_in_every_request_with_it(fixture: Fixture) {
    let bundles = json!({"bundles": ["r/b2:1", "r/b1:1", "r/b3:1"]});
    let first = fixture.add(&bundles, None).await.id;
    let second = fixture.add(&json!({"bundles": ["r/b1:1"]}), None).await.id;
    let job = fixture.claim().await;
    let mapping = BTreeMap::from([
        (
            "op".to_owned(),
            vec!["r/b1:1".to_owned(), "r/b2:1".to_owned()],
        ),
        ("else".to_owned(), vec!["r/not-in-a-request:1".to_owned()]),
    ]);
    let fields = ResultFields {
        bundle_mapping: Some(mapping),
        ..ResultFields::default()
    };
    fixture
        .store
        .report(&job.lease, &update(State::InProgress, "known", fields))
        .await
        .unwrap();

    let third = fixture.add(&json!({"bundles": ["r/b2:1"]}), None).await;
    let mapping_of = |view: store::RequestView| {
        serde_json::to_value(view.short(api::Artefacts::default())).unwrap()["bundle_mapping"]
            .clone()
    };
    assert_eq!(mapping_of(third), json!({"op": ["r/b2:1"]}));
    let read = async |id| mapping_of(fixture.store.request(id).await.unwrap().unwrap());
    assert_eq!(read(first).await, json!({"op": ["r/b2:1", "r/b1:1"]}));
    assert_eq!(read(second).await, json!({"op": ["r/b1:1"]}));
}

async fn secrets_reach_the_worker_and_nothing_else_and_end_with_the_request(fixture: Fixture) {
    const TOKEN: &str = "user:s3cr3t-t0ken";
    let with_token = &json!({"overwrite_from_index": true, "overwrite_from_index_token": TOKEN});
    let view = fixture.add(with_token, None).await;
    assert!(
        !format!("{view:?}").contains("s3cr3t")
            && !serde_json::to_string(&view.verbose(api::Artefacts::default()))
                .unwrap()
                .contains("s3cr3t")
    );
    assert!(fixture.grep("r/index:1").await > 0, "all of it is searched");
    assert_eq!(
        fixture.grep("s3cr3t-t0ken").await,
        0,
        "not in any file, journal included"
    );

    let job = fixture.claim().await;
    assert_eq!(
        job.secrets
            .get(Secret::OverwriteFromIndexToken)
            .unwrap()
            .expose_secret(),
        TOKEN
    );
    assert!(!format!("{job:?}").contains("s3cr3t"));
    assert_eq!(fixture.count("secret").await, 1);
    fixture
        .finish(&job, State::Complete, ResultFields::default())
        .await;
    assert_eq!(
        (fixture.count("secret").await, fixture.count("job").await),
        (0, 0)
    );
    assert_eq!(fixture.grep("s3cr3t-t0ken").await, 0);
}

async fn a_job_whose_secret_cannot_be_opened_fails_and_lets_others_pass(fixture: Fixture) {
    let with_token = json!({"overwrite_from_index": true, "overwrite_from_index_token": "u:p"});
    let locked = fixture.add(&with_token, None).await.id;
    let open = fixture.submit("r/index:2").await;

    let key = SealingKey::load_or_generate(&fixture.directory.path().join("another key")).unwrap();
    let store = fixture
        .store_with(|config| StoreConfig {
            sealing_key: key,
            ..config
        })
        .await;
    let job = store
        .claim(&store::WorkerId::random(), support::LEASE)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(job.request_id, open);
    let view = store.request(locked).await.unwrap().unwrap();
    assert_eq!(view.state, State::Failed);
    assert!(
        view.state_reason.contains("submit it again"),
        "{}",
        view.state_reason
    );
}

async fn an_abandoned_submit_leaves_nothing_or_everything(fixture: Fixture) {
    let half = submission(&json!({"from_index": "r/half:1"}), None);
    for polls in 1..60 {
        let mut submit = Box::pin(fixture.store.submit(half.clone()));
        for _ in 0..polls {
            let once = std::future::poll_fn(|context| {
                std::task::Poll::Ready(submit.as_mut().poll(context))
            });
            if once.await.is_ready() {
                break;
            }
            tokio::task::yield_now().await;
        }
    }
    fixture.submit("r/index:last").await;
    let requests = fixture.count("request").await;
    assert_eq!(fixture.count("job").await, requests);
    let counted = fixture.number("SELECT requests FROM counter").await;
    let last = fixture.number("SELECT max(id) FROM request").await;
    assert_eq!(
        (counted, last),
        (requests, requests),
        "numbers have no holes"
    );
}

async fn everything_is_there_after_reopening(fixture: Fixture) {
    let id = fixture.submit("r/index:1").await;
    fixture.store.clone().close().await.unwrap();
    let again = fixture.second_store().await;
    assert_eq!(again.request(id).await.unwrap().unwrap().id, id);
    assert_eq!(
        again
            .claim(&store::WorkerId::random(), support::LEASE)
            .await
            .unwrap()
            .unwrap()
            .request_id,
        id
    );
}

#[tokio::test]
async fn a_schema_is_neither_made_nor_changed_unasked_and_a_newer_one_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("iib.db");
    let key = SealingKey::load_or_generate(&directory.path().join("key")).unwrap();
    let config = StoreConfig::new(path.to_str().unwrap().parse().unwrap(), key);
    assert!(matches!(
        Store::open(&config).await,
        Err(Error::Database { .. })
    ));
    assert!(!path.exists());
    rusqlite(&path, "CREATE TABLE other (id INTEGER)");
    assert!(matches!(
        Store::open(&config).await,
        Err(Error::SchemaOutdated { pending: 2 })
    ));

    let migrating = StoreConfig {
        migrate: true,
        ..config.clone()
    };
    let store = Store::open(&migrating).await.unwrap();
    store.ping().await.unwrap();
    let again = store::migrate_database(&config).await.unwrap();
    assert_eq!(again.changes, 0);
    assert!(Store::open(&config).await.is_ok());
    rusqlite(
        &path,
        "INSERT INTO seaql_migrations (version, applied_at) VALUES ('m9999_later', 1)",
    );
    assert!(
        matches!(Store::open(&config).await, Err(Error::SchemaTooNew { version }) if version == "m9999_later")
    );
    assert!(matches!(
        Store::open(&migrating).await,
        Err(Error::SchemaTooNew { .. })
    ));
}

fn rusqlite(path: &std::path::Path, sql: &str) {
    rusqlite::Connection::open(path)
        .unwrap()
        .execute(sql, [])
        .unwrap();
}

async fn files_may_go_of_requests_that_ended_long_enough_ago_and_of_no_others(fixture: Fixture) {
    let store = &fixture.store;
    let ended = fixture.submit("r/index:1").await;
    let job = fixture.claim().await;
    let end = update(State::Failed, "it ended", ResultFields::default());
    store.finish(&job.lease, &end).await.unwrap();
    let running = fixture.submit("r/index:2").await;
    let ids = [ended, running, 999];
    let before = |at| store.ended_before(&ids, at);
    let at = store.now();
    assert_eq!(before(at).await.unwrap(), [0_i64; 0]);
    fixture.pass(std::time::Duration::from_hours(1));
    let at = store.now();
    assert_eq!(before(at).await.unwrap(), [ended]);
    assert_eq!(store.ended_before(&[], at).await.unwrap(), [0_i64; 0]);
}

on_each_database!(
    files_may_go_of_requests_that_ended_long_enough_ago_and_of_no_others,
    a_submit_is_seen_at_once_and_equals_what_is_read_back,
    reports_add_history_newest_first_but_never_the_same_entry_twice,
    the_operator_belongs_to_the_image_and_shows_in_every_request_with_it,
    secrets_reach_the_worker_and_nothing_else_and_end_with_the_request,
    a_job_whose_secret_cannot_be_opened_fails_and_lets_others_pass,
    an_abandoned_submit_leaves_nothing_or_everything,
    everything_is_there_after_reopening,
);
