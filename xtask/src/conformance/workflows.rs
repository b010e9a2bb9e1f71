//! Every recorded request, from input images in a registry to published ones, through the builder: what it publishes and what it
//! tells must equal what the reference service did, as the data's own description says how.
//!
//! Each scenario has a registry of its own with the same inputs. What the builder cannot do yet is counted by reason.

mod departures;
mod image;
mod inputs;
mod judge;
mod not_yet;
mod request;
mod scenario;
mod tree;
mod watch;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, ensure};
use clap::Args as ClapArgs;
use tokio::runtime::Runtime;

use crate::terminal::say;
use inputs::{Inputs, Kind};
use request::Request;
use scenario::Scenario;
use watch::Watch;

/// The directory beside the scenarios that describes the input images.
const INPUTS: &str = "inputs";

#[derive(Debug, ClapArgs)]
pub(crate) struct Args {
    /// The directory of scenarios and their inputs
    #[arg(
        long,
        default_value = "../shared/conformance/workflows",
        value_name = "DIR"
    )]
    from: PathBuf,
    /// The Python program that makes the input images and pushes them
    #[arg(
        long,
        default_value = "../shared/tools/push_inputs.py",
        value_name = "FILE"
    )]
    push_inputs: PathBuf,
    /// Replay only scenarios whose name begins with this
    #[arg(long, value_name = "PREFIX")]
    only: Option<String>,
    /// Keep the images in Debian's `docker-registry` instead of the embedded registry
    #[arg(long)]
    docker_registry: bool,
}

/// How a scenario ended that did not fail.
enum Verdict {
    Passed,
    /// It passed but for what ours does otherwise, with the reason.
    Otherwise(&'static str),
    NotYet(String),
}

/// Runs every scenario; whether all that can be replayed passed.
pub(crate) fn run(args: &Args) -> anyhow::Result<bool> {
    let folders = folders(&args.from, args.only.as_deref())?;
    ensure!(
        !folders.is_empty(),
        "`{}` holds no such scenarios; name another directory with `--from`",
        args.from.display()
    );
    let runtime = Runtime::new().context("the async runtime could not be started")?;
    let kind = if args.docker_registry {
        Kind::Docker
    } else {
        Kind::Embedded
    };
    let inputs = Inputs::push(&runtime, kind, &args.push_inputs, &args.from.join(INPUTS))?;
    let (mut passed, mut failed) = (0, 0);
    let mut not_yet: BTreeMap<String, usize> = BTreeMap::new();
    for (name, folder) in &folders {
        match runtime.block_on(replay(&inputs, name, folder)) {
            Ok(Verdict::Passed) => passed += 1,
            Ok(Verdict::Otherwise(reason)) => {
                passed += 1;
                say(&format!("{name}: not as recorded: {reason}"));
            }
            Ok(Verdict::NotYet(reason)) => *not_yet.entry(reason).or_default() += 1,
            Err(error) => {
                failed += 1;
                say(&format!("{name}: FAILED: {error:#}"));
            }
        }
    }
    for (reason, count) in &not_yet {
        say(&format!("{count} not yet: {reason}"));
    }
    say(&format!("{} not yet", not_yet.values().sum::<usize>()));
    say(&format!("{passed} passed, {failed} failed"));
    Ok(failed == 0)
}

/// The directories of scenarios by name.
fn folders(from: &Path, only: Option<&str>) -> anyhow::Result<BTreeMap<String, PathBuf>> {
    let unreadable = || format!("`{}` cannot be read", from.display());
    let mut folders = BTreeMap::new();
    for entry in std::fs::read_dir(from).with_context(unreadable)? {
        let entry = entry.with_context(unreadable)?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let is_asked_for = only.is_none_or(|prefix| name.starts_with(prefix));
        if entry.path().is_dir() && name != INPUTS && is_asked_for {
            folders.insert(name, entry.path());
        }
    }
    Ok(folders)
}

async fn replay(inputs: &Inputs, name: &str, folder: &Path) -> anyhow::Result<Verdict> {
    let mut scenario = Scenario::read(folder)?;
    let departure = departures::apply(name, &mut scenario);
    if let Some(reason) = not_yet::reason(&scenario) {
        return Ok(Verdict::NotYet(reason));
    }
    let stage = inputs.stage().await?;
    let request = Request::of(&scenario, stage.dir.path())?;
    let watch = Watch::new(&stage, &scenario.hooks);
    let done = request.run(&stage.client, &watch).await;
    let done = done.map_err(|error| error.report());
    let seen = watch.end()?;
    judge::judge(&scenario, inputs, &stage, done, seen).await?;
    Ok(departure.map_or(Verdict::Passed, Verdict::Otherwise))
}
