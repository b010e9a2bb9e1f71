//! The `iib` command: commands, configuration and wiring. What it wires is in the other crates.

mod blob_cache;
mod blocking;
mod broker;
mod cli;
mod commands;
mod config;
mod death;
mod ledger;
mod logging;
mod measuring;
mod registries;
mod reload;
mod request_files;
mod service;
mod submit_keys;
mod terminal;
mod traces;
mod user_dirs;
mod workers;

use std::fmt;
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser as _;

use crate::cli::auth::AuthCommand;
use crate::cli::{Cli, Command, IndexCommand, RegistryCommand};

fn main() -> ExitCode {
    let cli = Cli::parse();
    let mut runtime = match cli.command {
        // They do their work on other threads anyway, and a small one is done before more have started.
        Command::Catalog(_) => tokio::runtime::Builder::new_current_thread(),
        _ => tokio::runtime::Builder::new_multi_thread(),
    };
    let runtime = match runtime.enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            return fail(&anyhow::Error::new(error).context("the runtime could not be started"));
        }
    };
    let result = runtime.block_on(run(cli));
    // Blocking work that nobody waits for any more (a dropped request's compression) may remove its temporary files, but must not
    // delay the exit for long.
    runtime.shutdown_timeout(Duration::from_secs(1));
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail(&error),
    }
}

async fn run(cli: Cli) -> anyhow::Result<()> {
    match cli.command {
        Command::Quickstart(args) => Box::pin(commands::quickstart::run(args, &cli.log)).await,
        Command::Serve(args) => commands::serve::run(*args, &cli.log).await,
        Command::Index(IndexCommand::Add(args)) => {
            logging::for_commands(&cli.log)?;
            Box::pin(commands::index_add::run(*args)).await
        }
        Command::Index(IndexCommand::AddFragment(args)) => {
            logging::for_commands(&cli.log)?;
            Box::pin(commands::index_add_fragment::run(*args)).await
        }
        Command::Index(IndexCommand::Rm(args)) => {
            logging::for_commands(&cli.log)?;
            Box::pin(commands::index_rm::run(*args)).await
        }
        Command::Index(IndexCommand::Merge(args)) => {
            logging::for_commands(&cli.log)?;
            Box::pin(commands::index_merge::run(*args)).await
        }
        Command::Index(IndexCommand::Empty(args)) => {
            logging::for_commands(&cli.log)?;
            Box::pin(commands::index_empty::run(*args)).await
        }
        Command::Index(IndexCommand::Deprecate(args)) => {
            logging::for_commands(&cli.log)?;
            Box::pin(commands::index_deprecate::run(*args)).await
        }
        Command::Index(IndexCommand::Inspect(args)) => {
            logging::for_commands(&cli.log)?;
            Box::pin(commands::index_inspect::run(*args)).await
        }
        Command::Index(IndexCommand::Diff(args)) => {
            logging::for_commands(&cli.log)?;
            Box::pin(commands::index_diff::run(*args)).await
        }
        Command::Index(IndexCommand::Rollback(args)) => {
            logging::for_commands(&cli.log)?;
            Box::pin(commands::index_rollback::run(*args)).await
        }
        Command::Bundle(command) => {
            logging::for_commands(&cli.log)?;
            Box::pin(commands::bundle::run(command)).await
        }
        Command::Catalog(command) => {
            logging::for_commands(&cli.log)?;
            Box::pin(commands::catalog::run(command)).await
        }
        Command::Cache(command) => {
            logging::for_commands(&cli.log)?;
            commands::cache::run(command).await
        }
        Command::Db(command) => {
            logging::for_commands(&cli.log)?;
            commands::db::run(command).await
        }
        Command::Manifest(command) => {
            logging::for_commands(&cli.log)?;
            Box::pin(commands::manifest::run(command)).await
        }
        Command::Queue(command) => {
            logging::for_commands(&cli.log)?;
            commands::queue::run(command).await
        }
        Command::Request(command) => {
            logging::for_commands(&cli.log)?;
            Box::pin(commands::request::run(command)).await
        }
        Command::Auth(AuthCommand::NewToken(args)) => {
            logging::for_commands(&cli.log)?;
            commands::auth_new_token::run(&args)
        }
        Command::Config(command) => {
            logging::for_commands(&cli.log)?;
            commands::config::run(command).await
        }
        Command::Registry(RegistryCommand::Serve(args)) => {
            logging::for_service(&cli.log, None, None)?;
            commands::registry_serve::run(args).await
        }
    }
}

/// The command line is well formed but asks for what makes no sense.
#[derive(Debug)]
struct WrongUsage(anyhow::Error);

impl fmt::Display for WrongUsage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&terminal::chain(&self.0))
    }
}

impl std::error::Error for WrongUsage {}

/// What a comparison says that was asked for an exit code.
#[derive(Debug)]
enum Compared {
    /// There are differences, which are printed already.
    Different,
    /// There was trouble.
    Trouble(anyhow::Error),
}

impl Compared {
    /// How a comparison ends that says whether there are no differences: `exit_code` is whether its exit code was asked for.
    fn end(same: anyhow::Result<bool>, exit_code: bool) -> anyhow::Result<()> {
        match same {
            Ok(false) if exit_code => Err(Self::Different.into()),
            Ok(_) => Ok(()),
            Err(error) if exit_code => Err(Self::Trouble(error).into()),
            Err(error) => Err(error),
        }
    }
}

impl fmt::Display for Compared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Different => f.write_str("there are differences"),
            Self::Trouble(error) => f.write_str(&terminal::chain(error)),
        }
    }
}

impl std::error::Error for Compared {}

/// Says on standard error what went wrong, with every cause, and how it ends: 1 is "the work failed", 2, as clap has it, "wrong usage".
/// Comparisons that were asked for an exit code end as `diff` does: 1 is "different", 2 "trouble".
fn fail(error: &anyhow::Error) -> ExitCode {
    let compared = error.downcast_ref::<Compared>();
    if matches!(compared, Some(Compared::Different)) {
        return ExitCode::from(1);
    }
    terminal::complain(&format!("error: {}", terminal::chain(error)));
    if error.is::<WrongUsage>() || compared.is_some() {
        ExitCode::from(2)
    } else {
        ExitCode::FAILURE
    }
}
