//! Submissions that come twice: with a key, and joined while the same is in flight.

#![allow(clippy::unwrap_used, reason = "this is a test, helpers included")]

#[macro_use]
mod support;

use std::collections::BTreeSet;
use std::sync::atomic::Ordering;
use std::time::Duration;

use serde_json::{Value, json};
use store::{
    Error, NewRequest, Recognition, ResultFields, SealingKey, State, Store, StoreConfig,
    Submission, Submitted,
};
use support::{Fixture, payload, submission};

const DAY: Duration = Duration::from_hours(24);

fn keyed(key: &str) -> Recognition {
    Recognition {
        endpoint: "add",
        key: Some(key.parse().unwrap()),
        keep_key: DAY,
        join: false,
    }
}

fn joining() -> Recognition {
    Recognition {
        key: None,
        join: true,
        ..keyed("unused")
    }
}

fn batch(count: usize) -> Submission {
    Submission {
        requests: vec![
            NewRequest {
                payload: payload(&json!({})),
                queue: None,
            };
            count
        ],
        ..submission(&json!({}), Some("alice"))
    }
}

fn with_token(token: &str) -> Value {
    json!({"overwrite_from_index": true, "overwrite_from_index_token": token})
}

fn ids(submitted: &Submitted) -> Vec<i64> {
    submitted.requests.iter().map(|view| view.id).collect()
}

async fn once(
    store: &Store,
    submission: Submission,
    recognition: &Recognition,
) -> Result<Submitted, Error> {
    store.submit_once(submission, recognition).await
}

async fn a_key_that_comes_again_means_what_it_was_first_sent_with(fixture: Fixture) {
    let store = &fixture.store;
    let alice = || submission(&json!({}), Some("alice"));
    let first = once(store, alice(), &keyed("k")).await.unwrap();
    assert!(!first.is_repeat);
    let job = fixture.claim().await;
    fixture
        .finish(&job, State::Complete, ResultFields::default())
        .await;
    let again = once(store, alice(), &keyed("k")).await.unwrap();
    assert!(again.is_repeat);
    assert_eq!(ids(&again), ids(&first));
    assert_eq!(
        again.requests[0].state,
        State::Complete,
        "it is shown as it is now"
    );
    assert_eq!(again.requests[0].state_history.len(), 2);
    assert_eq!(
        (fixture.count("request").await, fixture.count("job").await),
        (1, 0)
    );
    // A process that starts with the same sealing key knows it too.
    let other = fixture.second_store().await;
    assert!(once(&other, alice(), &keyed("k")).await.unwrap().is_repeat);

    let other = once(store, alice(), &keyed("other")).await.unwrap();
    assert!(!other.is_repeat && ids(&other) != ids(&first));
    assert_eq!(fixture.number("SELECT requests FROM counter").await, 2);
}

async fn a_key_with_anything_else_is_refused_and_writes_nothing(fixture: Fixture) {
    let store = &fixture.store;
    let plain = |change: &Value| submission(change, Some("alice"));
    once(store, plain(&with_token("u:one")), &keyed("k"))
        .await
        .unwrap();
    let annotated = Submission {
        annotations: Some(json!({"a": 1}).as_object().unwrap().clone()),
        ..plain(&with_token("u:one"))
    };
    let elsewhere = Recognition {
        endpoint: "add-rm-batch",
        ..keyed("k")
    };
    for (other, recognition) in [
        (plain(&with_token("u:two")), keyed("k")),
        (plain(&json!({})), keyed("k")),
        (plain(&json!({"from_index": "r/unheard-of:1"})), keyed("k")),
        (annotated, keyed("k")),
        (batch(2), keyed("k")),
        (plain(&with_token("u:one")), elsewhere),
    ] {
        let outcome = once(store, other, &recognition).await;
        let error = outcome.unwrap_err();
        assert!(matches!(error, Error::KeyReused), "{error:?}");
        assert!(!error.is_transient());
    }
    assert_eq!(fixture.count("request").await, 1);
    assert_eq!(fixture.number("SELECT last_request FROM counter").await, 1);
    let unheard = "SELECT count(*) FROM image WHERE reference = 'r/unheard-of:1'";
    assert_eq!(fixture.number(unheard).await, 0);
    let again = once(store, plain(&with_token("u:one")), &keyed("k")).await;
    assert!(again.unwrap().is_repeat);
}

