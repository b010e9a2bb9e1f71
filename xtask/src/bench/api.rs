//! `iib serve` under load, beside the recorded figures of the service it replaces: requests per second, latency and memory, with few and with
//! many stored requests.

mod load;

use std::path::PathBuf;

use anyhow::{Context as _, ensure};
use clap::Args as ClapArgs;

use crate::bench::api::load::{Load, Measured};
use crate::service::Service;
use crate::service::database::{Choice, Database};
use crate::terminal::say;

#[derive(Debug, ClapArgs)]
pub(crate) struct Args {
    /// The iib program to measure, built for release
    #[arg(long, default_value = "target/release/iib")]
    iib: PathBuf,
    #[command(flatten)]
    database: Choice,
    /// Seconds per measurement
    #[arg(long, default_value_t = 6)]
    seconds: u32,
    /// Stored requests of the first and the second round
    #[arg(long, num_args = 2, default_values_t = [1_500, 100_000])]
    stored: Vec<u32>,
}

/// One kind of request, what the replaced service reached on the same machine, and how much more is asked of ours.
struct Work {
    name: &'static str,
    method: &'static str,
    path: &'static str,
    recorded_per_second: f64,
    /// Recorded p99, in milliseconds.
    recorded_p99: f64,
    times: f64,
    /// Whether the time must not grow with the stored requests.
    is_list: bool,
}

/// The recorded figures: PostgreSQL, four processes, 2 cores, `wrk -t1 -c16`, 1,500 stored requests.
const WORKS: [Work; 4] = [
    Work {
        name: "GET one",
        method: "GET",
        path: "/api/v1/builds/5",
        recorded_per_second: 174.0,
        recorded_p99: 194.0,
        times: 40.0,
        is_list: false,
    },
    Work {
        name: "GET list of 20",
        method: "GET",
        path: "/api/v1/builds?per_page=20",
        recorded_per_second: 14.0,
        recorded_p99: 1_800.0,
        times: 100.0,
        is_list: true,
    },
    Work {
        name: "GET list of 20, verbose",
        method: "GET",
        path: "/api/v1/builds?per_page=20&verbose=true",
        recorded_per_second: 6.8,
        recorded_p99: 1_900.0,
        times: 100.0,
        is_list: true,
    },
    // Last, as it changes how many are stored.
    Work {
        name: "POST add",
        method: "POST",
        path: "/api/v1/builds/add",
        recorded_per_second: 96.0,
        recorded_p99: 270.0,
        times: 20.0,
        is_list: false,
    },
];

/// The most memory that ours may hold: an eighth of the recorded 521 MB.
const MEMORY_MIB: f64 = 521.0 / 8.0 / 1.048_576;
/// How much longer a list may take with many stored requests.
const GROWTH: f64 = 1.5;

/// Measures everything; whether all goals were met.
pub(crate) fn run(args: &Args) -> anyhow::Result<bool> {
    ensure!(
        args.iib.exists(),
        "there is no `{}`; build it with `cargo build --release --package iib`",
        args.iib.display()
    );
    let mut tally = Tally::default();
    let mut before: Vec<(&str, f64)> = Vec::new();
    say(&format!(
        "{:<26}{:>10}{:>12}{:>9}{:>10}{:>10}{:>8}",
        "work", "stored", "per second", "times", "p50 ms", "p99 ms", "MiB"
    ));
    for stored in &args.stored {
        let directory = tempfile::tempdir().context("a temporary directory could not be made")?;
        let database = Database::new(&args.database, directory.path(), "bench")?;
        let configuration = format!(
            "[server]\nlogin_disabled = true\n[worker]\njobs = 0\n[store]\ndatabase = {}\n[build]\nregistry = \"registry.example.test\"\n",
            serde_json::Value::from(database.address())
        );
        let service = Service::start(&args.iib, &configuration, directory.path(), &database)?;
        let load = Load::new(&service.url, directory.path(), args.seconds)?;
        load.fill(*stored)?;
        for work in &WORKS {
            let measured = load.run(work.method, work.path)?;
            let resident = service.resident()?;
            say(&format!(
                "{:<26}{:>10}{:>12.0}{:>8.0}×{:>10.2}{:>10.2}{:>8.0}",
                work.name,
                stored,
                measured.per_second,
                measured.per_second / work.recorded_per_second,
                measured.p50,
                measured.p99,
                resident
            ));
            judge(&mut tally, work, *stored, &measured, resident);
            if work.is_list {
                match before.iter().find(|(name, _)| *name == work.name) {
                    None => before.push((work.name, measured.per_second)),
                    Some((_, few)) => tally.goal(
                        &format!("{}: time with {stored} stored requests", work.name),
                        few / measured.per_second,
                        GROWTH,
                        "times that with few",
                    ),
                }
            }
        }
        service.end()?;
        database.remove()?;
    }
    for miss in &tally.missed {
        say(&format!("missed: {miss}"));
    }
    say(&format!(
        "{} goals met, {} missed",
        tally.met,
        tally.missed.len()
    ));
    Ok(tally.missed.is_empty())
}

fn judge(tally: &mut Tally, work: &Work, stored: u32, measured: &Measured, resident: f64) {
    let what = |what: &str| format!("{} with {stored} stored: {what}", work.name);
    tally.goal(
        &what("seconds per request"),
        1.0 / measured.per_second,
        1.0 / (work.recorded_per_second * work.times),
        "s",
    );
    tally.goal(&what("p99"), measured.p99, work.recorded_p99 / 10.0, "ms");
    tally.goal(&what("memory"), resident, MEMORY_MIB, "MiB");
}

/// Which goals were met.
#[derive(Default)]
struct Tally {
    met: u32,
    missed: Vec<String>,
}

impl Tally {
    /// `found` has to be at most `limit`.
    fn goal(&mut self, what: &str, found: f64, limit: f64, unit: &str) {
        if found <= limit {
            self.met += 1;
        } else {
            self.missed
                .push(format!("{what}: {found:.5} {unit}, the goal is {limit:.5}"));
        }
    }
}
