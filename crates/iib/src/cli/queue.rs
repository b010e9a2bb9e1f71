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
    /// Have no jobs taken from queues, or by worker processes, until they are resumed. What is in work goes on
    #[command(
        after_help = "Examples:\n  iib queue pause default --config iib.toml\n  iib queue pause --worker host-7 --config iib.toml"
    )]
    Pause(PauseArgs),
    /// Have jobs taken again
    #[command(after_help = "Example:\n  iib queue resume default --config iib.toml")]
    Resume(PauseArgs),
    /// List what is paused
    #[command(after_help = "Example:\n  iib queue pauses --config iib.toml")]
    Pauses(PausesArgs),
}

#[derive(Debug, Args)]
pub(crate) struct PauseArgs {
    #[command(flatten)]
    pub(crate) what: What,
    #[command(flatten)]
    pub(crate) state: StateArgs,
    /// How the result is printed
    #[arg(long, short, default_value = "text", value_name = "FORMAT")]
    pub(crate) output: OutputFormat,
}

/// What takes no jobs.
#[derive(Debug, Args)]
#[group(required = true, multiple = true)]
pub(crate) struct What {
    /// Queues; `default` is that of requests without one
    #[arg(value_name = "QUEUE")]
    pub(crate) queues: Vec<String>,
    /// Worker processes, by their `worker.name`, which is the host's name unless it is configured; repeatable
    #[arg(long = "worker", value_name = "NAME")]
    pub(crate) workers: Vec<String>,
}

#[derive(Debug, Args)]
pub(crate) struct PausesArgs {
    #[command(flatten)]
    pub(crate) state: StateArgs,
    /// How the result is printed
    #[arg(long, short, default_value = "text", value_name = "FORMAT")]
    pub(crate) output: OutputFormat,
}

/// The state of a service.
#[derive(Debug, Args)]
pub(crate) struct StateArgs {
    /// The configuration file, whose `store.database` is used
    #[arg(long, env = "IIB_CONFIG", value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Where state is kept; default: the configuration's `data_dir`, else `iib-data`
    #[arg(long, value_name = "DIR")]
    pub(crate) data_dir: Option<PathBuf>,
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
