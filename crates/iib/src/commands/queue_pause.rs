//! `iib queue pause`, `resume` and `pauses`: which queues and worker processes take no jobs.

use anyhow::{Context as _, bail};
use queue::DEFAULT_QUEUE;
use serde_json::json;
use store::{Pause, Paused, Store};

use crate::cli::OutputFormat;
use crate::cli::queue::{PauseArgs, PausesArgs, StateArgs, What};
use crate::config::Config;
use crate::{service, terminal};

/// Pauses what is named.
pub(crate) async fn pause(args: &PauseArgs) -> anyhow::Result<()> {
    let (store, what) = open_for(args).await?;
    for what in &what {
        store.pause(what).await.context("nothing was paused")?;
    }
    say(args.output, "paused", &what);
    Ok(())
}

/// Resumes what is named. What was not paused is a mistake, and told before anything is done.
pub(crate) async fn resume(args: &PauseArgs) -> anyhow::Result<()> {
    let (store, what) = open_for(args).await?;
    let paused = pauses_of(&store).await?;
    let stranger = what
        .iter()
        .find(|what| paused.iter().all(|paused| paused.what != **what));
    if let Some(stranger) = stranger {
        bail!(
            "{} is not paused; `iib queue pauses` lists what is",
            words(stranger)
        );
    }
    for what in &what {
        store.resume(what).await.context("nothing was resumed")?;
    }
    say(args.output, "resumed", &what);
    Ok(())
}

/// Lists what is paused.
pub(crate) async fn list(args: &PausesArgs) -> anyhow::Result<()> {
    let (store, _) = open(&args.state).await?;
    let pauses = pauses_of(&store).await?;
    match args.output {
        OutputFormat::Json => {
            let pauses = pauses.iter().map(|Paused { what, since }| match what {
                Pause::Queue(name) => json!({ "queue": name, "since": since }),
                Pause::Worker(name) => json!({ "worker": name, "since": since }),
            });
            terminal::print(&json!({ "pauses": pauses.collect::<Vec<_>>() }).to_string());
        }
        OutputFormat::Text if pauses.is_empty() => terminal::print("nothing is paused"),
        OutputFormat::Text => {
            for Paused { what, since } in &pauses {
                terminal::print(&format!("{}  since {since:.0}", words(what)));
            }
        }
    }
    Ok(())
}

fn say(output: OutputFormat, done: &str, what: &[Pause]) {
    let names = what.iter().map(words).collect::<Vec<_>>();
    terminal::print(&match output {
        OutputFormat::Json => json!({ done: names }).to_string(),
        OutputFormat::Text => format!("{done} {}", names.join(", ")),
    });
}

fn words(what: &Pause) -> String {
    match what {
        Pause::Queue(name) => format!("queue {name}"),
        Pause::Worker(name) => format!("worker {name}"),
    }
}

async fn open_for(args: &PauseArgs) -> anyhow::Result<(Store, Vec<Pause>)> {
    let (store, config) = open(&args.state).await?;
    let known = config.queues.queues();
    let What { queues, workers } = &args.what;
    let unknown = queues
        .iter()
        .find(|queue| *queue != DEFAULT_QUEUE && !known.has(queue));
    if let Some(unknown) = unknown {
        bail!(
            "`{unknown}` is nobody's queue; the names are `{DEFAULT_QUEUE}` and those in `queues.users`"
        );
    }
    let queues = queues.iter().cloned().map(Pause::Queue);
    let workers = workers.iter().cloned().map(Pause::Worker);
    Ok((store, queues.chain(workers).collect()))
}

async fn open(args: &StateArgs) -> anyhow::Result<(Store, Config)> {
    let config = Config::read(args.config.as_deref())?;
    let root = args.data_dir.clone().unwrap_or_else(|| config.data_dir());
    Ok((service::open_state(&config, &root).await?, config))
}

async fn pauses_of(store: &Store) -> anyhow::Result<Vec<Paused>> {
    let pauses = store.pauses().await;
    pauses.context("nobody can say what is paused")
}
