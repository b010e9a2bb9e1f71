//! The memory that `iib serve` holds: at most, while adds to a large index are worked on at once; and whether it grows from request
//! to request.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, ensure};
use clap::Args as ClapArgs;
use oci::BlobSource;
use rusqlite::Connection;
use serde_json::json;

use super::index_add::unpack;
use super::requests::{Scene, Setup, measured};
use crate::terminal::say;

#[derive(Debug, ClapArgs)]
pub(crate) struct Args {
    #[command(flatten)]
    setup: Setup,
    /// The index database that is added to, plain or gzip
    #[arg(long, default_value = "../shared/baseline-inputs/index-1366.db.gz")]
    index: PathBuf,
    /// How many bundles it shall hold at least; its packages are repeated under other names until it does
    #[arg(long, default_value_t = 5_000)]
    bundles: u32,
    /// How many adds are worked on at once, so many as `--jobs` allows
    #[arg(long, default_value_t = 8)]
    adds: u32,
    /// The goal: what the service may hold meanwhile, in MiB
    #[arg(long, default_value_t = 1024.0)]
    most: f64,
    /// How many small requests are done one after the other
    #[arg(long, default_value_t = 1_000)]
    requests: u32,
    /// The goal: by how much it may grow from the first tenth of them to the end, in MiB
    #[arg(long, default_value_t = 8.0)]
    growth: f64,
}

/// Measures both, and says whether both goals are met.
pub(crate) fn run(args: &Args) -> anyhow::Result<bool> {
    ensure!(
        args.setup.jobs >= args.adds,
        "only {} of the adds would be worked on at once; say `--jobs {}`",
        args.setup.jobs,
        args.adds
    );
    measured(&args.setup, async |scene| {
        // First, for the memory that the large index needs is kept by the allocator for a while.
        let grown = growth(scene, args).await?;
        let held = at_once(scene, args).await?;
        Ok(grown && held)
    })
}

async fn growth(scene: &Scene, args: &Args) -> anyhow::Result<bool> {
    let first = scene.bundle("small").await?;
    let body = json!({"bundles": [first], "add_arches": samples::ARCHES});
    let made = scene.done("add", body).await?;
    let mut before = 0.0;
    for number in 0..args.requests {
        if number == args.requests / 10 {
            before = scene.service.resident()?;
        }
        // Another bundle each time, of a package that the index has.
        let bundle = scene.bundle(&format!("small-{}", number % 50)).await?;
        let body = json!({"bundles": [bundle], "from_index": made["index_image"]});
        scene.done("add", body).await?;
    }
    let after = scene.service.resident()?;
    let met = after - before <= args.growth;
    say(&format!(
        "{}: {} adds one after the other: {before:.1} MiB after a tenth, {after:.1} MiB at the end (at most {:.0} more)",
        verdict(met),
        args.requests,
        args.growth
    ));
    Ok(met)
}

async fn at_once(scene: &Scene, args: &Args) -> anyhow::Result<bool> {
    let database = scene.directory().join("large.db");
    unpack(&args.index, &database)?;
    let bundles = enlarge(&database, args.bundles)?;
    let bytes = std::fs::metadata(&database)?.len();
    let repository = scene.repository("large")?;
    let source = BlobSource::File(database);
    let index = samples::push_index(&scene.client, &repository, &samples::ARCHES, source).await?;
    let submit = async || {
        let mut ids = Vec::new();
        for number in 0..args.adds {
            let bundle = scene.bundle(&format!("at-once-{number}")).await?;
            let body = json!({"bundles": [bundle], "from_index": index});
            ids.push(scene.submit("add", body).await?);
        }
        Ok(ids)
    };
    let taken = scene.taken(submit).await?;
    let peak = scene.service.peak()?;
    let met = peak <= args.most;
    say(&format!(
        "{}: {} adds at once to {bundles} bundles (database {} MB): {peak:.0} MiB at most (goal {:.0}), {:.1} s",
        verdict(met),
        args.adds,
        bytes / 1_000_000,
        args.most,
        taken.elapsed.as_secs_f64()
    ));
    Ok(met)
}

const fn verdict(met: bool) -> &'static str {
    if met { "met" } else { "MISSED" }
}

/// Repeats the packages of a database under other names until it holds so many bundles; how many it holds then.
fn enlarge(path: &Path, bundles: u32) -> anyhow::Result<u32> {
    let database = Connection::open(path).context("the index database cannot be opened")?;
    let count = || database.query_row("SELECT count(*) FROM operatorbundle", [], |row| row.get(0));
    let own: u32 = count()?;
    ensure!(own > 0, "`{}` holds no bundles", path.display());
    let copies = bundles.div_ceil(own).saturating_sub(1);
    database.execute_batch("PRAGMA foreign_keys = OFF; CREATE TEMP TABLE own AS SELECT name FROM operatorbundle; CREATE TEMP TABLE packages AS SELECT name FROM package; CREATE TEMP TABLE entries AS SELECT entry_id FROM channel_entry; BEGIN;")?;
    for copy in 1..=copies {
        database.execute_batch(&repeated(copy))?;
    }
    database.execute_batch("COMMIT")?;
    Ok(count()?)
}

/// The statements that put every row in once more, with the suffix of a copy at each name.
fn repeated(copy: u32) -> String {
    let shift = u64::from(copy) * 10_000_000;
    let s = format!("|| '-{copy}'");
    let of_bundles = "WHERE operatorbundle_name IN own";
    let triple =
        format!("operatorbundle_name {s}, operatorbundle_version, operatorbundle_path {s}");
    let mut sql = format!(
        "INSERT INTO operatorbundle SELECT name {s}, csv, bundle, bundlepath {s}, skiprange, version, \
         CASE WHEN replaces <> '' THEN replaces {s} ELSE replaces END, skips, substitutesfor FROM operatorbundle WHERE name IN own;
         INSERT INTO package SELECT name {s}, default_channel FROM package WHERE name IN packages;
         INSERT INTO channel SELECT name, package_name {s}, head_operatorbundle_name {s} FROM channel WHERE package_name IN packages;
         INSERT INTO channel_entry SELECT entry_id + {shift}, channel_name, package_name {s}, operatorbundle_name {s}, replaces + {shift}, depth FROM channel_entry WHERE entry_id IN entries;
         INSERT INTO related_image SELECT image, operatorbundle_name {s} FROM related_image {of_bundles};
         INSERT INTO deprecated SELECT operatorbundle_name {s} FROM deprecated {of_bundles};
        "
    );
    for (tables, columns) in [
        (
            ["api_provider", "api_requirer"],
            "group_name, version, kind",
        ),
        (["dependencies", "properties"], "type, value"),
    ] {
        for table in tables {
            let insert = format!(
                "INSERT INTO {table} SELECT {columns}, {triple} FROM {table} {of_bundles};"
            );
            sql.push_str(&insert);
        }
    }
    sql
}
