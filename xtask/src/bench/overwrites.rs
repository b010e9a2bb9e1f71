//! Many queued adds that overwrite one index, beside one alone: time by stage, requests and bytes.
//!
//! Each add brings a package of its own, and the final catalog must hold them all.

use std::collections::BTreeMap;

use anyhow::Context as _;
use builder::{Builder, BuilderConfig};
use clap::Args as ClapArgs;
use oci::{Credentials, ImageName};
use serde_json::json;

use super::requests::{Scene, Setup, Taken, measured, number};
use crate::terminal::say;

#[derive(Debug, ClapArgs)]
pub(crate) struct Args {
    #[command(flatten)]
    setup: Setup,
    /// How many adds are queued
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..))]
    adds: u32,
    /// Put the packages into a file-based index with a hidden database instead of an SQLite one
    #[arg(long)]
    file_based: bool,
}

/// What some adds took.
struct Adds {
    taken: Taken,
    /// Seconds by stage.
    stages: BTreeMap<String, f64>,
}

/// Measures one add and many, prints both, and says whether nothing was lost.
pub(crate) fn run(args: &Args) -> anyhow::Result<bool> {
    measured(&args.setup, async |scene| measure(scene, args).await)
}

async fn measure(scene: &Scene, args: &Args) -> anyhow::Result<bool> {
    let index = seed(scene, args).await?;
    // What the service reads for the first time counts for neither.
    add_all(scene, &index, &["warm".to_owned()]).await?;
    let alone = add_all(scene, &index, &["alone".to_owned()]).await?;
    let names: Vec<String> = (0..args.adds).map(|n| format!("queued-{n:03}")).collect();
    let many = add_all(scene, &index, &names).await?;
    table(&alone, &many, args.adds);

    let name: ImageName = index.parse()?;
    let work = tempfile::tempdir()?;
    let builder = Builder::new(
        scene.client.clone(),
        Credentials::none(),
        BuilderConfig::new(work.path()),
    );
    let inspected = builder.inspect(&name).await?;
    let packages = inspected.catalog.packages.iter();
    let found = packages
        .filter(|package| package.name.starts_with("queued-"))
        .count();
    say(&format!(
        "{found} of {} packages are in the index",
        args.adds
    ));
    Ok(found == names.len())
}

/// The index to overwrite: what an add, or an empty index, gave.
async fn seed(scene: &Scene, args: &Args) -> anyhow::Result<String> {
    let bundle = scene.bundle("seed").await?;
    let body = json!({"bundles": [bundle], "add_arches": samples::ARCHES});
    let mut first = scene.done("add", body).await?;
    if args.file_based {
        let body = json!({"from_index": first["index_image"], "output_fbc": true});
        first = scene.done("create-empty-index", body).await?;
    }
    let index = first["index_image"]
        .as_str()
        .context("the seed has a name")?;
    Ok(index.to_owned())
}

/// Queues an add for each package at once and waits for the end of all.
async fn add_all(scene: &Scene, index: &str, packages: &[String]) -> anyhow::Result<Adds> {
    let mut bundles = Vec::new();
    for package in packages {
        bundles.push(scene.bundle(package).await?);
    }
    let before = stages(&scene.metrics().await?);
    let submit = async || {
        let mut ids = Vec::new();
        for bundle in bundles {
            let body =
                json!({"bundles": [bundle], "from_index": index, "overwrite_from_index": true});
            ids.push(scene.submit("add", body).await?);
        }
        Ok(ids)
    };
    let taken = scene.taken(submit).await?;
    let mut stages = stages(&scene.metrics().await?);
    for (stage, seconds) in &mut stages {
        *seconds -= before.get(stage).copied().unwrap_or(0.0);
    }
    Ok(Adds { taken, stages })
}

/// How long the stages of adds took so far, in seconds.
fn stages(metrics: &str) -> BTreeMap<String, f64> {
    let sums = metrics.lines().filter_map(|line| {
        let line = line.strip_prefix("iib_request_stage_duration_seconds_sum{")?;
        let (labels, value) = line.split_once("} ")?;
        let stage = labels.split("stage=\"").nth(1)?.split('"').next()?;
        let is_add = labels.contains("type=\"add\"");
        is_add.then_some((stage.to_owned(), value.parse().ok()?))
    });
    sums.collect()
}

fn table(alone: &Adds, many: &Adds, adds: u32) {
    let each = f64::from(adds);
    say("| | one alone | all | each | each / alone |");
    say("| --- | --- | --- | --- | --- |");
    let row = |what: &str, one: f64, all: f64, digits: usize| {
        let of_one = all / each / one;
        say(&format!(
            "| {what} | {one:.digits$} | {all:.digits$} | {:.digits$} | {of_one:.2} |",
            all / each
        ));
    };
    let (one, all) = (&alone.taken, &many.taken);
    let seconds = |taken: &Taken| taken.elapsed.as_secs_f64();
    row("time, s", seconds(one), seconds(all), 3);
    for (stage, all) in &many.stages {
        let one = alone.stages.get(stage).copied().unwrap_or(0.0);
        row(&format!("stage {stage}, s"), one, *all, 3);
    }
    let count = |what: &str, of: fn(&Taken) -> u64| row(what, number(of(one)), number(of(all)), 0);
    count("requests to the registry", |taken| taken.requests);
    count("bytes pushed", |taken| taken.bytes_in);
    count("bytes read", |taken| taken.bytes_out);
}