async fn keys_of_different_users_are_apart_and_nobody_is_one_of_them(fixture: Fixture) {
    let mut all = BTreeSet::new();
    for user in [Some("alice"), Some("Alice"), Some(""), None] {
        for expected in [false, true] {
            let same = submission(&json!({}), user);
            let submitted = once(&fixture.store, same, &keyed("k")).await.unwrap();
            assert_eq!(submitted.is_repeat, expected, "{user:?}");
            assert_eq!(submitted.requests[0].user.as_deref(), user);
            all.extend(ids(&submitted));
        }
    }
    assert_eq!(all.len(), 4);
}

async fn a_batch_comes_again_whole(fixture: Fixture) {
    let first = once(&fixture.store, batch(300), &keyed("k")).await.unwrap();
    let again = once(&fixture.store, batch(300), &keyed("k")).await.unwrap();
    assert_eq!(ids(&first), ids(&again));
    assert_eq!(ids(&again).len(), 300);
    assert!(!first.is_repeat && again.is_repeat);
    let none = once(&fixture.store, batch(0), &keyed("k")).await.unwrap();
    assert!(none.requests.is_empty());
}

/// In one process they share a transaction; in two they meet in the database.
async fn of_many_at_once_with_one_key_one_is_accepted(fixture: Fixture) {
    let other = fixture.second_store().await;
    for round in 0..5 {
        let submits: Vec<_> = (0..40)
            .map(|number| {
                let store = [&fixture.store, &other][number % 2].clone();
                // Every fourth asks for something else.
                let index = if number % 4 == 3 { "r/b:1" } else { "r/a:1" };
                let submission = submission(&json!({"from_index": index}), Some("alice"));
                let recognition = keyed(&format!("k-{round}"));
                tokio::spawn(async move {
                    let outcome = store.submit_once(submission, &recognition).await;
                    (index, outcome)
                })
            })
            .collect();
        let (mut accepted, mut refused, mut fresh) = (BTreeSet::new(), BTreeSet::new(), 0);
        for submit in submits {
            match submit.await.unwrap() {
                (index, Ok(submitted)) => {
                    accepted.extend(ids(&submitted).into_iter().map(|id| (index, id)));
                    fresh += u32::from(!submitted.is_repeat);
                }
                (index, Err(Error::KeyReused)) => drop(refused.insert(index)),
                (_, Err(error)) => panic!("{error:?}"),
            }
        }
        assert_eq!((accepted.len(), fresh), (1, 1), "{accepted:?}");
        let (index, _) = accepted.pop_first().unwrap();
        assert!(!refused.contains(index));
        assert_eq!(refused.len(), 1);
        assert_eq!(fixture.count("request").await, round + 1);
        let last = fixture.number("SELECT last_request FROM counter").await;
        assert_eq!(last, round + 1, "numbers have no holes");
    }
}

