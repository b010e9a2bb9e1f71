//! Against a real broker.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on shall panic")]

mod support;

use std::time::Duration;

use lapin::BasicProperties;
use lapin::options::{BasicPublishOptions, QueueDeclareOptions, QueueDeleteOptions};
use lapin::types::FieldTable;
use queue::{Broker, DeadLetters, Error, Inbox, Pace, Topology, dispatch};
use store::Store;
use support::{PATIENCE, Proxy, Rabbit, eventually, job, store, submit};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

fn listen(
    inbox: &Inbox,
    broker: Broker,
    queues: &[&str],
    stop: &CancellationToken,
) -> JoinHandle<()> {
    let (inbox, stop) = (inbox.clone(), stop.clone());
    let queues = queues.iter().map(|name| (*name).to_owned()).collect();
    tokio::spawn(async move { inbox.listen(broker, queues, 2, stop).await })
}

async fn next(inbox: &Inbox) -> queue::Hint {
    tokio::time::timeout(PATIENCE, inbox.next())
        .await
        .expect("a message comes")
}

async fn undispatched(store: &Store) -> usize {
    store
        .undispatched(Duration::ZERO, 1000)
        .await
        .unwrap()
        .len()
}

#[tokio::test]
async fn what_was_handed_over_is_heard_and_gone_once_it_is_done() {
    let Some(rabbit) = Rabbit::start(&[("alice", Pace::Parallel)]).await else {
        return;
    };
    let broker = rabbit.broker();
    let jobs = [job(1, None), job(2, Some("alice"))];
    let handed = broker.hand_over(&jobs).await;
    assert_eq!(handed.taken, [1, 2], "{:?}", handed.error);
    assert!(handed.error.is_none());

    let (inbox, stop) = (Inbox::new(), CancellationToken::new());
    let listening = listen(&inbox, broker.clone(), &["default", "alice"], &stop);
    let (first, second) = (next(&inbox).await, next(&inbox).await);
    let mut ids = [first.request_id(), second.request_id()];
    ids.sort_unstable();
    assert_eq!(ids, [1, 2]);
    assert!(inbox.is_connected());
    first.done().await;
    second.give_back().await;
    let again = next(&inbox).await;
    again.done().await;
    stop.cancel();
    listening.await.unwrap();
    assert!(!inbox.is_connected());
    rabbit.until_waiting("alice", 0).await;
    rabbit.until_waiting("default", 0).await;
    rabbit.remove().await;
}

#[tokio::test]
async fn what_a_worker_held_when_it_went_comes_to_the_next_one() {
    let Some(rabbit) = Rabbit::start(&[]).await else {
        return;
    };
    let broker = rabbit.broker();
    let jobs: Vec<_> = (1..=3).map(|id| job(id, None)).collect();
    assert_eq!(broker.hand_over(&jobs).await.taken.len(), 3);
    let (inbox, stop) = (Inbox::new(), CancellationToken::new());
    let listening = listen(&inbox, broker.clone(), &["default"], &stop);
    let running = next(&inbox).await;
    stop.cancel();
    listening.await.unwrap();
    rabbit.until_waiting("default", 2).await;
    // The one that was being worked on can still be acknowledged after the shutdown began.
    running.done().await;
    rabbit.until_waiting("default", 2).await;
    rabbit.remove().await;
}

#[tokio::test]
async fn of_a_serial_queue_one_consumer_gets_one_message_at_a_time_in_order() {
    let Some(rabbit) = Rabbit::start(&[("releases", Pace::Serial)]).await else {
        return;
    };
    let broker = rabbit.broker();
    let jobs: Vec<_> = (1..=6).map(|id| job(id, Some("releases"))).collect();
    assert_eq!(broker.hand_over(&jobs).await.taken.len(), 6);
    let stop = CancellationToken::new();
    let inboxes = [Inbox::new(), Inbox::new()];
    let tasks: Vec<_> = inboxes
        .iter()
        .map(|inbox| listen(inbox, rabbit.broker(), &["releases"], &stop))
        .collect();
    eventually(async || inboxes.iter().all(Inbox::is_connected)).await;
    let first = tokio::select! {
        hint = next(&inboxes[0]) => hint,
        hint = next(&inboxes[1]) => hint,
    };
    assert_eq!((first.request_id(), first.pace()), (1, Pace::Serial));
    // Given back, it is still the first.
    first.give_back().await;
    for expected in 1..=6 {
        let hint = tokio::select! {
            hint = next(&inboxes[0]) => hint,
            hint = next(&inboxes[1]) => hint,
        };
        assert_eq!(hint.request_id(), expected);
        let other = tokio::time::timeout(Duration::from_millis(200), async {
            tokio::select! { hint = inboxes[0].next() => hint, hint = inboxes[1].next() => hint }
        });
        assert!(other.await.is_err(), "a second one runs beside it");
        hint.done().await;
    }
    stop.cancel();
    for task in tasks {
        task.await.unwrap();
    }
    rabbit.remove().await;
}

