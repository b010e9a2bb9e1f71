//! The `iib` command: commands, configuration and wiring. What it wires is in the other crates.

mod cli;
mod commands;
mod config;
mod logging;
mod registries;
mod service;
mod terminal;

use std::process::ExitCode;

use clap::Parser as _;

use crate::cli::{Cli, Command, IndexCommand, RegistryCommand};

fn main() -> ExitCode {
    let cli = Cli::parse();
    let runtime = match tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => {
            return fail(&anyhow::Error::new(error).context("the runtime could not be started"));
        }
    };
    let result = runtime.block_on(run(cli));
    // Blocking work that nobody waits for any more (a dropped request's compression) must not delay the exit.
    runtime.shutdown_background();
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
        Command::Index(IndexCommand::Inspect(args)) => {
            logging::for_commands(&cli.log)?;
            Box::pin(commands::index_inspect::run(*args)).await
        }
        Command::Catalog(command) => {
            logging::for_commands(&cli.log)?;
            Box::pin(commands::catalog::run(command)).await
        }
        Command::Registry(RegistryCommand::Serve(args)) => {
            logging::for_service(&cli.log, None)?;
            commands::registry_serve::run(args).await
        }
    }
}

/// Says on standard error what went wrong, with every cause, and how it ends: 1 is "the work failed" (2, wrong usage, is clap's).
fn fail(error: &anyhow::Error) -> ExitCode {
    terminal::complain(&format!("error: {}", terminal::chain(error)));
    ExitCode::FAILURE
}