async fn a_key_is_forgotten_when_its_time_is_over(fixture: Fixture) {
    let store = &fixture.store;
    let short = Recognition {
        keep_key: Duration::from_hours(1),
        ..keyed("short")
    };
    let submit = async |recognition: &Recognition| {
        let submission = submission(&json!({}), None);
        once(store, submission, recognition).await.unwrap()
    };
    let first = submit(&short).await;
    submit(&keyed("long")).await;
    fixture.pass(Duration::from_mins(59));
    assert!(submit(&short).await.is_repeat);
    assert_eq!(store.forget_keys().await.unwrap(), 0);
    fixture.pass(Duration::from_mins(1));
    let again = submit(&short).await;
    assert!(!again.is_repeat, "a repetition does not prolong it");
    assert_ne!(ids(&again), ids(&first));
    assert_eq!(ids(&submit(&short).await), ids(&again));
    fixture.pass(Duration::from_hours(2));
    assert_eq!(store.forget_keys().await.unwrap(), 1);
    assert_eq!(fixture.count("submit_key").await, 1);
    assert!(submit(&keyed("long")).await.is_repeat);

    fixture.pass(DAY);
    let many: Vec<_> = (0..600)
        .map(|number| {
            let store = store.clone();
            let recognition = keyed(&format!("many-{number}"));
            let submission = submission(&json!({}), None);
            tokio::spawn(async move { store.submit_once(submission, &recognition).await.unwrap() })
        })
        .collect();
    for submit in many {
        submit.await.unwrap();
    }
    assert_eq!(store.forget_keys().await.unwrap(), 1);
    fixture.pass(DAY);
    assert_eq!(store.forget_keys().await.unwrap(), 600);
    assert_eq!(fixture.count("submit_key").await, 0);
}

async fn neither_key_nor_token_is_in_the_database(fixture: Fixture) {
    let key = "a-key-of-alice";
    let join = Recognition {
        join: true,
        ..keyed(key)
    };
    let submission = submission(&with_token("u:s3cr3t"), Some("alice"));
    once(&fixture.store, submission.clone(), &join)
        .await
        .unwrap();
    assert_eq!(fixture.grep("s3cr3t").await, 0);
    assert_eq!(fixture.grep(key).await, 0);
    // Who has the database but not the sealing key cannot try out what is behind a fingerprint.
    let directory = tempfile::tempdir().unwrap();
    let other_key = SealingKey::load_or_generate(&directory.path().join("key")).unwrap();
    let other = fixture
        .store_with(|config| StoreConfig {
            sealing_key: other_key,
            ..config
        })
        .await;
    let unknown = once(&other, submission, &join).await.unwrap();
    assert!(!unknown.is_repeat);
}

async fn a_submission_without_a_key_costs_what_it_did(fixture: Fixture) {
    fixture.submit("r/index:1").await;
    let cost = async |recognition: Option<Recognition>| {
        let before = fixture.statements.load(Ordering::SeqCst);
        let submission = submission(&json!({}), None);
        match recognition {
            None => drop(fixture.store.submit(submission).await.unwrap()),
            Some(recognition) => {
                drop(
                    once(&fixture.store, submission, &recognition)
                        .await
                        .unwrap(),
                );
            }
        }
        fixture.statements.load(Ordering::SeqCst) - before
    };
    let plain = cost(None).await;
    let nothing = Recognition {
        key: None,
        ..keyed("unused")
    };
    assert_eq!(cost(Some(nothing)).await, plain);
    let key = cost(Some(keyed("k"))).await;
    assert_eq!(key, plain + 2, "it is looked up and kept");
    assert!(
        cost(Some(keyed("k"))).await < plain,
        "a repetition is cheaper"
    );
}

async fn what_came_to_nothing_leaves_no_key(fixture: Fixture) {
    let store = &fixture.store;
    let submit = async |key: &str| once(store, batch(2), &keyed(key)).await.unwrap();
    let (nothing, half) = (ids(&submit("nothing").await), ids(&submit("half").await));
    store.mark_dispatched(&half[1..]).await.unwrap();
    let all = [&nothing[..], &half].concat();
    let failed = store.fail_undispatched(&all, "no queue").await.unwrap();
    assert_eq!(failed, [nothing[0], nothing[1], half[0]]);
    assert!(!submit("nothing").await.is_repeat);
    let again = submit("half").await;
    assert!(again.is_repeat, "a part of it goes on");
    assert_eq!(ids(&again), half);
}