#[tokio::test]
async fn requests_of_a_queue_of_an_earlier_configuration_go_to_the_default_one() {
    let Some(rabbit) = Rabbit::start(&[]).await else {
        return;
    };
    let jobs = [job(1, Some("former")), job(2, None)];
    let handed = rabbit.broker().hand_over(&jobs).await;
    assert_eq!(handed.taken, [1, 2], "{:?}", handed.error);
    rabbit.until_waiting("default", 2).await;
    rabbit.remove().await;
}

#[tokio::test]
async fn a_queue_that_was_deleted_is_made_again_when_a_request_needs_it() {
    let Some(rabbit) = Rabbit::start(&[]).await else {
        return;
    };
    let broker = rabbit.broker();
    broker.prepare().await.unwrap();
    let name = format!("{}default", rabbit.prefix);
    let channel = rabbit.channel().await;
    let deleted = channel.queue_delete(name.into(), QueueDeleteOptions::default());
    deleted.await.unwrap();
    let handed = broker.hand_over(&[job(1, None), job(2, None)]).await;
    assert_eq!(handed.taken, [1, 2], "{:?}", handed.error);
    rabbit.until_waiting("default", 2).await;
    rabbit.remove().await;
}

#[tokio::test]
async fn a_queue_that_exists_with_other_arguments_is_told_at_the_start() {
    let Some(rabbit) = Rabbit::start(&[("releases", Pace::Serial)]).await else {
        return;
    };
    rabbit.broker().prepare().await.unwrap();
    rabbit
        .broker()
        .prepare()
        .await
        .expect("the same topology again is fine");
    let parallel = [("releases".to_owned(), Pace::Parallel)];
    let other = Topology::new(rabbit.prefix.clone(), parallel).unwrap();
    let broker = Broker::new(rabbit.broker().url().clone(), other);
    let error = broker.prepare().await.unwrap_err();
    assert!(error.is_misconfiguration(), "{error}");
    let text = error.to_string();
    assert!(
        text.contains("releases`") && text.contains("queues.prefix"),
        "{text}"
    );
    assert!(!text.contains("guest"), "{text}");
    rabbit.remove().await;
}

#[tokio::test]
async fn a_wrong_password_is_no_outage() {
    let Some(rabbit) = Rabbit::start(&[]).await else {
        return;
    };
    let error = rabbit.broker_refusing("wr0ng").prepare().await.unwrap_err();
    assert!(matches!(error, Error::Refused { .. }), "{error:?}");
    assert!(!format!("{error:?}").contains("wr0ng"), "{error:?}");
    rabbit.remove().await;
}

#[tokio::test]
async fn dead_letters_are_listed_retried_and_dropped() {
    let Some(rabbit) = Rabbit::start(&[]).await else {
        return;
    };
    let broker = rabbit.broker();
    broker.prepare().await.unwrap();
    let (inbox, stop) = (Inbox::new(), CancellationToken::new());
    let listening = listen(&inbox, broker.clone(), &["default"], &stop);
    // One that cannot be read, and one that nobody ever finishes.
    let name = format!("{}default", rabbit.prefix);
    let channel = rabbit.channel().await;
    let options = BasicPublishOptions::default();
    channel
        .basic_publish(
            "".into(),
            name.into(),
            options,
            b"what?",
            BasicProperties::default(),
        )
        .await
        .unwrap();
    rabbit.until_waiting("dead-letters", 1).await;
    assert_eq!(broker.hand_over(&[job(7, None)]).await.taken, [7]);
    let poison = async {
        loop {
            let hint = inbox.next().await;
            assert_eq!(hint.request_id(), 7);
            hint.give_back().await;
        }
    };
    tokio::select! {
        () = poison => {}
        () = rabbit.until_waiting("dead-letters", 2) => {}
    }
    stop.cancel();
    listening.await.unwrap();

    let mut letters = DeadLetters::open(&broker).await.unwrap();
    let mut seen: Vec<_> = letters
        .letters()
        .map(|letter| (letter.request_id, letter.reason.clone()))
        .collect();
    seen.sort();
    let expected = [(None, "rejected"), (Some(7), "delivery_limit")];
    assert_eq!(seen, expected.map(|(id, reason)| (id, reason.to_owned())));
    assert!(
        letters
            .letters()
            .all(|letter| letter.queue.ends_with(".default"))
    );
    assert_eq!(letters.retry(|_| true).await.unwrap(), [7]);
    drop(letters);
    rabbit.until_waiting("default", 1).await;
    rabbit.until_waiting("dead-letters", 1).await;

    let mut letters = DeadLetters::open(&broker).await.unwrap();
    assert_eq!(
        letters
            .drop_those(|letter| letter.request_id == Some(1))
            .await
            .unwrap(),
        0
    );
    assert_eq!(
        letters
            .drop_those(|letter| letter.request_id.is_none())
            .await
            .unwrap(),
        1
    );
    drop(letters);
    rabbit.until_waiting("dead-letters", 0).await;
    rabbit.remove().await;
}

