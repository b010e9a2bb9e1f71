//! Which job is next: users take turns, tags and serial queues keep their order, and what is put off or paused waits.

#![allow(clippy::unwrap_used, reason = "this is a test, helpers included")]

#[macro_use]
mod support;

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use api::Patch;
use serde_json::json;
use store::{
    Choice, Job, NewRequest, Pause, Push, ResultFields, State, StoreConfig, Submission, WorkerId,
};
use support::{Fixture, LEASE, update};

async fn overwriting(fixture: &Fixture, index: &str) -> i64 {
    let change = json!({"from_index": index, "overwrite_from_index": true});
    fixture.add(&change, None).await.id
}

async fn in_queue(fixture: &Fixture, queue: &str, user: Option<&str>) -> i64 {
    let submission = Submission {
        requests: vec![NewRequest {
            payload: support::payload(&json!({})),
            queue: Some(queue.to_owned()),
        }],
        annotations: None,
        user: user.map(str::to_owned),
        trace_context: None,
    };
    fixture.store.submit(submission).await.unwrap()[0].id
}

async fn claim(fixture: &Fixture, choice: Choice) -> Option<Job> {
    let worker = WorkerId::random();
    let claimed = fixture.store.claim_one_of(&choice, &worker, LEASE);
    claimed.await.unwrap()
}

async fn done(fixture: &Fixture, job: &Job) {
    fixture
        .finish(job, State::Complete, ResultFields::default())
        .await;
}

async fn of_requests_that_overwrite_a_tag_one_runs_at_a_time_in_their_order(fixture: Fixture) {
    let first = overwriting(&fixture, "ns/index:latest").await;
    let second = overwriting(&fixture, "docker.io/ns/index:latest").await;
    let other = overwriting(&fixture, "ns/index:v1").await;
    let reading = fixture.submit("ns/index:latest").await;
    let third = overwriting(&fixture, "ns/index:latest").await;

    let mut begun = vec![fixture.claim().await];
    begun.push(fixture.claim().await);
    begun.push(fixture.claim().await);
    let ids: Vec<i64> = begun.iter().map(|job| job.request_id).collect();
    assert_eq!(
        ids,
        [first, other, reading],
        "those that only read need not wait"
    );
    fixture.claims_nothing().await;
    assert!(claim(&fixture, Choice::Request(second)).await.is_none());

    // Neither a worker that gives the job back nor one that dies lets another request by.
    fixture.store.release(&begun[0].lease).await.unwrap();
    assert!(claim(&fixture, Choice::Request(second)).await.is_none());
    let first = claim(&fixture, Choice::Request(first)).await.unwrap();
    fixture.pass(LEASE);
    assert!(claim(&fixture, Choice::Request(third)).await.is_none());
    let first = claim(&fixture, Choice::Request(first.request_id)).await;
    done(&fixture, &first.unwrap()).await;

    assert!(claim(&fixture, Choice::Request(third)).await.is_none());
    let job = claim(&fixture, Choice::Request(second)).await.unwrap();
    done(&fixture, &job).await;
    assert!(claim(&fixture, Choice::Request(third)).await.is_some());
}

