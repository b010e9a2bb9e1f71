//! Where a request waits: its place, what is before it, when it may begin.

#![allow(clippy::unwrap_used, reason = "this is a test, helpers included")]

#[macro_use]
mod support;

use std::time::Duration;

use jiff::SignedDuration;
use serde_json::json;
use store::{NewRequest, ResultFields, State, Submission, Waiting};
use support::{Fixture, LEASE, payload, submission};

/// Submits one addition to a queue.
async fn submit(fixture: &Fixture, queue: Option<&str>) -> i64 {
    let submission = Submission {
        requests: vec![NewRequest {
            payload: payload(&json!({})),
            queue: queue.map(str::to_owned),
        }],
        ..submission(&json!({}), None)
    };
    fixture.store.submit(submission).await.unwrap()[0].id
}

async fn ask(fixture: &Fixture, id: i64) -> Waiting {
    let waiting = fixture.store.waiting(id, 2).await.unwrap();
    waiting.expect("it has not ended")
}

/// Does the oldest job within `time`.
async fn take(fixture: &Fixture, time: Duration, state: State) -> i64 {
    let job = fixture.claim().await;
    fixture.pass(time);
    fixture.finish(&job, state, ResultFields::default()).await;
    job.request_id
}

async fn a_request_has_its_place_among_those_of_its_queue(fixture: Fixture) {
    let mut ids = Vec::new();
    for _ in 0..4 {
        ids.push(submit(&fixture, Some("q")).await);
        submit(&fixture, Some("other")).await;
        submit(&fixture, None).await;
    }
    assert_eq!(
        ask(&fixture, ids[0]).await,
        Waiting {
            queue: Some("q".to_owned()),
            is_running: false,
            ahead: 0,
            before: Vec::new(),
            running: 0,
            estimated_start: None,
        }
    );
    let last = ask(&fixture, ids[3]).await;
    assert_eq!((last.ahead, &last.before[..]), (3, &ids[..2]), "the oldest");
    assert_eq!(ask(&fixture, 12).await.queue, None);
    assert_eq!(ask(&fixture, 12).await.ahead, 3);

    let job = fixture.claim().await;
    assert_eq!(job.request_id, ids[0]);
    let running = ask(&fixture, ids[0]).await;
    assert!(running.is_running && running.before.is_empty());
    assert_eq!((running.ahead, running.running), (0, 1));
    let next = ask(&fixture, ids[1]).await;
    assert_eq!((next.ahead, next.running), (0, 1));
    assert_eq!(ask(&fixture, 12).await.running, 0, "elsewhere");

    // Its worker died: it waits again, before the others.
    fixture.pass(LEASE);
    let left = ask(&fixture, ids[0]).await;
    assert!(!left.is_running);
    assert_eq!((left.ahead, left.running), (0, 0));
    assert_eq!(ask(&fixture, ids[1]).await.before, [ids[0]]);

    let job = fixture.claim().await;
    assert_eq!(job.request_id, ids[0]);
    fixture
        .finish(&job, State::Complete, ResultFields::default())
        .await;
    for absent in [ids[0], 4711] {
        assert_eq!(fixture.store.waiting(absent, 2).await.unwrap(), None);
    }
}

async fn the_start_is_estimated_by_what_the_newest_of_the_type_took(fixture: Fixture) {
    let seconds = |seconds| Duration::from_secs(seconds);
    // Nobody waits while one is done, so each takes what it takes.
    for time in [10, 30, 20] {
        submit(&fixture, None).await;
        take(&fixture, seconds(time), State::Complete).await;
    }
    // How long it took to fail says nothing.
    submit(&fixture, None).await;
    take(&fixture, seconds(50), State::Failed).await;

    let first = submit(&fixture, None).await;
    let second = submit(&fixture, None).await;
    let third = submit(&fixture, None).await;
    let after = |waiting: &Waiting| -> SignedDuration {
        waiting
            .estimated_start
            .unwrap()
            .duration_since(fixture.store.now())
    };
    assert_eq!(after(&ask(&fixture, first).await).as_secs(), 0);
    assert_eq!(after(&ask(&fixture, third).await).as_secs(), 40);
    let job = fixture.claim().await;
    assert_eq!(job.request_id, first);
    assert_eq!(ask(&fixture, first).await.estimated_start, None);
    assert_eq!(after(&ask(&fixture, second).await).as_secs(), 20);
    assert_eq!(after(&ask(&fixture, third).await).as_secs(), 40);

    // The newest twenty count: an age in which everything took long is over.
    fixture
        .finish(&job, State::Complete, ResultFields::default())
        .await;
    while fixture.store.waiting(third, 0).await.unwrap().is_some() {
        take(&fixture, seconds(0), State::Complete).await;
    }
    for _ in 0..20 {
        submit(&fixture, None).await;
        take(&fixture, seconds(7), State::Complete).await;
    }
    submit(&fixture, None).await;
    let last = submit(&fixture, None).await;
    assert_eq!(after(&ask(&fixture, last).await).as_secs(), 7);
}

on_each_database!(
    a_request_has_its_place_among_those_of_its_queue,
    the_start_is_estimated_by_what_the_newest_of_the_type_took,
);
