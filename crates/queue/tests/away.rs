//! With no broker at all.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on shall panic")]

mod support;

use std::time::Duration;

use queue::{Broker, Error, Topology, dispatch};
use support::{job, store, submit};
use tokio::net::TcpListener;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

fn broker(address: &str, time: Duration) -> Broker {
    let url = format!("amqp://user:s3cr3t@{address}").parse().unwrap();
    Broker::with_time(url, Topology::new("iib.", []).unwrap(), time)
}

/// An address where nobody listens: a port that was free a moment ago.
async fn closed() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    listener.local_addr().unwrap().to_string()
}

#[tokio::test]
async fn a_broker_that_is_away_is_an_error_that_names_it_and_hides_the_password() {
    let address = closed().await;
    let broker = broker(&address, Duration::from_secs(10));
    let handed = broker.hand_over(&[job(1, None)]).await;
    assert!(handed.taken.is_empty());
    let error = handed.error.unwrap();
    assert!(matches!(error, Error::Away { .. }), "{error:?}");
    assert!(!error.is_misconfiguration());
    let text = format!("{error} {error:?} {broker:?}");
    assert!(
        text.contains(&address) && !text.contains("s3cr3t"),
        "{text}"
    );

    // The next one does not wait for the same again.
    let error = broker.hand_over(&[job(2, None)]).await.error.unwrap();
    assert!(matches!(error, Error::Resting { .. }), "{error:?}");
    let error = broker.prepare().await.unwrap_err();
    assert!(
        matches!(error, Error::Away { .. }),
        "asked for, it is tried: {error:?}"
    );
}

#[tokio::test]
async fn a_broker_that_says_nothing_is_given_up_in_time() {
    // Accepts, and never answers.
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let time = Duration::from_millis(300);
    let broker = broker(&address, time);
    let begun = Instant::now();
    let error = broker.hand_over(&[job(1, None)]).await.error.unwrap();
    assert!(matches!(error, Error::Silent { .. }), "{error:?}");
    assert!(begun.elapsed() >= time);
    let error = broker.hand_over(&[job(1, None)]).await.error.unwrap();
    assert!(matches!(error, Error::Resting { .. }), "{error:?}");
    drop(listener);
}

#[tokio::test]
async fn the_dispatcher_leaves_what_it_cannot_hand_over_and_stops_when_told() {
    let directory = tempfile::tempdir().unwrap();
    let store = store(&directory).await;
    let broker = broker(&closed().await, Duration::from_secs(10));
    let stop = CancellationToken::new();
    let dispatching = tokio::spawn(dispatch(
        store.clone(),
        broker,
        Duration::ZERO,
        stop.clone(),
    ));
    let id = submit(&store, None).await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    let waiting = store.undispatched(Duration::ZERO, 10).await.unwrap();
    assert_eq!(waiting.len(), 1);
    assert_eq!(waiting[0].request_id, id);
    stop.cancel();
    let ended = tokio::time::timeout(Duration::from_secs(5), dispatching).await;
    ended.expect("it stops at once").unwrap();
}