async fn what_is_in_flight_is_joined_by_its_user_alone(fixture: Fixture) {
    let store = &fixture.store;
    let of = |user| submission(&with_token("u:one"), Some(user));
    let not_joining = once(store, of("alice"), &keyed("k")).await.unwrap();
    let first = once(store, of("alice"), &joining()).await.unwrap();
    assert!(!first.is_repeat, "only what could be joined is found");
    assert_ne!(ids(&first), ids(&not_joining));
    let again = once(store, of("alice"), &joining()).await.unwrap();
    assert!(again.is_repeat);
    assert_eq!(ids(&again), ids(&first));
    for other in [
        of("bob"),
        submission(&with_token("u:two"), Some("alice")),
        submission(&json!({}), Some("alice")),
    ] {
        assert!(!once(store, other, &joining()).await.unwrap().is_repeat);
    }
    assert!(
        !once(store, of("alice"), &keyed("x"))
            .await
            .unwrap()
            .is_repeat
    );

    // A key of its own does not stand against it, and means the joined request from then on.
    let with_key = Recognition {
        join: true,
        ..keyed("new")
    };
    let joined = once(store, of("alice"), &with_key).await.unwrap();
    assert_eq!(ids(&joined), ids(&first));
    let patch = api::Patch::state(State::Failed, "cancelled".to_owned());
    store.patch(ids(&first)[0], &patch).await.unwrap();
    let after = once(store, of("alice"), &joining()).await.unwrap();
    assert!(!after.is_repeat, "it has ended");
    let by_key = once(store, of("alice"), &with_key).await.unwrap();
    assert_eq!(ids(&by_key), ids(&first));
}

async fn a_batch_is_joined_while_nothing_of_it_has_ended(fixture: Fixture) {
    let first = once(&fixture.store, batch(3), &joining()).await.unwrap();
    let again = once(&fixture.store, batch(3), &joining()).await.unwrap();
    assert_eq!(ids(&again), ids(&first));
    assert!(again.is_repeat && again.requests.len() == 3);
    assert!(
        !once(&fixture.store, batch(2), &joining())
            .await
            .unwrap()
            .is_repeat
    );
    let patch = api::Patch::state(State::Complete, "done".to_owned());
    fixture.store.patch(ids(&first)[1], &patch).await.unwrap();
    let after = once(&fixture.store, batch(3), &joining()).await.unwrap();
    assert!(!after.is_repeat);
}

async fn of_many_at_once_that_are_the_same_one_is_accepted(fixture: Fixture) {
    let other = fixture.second_store().await;
    let submits: Vec<_> = (0..40)
        .map(|number| {
            let store = [&fixture.store, &other][number % 2].clone();
            let submission = submission(&json!({}), Some("alice"));
            tokio::spawn(async move { store.submit_once(submission, &joining()).await.unwrap() })
        })
        .collect();
    let mut all = BTreeSet::new();
    for submit in submits {
        all.extend(ids(&submit.await.unwrap()));
    }
    assert_eq!(all, BTreeSet::from([1]));
    assert_eq!(fixture.count("job").await, 1);
    assert_eq!(fixture.number("SELECT last_request FROM counter").await, 1);
}

on_each_database!(
    a_key_that_comes_again_means_what_it_was_first_sent_with,
    a_key_with_anything_else_is_refused_and_writes_nothing,
    keys_of_different_users_are_apart_and_nobody_is_one_of_them,
    a_batch_comes_again_whole,
    of_many_at_once_with_one_key_one_is_accepted,
    a_key_is_forgotten_when_its_time_is_over,
    neither_key_nor_token_is_in_the_database,
    a_submission_without_a_key_costs_what_it_did,
    what_came_to_nothing_leaves_no_key,
    what_is_in_flight_is_joined_by_its_user_alone,
    a_batch_is_joined_while_nothing_of_it_has_ended,
    of_many_at_once_that_are_the_same_one_is_accepted,
);