async fn claimers_of_several_stores_never_hold_one_tag_twice(fixture: Fixture) {
    for number in 0..24 {
        overwriting(&fixture, &format!("r.test/index:{}", number % 3)).await;
    }
    let other = fixture.second_store().await;
    let held = Arc::new(Mutex::new(BTreeSet::new()));
    let ended = Arc::new(AtomicUsize::new(0));
    let claimers: Vec<_> = (0..6)
        .map(|number| {
            let store = if number % 2 == 0 {
                &fixture.store
            } else {
                &other
            };
            let (store, held) = (store.clone(), Arc::clone(&held));
            let ended = Arc::clone(&ended);
            tokio::spawn(async move {
                let mut done = Vec::new();
                let worker = WorkerId::new(format!("worker {number}"));
                while ended.load(Ordering::SeqCst) < 24 {
                    let Some(job) = store.claim(&worker, LEASE).await.unwrap() else {
                        tokio::time::sleep(Duration::from_millis(2)).await;
                        continue;
                    };
                    let tag = job.payload.overwritten_index().unwrap().to_owned();
                    assert!(held.lock().unwrap().insert(tag.clone()), "{tag} is held");
                    tokio::task::yield_now().await;
                    done.push((tag.clone(), job.request_id));
                    held.lock().unwrap().remove(&tag);
                    let end = update(State::Complete, "done", ResultFields::default());
                    store.finish(&job.lease, &end).await.unwrap();
                    ended.fetch_add(1, Ordering::SeqCst);
                }
                done
            })
        })
        .collect();
    let mut all = BTreeSet::new();
    for claimer in claimers {
        let done = claimer.await.unwrap();
        for tag in done.iter().map(|(tag, _)| tag) {
            let of_tag = done.iter().filter(|(other, _)| other == tag);
            assert!(of_tag.map(|(_, id)| id).is_sorted(), "{done:?}");
        }
        all.extend(done);
    }
    assert_eq!(all.len(), 24, "each once");
}

async fn a_job_that_is_put_off_waits_without_a_lease(fixture: Fixture) {
    let id = overwriting(&fixture, "r.test/index:v1").await;
    let next = overwriting(&fixture, "r.test/index:v1").await;
    let job = fixture.claim().await;
    assert_eq!((job.request_id, job.attempt, job.retries), (id, 1, 0));
    let data = json!({"kept": true});
    fixture.store.checkpoint(&job.lease, &data).await.unwrap();
    let minute = Duration::from_mins(1);
    let why = update(State::InProgress, "later", ResultFields::default());
    fixture
        .store
        .put_off(&job.lease, &why, minute)
        .await
        .unwrap();

    let view = fixture.store.request(id).await.unwrap().unwrap();
    assert_eq!(
        (view.state, view.state_reason.as_str()),
        (State::InProgress, "later")
    );
    assert!(
        fixture
            .store
            .renew(&job.lease, LEASE)
            .await
            .unwrap_err()
            .is_job_lost()
    );
    assert!(
        fixture
            .store
            .put_off(&job.lease, &why, minute)
            .await
            .unwrap_err()
            .is_job_lost()
    );
    fixture.claims_nothing().await;
    assert!(
        fixture
            .store
            .undispatched(Duration::ZERO, 9)
            .await
            .unwrap()
            .is_empty()
    );
    // Another process knows as well, after a restart, too.
    let other = fixture.second_store().await;
    assert!(
        other
            .claim(&WorkerId::random(), LEASE)
            .await
            .unwrap()
            .is_none()
    );

    fixture.pass(minute);
    let again = other
        .claim(&WorkerId::random(), LEASE)
        .await
        .unwrap()
        .unwrap();
    assert_eq!((again.request_id, again.attempt, again.retries), (id, 2, 1));
    assert_eq!(again.checkpoint, Some(data));

    let hour = Duration::from_hours(1);
    fixture
        .store
        .put_off(&again.lease, &why, hour)
        .await
        .unwrap();
    let cancel = Patch::state(State::Failed, "cancelled".to_owned());
    let view = fixture.store.patch(id, &cancel).await.unwrap();
    assert_eq!(view.state, State::Failed);
    assert_eq!(
        fixture.claim().await.request_id,
        next,
        "what waited for it may begin"
    );
}

