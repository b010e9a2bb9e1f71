//! Jobs and the broker that is told of them.

#![allow(clippy::unwrap_used, reason = "this is a test, helpers included")]

#[macro_use]
mod support;

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::json;
use store::{Choice, NewRequest, ResultFields, State, Submission, WaitingJob, WorkerId};
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

async fn a_job_waits_for_the_broker_until_it_was_told(fixture: Fixture) {
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

async fn young_jobs_and_those_that_somebody_works_on_are_not_dispatched(fixture: Fixture) {
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

async fn only_what_was_neither_dispatched_nor_begun_is_failed(fixture: Fixture) {
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

async fn a_worker_claims_one_request_or_from_some_queues(fixture: Fixture) {
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

async fn left_are_jobs_that_a_worker_began_and_nobody_holds(fixture: Fixture) {
    let ids = submit(&fixture, &[None, None, Some("alice"), Some("alice")]).await;
    fixture.store.mark_dispatched(&ids[..3]).await.unwrap();
    let worker = WorkerId::random();
    let claim = async |choice: Choice| {
        fixture
            .store
            .claim_one_of(&choice, &worker, LEASE)
            .await
            .unwrap()
    };
    let left = || Choice::Left(Box::new(Choice::Any));
    let left_in_default = || Choice::Left(Box::new(Choice::Queues([None].into())));
    assert!(claim(left()).await.is_none(), "messages bring them");
    let given_back = claim(Choice::Request(ids[1])).await.unwrap();
    let abandoned = claim(Choice::Request(ids[2])).await.unwrap();
    assert!(claim(left()).await.is_none(), "they are worked on");

    fixture.store.release(&given_back.lease).await.unwrap();
    let job = claim(left()).await.unwrap();
    assert_eq!(job.request_id, ids[1], "it was given back");
    fixture.store.release(&job.lease).await.unwrap();
    fixture.pass(LEASE);
    let job = claim(left_in_default()).await.unwrap();
    assert_eq!(job.request_id, ids[1]);
    assert!(claim(left_in_default()).await.is_none());
    let job = claim(left()).await.unwrap();
    assert_eq!(job.request_id, abandoned.request_id, "its lease ran out");
    assert!(claim(left()).await.is_none());
}

async fn a_request_has_a_job_until_it_ends(fixture: Fixture) {
    let id = fixture.submit("r/index:1").await;
    assert!(fixture.store.has_job(id).await.unwrap());
    let job = fixture.claim().await;
    assert!(fixture.store.has_job(id).await.unwrap());
    fixture
        .finish(&job, State::Complete, ResultFields::default())
        .await;
    assert!(!fixture.store.has_job(id).await.unwrap());
    assert!(!fixture.store.has_job(4711).await.unwrap());
}

async fn a_failed_hand_over_leaves_no_job_and_no_secret(fixture: Fixture) {
    let payload =
        json!({"overwrite_from_index": true, "overwrite_from_index_token": "user:s3cr3t"});
    let id = fixture.add(&payload, None).await.id;
    assert_eq!(fixture.count("secret").await, 1);
    let many: Vec<i64> = (1..=1200).chain([id]).collect();
    let failed = fixture.store.fail_undispatched(&many, "no queue").await;
    assert_eq!(failed.unwrap(), [id]);
    assert_eq!(fixture.count("secret").await, 0);
    assert_eq!(fixture.count("job").await, 0);
}

async fn of_a_claim_and_a_failed_hand_over_one_wins(fixture: Fixture) {
    let ids = submit(&fixture, &[None; 20]).await;
    let other = fixture.second_store().await;
    let claiming = async {
        let worker = WorkerId::random();
        let mut claimed = Vec::new();
        for id in &ids {
            let choice = Choice::Request(*id);
            let job = other.claim_one_of(&choice, &worker, LEASE).await.unwrap();
            claimed.extend(job.map(|job| job.request_id));
        }
        claimed
    };
    let failing = async {
        let mut failed = Vec::new();
        for id in ids.iter().rev() {
            let one = fixture.store.fail_undispatched(&[*id], "no queue").await;
            failed.extend(one.unwrap());
        }
        failed
    };
    let (claimed, failed) = tokio::join!(claiming, failing);
    let mut all = [claimed, failed].concat();
    all.sort_unstable();
    assert_eq!(all, ids, "each once");
}

on_each_database!(
    a_job_waits_for_the_broker_until_it_was_told,
    young_jobs_and_those_that_somebody_works_on_are_not_dispatched,
    only_what_was_neither_dispatched_nor_begun_is_failed,
    a_worker_claims_one_request_or_from_some_queues,
    left_are_jobs_that_a_worker_began_and_nobody_holds,
    a_request_has_a_job_until_it_ends,
    a_failed_hand_over_leaves_no_job_and_no_secret,
    of_a_claim_and_a_failed_hand_over_one_wins,
);
