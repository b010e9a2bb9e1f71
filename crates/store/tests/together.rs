//! Changes and reads of many callers at once: what they share, and that they do not disturb each other.

#![allow(clippy::unwrap_used, reason = "this is a test, helpers included")]

#[macro_use]
mod support;

use std::collections::BTreeSet;
use std::sync::atomic::Ordering;

use serde_json::json;
use store::{Form, ListFilter, NewRequest, Page, Submission};
use support::{Fixture, payload, submission};

fn several(count: usize) -> Submission {
    let request = NewRequest {
        payload: payload(&json!({})),
        queue: Some("q".into()),
    };
    Submission {
        requests: vec![request; count],
        annotations: Some(json!({"a": [1]}).as_object().unwrap().clone()),
        user: Some("alice".into()),
        trace_context: None,
    }
}

async fn a_batch_is_accepted_whole_with_numbers_that_follow_each_other(fixture: Fixture) {
    let other = fixture.second_store().await;
    let submits = (0..20).map(|number| {
        let store = if number % 2 == 0 {
            &fixture.store
        } else {
            &other
        };
        let store = store.clone();
        tokio::spawn(async move { store.submit(several(7)).await })
    });
    let mut all = BTreeSet::new();
    let mut batches = BTreeSet::new();
    for submit in submits.collect::<Vec<_>>() {
        let views = submit.await.unwrap().unwrap();
        for (view, id) in views.iter().zip(views[0].id..) {
            assert_eq!((view.id, view.batch), (id, views[0].batch));
            assert_eq!(view.batch_annotations.as_ref().unwrap()["a"], json!([1]));
            all.insert(view.id);
        }
        batches.insert(views[0].batch);
    }
    assert_eq!((all.len(), batches.len()), (140, 20));
    assert_eq!(all.last(), Some(&140), "and none is left out");
    let read = fixture.store.request(140).await.unwrap().unwrap();
    assert_eq!(read.batch_annotations.unwrap()["a"], json!([1]));
    assert_eq!(fixture.claim().await.queue.as_deref(), Some("q"));
}

async fn nothing_submitted_is_nothing_accepted(fixture: Fixture) {
    assert!(fixture.store.submit(several(0)).await.unwrap().is_empty());
    assert_eq!(fixture.number("SELECT last_batch FROM counter").await, 0);
}

async fn submits_at_the_same_time_share_statements(fixture: Fixture) {
    // The first one waits for its transaction while the others gather.
    let before = fixture.statements.load(Ordering::SeqCst);
    let submits: Vec<_> = (0..64)
        .map(|_| {
            let store = fixture.store.clone();
            tokio::spawn(async move { store.submit(several(1)).await.unwrap() })
        })
        .collect();
    for submit in submits {
        submit.await.unwrap();
    }
    let statements = fixture.statements.load(Ordering::SeqCst) - before;
    assert!(
        statements < 64 * 3,
        "{statements} statements for 64 submits"
    );
    assert_eq!(fixture.count("request").await, 64);
    assert_eq!(fixture.count("job").await, 64);
}

async fn one_that_the_database_refuses_does_not_spoil_its_neighbours(fixture: Fixture) {
    let refuse = if fixture.is_sqlite() {
        "CREATE TRIGGER refuse BEFORE INSERT ON request WHEN new.from_index = 'r/refused:1' \
         BEGIN SELECT RAISE(ABORT, 'refused'); END"
    } else {
        "ALTER TABLE request ADD CONSTRAINT refuse CHECK (from_index <> 'r/refused:1')"
    };
    fixture.execute(refuse).await;
    let submits: Vec<_> = (0..40)
        .map(|number| {
            let store = fixture.store.clone();
            let index = if number % 4 == 0 {
                "r/refused:1"
            } else {
                "r/fine:1"
            };
            let submission = submission(&json!({"from_index": index}), None);
            tokio::spawn(async move { (number, store.submit(submission).await) })
        })
        .collect();
    for submit in submits {
        let (number, outcome) = submit.await.unwrap();
        assert_eq!(outcome.is_err(), number % 4 == 0, "{number}: {outcome:?}");
        if let Err(error) = outcome {
            assert!(!error.is_transient(), "{error:?}");
        }
    }
    assert_eq!(fixture.count("request").await, 30);
    assert_eq!(fixture.number("SELECT requests FROM counter").await, 30);
}

async fn reads_of_the_same_kind_share_statements(fixture: Fixture) {
    let ids: Vec<i64> = fixture
        .store
        .submit(several(10))
        .await
        .unwrap()
        .iter()
        .map(|view| view.id)
        .collect();
    let page = Page {
        number: 1,
        per_page: 5,
        form: Form::Verbose,
    };
    let before = fixture.statements.load(Ordering::SeqCst);
    let reads: Vec<_> = (0..100)
        .map(|number| {
            let store = fixture.store.clone();
            let id = ids[number % ids.len()];
            tokio::spawn(async move {
                let view = store.request(id).await.unwrap().unwrap();
                assert_eq!(view.id, id);
                let list = store.list(&ListFilter::default(), page).await.unwrap();
                assert_eq!((list.total, list.items.len()), (10, 5));
            })
        })
        .collect();
    for read in reads {
        read.await.unwrap();
    }
    let statements = fixture.statements.load(Ordering::SeqCst) - before;
    assert!(statements < 300, "{statements} statements for 200 reads");
    assert!(fixture.store.request(11).await.unwrap().is_none());
}

async fn pages_are_right_when_numbers_have_holes(fixture: Fixture) {
    fixture.store.submit(several(9)).await.unwrap();
    // As an import from elsewhere would leave it.
    fixture.execute("DELETE FROM job").await;
    fixture
        .execute("DELETE FROM request WHERE id IN (3, 7)")
        .await;
    fixture.execute("UPDATE counter SET requests = 7").await;
    for (number, expected) in [(1, vec![9, 8, 6]), (2, vec![5, 4, 2]), (3, vec![1])] {
        let page = Page {
            number,
            per_page: 3,
            form: Form::Short,
        };
        let list = fixture
            .store
            .list(&ListFilter::default(), page)
            .await
            .unwrap();
        assert_eq!(list.total, 7);
        let ids: Vec<_> = list.items.iter().map(|view| view.id).collect();
        assert_eq!(ids, expected, "page {number}");
    }
}

async fn a_lost_counter_is_named(fixture: Fixture) {
    fixture.execute("DELETE FROM counter").await;
    let error = fixture.store.submit(several(1)).await.unwrap_err();
    assert!(error.to_string().contains("`counter`"), "{error}");
    assert!(!error.is_transient());
}

async fn a_closed_store_says_so(fixture: Fixture) {
    fixture.store.clone().close().await.unwrap();
    assert!(fixture.store.submit(several(1)).await.is_err());
    assert!(fixture.store.request(1).await.is_err());
    assert!(fixture.store.ping().await.is_err());
}

on_each_database!(
    a_batch_is_accepted_whole_with_numbers_that_follow_each_other,
    nothing_submitted_is_nothing_accepted,
    submits_at_the_same_time_share_statements,
    one_that_the_database_refuses_does_not_spoil_its_neighbours,
    reads_of_the_same_kind_share_statements,
    pages_are_right_when_numbers_have_holes,
    a_lost_counter_is_named,
    a_closed_store_says_so,
);
