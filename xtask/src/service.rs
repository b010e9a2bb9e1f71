//! `iib serve` as a process, for checks and measurements.

pub(crate) mod database;

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use anyhow::{Context as _, bail, ensure};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use self::database::Database;

/// A running server; killed when it is dropped.
pub(crate) struct Service {
    process: Child,
    /// Its address, without the path of the API.
    pub(crate) url: String,
}

impl Service {
    /// Starts a server with this configuration and its files in `directory`, on a free port, and waits until it listens.
    #[expect(
        clippy::disallowed_methods,
        reason = "the service is tested as its users run it"
    )]
    pub(crate) fn start(
        iib: &Path,
        configuration: &str,
        directory: &Path,
        database: &Database,
    ) -> anyhow::Result<Self> {
        let path = directory.join("iib.toml");
        std::fs::write(&path, configuration)
            .with_context(|| format!("`{}` could not be written", path.display()))?;
        if database.needs_migration() {
            let migrated = Command::new(iib)
                .args(["db", "migrate", "--config"])
                .arg(&path)
                .arg("--data-dir")
                .arg(directory.join("data"))
                .output()
                .context("iib could not be run")?;
            ensure!(
                migrated.status.success(),
                "the database could not be prepared: {}",
                String::from_utf8_lossy(&migrated.stderr)
            );
        }
        let mut process = Command::new(iib)
            .args(["serve", "--listen", "127.0.0.1:0", "--config"])
            .arg(&path)
            .arg("--data-dir")
            .arg(directory.join("data"))
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
        // What it logs must not fill the pipe.
        std::thread::spawn(move || lines.lines().for_each(drop));
        Ok(Self { process, url })
    }

    /// The memory it holds now, in MiB.
    pub(crate) fn resident(&self) -> anyhow::Result<f64> {
        let path = format!("/proc/{}/status", self.process.id());
        let text = std::fs::read_to_string(&path)
            .with_context(|| format!("`{path}` cannot be read; has the server ended?"))?;
        let kib: f64 = text
            .lines()
            .find_map(|line| line.strip_prefix("VmRSS:"))
            .and_then(|rest| rest.trim().strip_suffix(" kB"))
            .context("the system tells no resident memory")?
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
