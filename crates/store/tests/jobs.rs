//! Claims, leases and fencing: what keeps two workers from working on one request.

#![allow(clippy::unwrap_used, reason = "this is a test, helpers included")]

mod support;

use std::collections::BTreeSet;
use std::sync::atomic::Ordering;
use std::time::Duration;

use serde_json::json;
use store::{Error, ResultFields, State, WorkerId};
use support::{Fixture, LEASE, update};

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn eight_claimers_on_two_stores_get_every_job_once() {
    let fixture = Fixture::new().await;
    let mut submitted = BTreeSet::new();
    for number in 0..40 {
        submitted.insert(fixture.submit(&format!("r/index:{number}")).await);
    }
    let other = fixture.second_store().await;
    let claimers: Vec<_> = (0..8)
        .map(|number| {
            let store = if number % 2 == 0 {
                fixture.store.clone()
            } else {
                other.clone()
            };
            tokio::spawn(async move {
                let worker = WorkerId::new(format!("worker {number}"));
                let mut claimed = Vec::new();
                while let Some(job) = store.claim(&worker, LEASE).await.unwrap() {
                    claimed.push(job.request_id);
                }
                claimed
            })
        })
        .collect();
    let mut claimed = Vec::new();
    for claimer in claimers {
        claimed.extend(claimer.await.unwrap());
    }
    assert_eq!(claimed.len(), 40, "nothing is claimed twice");
    assert_eq!(claimed.into_iter().collect::<BTreeSet<_>>(), submitted);
}

#[tokio::test]
async fn the_oldest_job_comes_first_with_what_a_worker_needs() {
    let fixture = Fixture::new().await;
    let first = fixture.submit("r/index:1").await;
    fixture.submit("r/index:2").await;
    let job = fixture.claim().await;
    assert_eq!(
        (
            job.request_id,
            job.attempt,
            job.checkpoint.is_none(),
            job.user.is_none()
        ),
        (first, 1, true, true)
    );
    assert_eq!(job.submitted, fixture.store.now());
    let store::Payload::Add(payload) = job.payload else {
        panic!("it is an addition")
    };
    assert_eq!(payload.index.from_index.as_deref(), Some("r/index:1"));
    assert_eq!(payload.bundles, ["r/bundle:1"]);
}

#[tokio::test]
async fn a_job_whose_lease_ran_out_goes_to_another_worker_and_fences_off_the_first() {
    let fixture = Fixture::new().await;
    let id = fixture.submit("r/index:1").await;
    let first = fixture.claim().await;
    fixture.claims_nothing().await;

    fixture.pass(LEASE);
    let working = update(State::InProgress, "working", ResultFields::default());
    let lost = |outcome: Result<(), Error>| {
        assert!(matches!(outcome, Err(Error::LeaseLost { request_id }) if request_id == id));
    };
    lost(fixture.store.report(&first.lease, &working).await);
    let second = fixture.claim().await;
    assert_eq!((second.request_id, second.attempt), (id, 2));
    assert!(second.lease.fence() > first.lease.fence());

    lost(fixture.store.report(&first.lease, &working).await);
    lost(fixture.store.renew(&first.lease, LEASE).await);
    lost(fixture.store.checkpoint(&first.lease, &json!({})).await);
    lost(fixture.store.release(&first.lease).await);
    lost(
        fixture
            .store
            .finish(
                &first.lease,
                &update(State::Complete, "done", ResultFields::default()),
            )
            .await,
    );
    let view = fixture.store.request(id).await.unwrap().unwrap();
    assert_eq!(
        (view.state, view.state_history.len()),
        (State::InProgress, 1)
    );

    fixture.store.report(&second.lease, &working).await.unwrap();
}

#[tokio::test]
async fn the_same_worker_claiming_again_gets_a_new_lease() {
    let fixture = Fixture::new().await;
    fixture.submit("r/index:1").await;
    let worker = WorkerId::new("same");
    let first = fixture.store.claim(&worker, LEASE).await.unwrap().unwrap();
    fixture.pass(LEASE);
    fixture.store.claim(&worker, LEASE).await.unwrap().unwrap();
    assert!(
        fixture
            .store
            .renew(&first.lease, LEASE)
            .await
            .unwrap_err()
            .is_job_lost()
    );
}

#[tokio::test]
async fn renewing_keeps_a_job() {
    let fixture = Fixture::new().await;
    fixture.submit("r/index:1").await;
    let job = fixture.claim().await;
    for _ in 0..3 {
        fixture.pass(LEASE.mul_f64(0.9));
        fixture.store.renew(&job.lease, LEASE).await.unwrap();
    }
    fixture.claims_nothing().await;
}

