//! RabbitMQ: a test's own queues on the one that runs, and one of a test's own.

use std::fmt::Write as _;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use lapin::options::{BasicPublishOptions, QueueDeclareOptions, QueueDeleteOptions};
use lapin::types::FieldTable;
use lapin::{BasicProperties, Connection, ConnectionProperties};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::process::Child;

use super::service::until;

const USUAL: &str = "amqp://guest:guest@127.0.0.1:5672";

/// How long a broker may take to start: on a busy machine with a cold disk, minutes.
const PATIENCE: Duration = Duration::from_mins(10);

/// How long one try to connect may take.
const TRY: Duration = Duration::from_secs(20);

/// Leaves a test out, and says why; in CI nothing is left out.
#[expect(
    clippy::disallowed_methods,
    clippy::print_stderr,
    reason = "the environment says whether this is CI; what is left out is told"
)]
fn skip(why: &str) {
    let in_ci = std::env::var("CI").is_ok_and(|value| value == "true");
    assert!(!in_ci, "{why}");
    eprintln!("SKIPPED: {why}");
}

/// A test's own queues on the broker that runs.
pub(crate) struct Queues {
    prefix: String,
    address: String,
    connection: Connection,
}

impl Queues {
    /// None, with a message, where there is no broker. In CI there must be one.
    #[expect(
        clippy::disallowed_methods,
        reason = "the environment says where the broker is"
    )]
    pub(crate) async fn start() -> Option<Self> {
        let address = std::env::var("IIB_TEST_RABBITMQ").unwrap_or_else(|_| USUAL.to_owned());
        let connecting = Connection::connect(&address, ConnectionProperties::default());
        if let Ok(Ok(connection)) = tokio::time::timeout(PATIENCE, connecting).await {
            return Some(Self {
                prefix: format!("iib-test-{}.", uuid::Uuid::new_v4().simple()),
                address,
                connection,
            });
        }
        skip(
            "no RabbitMQ; start one, or name it in IIB_TEST_RABBITMQ as `amqp://USER:PASSWORD@HOST:PORT`",
        );
        None
    }

    /// The section `[queues]` with these further lines.
    pub(crate) fn section(&self, more: &str) -> String {
        section(&self.address, &self.prefix, more)
    }

    /// The same with a wrong password.
    pub(crate) fn section_with_password(&self, password: &str) -> String {
        let (rest, host) = self.address.rsplit_once('@').unwrap();
        let (user, _) = rest.rsplit_once(':').unwrap();
        section(&format!("{user}:{password}@{host}"), &self.prefix, "")
    }

    pub(crate) async fn publish(&self, queue: &str, body: &str) {
        let channel = self.connection.create_channel().await.unwrap();
        let name = format!("{}{queue}", self.prefix);
        let options = BasicPublishOptions::default();
        let properties = BasicProperties::default();
        let published =
            channel.basic_publish("".into(), name.into(), options, body.as_bytes(), properties);
        published.await.unwrap();
    }

    /// Waits until so many messages wait in a queue.
    pub(crate) async fn until_waiting(&self, queue: &str, count: u32) {
        until("the queue is so long", || async {
            let channel = self.connection.create_channel().await.unwrap();
            let name = format!("{}{queue}", self.prefix);
            let passive = QueueDeclareOptions {
                passive: true,
                ..QueueDeclareOptions::default()
            };
            let declared = channel.queue_declare(name.into(), passive, FieldTable::default());
            (declared.await.unwrap().message_count() == count).then_some(())
        })
        .await;
    }

    /// Removes the default queue, these, and that of dead letters.
    pub(crate) async fn remove(self, queues: &[&str]) {
        for queue in queues.iter().chain(&["default", "dead-letters"]) {
            let channel = self.connection.create_channel().await.unwrap();
            let name = format!("{}{queue}", self.prefix);
            let deleted = channel.queue_delete(name.into(), QueueDeleteOptions::default());
            deleted.await.unwrap();
        }
    }
}

fn section(address: &str, prefix: &str, more: &str) -> String {
    format!("[queues]\nbroker = \"{address}\"\nprefix = \"{prefix}\"\n{more}")
}

