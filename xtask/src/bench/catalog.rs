//! `iib catalog` on whole indexes and catalogs, beside what opm takes for the same: time and memory.
//!
//! Where there is an `opm`, it is measured too, in turn with ours, so that both feel the same weather on a shared machine; else
//! its recorded figures stand for it, which are those of one machine on a good day. Times and memory are medians of whole
//! processes, after one run that does not count. Every run writes into a directory of its own,
//! and nothing is deleted before the last measurement: a file system that has just deleted thousands of files is slow for a
//! while, which would be counted against the next run.

mod operation;
mod recorded;

use std::cell::Cell;
use std::fs::{self, File};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, ensure};
use clap::Args as ClapArgs;
use flate2::read::GzDecoder;
use oci::{Client, ClientConfig, Repository};
use registry::{Config, Running, Server};
use rusqlite::Connection;
use tempfile::TempDir;

use super::process::{Taken, measure};
use crate::terminal::say;
use operation::{OPERATIONS, Operation};
use recorded::{Baseline, Recorded};

#[derive(Debug, ClapArgs)]
pub(crate) struct Args {
    /// The directory with the inputs: `index-*.db.gz` and `certified-*.tar.gz`
    #[arg(long, default_value = "../shared/baseline-inputs")]
    inputs: PathBuf,
    /// The document with the recorded figures
    #[arg(long, default_value = "../shared/baseline.md")]
    recorded: PathBuf,
    /// The iib program to measure; build it with --release
    #[arg(long, default_value = "target/release/iib")]
    iib: PathBuf,
    /// The opm program to compare with; by default the one on the PATH, if there is one
    #[arg(long)]
    opm: Option<PathBuf>,
    /// Measure only operations whose names contain this
    #[arg(long, default_value = "")]
    only: String,
    /// Runs of each
    #[arg(long, default_value_t = 5)]
    runs: usize,
}

/// An index or a catalog, unpacked.
struct Input {
    /// What the heading of its recorded figures begins with.
    heading: String,
    directory: TempDir,
    /// Whether there is a database; the catalog is YAML if not.
    database: Option<Database>,
    /// How many runs have got a directory.
    runs: Cell<usize>,
}

/// What of a database is removed and deprecated.
struct Database {
    package: String,
    bundle: String,
}

/// One of the programs that are compared, in one operation.
struct Side<'a> {
    name: &'static str,
    program: &'a Path,
    arguments: &'a [&'a str],
    taken: Vec<Taken>,
}

struct Bench<'a> {
    args: &'a Args,
    opm: Option<PathBuf>,
    baseline: Baseline,
    /// Serves the bundle that is added.
    _registry: Running,
    image: String,
}

/// Measures every operation on every input, and prints a table.
pub(crate) fn run(args: &Args) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Runtime::new()?;
    let directory = tempfile::tempdir()?;
    let (registry, image) = runtime.block_on(serve_bundle(directory.path()))?;
    let document = fs::read_to_string(&args.recorded)
        .with_context(|| format!("`{}` cannot be read", args.recorded.display()))?;
    let bench = Bench {
        args,
        opm: args.opm.clone().or_else(opm_on_path),
        baseline: Baseline::read(&document),
        _registry: registry,
        image,
    };
    let opm = if bench.opm.is_some() {
        "opm"
    } else {
        "opm, recorded"
    };
    say(&format!(
        "| input | operation | iib s | {opm} s | times less | iib MiB | opm MiB | times less | goals |"
    ));
    say("| --- | --- | --- | --- | --- | --- | --- | --- | --- |");
    let (mut met, mut missed) = (0, 0);
    let mut inputs = Vec::new();
    for archive in archives(&args.inputs)? {
        let input = bench.unpack(&archive)?;
        for operation in OPERATIONS {
            match bench.row(&input, operation)? {
                Some(true) => met += 1,
                Some(false) => missed += 1,
                None => {}
            }
        }
        inputs.push(input);
    }
    say(&format!("{met} goals met, {missed} missed"));
    let runs: usize = inputs.iter().map(|input| input.runs.get()).sum();
    say(&format!(
        "each of {runs} runs wrote into a directory of its own; they are deleted now, and nothing was before"
    ));
    drop(inputs);
    Ok(())
}

