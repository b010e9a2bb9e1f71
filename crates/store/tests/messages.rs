//! Which changes are announced, when, and how messages get out.

#![allow(clippy::unwrap_used, reason = "this is a test, helpers included")]

#[macro_use]
mod support;

use std::time::Duration;

use api::{Patch, RequestType, RequestView};
use serde_json::{Map, Value, json};
use store::{Announcer, BatchView, Message, NewRequest, ResultFields, State, Submission};
use support::{Fixture, LEASE, payload};

/// Says `build ID STATE` and `batch ID STATE IDS`.
struct Plain;

impl Announcer for Plain {
    fn build(&self, view: &RequestView) -> Option<Message> {
        let body = format!("build {} {}", view.id, view.state.name());
        Some(message("builds", view.state, body))
    }

    fn batch(&self, batch: &BatchView) -> Option<Message> {
        let ids: Vec<_> = batch.requests.iter().map(|request| request.id).collect();
        let body = format!("batch {} {} {ids:?}", batch.batch, batch.state.name());
        Some(message("batches", batch.state, body))
    }
}

fn message(destination: &str, state: State, body: String) -> Message {
    let mut properties = Map::new();
    properties.insert("state".into(), Value::from(state.name()));
    Message {
        destination: destination.into(),
        properties,
        body,
    }
}

/// Wants to hear of batches alone.
struct OnlyBatches;

impl Announcer for OnlyBatches {
    fn build(&self, _: &RequestView) -> Option<Message> {
        None
    }

    fn batch(&self, batch: &BatchView) -> Option<Message> {
        Plain.batch(batch)
    }
}

/// What waits to be sent, which is forgotten with this.
async fn sent(fixture: &Fixture) -> Vec<String> {
    let unsent = fixture.store.unsent(100, LEASE).await.unwrap();
    let ids = unsent.iter().map(|unsent| unsent.id).collect();
    fixture.store.sent(ids).await.unwrap();
    let bodies = unsent.into_iter().map(|unsent| unsent.message.body);
    bodies.collect()
}

fn several(count: usize) -> Submission {
    Submission {
        requests: (0..count)
            .map(|number| NewRequest {
                payload: payload(&json!({"from_index": format!("r/index:{number}")})),
                queue: None,
            })
            .collect(),
        annotations: None,
        user: None,
        trace_context: None,
    }
}

fn state(state: &str, reason: &str) -> Patch {
    let body = json!({"state": state, "state_reason": reason});
    Patch::parse(body.as_object().unwrap(), RequestType::Add).unwrap()
}

async fn every_change_of_a_state_is_announced_and_nothing_else(fixture: Fixture) {
    let fixture = fixture.with_announcer(Plain).await;
    let id = fixture.submit("r/index:1").await;
    assert_eq!(
        sent(&fixture).await,
        ["build 1 in_progress", "batch 1 in_progress [1]"]
    );
    fixture
        .store
        .patch(id, &state("in_progress", "working"))
        .await
        .unwrap();
    assert_eq!(sent(&fixture).await, ["build 1 in_progress"]);
    let body = json!({"arches": ["amd64"]});
    let fields = Patch::parse(body.as_object().unwrap(), RequestType::Add).unwrap();
    fixture.store.patch(id, &fields).await.unwrap();
    fixture
        .store
        .patch(id, &state("in_progress", "working"))
        .await
        .unwrap();
    assert!(sent(&fixture).await.is_empty(), "no new entry, no message");

    let job = fixture.claim().await;
    fixture
        .finish(&job, State::Complete, ResultFields::default())
        .await;
    let both = ["build 1 complete", "batch 1 complete [1]"];
    assert_eq!(sent(&fixture).await, both);
    assert!(
        fixture
            .store
            .patch(id, &state("failed", "no"))
            .await
            .is_err()
    );
    assert!(sent(&fixture).await.is_empty(), "refused calls have none");
    fixture
        .store
        .patch(id, &state("complete", "said again"))
        .await
        .unwrap();
    assert_eq!(sent(&fixture).await, both);
}

