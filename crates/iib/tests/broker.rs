//! The service with a RabbitMQ between those who submit and those who work.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on shall panic")]

mod support;

use std::time::Duration;

use lapin::options::{BasicPublishOptions, QueueDeclareOptions, QueueDeleteOptions};
use lapin::{BasicProperties, Connection, ConnectionProperties};
use serde_json::{Value, json};
use support::World;
use support::service::{Setup, until};

/// A test's own queues on a real broker.
struct Queues {
    prefix: String,
    address: String,
    connection: Connection,
}

impl Queues {
    /// None, with a message, where there is no broker. In CI there must be one.
    #[expect(
        clippy::disallowed_methods,
        clippy::print_stderr,
        reason = "the environment says where the broker is; what is skipped is told"
    )]
    async fn start() -> Option<Self> {
        let address = std::env::var("IIB_TEST_RABBITMQ");
        let address = address.unwrap_or_else(|_| "127.0.0.1:5672".to_owned());
        let url = format!("amqp://guest:guest@{address}");
        let connecting = Connection::connect(&url, ConnectionProperties::default());
        match tokio::time::timeout(Duration::from_secs(30), connecting).await {
            Ok(Ok(connection)) => Some(Self {
                prefix: format!("iib-test-{}.", uuid::Uuid::new_v4().simple()),
                address,
                connection,
            }),
            outcome => {
                let in_ci = std::env::var("CI").is_ok_and(|value| value == "true");
                assert!(!in_ci, "in CI RabbitMQ must be at {address}: {outcome:?}");
                eprintln!("skipped: no RabbitMQ at {address} (IIB_TEST_RABBITMQ)");
                None
            }
        }
    }

    fn section(&self, password: &str, more: &str) -> String {
        let Self {
            prefix, address, ..
        } = self;
        format!(
            "[queues]\nbroker = \"amqp://guest:{password}@{address}\"\nprefix = \"{prefix}\"\n{more}"
        )
    }

    async fn publish(&self, queue: &str, body: &str) {
        let channel = self.connection.create_channel().await.unwrap();
        let name = format!("{}{queue}", self.prefix);
        let options = BasicPublishOptions::default();
        let properties = BasicProperties::default();
        let published =
            channel.basic_publish("".into(), name.into(), options, body.as_bytes(), properties);
        published.await.unwrap();
    }

    /// Waits until so many messages wait in a queue.
    async fn until_waiting(&self, queue: &str, count: u32) {
        until("the queue is so long", || async {
            let channel = self.connection.create_channel().await.unwrap();
            let name = format!("{}{queue}", self.prefix);
            let passive = QueueDeclareOptions {
                passive: true,
                ..QueueDeclareOptions::default()
            };
            let declared = channel.queue_declare(name.into(), passive, Default::default());
            (declared.await.unwrap().message_count() == count).then_some(())
        })
        .await;
    }

    async fn remove(self) {
        for queue in ["default", "dead-letters"] {
            let channel = self.connection.create_channel().await.unwrap();
            let name = format!("{}{queue}", self.prefix);
            let deleted = channel.queue_delete(name.into(), QueueDeleteOptions::default());
            deleted.await.unwrap();
        }
    }
}

/// With these lines of configuration, and a worker that does not look into the store by itself.
fn that_only_listens(world: &World, queues: &str) -> Setup {
    let setup = Setup::with(world, queues, Vec::new());
    let path = world.dir.path().join("iib.toml");
    let text = std::fs::read_to_string(&path).unwrap();
    let rarely = text.replace("poll_seconds = 1", "poll_seconds = 3600");
    assert_ne!(rarely, text);
    std::fs::write(&path, rarely).unwrap();
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
        let section = queues.section("guest", &format!("on_unreachable = \"{mode}\""));
        let setup = that_only_listens(&world, &section);
        let service = setup.start().await;
        let id = service.add(&add(&world)).await;
        let request = service.ended(id).await;
        assert_eq!(request["state"], "failed", "{request}");
        queues.until_waiting("default", 0).await;
        assert_eq!(service.terminate().await, Some(0));
    }

    let setup = that_only_listens(&world, &queues.section("guest", ""));
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
    queues.remove().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_whose_broker_is_away_starts_and_works() {
    let world = World::start().await;
    let closed = {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        listener.local_addr().unwrap()
    };
    let section = format!("[queues]\nbroker = \"amqp://user:s3cr3t@{closed}\"");
    let setup = Setup::with(&world, &section, Vec::new());
    let service = setup.start().await;
    let id = service.add(&add(&world)).await;
    assert_eq!(service.ended(id).await["state"], "failed");
    assert_eq!(service.terminate().await, Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_password_of_the_broker_ends_the_start_and_is_not_printed() {
    let Some(queues) = Queues::start().await else {
        return;
    };
    let world = World::start().await;
    let _setup = Setup::with(&world, &queues.section("wr0ng", ""), Vec::new());
    let config = world.dir.path().join("iib.toml");
    let data = world.dir.path().join("data");
    let ended = world
        .iib(&[
            "serve",
            "--config",
            config.to_str().unwrap(),
            "--data-dir",
            data.to_str().unwrap(),
            "--listen",
            "127.0.0.1:0",
        ])
        .await;
    assert!(!ended.stderr.contains("wr0ng"), "{}", ended.stderr);
    support::assert_names(&ended.failed(), &["`queues` is wrong", "refuses the user"]);
}
