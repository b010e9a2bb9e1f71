//! `iib serve` under many clients who send every kind of request at once, while it, or its database, is killed or restarted. Afterwards
//! everything that was answered is compared with what is stored.

mod caller;
mod checks;
mod dice;
mod document;
mod fault;
mod lists;
mod mine;
mod payloads;
mod refusals;
mod settle;
mod visitor;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use clap::Args as ClapArgs;
use tokio::task::JoinSet;

use self::checks::{Check, Checks};
use self::document::Document;
use self::fault::{Faults, Target};
use self::visitor::{Told, Visitor};
use crate::service::cluster::Cluster;
use crate::service::database::{Choice, Database, Kind};
use crate::service::{self, Service};
use crate::terminal::say;

#[derive(Debug, ClapArgs)]
pub(crate) struct Args {
    #[command(flatten)]
    database: Choice,
    /// The iib program to test [default: built from this checkout]
    #[arg(long)]
    iib: Option<PathBuf>,
    /// How many clients there are, each with one request at a time
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u32).range(1..))]
    clients: u32,
    /// How many requests each of them sends
    #[arg(long, default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(1..))]
    requests: u32,
    /// What happens meanwhile, three times. `restart` is of a PostgreSQL server that is started for it
    #[arg(long, value_enum, default_value_t = Faults::None)]
    faults: Faults,
    /// Another seed is another mix of requests
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

/// The worker user of the service under test.
const WORKER: &str = "worker@EXAMPLE.TEST";

/// The header in which a proxy, which the clients pass for, names the user.
const USER_HEADER: &str = "X-Remote-User";

/// A page of the lists that are walked afterwards.
const MAX_PER_PAGE: u32 = 200;

/// What the clients and the faults see of each other.
#[derive(Default)]
struct Shared {
    /// Requests that were answered or lost.
    done: AtomicU64,
    /// Faults that are over.
    faults: AtomicU32,
}

/// Runs the clients and judges; whether all is as it was told.
pub(crate) fn run(args: &Args) -> anyhow::Result<bool> {
    let on_postgres = args.database.database == Kind::Postgres;
    ensure!(
        on_postgres || args.faults != Faults::Restart,
        "`--faults restart` is of a PostgreSQL server; add `--database postgres`, or choose `--faults kill`"
    );
    let iib = match &args.iib {
        Some(iib) => iib.clone(),
        None => service::build()?,
    };
    let directory = tempfile::tempdir().context("a temporary directory could not be made")?;
    let cluster = match args.faults {
        Faults::Restart => Some(Cluster::start()?),
        Faults::None | Faults::Kill => None,
    };
    let database = match &cluster {
        Some(cluster) => Database::on(cluster, "soak")?,
        None => Database::new(&args.database, directory.path(), "soak")?,
    };
    let configuration = configuration(database.address());
    let mut service = Service::start(&iib, &configuration, directory.path(), &database)?;
    let judged = {
        let target = Target {
            service: &mut service,
            cluster: cluster.as_ref(),
        };
        visit_and_settle(args, target)
    };
    let complaints = service.complaints();
    let ended = service.end();
    database.remove()?;
    let mut checks = judged?;
    checks.expect(Check::EndsWell, ended.is_ok(), || format!("{ended:?}"));
    let passed = checks.report();
    if !passed {
        for complaint in complaints {
            say(&format!("log: {complaint}"));
        }
    }
    say(&checks.tally());
    Ok(passed)
}

fn configuration(database: &str) -> String {
    format!(
        "[server]\nlogin_disabled = true\ntrusted_proxies = [\"127.0.0.1\"]\nuser_header = \"{USER_HEADER}\"\nworker_usernames = [\"{WORKER}\"]\n\
         max_per_page = {MAX_PER_PAGE}\n[worker]\njobs = 0\n[store]\ndatabase = {}\n[build]\nregistry = \"registry.example.test\"\n\
         [build.binary_images.prod]\n\"v4.19\" = \"registry.example.test/opm:v4.19\"\n",
        serde_json::Value::from(database)
    )
}

fn visit_and_settle(args: &Args, mut target: Target<'_>) -> anyhow::Result<Checks> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?;
    let url = target.service.url.clone();
    let document = Arc::new(runtime.block_on(Document::read(&url))?);
    let shared = Arc::new(Shared::default());
    let started = Instant::now();
    let mut visitors = JoinSet::new();
    for number in 0..args.clients {
        let visitor = Visitor::new(number, args.seed, args.faults, &url, &document, &shared)?;
        visitors.spawn_on(visitor.visit(args.requests), runtime.handle());
    }
    let total = u64::from(args.clients) * u64::from(args.requests);
    fault::inject(args.faults, &mut target, &shared, total)?;
    let told: Told = runtime.block_on(async {
        let mut all = Told::default();
        while let Some(told) = visitors.join_next().await {
            all.merge(told.context("a client failed")??);
        }
        anyhow::Ok(all)
    })?;
    let elapsed = started.elapsed();
    say_what_happened(&told, elapsed);
    let mut checks = runtime.block_on(settle::settle(&url, &told, args.faults))?;
    checks.merge(told.checks);
    Ok(checks)
}

fn say_what_happened(told: &Told, elapsed: Duration) {
    let requests: u64 = told.answered.values().sum();
    say(&format!(
        "{requests} answers in {:.1} s, the longest after {:.1} s; {} without an answer, {} repeated as nobody listened",
        elapsed.as_secs_f64(),
        told.longest.as_secs_f64(),
        told.lost,
        told.refused_connections,
    ));
    for ((operation, status), count) in &told.answered {
        say(&format!("{count:>8}  {status}  {operation}"));
    }
}

impl Shared {
    fn faults(&self) -> usize {
        // As many as there are fingers.
        usize::try_from(self.faults.load(Ordering::SeqCst)).unwrap_or(usize::MAX)
    }
}
