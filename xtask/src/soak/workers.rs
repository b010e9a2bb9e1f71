//! Several worker processes do requests of every kind on index images for several users, while their database and their broker are restarted and one of
//! them is killed. Afterwards every request has ended well, in its order, with its effect and once.

mod judge;
mod scene;

use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use clap::Args as ClapArgs;

use self::scene::{Scene, Sent};
use crate::service::cluster::{Cluster, End};
use crate::service::database::Database;
use crate::service::rabbitmq::RabbitMq;
use crate::service::{self, Service};
use crate::terminal::say;

#[derive(Debug, ClapArgs)]
pub(crate) struct Args {
    /// The iib program to test [default: built from this checkout]
    #[arg(long)]
    iib: Option<PathBuf>,
    /// How many requests are sent
    #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u32).range(10..))]
    requests: u32,
    /// How many users send them; each has an index, and every other one a serial queue
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=100))]
    users: u32,
    /// How many worker processes there are, beside one that serves the API
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..))]
    workers: u32,
    /// How many requests each of them works on at once
    #[arg(long, default_value_t = 2)]
    jobs: u32,
    /// Nothing is restarted or killed
    #[arg(long)]
    calm: bool,
}

/// How long nothing may end.
const PATIENCE: Duration = Duration::from_mins(10);

/// Runs it, and says whether all that must hold does.
pub(crate) fn run(args: &Args) -> anyhow::Result<bool> {
    let iib = match &args.iib {
        Some(iib) => iib.clone(),
        None => service::build()?,
    };
    let directory = tempfile::tempdir().context("a temporary directory could not be made")?;
    let cluster = Cluster::start()?;
    let mut broker = RabbitMq::start()?;
    let database = Database::on(&cluster, "workers")?;
    let runtime = tokio::runtime::Runtime::new()?;
    let registry = runtime.block_on(scene::registry(directory.path()))?;

    let configure = |jobs: u32, name: &str| {
        let users: String = (0..args.users).map(scene::queue).collect();
        format!(
            "[server]\nlogin_disabled = true\ntrusted_proxies = [\"127.0.0.1\"]\n\
             [auth]\nprivileged_usernames = {}\n\
             [store]\ndatabase = \"{}\"\n[build]\nregistry = \"{}\"\n\
             [worker]\nname = \"{name}\"\njobs = {jobs}\nlease_seconds = 5\npoll_seconds = 1\nretry_seconds = 1\n\
             [queues]\nbroker = \"{}\"\n[queues.users]\n{users}",
            serde_json::json!((0..args.users).map(scene::user).collect::<Vec<_>>()),
            database.address(),
            registry.addr(),
            broker.address(),
        )
    };
    let start = |jobs: u32, name: &str| -> anyhow::Result<Service> {
        let own = directory.path().join(name);
        std::fs::create_dir_all(own.join("data"))?;
        let key = directory.path().join("api/data/sealing.key");
        if name != "api" {
            // Every process of a service has the same.
            std::fs::copy(key, own.join("data/sealing.key"))?;
        }
        Service::start(&iib, &configure(jobs, name), &own, &database)
    };
    let api = start(0, "api")?;
    let mut workers = Vec::new();
    for number in 0..args.workers {
        workers.push(start(args.jobs, &format!("worker-{number}"))?);
    }

    let scene = runtime.block_on(Scene::set(registry, api.url.clone(), args.users))?;
    let started = Instant::now();
    let sent = runtime.block_on(scene.send(args.requests))?;
    say(&format!(
        "{} requests of {} users were accepted in {:.1} s",
        sent.len(),
        args.users,
        started.elapsed().as_secs_f64()
    ));
    let until = |part: usize| -> anyhow::Result<()> {
        runtime.block_on(wait(&scene, &sent, sent.len() * part / 8))
    };
    if !args.calm {
        until(1)?;
        say("PostgreSQL is restarted");
        cluster.restart(End::Fast)?;
        until(2)?;
        say("RabbitMQ is killed and started");
        broker.crash_and_start()?;
        until(4)?;
        say("a worker is killed and started");
        workers[0].crash_and_start()?;
        until(5)?;
        say("PostgreSQL crashes and is started");
        cluster.restart(End::Immediate)?;
    }
    until(8)?;
    say(&format!(
        "all have ended after {:.1} s",
        started.elapsed().as_secs_f64()
    ));
    let wrong = runtime.block_on(judge::judge(&scene, &sent))?;
    for problem in &wrong {
        say(&format!("WRONG: {problem}"));
    }
    let mut well = wrong.is_empty();
    for (service, name) in workers
        .into_iter()
        .zip(1..)
        .map(|(worker, number)| (worker, format!("worker {number}")))
        .chain([(api, "the API".to_owned())])
    {
        let complaints = service.complaints();
        if let Err(error) = service.end() {
            say(&format!("WRONG: {name} did not end well: {error:#}"));
            well = false;
        }
        if !well {
            for complaint in complaints {
                say(&format!("{name}: {complaint}"));
            }
        }
    }
    database.remove()?;
    let words = if well { "holds" } else { "does not hold" };
    say(&format!("every request once, in order: {words}"));
    Ok(well)
}

/// Waits until `count` of the requests have ended.
async fn wait(scene: &Scene, sent: &[Sent], count: usize) -> anyhow::Result<()> {
    let mut moved = (Instant::now(), 0);
    loop {
        // A database that is away for a moment is no reason to give up.
        let ended = scene.ended(sent).await.unwrap_or(moved.1);
        if ended >= count {
            return Ok(());
        }
        if ended > moved.1 {
            moved = (Instant::now(), ended);
        }
        ensure!(
            moved.0.elapsed() < PATIENCE,
            "nothing ends any more after {ended} of {} requests",
            sent.len()
        );
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
}
