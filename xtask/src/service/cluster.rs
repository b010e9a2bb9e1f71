//! A PostgreSQL server of one's own, which can be restarted without anybody else noticing.

use std::net::TcpListener;
use std::os::unix::fs::chown;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, ensure};
use nix::unistd::{User, geteuid};
use tempfile::TempDir;

/// How a server ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// As an operator ends it: what is being done is cut off, what was done is written.
    Fast,
    /// As a crash ends it: what was done is found again at the next start.
    Immediate,
}

/// A running server, gone with its data when it is dropped.
pub(crate) struct Cluster {
    directory: TempDir,
    programs: PathBuf,
    port: u16,
    /// The server refuses to run as root.
    as_postgres: bool,
}

impl Cluster {
    /// Makes a cluster and starts its server, on a free port of loopback.
    pub(crate) fn start() -> anyhow::Result<Self> {
        let directory = tempfile::Builder::new()
            .prefix("iib")
            .tempdir()
            .context("a temporary directory could not be made")?;
        let as_postgres = geteuid().is_root();
        if as_postgres {
            let user = User::from_name("postgres")?
                .context("there is no user `postgres`; install PostgreSQL")?;
            chown(
                directory.path(),
                Some(user.uid.as_raw()),
                Some(user.gid.as_raw()),
            )
            .context("the directory of PostgreSQL could not be handed over")?;
        }
        // Free now, and hardly taken by the time the server wants it.
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let cluster = Self {
            programs: programs()?,
            directory,
            port,
            as_postgres,
        };
        let data = cluster.data();
        let make = ["-D", &data, "-A", "trust", "-U", "iib", "-E", "UTF8"];
        cluster.run("initdb", &make)?;
        cluster.up()?;
        Ok(cluster)
    }

    /// The address of a database in it.
    pub(crate) fn address(&self) -> String {
        format!("postgres://iib@127.0.0.1:{}/postgres", self.port)
    }

    /// Ends the server and starts it again.
    pub(crate) fn restart(&self, end: End) -> anyhow::Result<()> {
        self.down(end)?;
        self.up()
    }

    fn up(&self) -> anyhow::Result<()> {
        let directory = self.directory.path().display();
        let options = format!(
            "-c listen_addresses=127.0.0.1 -c port={} -c unix_socket_directories={directory}",
            self.port
        );
        let log = format!("{directory}/log");
        let data = self.data();
        let start = ["start", "-w", "-D", &data, "-o", &options, "-l", &log];
        self.run("pg_ctl", &start)
    }

    fn down(&self, end: End) -> anyhow::Result<()> {
        let mode = match end {
            End::Fast => "fast",
            End::Immediate => "immediate",
        };
        self.run("pg_ctl", &["stop", "-w", "-m", mode, "-D", &self.data()])
    }

    fn data(&self) -> String {
        format!("{}/data", self.directory.path().display())
    }

    #[expect(
        clippy::disallowed_methods,
        reason = "the server is run by the programs that come with it"
    )]
    fn run(&self, program: &str, arguments: &[&str]) -> anyhow::Result<()> {
        let program = self.programs.join(program);
        let mut command = if self.as_postgres {
            let mut command = Command::new("setpriv");
            command.args(["--reuid=postgres", "--regid=postgres", "--clear-groups"]);
            command.arg(&program);
            command
        } else {
            Command::new(&program)
        };
        // The server keeps what it inherits, so nothing is piped that somebody would read to its end.
        let status = command
            .args(arguments)
            .current_dir("/")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .with_context(|| format!("`{}` could not be run", program.display()))?;
        ensure!(
            status.success(),
            "`{} {}` failed",
            program.display(),
            arguments.join(" ")
        );
        Ok(())
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        if Path::new(&self.data()).join("postmaster.pid").exists() {
            // Whoever ended it meanwhile is as good.
            let _ = self.down(End::Immediate);
        }
    }
}

/// Where the newest server's programs are.
fn programs() -> anyhow::Result<PathBuf> {
    let root = Path::new("/usr/lib/postgresql");
    let mut found: Vec<(u32, PathBuf)> = std::fs::read_dir(root)
        .into_iter()
        .flatten()
        .filter_map(|version| {
            let version = version.ok()?;
            let number = version.file_name().to_str()?.parse().ok()?;
            Some((number, version.path().join("bin")))
        })
        .filter(|(_, bin)| bin.join("initdb").exists())
        .collect();
    found.sort();
    found.pop().map(|(_, bin)| bin).with_context(|| {
        format!(
            "there are no programs of PostgreSQL below `{}`; install it with `.ci/install`",
            root.display()
        )
    })
}
