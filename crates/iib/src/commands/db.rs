//! `iib db`: the database that the service keeps its state in.

use std::path::PathBuf;

use crate::cli::db::{DbArgs, DbCommand};
use crate::config::Config;
use crate::service::{self, DataDir};
use crate::terminal;

/// Does one of the commands.
pub(crate) async fn run(command: DbCommand) -> anyhow::Result<()> {
    match command {
        DbCommand::Migrate(args) => migrate(args).await,
    }
}

/// A change of the schema that is interrupted leaves nothing behind.
async fn migrate(args: DbArgs) -> anyhow::Result<()> {
    let config = Config::read(args.config.as_deref())?;
    let root = args
        .data_dir
        .or_else(|| config.data_dir.clone())
        .unwrap_or_else(|| PathBuf::from("iib-data"));
    let data = DataDir::create(&root)?;
    let (place, changes) = service::migrate(&config, &data).await?;
    terminal::complain(&match changes {
        0 => format!("the schema in {place} is up to date"),
        1 => format!("the schema in {place} is up to date now, after 1 change"),
        changes => format!("the schema in {place} is up to date now, after {changes} changes"),
    });
    Ok(())
}
