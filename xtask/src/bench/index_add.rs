//! `iib index add` of one new bundle to an existing index, SQLite or file-based: wall time, requests and bytes, for databases of any size.
//!
//! The registry is our own, in this process; the program under test runs in its own, as often as asked. Times are medians of
//! whole processes; requests and bytes are what the registry served in one of them.

use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use builder::labels;
use catalog::Profile;
use catalog::fbc::Output;
use clap::Args as ClapArgs;
use indexdb::IndexDb;
use oci::{
    BlobSource, Client, ClientConfig, ImageRepository, LayerBuilder, Owner, PullSpec, Repository,
    Tag,
};
use registry::{Config, Running, Server};
use samples::Bundle;

use crate::terminal::say;

#[derive(Debug, ClapArgs)]
pub(crate) struct Args {
    /// Index databases to add to, plain or gzip
    #[arg(long, required = true, num_args = 1..)]
    database: Vec<PathBuf>,
    /// The iib program to measure; build it with --release
    #[arg(long, default_value = "target/release/iib")]
    iib: PathBuf,
    /// Runs of each: the first starts from an index of another tool, the others each from the result before
    #[arg(long, default_value_t = 5)]
    runs: u32,
    /// Put the databases behind file-based indexes
    #[arg(long)]
    file_based: bool,
    /// Bytes of incompressible data in the binary image, per architecture
    #[arg(long, default_value_t = 41_900_000)]
    binary_image_bytes: usize,
}

struct Bench {
    registry: Running,
    client: Client,
    directory: tempfile::TempDir,
}

/// Measures every database and prints a table.
pub(crate) fn run(args: &Args) -> anyhow::Result<()> {
    tokio::runtime::Runtime::new()?.block_on(async {
        let bench = Bench::start(args).await?;
        say("| database | size | wall, median | requests | uploaded | downloaded |");
        say("| --- | --- | --- | --- | --- | --- |");
        for path in &args.database {
            bench.measure(args, path).await?;
        }
        Ok(())
    })
}

impl Bench {
    async fn start(args: &Args) -> anyhow::Result<Self> {
        let directory = tempfile::tempdir()?;
        let mut config = Config::new(
            ([127, 0, 0, 1], 0).into(),
            directory.path().join("registry"),
        );
        config.fsync = false;
        let registry = Server::start(config).await?;
        let client = Client::new(ClientConfig::default())?;
        let bench = Self {
            registry,
            client,
            directory,
        };
        let repository = bench.repository("binary")?;
        samples::push_binary_image(
            &bench.client,
            &repository,
            &samples::ARCHES,
            args.binary_image_bytes,
        )
        .await?;
        Ok(bench)
    }

    fn repository(&self, path: &str) -> anyhow::Result<Repository> {
        Ok(format!("{}/{path}", self.registry.addr()).parse()?)
    }

    async fn measure(&self, args: &Args, path: &Path) -> anyhow::Result<()> {
        let database = self.directory.path().join("index.db");
        let size = unpack(path, &database)?;
        let mut index = if args.file_based {
            self.push_file_based(&database).await?
        } else {
            let repository = self.repository("index")?;
            let database = BlobSource::File(database);
            samples::push_index(&self.client, &repository, &samples::ARCHES, database).await?
        };
        let mut times = Vec::new();
        for run in 0..args.runs {
            // Another bundle each time: one that is there already would cost nothing.
            let before = run.checked_sub(1);
            let replaces = before.map(|before| format!("bench-operator.v1.0.{before}"));
            let version = format!("1.0.{run}");
            let bundle = Bundle::simple("bench-operator", &version, "stable", replaces.as_deref());
            let bundle =
                samples::push_bundle(&self.client, &self.repository("bundle")?, &bundle).await?;
            self.registry.log().clear();
            let time = self.add(args, &index, &bundle, run)?;
            index = format!("{}/out:{run}", self.registry.addr()).parse()?;
            if run == 0 {
                self.row(path, ", first contact", size, time);
            } else {
                times.push(time);
            }
        }
        times.sort();
        if let Some(median) = times.get(times.len() / 2) {
            self.row(path, "", size, *median);
        }
        Ok(())
    }

    fn row(&self, path: &Path, what: &str, size: u64, time: Duration) {
        let totals = self.registry.log().totals();
        say(&format!(
            "| {}{what} | {size} | {:.3} s | {} | {} | {} |",
            path.display(),
            time.as_secs_f64(),
            totals.requests,
            totals.bytes_in,
            totals.bytes_out
        ));
    }

    /// Pushes what another tool makes of a database: its catalog in files, and the database hidden beside it.
    async fn push_file_based(&self, database: &Path) -> anyhow::Result<PullSpec> {
        let mut rendered = IndexDb::open_unchanged(database, 0)?.catalog_with_csv_metadata(None)?;
        rendered.arrange();
        let mut layer = LayerBuilder::new(0);
        for file in rendered.migrated(Profile::A) {
            let mut text = Vec::new();
            file.write(Output::Json, &mut text)?;
            let path = format!("configs/{}/catalog.json", file.package());
            layer.file(&path, Owner::ROOT, 0o644, BlobSource::Bytes(text.into()))?;
        }
        let hidden = BlobSource::File(database.to_owned());
        layer.file(labels::HIDDEN_DATABASE_PATH, Owner::ROOT, 0o644, hidden)?;
        let image_labels = [(labels::CONFIGS.to_owned(), "/configs".to_owned())];
        let repository = self.repository("file-based")?;
        let target = ImageRepository::Remote(self.client.repository(&repository));
        samples::push_layers(&target, &Tag::latest(), image_labels.into(), vec![layer]).await?;
        Ok(repository.with_tag(Tag::latest()).into())
    }

    #[expect(
        clippy::disallowed_methods,
        reason = "this program measures another one by running it"
    )]
    fn add(
        &self,
        args: &Args,
        index: &PullSpec,
        bundle: &PullSpec,
        run: u32,
    ) -> anyhow::Result<Duration> {
        let host = self.registry.addr();
        let started = Instant::now();
        let output = Command::new(&args.iib)
            .args([
                "index",
                "add",
                "--binary-image",
                &format!("{host}/binary:latest"),
            ])
            .args([
                "--from-index",
                &index.to_string(),
                "--bundles",
                &bundle.to_string(),
            ])
            .args(["--to", &format!("{host}/out:{run}")])
            .args(["--arch", &samples::ARCHES.join(",")])
            .arg("--cache-dir")
            .arg(self.directory.path().join("cache"))
            .output()
            .with_context(|| format!("`{}` cannot be run", args.iib.display()))?;
        let elapsed = started.elapsed();
        ensure!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
        Ok(elapsed)
    }
}

pub(super) fn unpack(path: &Path, to: &Path) -> anyhow::Result<u64> {
    let file = std::fs::File::open(path)
        .with_context(|| format!("`{}` cannot be read", path.display()))?;
    let mut content = Vec::new();
    if path.extension().is_some_and(|extension| extension == "gz") {
        flate2::read::GzDecoder::new(file).read_to_end(&mut content)?;
    } else {
        std::io::BufReader::new(file).read_to_end(&mut content)?;
    }
    std::fs::write(to, &content)?;
    Ok(u64::try_from(content.len())?)
}