#[tokio::test]
async fn a_clock_that_is_set_back_does_not_prolong_the_lease_of_a_dead_worker() {
    let fixture = Fixture::new().await;
    let id = fixture.submit("r/index:1").await;
    let dead = fixture.claim().await;

    fixture.set_back(LEASE);
    // Clocks may differ by a lease.
    fixture.claims_nothing().await;
    fixture.set_back(24 * 60 * LEASE);
    // However short the next worker's own leases are, and however long.
    let next = fixture
        .store
        .claim(&WorkerId::random(), LEASE / 60)
        .await
        .unwrap()
        .expect("the job is free");
    assert_eq!((next.request_id, next.attempt), (id, 2));
    let lost = fixture.store.renew(&dead.lease, LEASE).await;
    assert!(lost.unwrap_err().is_job_lost());
    let nothing = fixture
        .store
        .claim(&WorkerId::random(), 60 * LEASE)
        .await
        .unwrap();
    assert!(nothing.is_none(), "it is taken again");
}

#[tokio::test]
async fn a_worker_that_renews_after_the_clock_was_set_back_keeps_its_job() {
    let fixture = Fixture::new().await;
    fixture.submit("r/index:1").await;
    let job = fixture.claim().await;
    fixture.set_back(24 * 60 * LEASE);
    fixture.store.renew(&job.lease, LEASE).await.unwrap();
    fixture.claims_nothing().await;
    fixture.pass(LEASE);
    assert_eq!(fixture.claim().await.attempt, 2, "it runs out as any other");
}

#[tokio::test]
async fn a_released_job_is_free_at_once_and_does_not_count_as_an_attempt() {
    let fixture = Fixture::new().await;
    fixture.submit("r/index:1").await;
    let first = fixture.claim().await;
    fixture
        .store
        .checkpoint(&first.lease, &json!({"pushed": ["x"]}))
        .await
        .unwrap();
    fixture.store.release(&first.lease).await.unwrap();
    let second = fixture.claim().await;
    assert_eq!((second.request_id, second.attempt), (first.request_id, 1));
    assert_eq!(second.checkpoint, Some(json!({"pushed": ["x"]})));
    assert!(
        fixture
            .store
            .renew(&first.lease, LEASE)
            .await
            .unwrap_err()
            .is_job_lost()
    );
}

#[tokio::test]
async fn a_request_that_ended_takes_nothing_more() {
    let fixture = Fixture::new().await;
    let id = fixture.submit("r/index:1").await;
    let job = fixture.claim().await;
    let progress = update(State::InProgress, "on it", ResultFields::default());
    assert!(matches!(
        fixture.store.finish(&job.lease, &progress).await,
        Err(Error::NotFinal { .. })
    ));
    fixture
        .finish(&job, State::Failed, ResultFields::default())
        .await;

    let outcome = fixture.store.report(&job.lease, &progress).await;
    assert!(
        matches!(outcome, Err(Error::Final { request_id, state: State::Failed }) if request_id == id)
    );
    assert!(
        fixture
            .store
            .renew(&job.lease, LEASE)
            .await
            .unwrap_err()
            .is_job_lost()
    );
    fixture.pass(LEASE * 2);
    fixture.claims_nothing().await;
}

#[tokio::test]
async fn a_submit_wakes_a_waiting_worker_of_the_process() {
    let fixture = Fixture::new().await;
    fixture.submit("r/index:1").await;
    tokio::time::timeout(Duration::from_secs(30), fixture.store.wake())
        .await
        .expect("a submit before the wait counts");
    let waiting = tokio::spawn(fixture.store.wake());
    fixture.submit("r/index:2").await;
    tokio::time::timeout(Duration::from_secs(30), waiting)
        .await
        .expect("woken")
        .unwrap();
}

#[tokio::test]
async fn the_load_of_a_queue_is_what_waits_what_is_held_and_the_oldest() {
    let fixture = Fixture::new().await;
    assert_eq!(fixture.store.queue_loads().await.unwrap(), []);
    let submitted = fixture.store.now();
    for index in ["r/index:1", "r/index:2", "r/index:3"] {
        fixture.submit(index).await;
        fixture.pass(Duration::from_secs(60));
    }
    fixture.claim().await;
    let before = fixture.statements.load(Ordering::SeqCst);
    let loads = fixture.store.queue_loads().await.unwrap();
    assert_eq!(fixture.statements.load(Ordering::SeqCst) - before, 1);
    let [load] = loads.as_slice() else {
        panic!("{loads:?}")
    };
    assert_eq!(
        (load.queue.as_deref(), load.waiting, load.held),
        (None, 2, 1)
    );
    assert_eq!(load.oldest, submitted);
}