async fn users_take_turns(fixture: Fixture) {
    let submit = async |user| fixture.add(&json!({}), user).await.id;
    let (a, b) = (Some("alice"), Some("bob"));
    let alices = [
        submit(a).await,
        submit(a).await,
        submit(a).await,
        submit(a).await,
    ];
    let bobs = [submit(b).await, submit(b).await];
    let nobodys = submit(None).await;

    // One slot: each job ends before the next is taken.
    let mut order = Vec::new();
    for _ in 0..4 {
        let job = fixture.claim().await;
        done(&fixture, &job).await;
        order.push(job.request_id);
    }
    assert_eq!(order, [alices[0], bobs[0], nobodys, alices[1]]);
    // Many slots: who has fewest in work is next.
    let order: Vec<i64> = [
        fixture.claim().await,
        fixture.claim().await,
        fixture.claim().await,
    ]
    .map(|job| job.request_id)
    .to_vec();
    assert_eq!(order, [bobs[1], alices[2], alices[3]]);
    fixture.claims_nothing().await;
}

async fn nothing_is_taken_from_a_paused_queue(fixture: Fixture) {
    let queue = |name: &str| Pause::Queue(name.to_owned());
    let waiting = in_queue(&fixture, "team", None).await;
    let default = fixture.submit("r/index:1").await;
    fixture.store.pause(&queue("team")).await.unwrap();
    fixture.store.pause(&queue("team")).await.unwrap();
    fixture
        .store
        .pause(&Pause::Worker("w".to_owned()))
        .await
        .unwrap();
    let pauses = fixture.second_store().await.pauses().await.unwrap();
    let pauses: Vec<_> = pauses.into_iter().map(|paused| paused.what).collect();
    assert_eq!(pauses, [queue("team"), Pause::Worker("w".to_owned())]);

    assert_eq!(fixture.claim().await.request_id, default);
    fixture.claims_nothing().await;
    let told = fixture.store.undispatched(Duration::ZERO, 9).await.unwrap();
    assert!(told.is_empty(), "{told:?}");
    assert!(fixture.store.resume(&queue("team")).await.unwrap());
    assert!(!fixture.store.resume(&queue("team")).await.unwrap());
    assert_eq!(fixture.claim().await.request_id, waiting);

    fixture.store.pause(&queue("default")).await.unwrap();
    fixture.submit("r/index:1").await;
    fixture.claims_nothing().await;
}

async fn a_request_in_a_paused_queue_lets_others_of_its_tag_by_until_it_was_begun(
    fixture: Fixture,
) {
    let change = json!({"from_index": "r/i:1", "overwrite_from_index": true});
    let submission = Submission {
        requests: ["team", "other"]
            .map(|queue| NewRequest {
                payload: support::payload(&change),
                queue: Some(queue.to_owned()),
            })
            .to_vec(),
        annotations: None,
        user: None,
        trace_context: None,
    };
    let views = fixture.store.submit(submission).await.unwrap();
    let team = Pause::Queue("team".to_owned());
    fixture.store.pause(&team).await.unwrap();
    let by = fixture.claim().await;
    assert_eq!(by.request_id, views[1].id);
    fixture.store.resume(&team).await.unwrap();
    fixture.claims_nothing().await;
    fixture.store.release(&by.lease).await.unwrap();
    assert_eq!(
        fixture.claim().await.request_id,
        by.request_id,
        "once begun it stays first"
    );
}

async fn a_serial_queue_has_one_request_in_work(fixture: Fixture) {
    let serial = BTreeSet::from(["serial".to_owned()]);
    let fixture = fixture
        .like(|config| StoreConfig {
            serial_queues: serial,
            ..config
        })
        .await;
    let (a, b) = (Some("alice"), Some("bob"));
    let first = in_queue(&fixture, "serial", a).await;
    let second = in_queue(&fixture, "serial", a).await;
    let third = in_queue(&fixture, "serial", b).await;
    let beside = in_queue(&fixture, "beside", b).await;
    let job = fixture.claim().await;
    assert_eq!(job.request_id, first);
    assert_eq!(fixture.claim().await.request_id, beside);
    fixture.claims_nothing().await;
    let told = fixture.store.undispatched(Duration::ZERO, 9).await.unwrap();
    let told: Vec<i64> = told.iter().map(|job| job.request_id).collect();
    assert_eq!(told, [second, third], "a broker keeps their order itself");
    done(&fixture, &job).await;

    assert!(claim(&fixture, Choice::Request(third)).await.is_none());
    let job = claim(&fixture, Choice::UpTo(third)).await.unwrap();
    assert_eq!(job.request_id, second, "whichever its user");
    done(&fixture, &job).await;
    let job = claim(&fixture, Choice::UpTo(third)).await.unwrap();
    assert_eq!(job.request_id, third);
}