async fn serve_bundle(directory: &Path) -> anyhow::Result<(Running, String)> {
    let mut config = Config::new(([127, 0, 0, 1], 0).into(), directory.join("registry"));
    config.fsync = false;
    let registry = Server::start(config).await?;
    let repository: Repository = format!("{}/bundle", registry.addr()).parse()?;
    let bundle = samples::Bundle::simple("bench-operator", "1.0.0", "stable", None);
    let client = Client::new(ClientConfig::default())?;
    let image = samples::push_bundle(&client, &repository, &bundle).await?;
    Ok((registry, image.to_string()))
}

#[expect(
    clippy::disallowed_methods,
    reason = "this program measures whatever opm its user has"
)]
fn opm_on_path() -> Option<PathBuf> {
    let paths = std::env::var_os("PATH")?;
    std::env::split_paths(&paths)
        .map(|folder| folder.join("opm"))
        .find(|path| path.is_file())
}

/// The inputs that there are, by name.
fn archives(inputs: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let listed = || format!("`{}` cannot be listed", inputs.display());
    let mut archives = Vec::new();
    for entry in fs::read_dir(inputs).with_context(listed)? {
        let path = entry.with_context(listed)?.path();
        if path.extension().is_some_and(|ending| ending == "gz") {
            archives.push(path);
        }
    }
    archives.sort();
    ensure!(
        !archives.is_empty(),
        "`{}` holds no input",
        inputs.display()
    );
    Ok(archives)
}

impl Bench<'_> {
    fn unpack(&self, archive: &Path) -> anyhow::Result<Input> {
        let directory = tempfile::tempdir()?;
        let catalog = directory.path().join("catalog");
        let name = archive
            .file_name()
            .map(|name| name.to_string_lossy().into_owned())
            .unwrap_or_default();
        let reading = || format!("`{}` cannot be read", archive.display());
        let mut content = GzDecoder::new(File::open(archive).with_context(reading)?);
        let index = name
            .strip_prefix("index-")
            .and_then(|name| name.strip_suffix(".db.gz"));
        let Some(bundles) = index else {
            let version = name.trim_start_matches("certified-");
            let version = version.trim_end_matches(".tar.gz");
            let heading = format!("Production catalog certified-operators/catalogs/{version}");
            tar::Archive::new(content)
                .unpack(&catalog)
                .with_context(reading)?;
            return Ok(Input {
                heading,
                directory,
                database: None,
                runs: Cell::new(0),
            });
        };
        let path = directory.path().join("index.db");
        std::io::copy(&mut content, &mut File::create(&path)?).with_context(reading)?;
        let migrate = [
            "catalog".to_owned(),
            "migrate".to_owned(),
            text(&path),
            text(&catalog),
        ];
        measure(&command(&self.args.iib, &migrate))?;
        Ok(Input {
            heading: format!("Index of {bundles} bundles"),
            database: Some(Database::choose(&path)?),
            directory,
            runs: Cell::new(0),
        })
    }

    /// Prints the line of an operation; says whether its goals are met.
    fn row(&self, input: &Input, operation: &Operation) -> anyhow::Result<Option<bool>> {
        let recorded = self.baseline.find(&input.heading, operation.name);
        let Some(recorded) = recorded.filter(|_| operation.name.contains(&self.args.only)) else {
            return Ok(None);
        };
        let mut sides = vec![Side::new("iib", &self.args.iib, operation.ours)];
        if let Some(opm) = &self.opm {
            sides.push(Side::new("opm", opm, operation.opm));
        }
        for run in 0..=self.args.runs.max(1) {
            for side in &mut sides {
                let arguments = input.arguments(side, &self.image)?;
                let taken = measure(&command(side.program, &arguments))?;
                // The first run brings the files into memory.
                if run > 0 {
                    side.taken.push(taken);
                }
            }
        }
        let ours = sides[0].median();
        let theirs = match sides.get(1) {
            Some(side) => {
                let taken = side.median();
                Recorded {
                    wall: taken.wall,
                    peak: taken.peak,
                }
            }
            None => recorded,
        };
        let (faster, smaller) = (theirs.wall / ours.wall, theirs.peak / ours.peak);
        let (time, memory) = operation.goal.factors(input.database.is_none());
        let met = faster >= time && smaller >= memory;
        let goals = match (time > 0.0, met) {
            (false, _) => "none",
            (true, true) => "met",
            (true, false) => "missed",
        };
        say(&format!(
            "| {} | {} | {:.3} | {:.2} | {faster:.1} | {:.0} | {:.0} | {smaller:.1} | {goals} |",
            input.heading, operation.name, ours.wall, theirs.wall, ours.peak, theirs.peak,
        ));
        Ok((time > 0.0).then_some(met))
    }
}

