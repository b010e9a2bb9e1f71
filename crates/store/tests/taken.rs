//! Jobs that are taken from their workers, and how soon those know.

#![allow(clippy::unwrap_used, reason = "this is a test, helpers included")]

#[macro_use]
mod support;

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use api::Patch;
use store::{Error, Lease, State, Store};
use support::{Fixture, LEASE};
use tokio::task::JoinHandle;

/// Waits for the loss of a lease.
fn watch(store: &Store, lease: &Lease) -> JoinHandle<Error> {
    let (store, lease) = (store.clone(), lease.clone());
    tokio::spawn(async move { store.lost(&lease).await })
}

async fn told(watching: JoinHandle<Error>) -> Error {
    tokio::time::timeout(Duration::from_mins(1), watching)
        .await
        .expect("the loss is noticed")
        .unwrap()
}

async fn cancel(store: &Store, id: i64) {
    let patch = Patch::state(State::Failed, "cancelled".to_owned());
    store.patch(id, &patch).await.unwrap();
}

async fn a_cancelled_job_is_noticed_and_its_neighbours_are_left_alone(fixture: Fixture) {
    let other = fixture.second_store().await;
    let mut jobs = Vec::new();
    for _ in 0..4 {
        fixture.submit("r/index:1").await;
        jobs.push(fixture.claim().await);
    }
    let watching = |at: usize| watch(&fixture.store, &jobs[at].lease);
    let (here, elsewhere, left) = (watching(0), watching(1), watching(3));
    cancel(&fixture.store, jobs[0].request_id).await;
    // As another process does it.
    cancel(&other, jobs[1].request_id).await;
    cancel(&other, jobs[2].request_id).await;
    for (at, watching) in [(0, here), (1, elsewhere), (2, watching(2))] {
        let lost = told(watching).await;
        let id = jobs[at].request_id;
        assert!(
            matches!(lost, Error::Final { request_id, state: State::Failed } if request_id == id),
            "{lost:?}"
        );
    }
    assert!(!left.is_finished());
    left.abort();
    // What ended is not somebody's any more, so that nothing is left to look at.
    fixture.store.renew(&jobs[3].lease, LEASE).await.unwrap();
}

async fn a_lease_that_another_worker_took_over_is_lost(fixture: Fixture) {
    fixture.submit("r/index:1").await;
    let first = fixture.claim().await;
    let watching = watch(&fixture.store, &first.lease);
    fixture.pass(LEASE);
    let second = fixture.claim().await;
    let lost = told(watching).await;
    assert!(matches!(lost, Error::LeaseLost { .. }), "{lost:?}");

    fixture.store.release(&second.lease).await.unwrap();
    let lost = told(watch(&fixture.store, &second.lease)).await;
    assert!(matches!(lost, Error::LeaseLost { .. }), "{lost:?}");
    let third = fixture.claim().await;
    let held = watch(&fixture.store, &third.lease);
    let lost = told(watch(&fixture.store, &first.lease)).await;
    assert!(lost.is_job_lost(), "{lost:?}");
    assert!(!held.is_finished(), "the successor keeps it");
    held.abort();
}

async fn one_statement_a_second_looks_after_all_jobs(fixture: Fixture) {
    let mut watching = Vec::new();
    for _ in 0..8 {
        fixture.submit("r/index:1").await;
        let job = fixture.claim().await;
        watching.push(watch(&fixture.store, &job.lease));
    }
    let after = async |looks: usize| {
        let goal = fixture.statements.load(Ordering::SeqCst) + looks;
        let reached = async {
            while fixture.statements.load(Ordering::SeqCst) < goal {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(Duration::from_mins(1), reached)
            .await
            .expect("the leases are looked at");
    };
    // The watches that have begun may each have one look.
    after(9).await;
    let began = Instant::now();
    after(3).await;
    assert!(began.elapsed() > Duration::from_millis(1900));
    for watching in watching {
        assert!(!watching.is_finished());
        watching.abort();
    }
}

on_each_database!(
    a_cancelled_job_is_noticed_and_its_neighbours_are_left_alone,
    a_lease_that_another_worker_took_over_is_lost,
    one_statement_a_second_looks_after_all_jobs,
);
