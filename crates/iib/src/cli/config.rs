//! `iib config`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

#[derive(Debug, Subcommand)]
pub(crate) enum ConfigCommand {
    /// Say everything that is wrong with a configuration, with its place in the file
    #[command(
        after_help = "Example:\n  iib config check --config iib.toml\n\nExit codes: 0 the service would start with it, 1 it would not"
    )]
    Check(ConfigArgs),
    /// Print the configuration in force, defaults included and secrets hidden, as TOML
    #[command(after_help = "Example:\n  iib config show --config iib.toml")]
    Show(ConfigArgs),
}

#[derive(Debug, Args)]
pub(crate) struct ConfigArgs {
    /// The configuration file (TOML)
    #[arg(long, env = "IIB_CONFIG", value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
}
