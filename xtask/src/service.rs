//! `iib serve` as a process, for checks and measurements.

pub(crate) mod cluster;
pub(crate) mod database;
pub(crate) mod docker_registry;
pub(crate) mod rabbitmq;

use std::collections::VecDeque;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context as _, bail, ensure};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use self::database::Database;

/// How many of its complaints are kept.
const COMPLAINTS: usize = 20;

/// A running server; killed when it is dropped.
pub(crate) struct Service {
    program: Program,
    process: Child,
    /// Its address, without the path of the API.
    pub(crate) url: String,
    complaints: Arc<Mutex<VecDeque<String>>>,
}

/// What is run, and the directory with its configuration and data.
#[derive(Clone)]
struct Program {
    iib: PathBuf,
    directory: PathBuf,
}

impl Program {
    #[expect(
        clippy::disallowed_methods,
        reason = "the service is tested as its users run it"
    )]
    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.iib);
        command
            .args(arguments)
            .arg("--config")
            .arg(self.directory.join("iib.toml"))
            .arg("--data-dir")
            .arg(self.directory.join("data"));
        command
    }

    /// Runs the server and waits until it listens.
    fn serve(self, listen: &str) -> anyhow::Result<Service> {
        let mut process = self
            .command(&["serve", "--listen", listen])
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .context("iib could not be started")?;
        let stderr = process.stderr.take().context("standard error is piped")?;
        let mut lines = BufReader::new(stderr);
        let mut seen = String::new();
        let url = loop {
            let mut line = String::new();
            if lines.read_line(&mut line).unwrap_or(0) == 0 {
                let _ = process.wait();
                bail!("the server ended: {seen}");
            }
            if let Some(rest) = line.trim_end().strip_prefix("serving ")
                && let Some((url, _)) = rest.split_once("/api/v1")
            {
                break url.to_owned();
            }
            seen.push_str(&line);
        };
        let complaints = Arc::default();
        let kept = Arc::clone(&complaints);
        // What it logs must not fill the pipe.
        std::thread::spawn(move || keep_complaints(lines, &kept));
        Ok(Service {
            program: self,
            process,
            url,
            complaints,
        })
    }
}

fn keep_complaints(lines: impl std::io::BufRead, kept: &Mutex<VecDeque<String>>) {
    for line in lines.lines().map_while(Result::ok) {
        if line.contains("ERROR") || line.contains("panicked") {
            let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
            kept.truncate(COMPLAINTS - 1);
            kept.push_front(line);
        }
    }
}

impl Service {
    /// Starts a server with this configuration and its files in `directory`, on a free port, and waits until it listens.
    pub(crate) fn start(
        iib: &Path,
        configuration: &str,
        directory: &Path,
        database: &Database,
    ) -> anyhow::Result<Self> {
        let program = Program {
            iib: iib.to_owned(),
            directory: directory.to_owned(),
        };
        let path = directory.join("iib.toml");
        std::fs::write(&path, configuration)
            .with_context(|| format!("`{}` could not be written", path.display()))?;
        if database.needs_migration() {
            let migrated = program
                .command(&["db", "migrate"])
                .output()
                .context("iib could not be run")?;
            ensure!(
                migrated.status.success(),
                "the database could not be prepared: {}",
                String::from_utf8_lossy(&migrated.stderr)
            );
        }
        program.serve("127.0.0.1:0")
    }

    /// Kills it as a crash would, and starts it again at the same address, from what it left.
    pub(crate) fn crash_and_start(&mut self) -> anyhow::Result<()> {
        self.process.kill().context("it could not be killed")?;
        self.process.wait().context("it cannot be waited for")?;
        let (_, address) = self.url.split_once("://").context("its address is a URL")?;
        let again = self.program.clone().serve(address)?;
        // The former one is dropped, which finds nothing to kill any more.
        *self = again;
        Ok(())
    }

    /// The newest lines of its log that say that something went wrong, newest first.
    pub(crate) fn complaints(&self) -> Vec<String> {
        let kept = self
            .complaints
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        kept.iter().cloned().collect()
    }

    /// The memory it holds now, in MiB.
    pub(crate) fn resident(&self) -> anyhow::Result<f64> {
        self.memory("VmRSS:")
    }

    /// The most memory it held so far, in MiB.
    pub(crate) fn peak(&self) -> anyhow::Result<f64> {
        self.memory("VmHWM:")
    }

    fn memory(&self, field: &str) -> anyhow::Result<f64> {
        let path = format!("/proc/{}/status", self.process.id());
        let text = std::fs::read_to_string(&path)
            .with_context(|| format!("`{path}` cannot be read; has the server ended?"))?;
        let kib: f64 = text
            .lines()
            .find_map(|line| line.strip_prefix(field))
            .and_then(|rest| rest.trim().strip_suffix(" kB"))
            .context("the system does not tell the memory")?
            .parse()?;
        Ok(kib / 1024.0)
    }

    /// Asks it to end, and waits until it did so well.
    pub(crate) fn end(mut self) -> anyhow::Result<()> {
        let id = Pid::from_raw(i32::try_from(self.process.id())?);
        kill(id, Signal::SIGTERM).context("it could not be asked to end")?;
        let status = self.process.wait().context("it cannot be waited for")?;
        ensure!(status.success(), "it ended with {status}");
        Ok(())
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        // Nothing to do where it ended already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// The program of this checkout, built now.
#[expect(
    clippy::disallowed_methods,
    reason = "the program to test is built by cargo"
)]
pub(crate) fn build() -> anyhow::Result<PathBuf> {
    let cargo = option_env!("CARGO").unwrap_or("cargo");
    let output = Command::new(cargo)
        .args([
            "build",
            "--quiet",
            "--package=iib",
            "--message-format=json-render-diagnostics",
        ])
        .stderr(Stdio::inherit())
        .output()
        .context("cargo could not be run")?;
    ensure!(output.status.success(), "iib could not be built");
    let text = String::from_utf8(output.stdout).context("cargo speaks no UTF-8")?;
    text.lines()
        .filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok())
        .find_map(|message| {
            let is_iib = message.get("target")?.get("name")? == "iib";
            let program = message.get("executable")?.as_str()?;
            is_iib.then(|| PathBuf::from(program))
        })
        .context("cargo named no program")
}