async fn a_broker_is_told_of_a_job_again_that_could_not_be_claimed(fixture: Fixture) {
    let first = overwriting(&fixture, "r/i:1").await;
    let second = overwriting(&fixture, "r/i:1").await;
    let left = async || {
        let told = fixture.store.undispatched(Duration::ZERO, 9).await.unwrap();
        told.iter().map(|job| job.request_id).collect::<Vec<_>>()
    };
    assert_eq!(left().await, [first], "the other one has to wait");
    fixture
        .store
        .mark_dispatched(&[first, second])
        .await
        .unwrap();
    let job = claim(&fixture, Choice::Request(first)).await.unwrap();
    assert!(claim(&fixture, Choice::Request(second)).await.is_none());
    for id in [first, second, 4711] {
        fixture.store.undispatch(id).await.unwrap();
    }
    assert!(left().await.is_empty());
    done(&fixture, &job).await;
    assert_eq!(left().await, [second]);
}

async fn the_ledger_knows_which_tags_were_moved_by_requests(fixture: Fixture) {
    overwriting(&fixture, "r.test:5000/ns/index:latest").await;
    let job = fixture.claim().await;
    let push = |from: &str, to: &str| Push {
        tag: "r.test:5000/ns/index".to_owned(),
        from: from.to_owned(),
        to: to.to_owned(),
    };
    let store = &fixture.store;
    let data = json!({"overwriting": "b"});
    for _ in 0..2 {
        store
            .checkpoint_push(&job.lease, &data, &push("sha256:a", "sha256:b"))
            .await
            .unwrap();
    }
    assert!(
        store
            .was_pushed("r.test:5000/ns/index:latest", "sha256:b")
            .await
            .unwrap()
    );
    assert!(
        store
            .was_pushed("localhost/ns/index", "sha256:b")
            .await
            .unwrap()
    );
    assert!(
        !store
            .was_pushed("r.test:5000/ns/index", "sha256:a")
            .await
            .unwrap()
    );
    assert!(
        !store
            .was_pushed("r.test:5000/ns/index:v1", "sha256:b")
            .await
            .unwrap()
    );
    assert!(
        store
            .was_built_upon("r.test:5000/ns/index", "sha256:a")
            .await
            .unwrap()
    );
    assert!(
        !store
            .was_built_upon("r.test:5000/ns/index", "sha256:b")
            .await
            .unwrap()
    );

    fixture.pass(LEASE);
    let late = store
        .checkpoint_push(&job.lease, &data, &push("sha256:b", "sha256:c"))
        .await;
    assert!(late.unwrap_err().is_job_lost());
    assert!(
        !store
            .was_pushed("r.test:5000/ns/index", "sha256:c")
            .await
            .unwrap()
    );
    assert_eq!(fixture.claim().await.checkpoint, Some(data));
}

on_each_database!(
    of_requests_that_overwrite_a_tag_one_runs_at_a_time_in_their_order,
    claimers_of_several_stores_never_hold_one_tag_twice,
    a_job_that_is_put_off_waits_without_a_lease,
    users_take_turns,
    nothing_is_taken_from_a_paused_queue,
    a_request_in_a_paused_queue_lets_others_of_its_tag_by_until_it_was_begun,
    a_serial_queue_has_one_request_in_work,
    a_broker_is_told_of_a_job_again_that_could_not_be_claimed,
    the_ledger_knows_which_tags_were_moved_by_requests,
);
