//! The scenarios `add-replaces-each-*` and `add-replaces-all-*` through `iib index add`: each step is one command against a real
//! registry, and the database in the image it published must equal the recorded one.
//!
//! After a failed step the real tool leaves debris in the database, on purpose ours does not: the failure is compared (same
//! meaning, nothing published), and a scenario whose later steps rest on the debris is judged up to there and counted so.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use anyhow::{Context as _, bail, ensure};
use clap::Args as ClapArgs;
use golden::{PLACEHOLDER, Scenario, Step};
use indexdb::IndexDb;

use crate::terminal::say;

const PREFIXES: [&str; 2] = ["add-replaces-each-", "add-replaces-all-"];

#[derive(Debug, ClapArgs)]
pub(crate) struct Args {
    /// The registry that holds the bundles and `iib/binary:latest`
    #[arg(long)]
    registry: String,
    /// The iib program to test
    #[arg(long)]
    iib: PathBuf,
    /// The directory of scenarios
    #[arg(long, default_value = "../shared/conformance/opm")]
    from: PathBuf,
}

/// How far a scenario was judged.
enum Verdict {
    /// Every step equals the recorded one.
    Whole,
    /// Every step up to a failing one does; later ones rest on the real tool's debris.
    UpTo(u32),
}

/// Runs every scenario; whether all passed.
pub(crate) fn run(args: &Args) -> anyhow::Result<bool> {
    let names = scenarios(&args.from)?;
    ensure!(
        !names.is_empty(),
        "`{}` holds no scenarios named {PREFIXES:?}",
        args.from.display()
    );
    let (mut passed, mut failed, mut partly) = (0, 0, 0);
    for name in &names {
        match replay(args, name) {
            Ok(Verdict::Whole) => passed += 1,
            Ok(Verdict::UpTo(step)) => {
                passed += 1;
                partly += 1;
                say(&format!(
                    "{name}: judged up to step {step}, which fails in both; later steps rest on the real tool's debris"
                ));
            }
            Err(error) => {
                failed += 1;
                say(&format!("{name}: FAILED: {error:#}"));
            }
        }
    }
    say(&format!(
        "{partly} of the passed scenarios judged up to a failed step"
    ));
    say(&format!("{passed} passed, {failed} failed"));
    Ok(failed == 0)
}

fn scenarios(from: &Path) -> anyhow::Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in
        std::fs::read_dir(from).with_context(|| format!("`{}` cannot be read", from.display()))?
    {
        let name = entry?.file_name().to_string_lossy().into_owned();
        if PREFIXES.iter().any(|prefix| name.starts_with(prefix)) {
            names.push(name);
        }
    }
    names.sort();
    Ok(names)
}

fn replay(args: &Args, name: &str) -> anyhow::Result<Verdict> {
    let scenario = Scenario::read(args.from.join(name))?;
    let last = scenario.steps.len();
    let mut index = None;
    for step in &scenario.steps {
        ensure!(step.op == "add", "step {} is no add", step.n);
        let target = format!("{PLACEHOLDER}/conformance/{name}:{}", step.n);
        let output = add(args, step, index.as_deref(), &target)?;
        if step.exit != 0 {
            check_failure(args, step, &output, &target)?;
            return Ok(if usize::try_from(step.n)? == last {
                Verdict::Whole
            } else {
                Verdict::UpTo(step.n)
            });
        }
        ensure!(
            output.status.success(),
            "step {}: ours fails: {}",
            step.n,
            stderr(&output)
        );
        let digest = database_digest(args, &target)?;
        ensure!(
            step.text("db_sha256") == Some(digest.as_str()),
            "step {}: the database is {digest}, recorded is {:?}",
            step.n,
            step.text("db_sha256")
        );
        index = Some(target);
    }
    Ok(Verdict::Whole)
}

fn add(args: &Args, step: &Step, from_index: Option<&str>, to: &str) -> anyhow::Result<Output> {
    let mut command = iib(args, &["index", "add"]);
    command.args([
        "--binary-image",
        &format!("{PLACEHOLDER}/iib/binary:latest"),
        "--to",
        to,
    ]);
    command.args(["--bundles", &step.texts("bundles").join(",")]);
    match from_index {
        Some(index) => command.args(["--from-index", index]),
        None => command.args(["--arch", "amd64,arm64"]),
    };
    command
        .output()
        .with_context(|| format!("`{}` cannot be run", args.iib.display()))
}

/// Ours fails too, means the same, and has published nothing.
fn check_failure(args: &Args, step: &Step, output: &Output, target: &str) -> anyhow::Result<()> {
    ensure!(
        !output.status.success(),
        "step {}: ours succeeds, the real tool fails: {}",
        step.n,
        step.error
    );
    let ours = stderr(output);
    if let Err(difference) = golden::of_change(&step.error, &ours) {
        bail!(
            "step {}: {difference}: {ours}; recorded is {}",
            step.n,
            step.error
        );
    }
    let inspected = iib(args, &["index", "inspect", target]).output()?;
    ensure!(
        !inspected.status.success(),
        "step {}: something was published although the step failed",
        step.n
    );
    Ok(())
}

fn database_digest(args: &Args, image: &str) -> anyhow::Result<String> {
    let file = tempfile::NamedTempFile::new()?;
    let output = iib(args, &["index", "inspect", image])
        .arg("--database")
        .arg(file.path())
        .output()?;
    ensure!(
        output.status.success(),
        "the published image cannot be read: {}",
        stderr(&output)
    );
    golden::digest(&IndexDb::open(file.path(), 0)?)
}

#[expect(
    clippy::disallowed_methods,
    reason = "this program tests another one by running it"
)]
fn iib(args: &Args, words: &[&str]) -> Command {
    let mut command = Command::new(&args.iib);
    command.args(words).args([
        "--registry-alias",
        &format!("{PLACEHOLDER}={}", args.registry),
    ]);
    command
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).trim().to_owned()
}