async fn a_batch_is_announced_when_the_last_of_it_ends(fixture: Fixture) {
    let fixture = fixture.with_announcer(Plain).await;
    fixture.store.submit(several(3)).await.unwrap();
    assert_eq!(
        sent(&fixture).await,
        [
            "build 1 in_progress",
            "build 2 in_progress",
            "build 3 in_progress",
            "batch 1 in_progress [1, 2, 3]"
        ]
    );
    for (id, ended) in [(2, "failed"), (3, "complete")] {
        fixture
            .store
            .patch(id, &state(ended, "it ended"))
            .await
            .unwrap();
        assert_eq!(sent(&fixture).await, [format!("build {id} {ended}")]);
    }
    fixture
        .store
        .patch(1, &state("complete", "it ended"))
        .await
        .unwrap();
    assert_eq!(
        sent(&fixture).await,
        ["build 1 complete", "batch 1 failed [1, 2, 3]"]
    );
}

async fn requests_of_a_batch_that_end_in_two_processes_announce_it_once_at_least(fixture: Fixture) {
    let fixture = fixture.with_announcer(OnlyBatches).await;
    let other = fixture.second_store().await;
    for _ in 0..10 {
        let views = fixture.store.submit(several(4)).await.unwrap();
        sent(&fixture).await;
        let ends = views.iter().enumerate().map(|(number, view)| {
            let store = if number % 2 == 0 {
                &fixture.store
            } else {
                &other
            };
            let (store, id) = (store.clone(), view.id);
            tokio::spawn(async move { store.patch(id, &state("complete", "it ended")).await })
        });
        for end in ends.collect::<Vec<_>>() {
            end.await.unwrap().unwrap();
        }
        let told = sent(&fixture).await;
        assert_eq!(told.len(), 1, "{told:?}");
        assert!(told[0].contains("complete"), "{told:?}");
    }
}

async fn a_job_that_cannot_be_read_is_announced_as_failed(fixture: Fixture) {
    let fixture = fixture.with_announcer(Plain).await;
    let with_token = json!({"overwrite_from_index": true, "overwrite_from_index_token": "u:p"});
    fixture.add(&with_token, None).await;
    sent(&fixture).await;
    fixture.execute("UPDATE secret SET name = 'unknown'").await;
    fixture.claims_nothing().await;
    assert_eq!(
        sent(&fixture).await,
        ["build 1 failed", "batch 1 failed [1]"]
    );
}

async fn a_message_is_held_for_one_relay_and_comes_back_when_that_fails(fixture: Fixture) {
    let fixture = fixture.with_announcer(OnlyBatches).await;
    fixture.submit("r/index:1").await;
    tokio::time::timeout(Duration::from_secs(30), fixture.store.messages_wait())
        .await
        .expect("a relay is woken");
    let take = async || fixture.store.unsent(10, LEASE).await.unwrap();
    let taken = take().await;
    assert_eq!(taken.len(), 1);
    assert_eq!(taken[0].message.destination, "batches");
    assert_eq!(taken[0].message.properties["state"], "in_progress");
    assert!(take().await.is_empty(), "it is being sent");
    fixture.pass(LEASE);
    assert_eq!(take().await[0].id, taken[0].id, "the relay died");

    let pause = 2 * LEASE;
    fixture
        .store
        .failed_to_send(taken[0].id, pause)
        .await
        .unwrap();
    fixture.pass(LEASE);
    assert!(take().await.is_empty());
    fixture.pass(LEASE);
    assert_eq!(take().await[0].attempts, 1);
    fixture.store.sent(vec![taken[0].id]).await.unwrap();
    fixture.pass(LEASE);
    assert!(take().await.is_empty());
    assert_eq!(fixture.count("outbox").await, 0);
}

async fn a_damaged_message_is_named(fixture: Fixture) {
    let fixture = fixture.with_announcer(OnlyBatches).await;
    fixture.submit("r/index:1").await;
    fixture.execute("UPDATE outbox SET properties = '['").await;
    let error = fixture.store.unsent(10, LEASE).await.unwrap_err();
    assert!(error.to_string().contains("message `1`"), "{error}");
}

on_each_database!(
    every_change_of_a_state_is_announced_and_nothing_else,
    a_batch_is_announced_when_the_last_of_it_ends,
    requests_of_a_batch_that_end_in_two_processes_announce_it_once_at_least,
    a_job_that_cannot_be_read_is_announced_as_failed,
    a_message_is_held_for_one_relay_and_comes_back_when_that_fails,
    a_damaged_message_is_named,
);
