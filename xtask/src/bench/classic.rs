//! Requests on SQLite indexes beside the way the classic service does them (`benches/classic-way.sh`): time, memory, bytes.
//!
//! The registry is Debian's `docker-registry`, private to the measurement. Bytes are those by which its storage grew. Memory is the
//! most that one process held: of the classic way that is one of many.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, ensure};
use clap::Args as ClapArgs;
use oci::{BlobSource, Client, ClientConfig, PullSpec, Repository};
use rusqlite::Connection;
use samples::{ARCHES, Bundle};
use tempfile::TempDir;
use tokio::runtime::Runtime;

use super::index_add::unpack;
use super::process::{Taken, measure};
use super::requests::number;
use crate::service::docker_registry::DockerRegistry;
use crate::terminal::say;

const SCRIPT: &str = "benches/classic-way.sh";
const ANNOTATIONS: &str = "metadata/annotations.yaml";

#[derive(Debug, ClapArgs)]
pub(crate) struct Args {
    /// The index databases, plain or gzip
    #[arg(
        long,
        num_args = 1..,
        default_values = [
            "../shared/baseline-inputs/index-116.db.gz",
            "../shared/baseline-inputs/index-562.db.gz",
            "../shared/baseline-inputs/index-1366.db.gz",
        ]
    )]
    database: Vec<PathBuf>,
    /// How many bundles are in the indexes that are merged with others of one bundle more; they are made here, as a merge looks at
    /// the images of all bundles
    #[arg(long, num_args = 1.., default_values_t = [100, 500])]
    merge: Vec<u32>,
    /// The iib program to measure; build it with --release
    #[arg(long, default_value = "target/release/iib")]
    iib: PathBuf,
    /// Bytes of incompressible data in the binary image, per architecture
    #[arg(long, default_value_t = 41_900_000)]
    binary_image_bytes: usize,
}

/// What one run took.
struct Run {
    taken: Taken,
    bytes: u64,
}

struct Bench<'a> {
    args: &'a Args,
    runtime: Runtime,
    registry: DockerRegistry,
    client: Client,
    directory: TempDir,
}

/// Measures both ways of each request on each index, and prints a table.
pub(crate) fn run(args: &Args) -> anyhow::Result<()> {
    ensure!(
        Path::new(SCRIPT).exists(),
        "`{SCRIPT}` is not here; start this from the project's root"
    );
    let directory = tempfile::tempdir().context("a temporary directory could not be made")?;
    let registry = DockerRegistry::start(directory.path())?;
    let bench = Bench {
        args,
        runtime: Runtime::new()?,
        client: Client::new(ClientConfig::default())?,
        registry,
        directory,
    };
    let (repository, bytes) = (bench.repository("binary")?, args.binary_image_bytes);
    let push = samples::push_binary_image(&bench.client, &repository, &ARCHES, bytes);
    bench.runtime.block_on(push)?;
    say(
        "| index | request | iib s | classic s | times less | iib MiB | classic MiB | iib bytes | classic bytes | times less |",
    );
    say("| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |");
    for (number, path) in args.database.iter().enumerate() {
        bench.measure(number, path)?;
    }
    for bundles in &args.merge {
        bench.measure_merge(*bundles)?;
    }
    Ok(())
}

