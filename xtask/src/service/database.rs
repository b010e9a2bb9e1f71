//! Where a server under test keeps its state.

use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, ensure};
use clap::{Args as ClapArgs, ValueEnum};

use super::cluster::Cluster;

/// Which kind of database to use, on the command line.
#[derive(Debug, Clone, ClapArgs)]
pub(crate) struct Choice {
    /// Where the servers keep their state
    #[arg(long, value_enum, default_value = "sqlite")]
    pub(crate) database: Kind,
    /// The PostgreSQL server, for `--database postgres`; each iib gets a database of its own there, dropped at the end
    #[arg(long, default_value = "postgres://postgres@127.0.0.1:5432/postgres")]
    pub(crate) postgres: String,
}

/// The kinds of databases.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Kind {
    /// A file.
    Sqlite,
    /// A server.
    Postgres,
}

/// A database of its own for one server.
pub(crate) struct Database {
    address: String,
    /// The name of the database, and the address of the server to drop it on.
    on_server: Option<(String, String)>,
}

impl Database {
    fn sqlite(directory: &Path) -> Self {
        Self {
            address: format!("sqlite:{}", directory.join("iib.db").display()),
            on_server: None,
        }
    }

    /// A new database of kind `kind` for the purpose that `label` names, in `directory` if it is a file.
    pub(crate) fn new(choice: &Choice, directory: &Path, label: &str) -> anyhow::Result<Self> {
        match choice.database {
            Kind::Sqlite => Ok(Self::sqlite(directory)),
            Kind::Postgres => Self::create(&choice.postgres, label),
        }
    }

    fn create(address: &str, label: &str) -> anyhow::Result<Self> {
        let (server, _) = address
            .rsplit_once('/')
            .context("the address of PostgreSQL names a database")?;
        let name = format!(
            "iib_xtask_{}_{}",
            std::process::id(),
            label.replace('-', "_")
        );
        psql(address, &format!("CREATE DATABASE {name}"))?;
        Ok(Self {
            address: format!("{server}/{name}"),
            on_server: Some((name, address.to_owned())),
        })
    }

    /// A new database on a server of one's own.
    pub(crate) fn on(cluster: &Cluster, label: &str) -> anyhow::Result<Self> {
        Self::create(&cluster.address(), label)
    }

    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    /// Whether the schema is brought up to date by a command of its own.
    pub(crate) fn needs_migration(&self) -> bool {
        self.on_server.is_some()
    }

    pub(crate) fn remove(self) -> anyhow::Result<()> {
        let Some((name, address)) = &self.on_server else {
            return Ok(());
        };
        psql(address, &format!("DROP DATABASE {name} WITH (FORCE)"))
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "the database is made by the client that comes with the server"
)]
fn psql(address: &str, statement: &str) -> anyhow::Result<()> {
    let output = Command::new("psql")
        .args(["--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1"])
        .args(["--command", statement, address])
        .output()
        .context("psql could not be run")?;
    ensure!(
        output.status.success(),
        "`{statement}` failed: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(())
}
