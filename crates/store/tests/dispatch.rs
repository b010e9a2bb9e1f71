//! Jobs and the broker that is told of them.

mod support;

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::json;
use store::{Choice, NewRequest, State, Submission, WaitingJob, WorkerId};
use support::{Fixture, LEASE};

/// Submits one addition per queue, and says the requests' numbers.
async fn submit(fixture: &Fixture, queues: &[Option<&str>]) -> Vec<i64> {
    let requests = queues
        .iter()
        .map(|queue| NewRequest {
            payload: support::payload(&json!({})),
            queue: queue.map(ToOwned::to_owned),
        })
        .collect();
    let submission = Submission {
        requests,
        annotations: None,
        user: None,
        trace_context: None,
    };
    let views = fixture.store.submit(submission).await.unwrap();
    views.iter().map(|view| view.id).collect()
}

async fn left(fixture: &Fixture) -> Vec<i64> {
    let waiting = fixture
        .store
        .undispatched(Duration::ZERO, 100)
        .await
        .unwrap();
    waiting.iter().map(|job| job.request_id).collect()
}

#[tokio::test]
async fn a_job_waits_for_the_broker_until_it_was_told() {
    let fixture = Fixture::new().await;
    let ids = submit(&fixture, &[None, Some("alice"), Some("bob")]).await;
    let waiting = fixture.store.undispatched(Duration::ZERO, 2).await.unwrap();
    let expected: Vec<_> = [(ids[0], None), (ids[1], Some("alice"))]
        .into_iter()
        .map(|(request_id, queue)| WaitingJob {
            request_id,
            queue: queue.map(ToOwned::to_owned),
        })
        .collect();
    assert_eq!(waiting, expected, "the oldest two");

    fixture.store.mark_dispatched(&ids[..2]).await.unwrap();
    assert_eq!(left(&fixture).await, ids[2..]);
    fixture.store.mark_dispatched(&[]).await.unwrap();
    fixture
        .store
        .mark_dispatched(&[ids[2], 4711])
        .await
        .unwrap();
    assert!(left(&fixture).await.is_empty());
    fixture.pass(Duration::from_hours(1));
    assert_eq!(left(&fixture).await, ids, "their messages may be lost");
}

#[tokio::test]
async fn young_jobs_and_those_that_somebody_works_on_are_not_dispatched() {
    let fixture = Fixture::new().await;
    let ids = submit(&fixture, &[None]).await;
    let minute = Duration::from_mins(1);
    let of_age = async || fixture.store.undispatched(minute, 10).await.unwrap().len();
    assert_eq!(of_age().await, 0);
    fixture.pass(minute);
    assert_eq!(of_age().await, 1);
    let job = fixture.claim().await;
    assert_eq!(job.request_id, ids[0]);
    assert_eq!(of_age().await, 0);
    assert!(left(&fixture).await.is_empty());
    fixture.store.release(&job.lease).await.unwrap();
    assert_eq!(left(&fixture).await, ids, "given back, it waits again");
}

#[tokio::test]
async fn only_what_was_neither_dispatched_nor_begun_is_failed() {
    let fixture = Fixture::new().await;
    let ids = submit(&fixture, &[None, None, None]).await;
    fixture.store.mark_dispatched(&ids[..1]).await.unwrap();
    let begun = fixture
        .store
        .claim_one_of(&Choice::Request(ids[1]), &WorkerId::random(), LEASE)
        .await
        .unwrap();
    assert!(begun.is_some());

    let failed = fixture
        .store
        .fail_undispatched(&ids, "no queue")
        .await
        .unwrap();
    assert_eq!(failed, ids[2..]);
    for (id, state) in ids
        .iter()
        .zip([State::InProgress, State::InProgress, State::Failed])
    {
        let view = fixture.store.request(*id).await.unwrap().unwrap();
        assert_eq!(view.state, state, "request {id}");
    }
    let view = fixture.store.request(ids[2]).await.unwrap().unwrap();
    assert_eq!(view.state_reason, "no queue");
    assert_eq!(view.state_history.len(), 2);
    let again = fixture
        .store
        .fail_undispatched(&ids, "no queue")
        .await
        .unwrap();
    assert!(again.is_empty(), "it has ended already");
}

#[tokio::test]
async fn a_worker_claims_one_request_or_from_some_queues() {
    let fixture = Fixture::new().await;
    let ids = submit(&fixture, &[None, Some("alice"), Some("bob")]).await;
    let worker = WorkerId::random();
    let claim = async |choice: Choice| {
        let job = fixture
            .store
            .claim_one_of(&choice, &worker, LEASE)
            .await
            .unwrap();
        job.map(|job| job.request_id)
    };
    let queues = |names: &[Option<&str>]| {
        let names = names.iter().map(|name| name.map(ToOwned::to_owned));
        Choice::Queues(names.collect::<BTreeSet<_>>())
    };
    assert_eq!(claim(Choice::Request(ids[2])).await, Some(ids[2]));
    assert_eq!(claim(Choice::Request(ids[2])).await, None, "it is held");
    assert_eq!(claim(Choice::Request(4711)).await, None);
    assert_eq!(claim(queues(&[])).await, None);
    assert_eq!(claim(queues(&[Some("bob")])).await, None);
    assert_eq!(
        claim(queues(&[Some("alice"), Some("bob")])).await,
        Some(ids[1])
    );
    assert_eq!(claim(queues(&[None])).await, Some(ids[0]));
}

#[tokio::test]
async fn of_what_the_broker_was_told_only_jobs_that_were_begun_are_left_over() {
    let fixture = Fixture::new().await;
    let ids = submit(&fixture, &[None, None, Some("alice")]).await;
    fixture.store.mark_dispatched(&ids[..2]).await.unwrap();
    let worker = WorkerId::random();
    let claim = async |choice: Choice| {
        fixture
            .store
            .claim_one_of(&choice, &worker, LEASE)
            .await
            .unwrap()
    };
    let left_over = |choice| Choice::LeftOver(Box::new(choice));
    let of_default = || left_over(Choice::Queues([None].into()));
    assert!(claim(of_default()).await.is_none(), "messages bring them");
    let begun = claim(Choice::Request(ids[1])).await.unwrap();
    fixture.store.release(&begun.lease).await.unwrap();
    let job = claim(of_default()).await.unwrap();
    assert_eq!(job.request_id, ids[1], "it was given back");
    let job = claim(left_over(Choice::Any)).await.unwrap();
    assert_eq!(job.request_id, ids[2], "the broker was not told of it");
    assert!(claim(left_over(Choice::Any)).await.is_none());
}
