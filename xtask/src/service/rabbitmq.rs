//! A RabbitMQ of one's own, which can be killed and started without anybody else noticing.

use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use tempfile::TempDir;

/// Without the wrapper of the distribution, which runs the broker as another user with settings of its own.
const PROGRAM: &str = "/usr/lib/rabbitmq/bin/rabbitmq-server";

/// How long a start may take.
const PATIENCE: Duration = Duration::from_mins(3);

/// A running broker: a node of its own name, ports and files. Killed when it is dropped.
pub(crate) struct RabbitMq {
    directory: TempDir,
    port: u16,
    process: Child,
}

impl RabbitMq {
    /// Starts one and waits until it takes connections.
    pub(crate) fn start() -> anyhow::Result<Self> {
        let directory = tempfile::tempdir().context("a temporary directory could not be made")?;
        let port = free_port()?;
        let config =
            format!("listeners.tcp.local = 127.0.0.1:{port}\ndisk_free_limit.absolute = 1MB\n");
        std::fs::write(directory.path().join("rabbitmq.conf"), config)?;
        let process = spawn(&directory)?;
        let mut broker = Self {
            directory,
            port,
            process,
        };
        broker.until_up()?;
        Ok(broker)
    }

    /// Its address.
    pub(crate) fn address(&self) -> String {
        format!("amqp://guest:guest@127.0.0.1:{}", self.port)
    }

    /// Kills it as a crash would, and starts it again with what it held.
    pub(crate) fn crash_and_start(&mut self) -> anyhow::Result<()> {
        self.process.kill().context("it could not be killed")?;
        self.process.wait().context("it cannot be waited for")?;
        self.process = spawn(&self.directory)?;
        self.until_up()
    }

    fn until_up(&mut self) -> anyhow::Result<()> {
        let until = Instant::now() + PATIENCE;
        while TcpStream::connect(("127.0.0.1", self.port)).is_err() {
            let ended = self.process.try_wait()?;
            ensure!(
                ended.is_none(),
                "RabbitMQ ended: {}",
                std::fs::read_to_string(self.directory.path().join("output")).unwrap_or_default()
            );
            ensure!(Instant::now() < until, "RabbitMQ does not start");
            std::thread::sleep(Duration::from_millis(200));
        }
        Ok(())
    }
}

impl Drop for RabbitMq {
    fn drop(&mut self) {
        // Nothing to do where it ended already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "the broker is a program of its own"
)]
fn spawn(directory: &TempDir) -> anyhow::Result<Child> {
    let at = |name: &str| directory.path().join(name);
    let output = std::fs::File::create(at("output"))?;
    let name = directory.path().file_name().and_then(|name| name.to_str());
    let name = name.unwrap_or_default().trim_start_matches('.');
    Command::new(PROGRAM)
        .env("RABBITMQ_NODENAME", format!("iib-{name}@localhost"))
        .env("RABBITMQ_DIST_PORT", free_port()?.to_string())
        .env("RABBITMQ_MNESIA_BASE", at("mnesia"))
        .env("RABBITMQ_LOG_BASE", at("log"))
        .env("RABBITMQ_PID_FILE", at("pid"))
        .env("RABBITMQ_CONFIG_FILE", at("rabbitmq.conf"))
        .env("RABBITMQ_CONF_ENV_FILE", "/dev/null")
        .env("RABBITMQ_ENABLED_PLUGINS_FILE", at("plugins"))
        .env("ERL_EPMD_ADDRESS", "127.0.0.1")
        .env("HOME", directory.path())
        // Has the script give way to the broker, so that the broker is our child.
        .env("RUNNING_UNDER_SYSTEMD", "true")
        .stdin(Stdio::null())
        .stdout(output.try_clone()?)
        .stderr(output)
        .spawn()
        .with_context(|| format!("`{PROGRAM}` cannot be run; install rabbitmq-server"))
}

fn free_port() -> anyhow::Result<u16> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}