impl Bench<'_> {
    fn repository(&self, path: &str) -> anyhow::Result<Repository> {
        Ok(format!("{}/{path}", self.registry.host).parse()?)
    }

    fn name(&self, name: &str) -> String {
        format!("{}/{name}", self.registry.host)
    }

    fn measure(&self, number: usize, path: &Path) -> anyhow::Result<()> {
        let database = self.directory.path().join(format!("{number}.db"));
        unpack(path, &database)?;
        let package: String = Connection::open(&database)?
            .query_row("SELECT name FROM package ORDER BY name", [], |row| {
                row.get(0)
            })
            .context("the index has no package")?;
        let repository = self.repository(&format!("index-{number}"))?;
        let source = BlobSource::File(database);
        let index = samples::push_index(&self.client, &repository, &ARCHES, source);
        let index = self.runtime.block_on(index)?.to_string();
        // What both start from is iib's already, as an index in use is: made by an add that does not count.
        let seed = self.push_bundle(&format!("bench-{number}"))?.to_string();
        let from = self.name(&format!("from-{number}:1"));
        self.iib("add", &["--from-index", &index, "--bundles", &seed], &from)?;

        let bundle = self.push_bundle(&format!("more-{number}"))?.to_string();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        for (request, option, what) in
            [("add", "--bundles", &bundle), ("rm", "--package", &package)]
        {
            let to = self.name(&format!("ours-{number}:{request}"));
            let ours = self.iib(request, &["--from-index", &from, option, what], &to)?;
            let to = self.name(&format!("classic-{number}:{request}"));
            let theirs = self.classic(request, &from, what, &to)?;
            row(&name, request, &ours, &theirs);
        }
        Ok(())
    }

    fn measure_merge(&self, count: u32) -> anyhow::Result<()> {
        let mut bundles = Vec::new();
        for bundle in 0..=count {
            let package = format!("merge-{count}-{bundle}");
            bundles.push(self.push_bundle(&package)?.to_string());
        }
        let [from, target] =
            ["from", "target"].map(|name| self.name(&format!("{name}-merge-{count}:1")));
        let arches = ARCHES.join(",");
        let all = bundles.join(",");
        bundles.pop();
        let but_one = bundles.join(",");
        self.iib("add", &["--arch", &arches, "--bundles", &but_one], &from)?;
        self.iib("add", &["--arch", &arches, "--bundles", &all], &target)?;
        let to = self.name(&format!("ours-merge-{count}:1"));
        let ours = self.iib("merge", &["--source", &from, "--target", &target], &to)?;
        let to = self.name(&format!("classic-merge-{count}:1"));
        let theirs = self.classic("merge", &from, &target, &to)?;
        row(&format!("{count} bundles"), "merge", &ours, &theirs);
        Ok(())
    }

    /// Version 1.0.0 of a package of its own, for every OCP version.
    fn push_bundle(&self, package: &str) -> anyhow::Result<PullSpec> {
        let bundle = Bundle::simple(package, "1.0.0", "stable", None);
        let files = &bundle.files;
        let (_, annotations) = files
            .iter()
            .find(|(path, _)| path == ANNOTATIONS)
            .context("a sample has annotations")?;
        let annotations = format!("{annotations}  com.redhat.openshift.versions: v4.5\n");
        let bundle = bundle.with_file(ANNOTATIONS, &annotations);
        let repository = self.repository(&format!("bundles/{package}"))?;
        let pushed = samples::push_bundle(&self.client, &repository, &bundle);
        Ok(self.runtime.block_on(pushed)?)
    }

    fn iib(&self, request: &str, args: &[&str], to: &str) -> anyhow::Result<Run> {
        let iib = text(&self.args.iib)?;
        let binary = self.name("binary:latest");
        let [cache, state] = ["cache", "state"].map(|name| self.directory.path().join(name));
        let (cache, state) = (text(&cache)?, text(&state)?);
        let common = ["--binary-image", &binary, "--to", to];
        let places = ["--cache-dir", cache, "--state-dir", state];
        self.taken(&[&[iib, "index", request], args, &common, &places].concat())
    }

    fn classic(&self, request: &str, index: &str, what: &str, to: &str) -> anyhow::Result<Run> {
        let iib = text(&self.args.iib)?;
        let binary = self.name("binary:latest");
        self.taken(&["bash", SCRIPT, request, index, &binary, to, what, iib])
    }

    /// Runs a command; what it took, and by how many bytes the registry grew.
    fn taken(&self, command: &[&str]) -> anyhow::Result<Run> {
        let before = size_below(&self.directory.path().join("registry"))?;
        let command: Vec<String> = command.iter().map(|part| (*part).to_owned()).collect();
        let taken = measure(&command)?;
        let after = size_below(&self.directory.path().join("registry"))?;
        Ok(Run {
            taken,
            bytes: after - before,
        })
    }
}

fn row(name: &str, request: &str, ours: &Run, theirs: &Run) {
    let times = |ours: f64, theirs: f64| theirs / ours;
    let bytes = |bytes: u64| number(bytes);
    say(&format!(
        "| {name} | {request} | {:.2} | {:.2} | {:.0} | {:.0} | {:.0} | {} | {} | {:.0} |",
        ours.taken.wall,
        theirs.taken.wall,
        times(ours.taken.wall, theirs.taken.wall),
        ours.taken.peak,
        theirs.taken.peak,
        ours.bytes,
        theirs.bytes,
        times(bytes(ours.bytes), bytes(theirs.bytes)),
    ));
}

fn text(path: &Path) -> anyhow::Result<&str> {
    path.to_str()
        .with_context(|| format!("`{}` is no text", path.display()))
}

/// The bytes of all files below a directory.
fn size_below(directory: &Path) -> anyhow::Result<u64> {
    let mut size = 0;
    for entry in std::fs::read_dir(directory)? {
        let entry = entry?;
        let metadata = entry.metadata()?;
        size += if metadata.is_dir() {
            size_below(&entry.path())?
        } else {
            metadata.len()
        };
    }
    Ok(size)
}
