//! The command line of `iib db`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

#[derive(Debug, Subcommand)]
pub(crate) enum DbCommand {
    /// Make the schema, or bring it up to date; no service may use the database meanwhile
    #[command(after_help = "Example:\n  iib db migrate --config iib.toml")]
    Migrate(DbArgs),
}

/// Which database.
#[derive(Debug, Args)]
pub(crate) struct DbArgs {
    /// The configuration file, whose `store.database` is used
    #[arg(long, env = "IIB_CONFIG", value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Where state is kept; default: the configuration's `data_dir`, else `iib-data`
    #[arg(long, value_name = "DIR")]
    pub(crate) data_dir: Option<PathBuf>,
}
