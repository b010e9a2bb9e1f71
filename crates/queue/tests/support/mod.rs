//! A real RabbitMQ, reached through a proxy that a test can cut, and a store.
#![allow(
    dead_code,
    unreachable_pub,
    clippy::disallowed_methods,
    clippy::print_stderr,
    reason = "each test file uses its own part of this; tests are configured by the environment"
)]

use std::net::SocketAddr;
use std::time::Duration;

use api::{Payload, RequestType, Rules};
use lapin::options::QueueDeleteOptions;
use lapin::types::FieldTable;
use lapin::{Connection, ConnectionProperties};
use queue::{Broker, BrokerUrl, Pace, Topology};
use serde_json::json;
use store::{NewRequest, SealingKey, Store, StoreConfig, Submission, WaitingJob};
use tempfile::TempDir;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// Long enough for a busy machine; tests wait for conditions, not for times.
pub const PATIENCE: Duration = Duration::from_mins(1);

/// Where RabbitMQ is, as `amqp://USER:PASSWORD@HOST:PORT/VHOST`.
fn address() -> url::Url {
    let named = std::env::var("IIB_TEST_RABBITMQ");
    let address = named
        .as_deref()
        .unwrap_or("amqp://guest:guest@127.0.0.1:5672");
    address.parse().expect("IIB_TEST_RABBITMQ is an address")
}

/// Queues of a test's own on a real broker.
pub struct Rabbit {
    pub prefix: String,
    pub topology: Topology,
    connection: Connection,
}

impl Rabbit {
    /// None, with a message, where there is no broker. In CI there must be one.
    pub async fn start(queues: &[(&str, Pace)]) -> Option<Self> {
        let address = address();
        let connecting = Connection::connect(address.as_str(), ConnectionProperties::default());
        let connection = match tokio::time::timeout(PATIENCE, connecting).await {
            Ok(Ok(connection)) => connection,
            outcome => {
                let in_ci = std::env::var("CI").is_ok_and(|value| value == "true");
                let host = address.host_str();
                assert!(!in_ci, "in CI RabbitMQ must be at {host:?}: {outcome:?}");
                eprintln!(
                    "SKIPPED: no RabbitMQ at {host:?}; start one, or name it in IIB_TEST_RABBITMQ as `amqp://USER:PASSWORD@HOST:PORT`"
                );
                return None;
            }
        };
        let prefix = format!("iib-test-{}.", uuid::Uuid::new_v4().simple());
        let queues = queues
            .iter()
            .map(|(name, pace)| ((*name).to_owned(), *pace));
        Some(Self {
            topology: Topology::new(prefix.clone(), queues).unwrap(),
            prefix,
            connection,
        })
    }

    pub fn broker(&self) -> Broker {
        self.broker_with(&address())
    }

    /// The same broker, reached through `proxy`.
    pub fn broker_behind(&self, proxy: &Proxy) -> Broker {
        let mut address = address();
        address.set_ip_host(proxy.address.ip()).unwrap();
        address.set_port(Some(proxy.address.port())).unwrap();
        self.broker_with(&address)
    }

    /// The same broker with another password.
    pub fn broker_refusing(&self, password: &str) -> Broker {
        let mut address = address();
        address.set_password(Some(password)).unwrap();
        self.broker_with(&address)
    }

    fn broker_with(&self, address: &url::Url) -> Broker {
        let url: BrokerUrl = address.as_str().parse().unwrap();
        Broker::with_time(url, self.topology.clone(), Duration::from_secs(20))
    }

    pub async fn channel(&self) -> lapin::Channel {
        self.connection.create_channel().await.unwrap()
    }

    /// How many messages wait in a queue.
    pub async fn waiting(&self, queue: &str) -> u32 {
        let options = lapin::options::QueueDeclareOptions {
            passive: true,
            ..Default::default()
        };
        let name = format!("{}{queue}", self.prefix);
        let channel = self.channel().await;
        let declared = channel.queue_declare(name.into(), options, FieldTable::default());
        declared.await.unwrap().message_count()
    }

    /// Waits until so many messages wait in a queue.
    pub async fn until_waiting(&self, queue: &str, count: u32) {
        eventually(async || self.waiting(queue).await == count).await;
    }

    pub async fn remove(self) {
        let names = self.topology.queues().map(|(name, _)| name.to_owned());
        for name in names.chain(["dead-letters".to_owned()]) {
            let name = format!("{}{name}", self.prefix);
            let channel = self.channel().await;
            let deleted = channel.queue_delete(name.into(), QueueDeleteOptions::default());
            deleted.await.unwrap();
        }
    }
}

/// Waits until something is so.
pub async fn eventually(mut holds: impl AsyncFnMut() -> bool) {
    let check = async {
        while !holds().await {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(PATIENCE, check)
        .await
        .expect("it becomes so in time");
}

pub fn job(request_id: i64, queue: Option<&str>) -> WaitingJob {
    WaitingJob {
        request_id,
        queue: queue.map(ToOwned::to_owned),
    }
}

/// A way to the broker that can be cut and restored.
pub struct Proxy {
    pub address: SocketAddr,
    open: watch::Sender<bool>,
}

impl Proxy {
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let proxy_address = listener.local_addr().unwrap();
        let (open, seen) = watch::channel(true);
        tokio::spawn(async move {
            while let Ok((mut caller, _)) = listener.accept().await {
                let mut seen = seen.clone();
                tokio::spawn(async move {
                    if !*seen.borrow_and_update() {
                        return;
                    }
                    let target = address();
                    let target = (target.host_str().unwrap(), target.port().unwrap_or(5672));
                    let mut broker = TcpStream::connect(target).await.unwrap();
                    tokio::select! {
                        _ = tokio::io::copy_bidirectional(&mut caller, &mut broker) => {}
                        _ = seen.wait_for(|open| !open) => {}
                    }
                });
            }
        });
        Self {
            address: proxy_address,
            open,
        }
    }

    pub fn cut(&self) {
        self.open.send_replace(false);
    }

    pub fn restore(&self) {
        self.open.send_replace(true);
    }
}

/// A store of its own.
pub async fn store(directory: &TempDir) -> Store {
    let key = SealingKey::load_or_generate(&directory.path().join("key")).unwrap();
    let path = directory.path().join("iib.db");
    let config = StoreConfig {
        migrate: true,
        ..StoreConfig::new(path.to_str().unwrap().parse().unwrap(), key)
    };
    Store::open(&config).await.unwrap()
}

/// Submits a request into a queue.
pub async fn submit(store: &Store, queue: Option<&str>) -> i64 {
    let body = json!({"operators": ["op"], "from_index": "r/i:1", "binary_image": "r/o:1"});
    let object = body.as_object().unwrap();
    let payload = Payload::parse(RequestType::Rm, object, &Rules::default());
    let submission = Submission {
        requests: vec![NewRequest {
            payload: payload.unwrap().unwrap(),
            queue: queue.map(ToOwned::to_owned),
        }],
        annotations: None,
        user: None,
        trace_context: None,
    };
    store.submit(submission).await.unwrap()[0].id
}
