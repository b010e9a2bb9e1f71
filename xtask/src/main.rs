//! Checks of the project that are programs of their own: `cargo xtask --help`.

mod bench;
mod conformance;
mod crash;
mod service;
mod soak;
mod terminal;

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
    /// Measure the program as its users run it
    #[command(subcommand)]
    Bench(Bench),
    /// The service dies before and after every effect of every type of request: does each request end right, exactly once?
    Crash(crash::Args),
    /// Load and faults: does the program keep its word?
    #[command(subcommand)]
    Soak(Soak),
}

#[derive(Debug, Subcommand)]
enum Soak {
    /// `iib serve` under many clients, while it or its database is killed or restarted
    Api(soak::api::Args),
    /// Worker processes and requests of every kind on indexes, while PostgreSQL and RabbitMQ are restarted and a worker is killed
    Workers(soak::workers::Args),
}

#[derive(Debug, Subcommand)]
enum Conformance {
    /// The REST contract, case by case, against `iib serve`
    Api(conformance::api::Args),
    /// Pull specs of bundles found and replaced, and customisations, against what the reference made of the same bundles
    Bundle(conformance::bundle::Args),
    /// `iib index add`, one bundle after the other and all at once, against the databases that the real tool made
    IndexAdd(conformance::index_add::Args),
    /// The operations on catalogs and index databases, step by step, against what opm made of the same inputs
    Opm(conformance::opm::Args),
    /// Whole requests, from images in a registry to images in a registry, against what the reference service made of them
    Workflows(conformance::workflows::Args),
}

#[derive(Debug, Subcommand)]
enum Bench {
    /// `iib serve` under load: requests per second, latency and memory
    Api(bench::api::Args),
    /// `iib index add` of one bundle to existing SQLite indexes: time, requests, bytes
    IndexAdd(bench::index_add::Args),
    /// `iib catalog` on whole indexes and catalogs, beside opm: time and memory
    Catalog(bench::catalog::Args),
    /// `iib index add-fragment` on file-based indexes of any size: requests, bytes, time and memory, beside containers' tools
    Image(bench::image::Args),
    /// `iib serve` with many queued adds that overwrite one index, beside one alone: time by stage, requests, bytes
    Overwrites(bench::overwrites::Args),
    /// `iib serve` with a batch of bundles to make anew, beside one alone: time, requests, bytes
    Bundles(bench::bundles::Args),
    /// `iib index add`, `rm` and `merge` beside the classic way with containers' tools: time, memory, bytes
    Classic(bench::classic::Args),
    /// The memory of `iib serve`: adds to a large index at once, and request after request
    Memory(bench::memory::Args),
    /// One run of a program, as the other measurements count it
    #[command(hide = true)]
    Process(bench::process::Args),
}

fn main() -> ExitCode {
    let passed = match Cli::parse().command {
        Command::Conformance(Conformance::Api(args)) => conformance::api::run(&args),
        Command::Conformance(Conformance::Bundle(args)) => conformance::bundle::run(&args),
        Command::Conformance(Conformance::IndexAdd(args)) => conformance::index_add::run(&args),
        Command::Conformance(Conformance::Opm(args)) => conformance::opm::run(&args),
        Command::Conformance(Conformance::Workflows(args)) => conformance::workflows::run(&args),
        Command::Crash(args) => crash::run(&args),
        Command::Soak(Soak::Api(args)) => soak::api::run(&args),
        Command::Soak(Soak::Workers(args)) => soak::workers::run(&args),
        Command::Bench(Bench::Api(args)) => bench::api::run(&args),
        Command::Bench(Bench::IndexAdd(args)) => bench::index_add::run(&args).map(|()| true),
        Command::Bench(Bench::Catalog(args)) => bench::catalog::run(&args).map(|()| true),
        Command::Bench(Bench::Image(args)) => bench::image::run(&args).map(|()| true),
        Command::Bench(Bench::Overwrites(args)) => bench::overwrites::run(&args),
        Command::Bench(Bench::Bundles(args)) => bench::bundles::run(&args),
        Command::Bench(Bench::Classic(args)) => bench::classic::run(&args).map(|()| true),
        Command::Bench(Bench::Memory(args)) => bench::memory::run(&args),
        Command::Bench(Bench::Process(args)) => bench::process::run(&args).map(|()| true),
    };
    match passed {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            terminal::say(&format!("error: {error:#}"));
            ExitCode::FAILURE
        }
    }
}