fn command(program: &Path, arguments: &[String]) -> Vec<String> {
    let mut command = vec![text(program)];
    command.extend_from_slice(arguments);
    command
}

impl<'a> Side<'a> {
    fn new(name: &'static str, program: &'a Path, arguments: &'a [&'a str]) -> Self {
        Self {
            name,
            program,
            arguments,
            taken: Vec::new(),
        }
    }

    /// The medians of time and memory.
    fn median(&self) -> Taken {
        let middle = |value: fn(&Taken) -> f64| {
            let mut values: Vec<f64> = self.taken.iter().map(value).collect();
            values.sort_by(f64::total_cmp);
            values[values.len() / 2]
        };
        Taken {
            wall: middle(|taken| taken.wall),
            cpu: middle(|taken| taken.cpu),
            peak: middle(|taken| taken.peak),
        }
    }
}

impl Input {
    /// The arguments of one run, with everything made ready that they name. What it writes goes to a directory of its own.
    fn arguments(&self, side: &Side<'_>, image: &str) -> anyhow::Result<Vec<String>> {
        let at = |name: &str| self.directory.path().join(name);
        let own = at(&format!("run-{}", self.runs.get()));
        self.runs.set(self.runs.get() + 1);
        fs::create_dir(&own)?;
        let (out, copy) = (own.join("out"), own.join("copy.db"));
        if side.arguments.contains(&"{copy}") {
            fs::copy(at("index.db"), &copy)?;
        }
        let emptied = own.join("emptied");
        if side.arguments.contains(&"{emptied}") {
            fs::create_dir_all(emptied.join("cache"))?;
            File::create(emptied.join("digest"))?;
        }
        let of_database = |part: fn(&Database) -> &str| self.database.as_ref().map_or("", part);
        let fill = |argument: &&str| {
            argument
                .replace("{db}", &text(&at("index.db")))
                .replace("{copy}", &text(&copy))
                .replace("{dir}", &text(&at("catalog")))
                .replace("{out}", &text(&out))
                .replace("{emptied}", &text(&emptied))
                .replace("{kept}", &text(&at(&format!("kept-{}", side.name))))
                .replace("{package}", of_database(|database| &database.package))
                .replace("{bundle}", of_database(|database| &database.bundle))
                .replace("{image}", image)
        };
        Ok(side.arguments.iter().map(fill).collect())
    }
}

impl Database {
    /// The first package by name, and the first bundle by name that is the head of no channel.
    fn choose(path: &Path) -> anyhow::Result<Self> {
        let connection = Connection::open(path)?;
        let first = |sql: &str| connection.query_row(sql, [], |row| row.get::<_, String>(0));
        Ok(Self {
            package: first("SELECT name FROM package ORDER BY name LIMIT 1")?,
            bundle: first(
                "SELECT bundle.bundlepath FROM channel_entry entry \
                 JOIN operatorbundle bundle ON bundle.name = entry.operatorbundle_name \
                 WHERE bundle.bundlepath <> '' GROUP BY bundle.name HAVING min(entry.depth) > 0 \
                 ORDER BY bundle.name LIMIT 1",
            )?,
        })
    }
}

fn text(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}