#[tokio::test]
async fn requests_wait_in_the_store_while_the_broker_is_away_and_go_on_when_it_is_back() {
    let Some(rabbit) = Rabbit::start(&[("alice", Pace::Parallel)]).await else {
        return;
    };
    let proxy = Proxy::start().await;
    let directory = tempfile::tempdir().unwrap();
    let store = store(&directory).await;
    let stop = CancellationToken::new();
    let broker = rabbit.broker_behind(&proxy);
    let dispatching = tokio::spawn(dispatch(
        store.clone(),
        broker.clone(),
        Duration::ZERO,
        stop.clone(),
    ));
    let inbox = Inbox::new();
    let listening = listen(&inbox, broker, &["default", "alice"], &stop);
    let mut expected = vec![submit(&store, None).await];
    let hint = next(&inbox).await;
    assert_eq!(hint.request_id(), expected[0]);
    hint.done().await;
    eventually(async || undispatched(&store).await == 0).await;

    proxy.cut();
    eventually(async || !inbox.is_connected()).await;
    expected.clear();
    for queue in [None, Some("alice"), None] {
        expected.push(submit(&store, queue).await);
    }
    // No condition says that something did not happen; the broker is seen to have nothing instead.
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert_eq!(undispatched(&store).await, 3);
    assert_eq!(rabbit.waiting("alice").await, 0);

    proxy.restore();
    let mut heard = Vec::new();
    while heard.len() < 3 {
        let hint = next(&inbox).await;
        // One may come twice: its confirm, or that the first was done, was lost with the connection.
        let id = hint.request_id();
        if expected.contains(&id) && !heard.contains(&id) {
            heard.push(id);
        }
        hint.done().await;
    }
    heard.sort_unstable();
    assert_eq!(heard, expected);
    eventually(async || undispatched(&store).await == 0).await;
    stop.cancel();
    dispatching.await.unwrap();
    listening.await.unwrap();
    rabbit.remove().await;
}

#[tokio::test]
async fn a_queue_that_is_deleted_under_a_worker_is_made_again() {
    let Some(rabbit) = Rabbit::start(&[]).await else {
        return;
    };
    let broker = rabbit.broker();
    let (inbox, stop) = (Inbox::new(), CancellationToken::new());
    let listening = listen(&inbox, broker.clone(), &["default"], &stop);
    eventually(async || inbox.is_connected()).await;
    let name = format!("{}default", rabbit.prefix);
    let channel = rabbit.channel().await;
    channel
        .queue_delete(name.clone().into(), QueueDeleteOptions::default())
        .await
        .unwrap();
    let exists = async || {
        let options = QueueDeclareOptions {
            passive: true,
            ..Default::default()
        };
        let channel = rabbit.channel().await;
        let declared = channel.queue_declare(name.clone().into(), options, FieldTable::default());
        declared
            .await
            .is_ok_and(|queue| queue.consumer_count() == 1)
    };
    eventually(exists).await;
    let handed = broker.hand_over(&[job(1, None)]).await;
    assert_eq!(handed.taken, [1], "{:?}", handed.error);
    next(&inbox).await.done().await;
    stop.cancel();
    listening.await.unwrap();
    rabbit.remove().await;
}
