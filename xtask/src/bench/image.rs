//! `iib index add-fragment` on file-based indexes of any size: requests, bytes, time and memory, cold and warm.
//!
//! The registry is Debian's `docker-registry`, private to the measurement; the program under test runs in its own process and says
//! itself what it asked of the network. The first run meets an index made with other tools, and an empty cache directory. The runs
//! after it build upon its result, one upon the other, each with another release of the same package.

mod catalog;
mod goals;
mod plain_way;
mod push;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, ensure};
use clap::Args as ClapArgs;
use oci::Owner;
use samples::ARCHES;
use serde::Deserialize;
use tempfile::TempDir;
use tokio::runtime::Runtime;

use self::catalog::Package;
use self::goals::{Judged, Sizes};
use self::push::{Catalog, Shelf};
use super::process::{Taken, measure_into};
use crate::service::docker_registry::DockerRegistry;
use crate::terminal::say;

#[derive(Debug, ClapArgs)]
pub(crate) struct Args {
    /// Bundles in the catalog; repeatable
    #[arg(long = "bundles", value_name = "N", default_values_t = [50, 500, 5000])]
    bundles: Vec<u32>,
    /// The iib program to measure; build it with --release
    #[arg(long, default_value = "target/release/iib")]
    iib: PathBuf,
    /// Warm runs of each; the one of median time counts
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..))]
    runs: u32,
    /// Bytes of incompressible data in the binary image, per architecture
    #[arg(long, default_value_t = 41_900_000)]
    binary_image_bytes: usize,
    /// Do the same with containers' tools on the largest catalog (`benches/plain-way.sh`), and compare
    #[arg(long)]
    plain_way: bool,
    /// Make the inputs and do it with containers' tools alone; measure no iib
    #[arg(long, conflicts_with = "plain_way")]
    only_plain_way: bool,
}

/// What a run asked of the network, as the program itself counts.
#[derive(Clone, Copy, Debug, Deserialize)]
struct Network {
    requests: u64,
    #[serde(alias = "bytes_written")]
    bytes_sent: u64,
    #[serde(alias = "bytes_read")]
    bytes_received: u64,
}

/// The part of the program's answer that is looked at.
#[derive(Debug, Deserialize)]
struct Answer {
    #[serde(alias = "usage")]
    network: Network,
    serve_cache_seconds: Option<f64>,
}

/// One run of the program.
#[derive(Clone, Copy, Debug)]
struct Run {
    network: Network,
    /// How many seconds the serve cache took, whose digest follows the size of the index.
    serve_cache: f64,
    taken: Taken,
}

/// What came of one catalog.
struct Measured {
    bundles: u32,
    sizes: Sizes,
    cold: Run,
    warm: Run,
}

/// Measures every catalog and prints a table, and which goals are met.
pub(crate) fn run(args: &Args) -> anyhow::Result<()> {
    ensure!(!args.bundles.is_empty(), "name a number of bundles");
    if !args.only_plain_way {
        check_command(&args.iib)?;
    }
    let mut sizes = args.bundles.clone();
    sizes.sort_unstable();
    sizes.dedup();
    let largest = sizes.last().copied();
    let runtime = Runtime::new()?;
    if !args.only_plain_way {
        say(
            "| bundles | run | requests | bytes pushed | bytes read | wall s | of it serve cache | peak MiB |",
        );
        say("| --- | --- | --- | --- | --- | --- | --- | --- |");
    }
    let mut measured: Vec<Measured> = Vec::new();
    let mut judged = Vec::new();
    for bundles in sizes {
        let bench = Bench::set_up(args, &runtime, bundles)?;
        if args.only_plain_way {
            bench.plain_way(args)?;
            continue;
        }
        let found = bench.measure(args, &runtime)?;
        row(bundles, "cold, index of other tools", &found.cold);
        row(bundles, "warm, index of iib", &found.warm);
        judged.extend(goals::of_one(bundles, &found.sizes, &found.warm));
        if args.plain_way && Some(bundles) == largest {
            let seconds = bench.plain_way(args)?;
            judged
                .extend(seconds.map(|seconds| goals::of_plain_way(bundles, &found.warm, seconds)));
        }
        measured.push(found);
    }
    if let [small, .., large] = measured.as_slice() {
        judged.extend(goals::of_growth(
            (small.bundles, &small.sizes, &small.warm),
            (large.bundles, &large.sizes, &large.warm),
        ));
    }
    verdict(&judged);
    Ok(())
}

