//! The command line of `iib queue`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::OutputFormat;

#[derive(Debug, Subcommand)]
pub(crate) enum QueueCommand {
    /// List the dead letters: messages that were delivered too often, or that cannot be read
    #[command(after_help = "Example:\n  iib queue ls --config iib.toml")]
    Ls(LsArgs),
    /// Put dead letters into their queues again. A request that has ended stays as it is
    #[command(
        after_help = "Examples:\n  iib queue retry 17 18 --config iib.toml\n  iib queue retry --all --config iib.toml"
    )]
    Retry(ChosenArgs),
    /// Remove dead letters. Their requests stay; those that have not ended are announced again within the hour
    #[command(
        after_help = "Examples:\n  iib queue drop 17 --config iib.toml\n  iib queue drop --all --config iib.toml"
    )]
    Drop(ChosenArgs),
}

#[derive(Debug, Args)]
pub(crate) struct LsArgs {
    #[command(flatten)]
    pub(crate) config: ConfigArgs,
    /// How the result is printed
    #[arg(long, short, default_value = "text", value_name = "FORMAT")]
    pub(crate) output: OutputFormat,
}

#[derive(Debug, Args)]
pub(crate) struct ChosenArgs {
    #[command(flatten)]
    pub(crate) which: Which,
    #[command(flatten)]
    pub(crate) config: ConfigArgs,
    /// How the result is printed
    #[arg(long, short, default_value = "text", value_name = "FORMAT")]
    pub(crate) output: OutputFormat,
}

/// Which dead letters.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub(crate) struct Which {
    /// Those about these requests
    #[arg(value_name = "ID")]
    pub(crate) ids: Vec<i64>,
    /// All
    #[arg(long)]
    pub(crate) all: bool,
}

#[derive(Debug, Args)]
pub(crate) struct ConfigArgs {
    /// The configuration file (TOML), which names the broker
    #[arg(long, env = "IIB_CONFIG", value_name = "FILE")]
    pub(crate) config: PathBuf,
}
