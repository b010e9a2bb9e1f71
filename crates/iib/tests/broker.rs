//! The service with a RabbitMQ between those who submit and those who work.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on shall panic")]

mod support;

use jiff::Timestamp;
use serde_json::{Value, json};
use support::World;
use support::rabbitmq::{PrivateBroker, Queues};
use support::service::{Service, Setup, until};
use tokio::net::TcpListener;

/// With these lines of configuration, and a worker that does not look into the store by itself.
fn that_only_listens(world: &World, queues: &str) -> Setup {
    let setup = Setup::with(world, queues, Vec::new());
    setup.replace("poll_seconds = 1", "poll_seconds = 3600");
    setup
}

/// An add that fails at once, for want of its bundle.
fn add(world: &World) -> Value {
    json!({"bundles": [format!("{}/bundles/none:v1", world.host)], "binary_image": "r/none:1", "add_arches": ["amd64"]})
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_reach_the_worker_through_the_broker_and_dead_letters_are_dealt_with() {
    let Some(queues) = Queues::start().await else {
        return;
    };
    let world = World::start().await;
    for mode in ["wait", "fail"] {
        let section = queues.section(&format!("on_unreachable = \"{mode}\""));
        let setup = that_only_listens(&world, &section);
        let service = setup.start().await;
        let id = service.add(&add(&world)).await;
        let request = service.ended(id).await;
        assert_eq!(request["state"], "failed", "{request}");
        queues.until_waiting("default", 0).await;
        assert_eq!(service.terminate().await, Some(0));
    }

    let setup = that_only_listens(&world, &queues.section(""));
    let service = setup.start().await;
    let id = service.add(&add(&world)).await;
    let ended = service.ended(id).await;
    queues.publish("default", "what?").await;
    queues.until_waiting("dead-letters", 1).await;
    let message = json!({"request_id": id, "queue": null}).to_string();
    queues.publish("dead-letters", &message).await;
    queues.until_waiting("dead-letters", 2).await;
    let config = world.dir.path().join("iib.toml");
    let run = async |args: &[&str]| {
        let args = [&["queue"], args, &["--config", config.to_str().unwrap()]].concat();
        world.iib(&args).await
    };
    let list = run(&["ls"]).await.ok();
    support::assert_names(&list, &[&format!("request {id}"), "unreadable", "rejected"]);
    let list: Value = serde_json::from_str(&run(&["ls", "-o", "json"]).await.ok()).unwrap();
    assert_eq!(list["dead_letters"].as_array().unwrap().len(), 2, "{list}");

    let refused = run(&["retry", "4711", &id.to_string()]).await.failed();
    support::assert_names(&refused, &["about 4711;", "iib queue ls"]);
    let usage = run(&["drop"]).await;
    assert_eq!(usage.code, Some(2), "neither ids nor --all");

    let retried = run(&["retry", "--all"]).await.ok();
    support::assert_names(&retried, &[&format!("again: {id}"), "cannot be read"]);
    queues.until_waiting("default", 0).await;
    assert_eq!(
        service.request(id).await,
        ended,
        "it has ended, and stays so"
    );
    assert_eq!(run(&["drop", "--all"]).await.ok().trim(), "1 removed");
    assert_eq!(run(&["ls"]).await.ok().trim(), "no dead letters");
    assert_eq!(service.terminate().await, Some(0));
    queues.remove(&[]).await;
}

/// When a request entered the state that it ended in.
fn end_of(request: &Value) -> Timestamp {
    request["updated"].as_str().unwrap().parse().unwrap()
}

/// When work on a request began.
fn begin_of(request: &Value) -> Timestamp {
    let history = request["state_history"].as_array().unwrap();
    let entry = &history[history.len() - 2];
    entry["updated"].as_str().unwrap().parse().unwrap()
}

async fn all_wait(service: &Service, ids: &[i64]) {
    for id in ids {
        let request = service.request(*id).await;
        assert_eq!(request["state"], "in_progress", "{request}");
        assert_eq!(request["state_history"].as_array().unwrap().len(), 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_accepted_while_the_broker_is_stopped_is_done_when_it_is_back() {
    let Some(mut broker) = PrivateBroker::new().await else {
        return;
    };
    let world = World::start().await;
    let setup = Setup::with(&world, &broker.section(""), Vec::new());
    let submit = async |service: &Service| {
        let mut ids = Vec::new();
        for _ in 0..3 {
            ids.push(service.add(&add(&world)).await);
        }
        ids
    };

    // Not there at the start.
    let service = setup.start().await;
    let ids = submit(&service).await;
    service.logged("jobs cannot be handed over").await;
    all_wait(&service, &ids).await;
    let back = Timestamp::now();
    broker.start().await;
    for id in ids {
        let request = service.ended(id).await;
        assert!(begin_of(&request) >= back, "it waited: {request}");
    }

    // Killed while it is in use; the service with it, so that nobody remembers what was handed over.
    broker.kill().await;
    let ids = submit(&service).await;
    service.logged("no messages come from the broker").await;
    all_wait(&service, &ids).await;
    service.kill().await;
    let back = Timestamp::now();
    broker.start().await;
    let service = setup.start().await;
    for id in ids {
        let request = service.ended(id).await;
        assert!(begin_of(&request) >= back, "it waited: {request}");
    }

    // Restarted once more, it delivers as before.
    broker.kill().await;
    broker.start().await;
    let id = service.add(&add(&world)).await;
    service.ended(id).await;
    assert_eq!(service.terminate().await, Some(0));
}

/// Submits an add of `bundle` that overwrites its index, as alice.
async fn overwrite(service: &Service, world: &World, bundle: &str) -> i64 {
    let payload = json!({
        "bundles": [bundle],
        "binary_image": format!("{}/none:1", world.host),
        "from_index": format!("{}/index:v1", world.host),
        "overwrite_from_index": true,
        "overwrite_from_index_token": "user:token",
    });
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let answer = client
        .post(service.url("builds/add"))
        .header("X-Remote-User", "alice")
        .json(&payload)
        .send()
        .await
        .unwrap();
    let body: Value = answer.json().await.unwrap();
    body["id"].as_i64().unwrap_or_else(|| panic!("{body}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_serial_queue_keeps_its_order_when_the_worker_is_killed() {
    let Some(queues) = Queues::start().await else {
        return;
    };
    let world = World::start().await;
    let section = format!(
        "trusted_proxies = [\"127.0.0.1\"]\nuser_header = \"X-Remote-User\"\n{}",
        queues.section("users.\"SERIAL:alice\" = \"releases\"")
    );
    let setup = Setup::with(&world, &section, Vec::new());
    // Longer than a start takes: the message comes again while the dead worker still has its lease.
    setup.replace("lease_seconds = 1", "lease_seconds = 15");
    setup.replace("[worker]", "[worker]\njobs = 4");
    let service = setup.start().await;

    // A registry that accepts and never answers.
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = silent.local_addr().unwrap();
    let first = overwrite(&service, &world, &format!("{address}/slow/bundle:v1")).await;
    let missing = format!("{}/bundles/none:v1", world.host);
    let second = overwrite(&service, &world, &missing).await;
    let third = overwrite(&service, &world, &missing).await;
    until("work on the first has begun", || async {
        let request = service.request(first).await;
        (request["state_history"].as_array().unwrap().len() > 1).then_some(())
    })
    .await;
    queues.until_waiting("releases", 2).await;
    service.kill().await;
    drop(silent);

    let service = setup.start().await;
    let third = service.ended(third).await;
    let second = service.request(second).await;
    let first = service.request(first).await;
    for (before, after) in [(&first, &second), (&second, &third)] {
        assert_ne!(before["state"], "in_progress", "{before}");
        assert!(
            end_of(before) <= begin_of(after),
            "{before} ended after the next began: {after}"
        );
    }
    queues.until_waiting("releases", 0).await;
    assert_eq!(service.terminate().await, Some(0));
    queues.remove(&["releases"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_password_of_the_broker_ends_the_start_and_is_not_printed() {
    let Some(queues) = Queues::start().await else {
        return;
    };
    let world = World::start().await;
    let _setup = Setup::with(&world, &queues.section_with_password("wr0ng"), Vec::new());
    let config = world.dir.path().join("iib.toml");
    let data = world.dir.path().join("data");
    let ended = world
        .iib(&[
            "serve",
            // What the broker's library says at its loudest has the password in it, byte by byte.
            "--log",
            "trace,lapin=trace",
            "--config",
            config.to_str().unwrap(),
            "--data-dir",
            data.to_str().unwrap(),
            "--listen",
            "127.0.0.1:0",
        ])
        .await;
    for form in ["wr0ng", "119, 114, 48, 110, 103"] {
        assert!(!ended.stderr.contains(form), "{}", ended.stderr);
    }
    support::assert_names(&ended.failed(), &["`queues` is wrong", "refuses the user"]);
}