fn row(bundles: u32, what: &str, run: &Run) {
    let Run {
        network,
        serve_cache,
        taken,
    } = run;
    say(&format!(
        "| {bundles} | {what} | {} | {} | {} | {:.3} | {serve_cache:.3} | {:.0} |",
        network.requests, network.bytes_sent, network.bytes_received, taken.wall, taken.peak
    ));
}

fn verdict(judged: &[Judged]) {
    if judged.is_empty() {
        return;
    }
    say("\n| goal | at most | found | |\n| --- | --- | --- | --- |");
    for Judged {
        goal,
        limit,
        found,
        met,
    } in judged
    {
        let met = if *met { "met" } else { "missed" };
        say(&format!("| {goal} | {limit} | {found} | {met} |"));
    }
    let met = judged.iter().filter(|judged| judged.met).count();
    say(&format!("{met} goals met, {} missed", judged.len() - met));
}

/// One catalog in a registry, with all that a change needs.
struct Bench {
    bundles: u32,
    changed: Package,
    shelf: Shelf,
    indexes: u64,
    directory: TempDir,
    registry: DockerRegistry,
}

impl Bench {
    fn set_up(args: &Args, runtime: &Runtime, bundles: u32) -> anyhow::Result<Self> {
        let directory = tempfile::tempdir()?;
        let packages = catalog::packages(bundles);
        let changed = *packages.first().context("a catalog has a package")?;
        let path = |name: &str| directory.path().join(name);
        let configs = path("configs");
        for package in &packages {
            write_package(&configs, *package)?;
        }
        make_cache(&args.iib, &configs, &path("cache"), "pogreb.v1")?;
        make_cache(&args.iib, &configs, &path("cache.json"), "json")?;
        let registry = DockerRegistry::start(directory.path())?;
        let shelf = Shelf::new(registry.host.clone())?;
        let indexes = runtime.block_on(async {
            shelf.binary_image(&ARCHES, args.binary_image_bytes).await?;
            let catalog = Catalog {
                configs: &configs,
                cache: &path("cache"),
            };
            shelf.plain_index("0", &catalog, directory.path()).await?;
            cache_indexes(directory.path()).await
        })?;
        Ok(Self {
            bundles,
            changed,
            shelf,
            indexes,
            directory,
            registry,
        })
    }

    fn measure(&self, args: &Args, runtime: &Runtime) -> anyhow::Result<Measured> {
        let cold = self.change(args, runtime, 1)?.0;
        let mut warm = Vec::new();
        for release in 2..2 + args.runs {
            warm.push(self.change(args, runtime, release)?);
        }
        warm.sort_by(|(a, _), (b, _)| a.taken.wall.total_cmp(&b.taken.wall));
        let (warm, sizes) = warm[warm.len() / 2];
        Ok(Measured {
            bundles: self.bundles,
            sizes,
            cold,
            warm,
        })
    }