/// A broker that belongs to one test, which may start and kill it: a node of its own name, ports and files.
pub(crate) struct PrivateBroker {
    directory: TempDir,
    name: String,
    port: u16,
    running: Option<Child>,
}

impl PrivateBroker {
    /// One that is not started yet; none, with a message, where the program is not installed. In CI it must be.
    pub(crate) async fn new() -> Option<Self> {
        if !Path::new(PROGRAM).exists() {
            skip("no RabbitMQ is installed; install rabbitmq-server");
            return None;
        }
        let directory = tempfile::tempdir().unwrap();
        let port = free_port().await;
        let mut config = String::new();
        writeln!(config, "listeners.tcp.local = 127.0.0.1:{port}").unwrap();
        writeln!(config, "disk_free_limit.absolute = 1MB").unwrap();
        std::fs::write(directory.path().join("rabbitmq.conf"), config).unwrap();
        Some(Self {
            directory,
            name: format!("iib-{}@localhost", uuid::Uuid::new_v4().simple()),
            port,
            running: None,
        })
    }

    /// The section `[queues]` with these further lines.
    pub(crate) fn section(&self, more: &str) -> String {
        section(&self.address(), "iib.", more)
    }

    fn address(&self) -> String {
        format!("amqp://guest:guest@127.0.0.1:{}", self.port)
    }

    /// Starts it with what it held before, and waits until it is ready for callers.
    pub(crate) async fn start(&mut self) {
        let at = |name: &str| self.directory.path().join(name);
        #[expect(
            clippy::disallowed_methods,
            reason = "the broker is a program of its own"
        )]
        let mut command = tokio::process::Command::new(PROGRAM);
        let log = std::fs::File::create(at("output")).unwrap();
        command
            .env("RABBITMQ_NODENAME", &self.name)
            .env("RABBITMQ_DIST_PORT", free_port().await.to_string())
            .env("RABBITMQ_MNESIA_BASE", at("mnesia"))
            .env("RABBITMQ_LOG_BASE", at("log"))
            .env("RABBITMQ_PID_FILE", at("pid"))
            .env("RABBITMQ_CONFIG_FILE", at("rabbitmq.conf"))
            .env("RABBITMQ_CONF_ENV_FILE", "/dev/null")
            .env("RABBITMQ_ENABLED_PLUGINS_FILE", at("plugins"))
            .env("ERL_EPMD_ADDRESS", "127.0.0.1")
            .env("HOME", self.directory.path())
            // Has the script give way to the broker, so that the broker is our child.
            .env("RUNNING_UNDER_SYSTEMD", "true")
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .kill_on_drop(true);
        let mut child = command.spawn().unwrap();
        let address = self.address();
        let up = async {
            loop {
                let connected = Connection::connect(&address, ConnectionProperties::default());
                let connected = tokio::time::timeout(TRY, connected).await;
                let output = || std::fs::read_to_string(at("output")).unwrap_or_default();
                // It lets callers in before it is ready. RabbitMQ 3.10 may never choose a leader for a quorum queue that is asked for
                // in between; until then no queue of it answers.
                if matches!(connected, Ok(Ok(_))) && output().contains("completed with") {
                    tokio::time::sleep(ELECTION).await;
                    return;
                }
                let ended = child.try_wait().unwrap();
                assert!(ended.is_none(), "the broker ended: {}", output());
                tokio::time::sleep(Duration::from_millis(200)).await;
            }
        };
        let started = tokio::time::timeout(PATIENCE, up).await;
        started.expect("the broker starts in time");
        self.running = Some(child);
    }

    /// `kill -9`: no time for anything.
    pub(crate) async fn kill(&mut self) {
        let mut child = self.running.take().unwrap();
        child.kill().await.unwrap();
    }
}

/// How long a broker that has started takes at most to choose the leaders of its queues. It says so nowhere that could be asked without
/// asking the queues.
const ELECTION: Duration = Duration::from_secs(1);

/// Without the wrapper of the distribution, which runs the broker as another user with settings of its own.
const PROGRAM: &str = "/usr/lib/rabbitmq/bin/rabbitmq-server";

async fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    listener.local_addr().unwrap().port()
}
