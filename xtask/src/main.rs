//! Checks of the project that are programs of their own: `cargo xtask --help`.

mod conformance;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

#[derive(Debug, Parser)]
#[command(about = "Checks of the project")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Replay recorded scenarios of the real tools and compare
    #[command(subcommand)]
    Conformance(Conformance),
}

#[derive(Debug, Subcommand)]
enum Conformance {
    /// `iib index add`, one bundle after the other and all at once, against the databases that the real tool made
    IndexAdd(conformance::index_add::Args),
}

fn main() -> ExitCode {
    let Command::Conformance(Conformance::IndexAdd(args)) = Cli::parse().command;
    match conformance::index_add::run(&args) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            conformance::say(&format!("error: {error:#}"));
            ExitCode::FAILURE
        }
    }
}