    /// Puts release `release` of the changed package into the index before it.
    fn change(&self, args: &Args, runtime: &Runtime, release: u32) -> anyhow::Result<(Run, Sizes)> {
        let package = self.changed.released(release);
        let tag = release.to_string();
        let (from, fragment) = (format!("index:{}", release - 1), format!("fragment:{tag}"));
        let sizes = runtime.block_on(async {
            let change = self
                .shelf
                .fragment(&tag, &package.name(), package.text())
                .await?;
            let mut descriptions = 0;
            for name in [from.as_str(), &fragment, "binary:latest"] {
                descriptions += self.shelf.descriptions(name).await?;
            }
            anyhow::Ok(Sizes {
                change,
                indexes: self.indexes,
                descriptions,
                arches: u64::try_from(ARCHES.len())?,
            })
        })?;
        let answer = self.directory.path().join("answer.json");
        let cache = self.directory.path().join("iib-cache");
        let command = [
            args.iib.display().to_string(),
            "index".to_owned(),
            "add-fragment".to_owned(),
            "--fragment".to_owned(),
            self.shelf.name(&fragment),
            "--from-index".to_owned(),
            self.shelf.name(&from),
            "--binary-image".to_owned(),
            self.shelf.name("binary:latest"),
            "--to".to_owned(),
            self.shelf.name(&format!("index:{tag}")),
            "--cache-dir".to_owned(),
            cache.display().to_string(),
            "-o".to_owned(),
            "json".to_owned(),
        ];
        let taken = measure_into(&command, &answer)?;
        let answer: Answer = serde_json::from_slice(&fs::read(&answer)?)
            .context("the answer of `iib index add-fragment` has no `network`")?;
        let run = Run {
            network: answer.network,
            serve_cache: answer.serve_cache_seconds.unwrap_or(0.0),
            taken,
        };
        Ok((run, sizes))
    }

    /// The same with containers' tools, if they are there: seconds.
    fn plain_way(&self, args: &Args) -> anyhow::Result<Option<f64>> {
        let configs = self.directory.path().join("configs");
        write_package(&configs, self.changed.released(1))?;
        plain_way::run(
            &plain_way::Job {
                iib: &args.iib,
                configs: &configs,
                host: &self.registry.host,
            },
            self.bundles,
        )
    }
}

fn write_package(configs: &Path, package: Package) -> anyhow::Result<()> {
    let directory = configs.join(package.name());
    fs::create_dir_all(&directory)?;
    Ok(fs::write(directory.join("catalog.json"), package.text())?)
}

/// How large the serve cache's package index and key index are in a layer, in bytes.
async fn cache_indexes(directory: &Path) -> anyhow::Result<u64> {
    let parts = directory.join("indexes");
    fs::create_dir(&parts)?;
    for name in ["main.pix", "overflow.pix"] {
        let file = directory.join("cache/pogreb.v1/db").join(name);
        fs::copy(&file, parts.join(name)).with_context(|| format!("`{}`", file.display()))?;
    }
    // In the format `json` the package index is a file of its own.
    let file = directory.join("cache.json/cache/packages.json");
    fs::copy(&file, parts.join("packages.json"))
        .with_context(|| format!("`{}`", file.display()))?;
    let to = directory.join("indexes.layer");
    let layer = push::write_layer("x", &parts, Owner::ROOT, &to).await?;
    Ok(layer.descriptor.size)
}

#[expect(
    clippy::disallowed_methods,
    reason = "this program measures another one by running it"
)]
fn iib(program: &Path, args: &[&str]) -> anyhow::Result<std::process::Output> {
    Command::new(program)
        .args(args)
        .output()
        .with_context(|| format!("`{}` cannot be run", program.display()))
}

fn make_cache(program: &Path, configs: &Path, cache: &Path, format: &str) -> anyhow::Result<()> {
    let (configs, cache) = (configs.display().to_string(), cache.display().to_string());
    let args = [
        "catalog",
        "cache",
        &configs,
        "--cache-dir",
        &cache,
        "--format",
        format,
    ];
    let output = iib(program, &args)?;
    ensure!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(())
}

/// An older program must not fail after all inputs are made.
fn check_command(program: &Path) -> anyhow::Result<()> {
    let output = iib(program, &["index", "add-fragment", "--help"])?;
    ensure!(
        output.status.success(),
        "`{}` has no command `index add-fragment`; build this version with `cargo build --release -p iib`, or measure containers' tools alone with `--only-plain-way`",
        program.display()
    );
    Ok(())
}
