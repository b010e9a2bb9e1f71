//! `iib index add` of one new bundle to an existing SQLite index: wall time, requests and bytes, for databases of any size.
//!
//! The registry is our own, in this process; the program under test runs in its own, as often as asked. Times are medians of
//! whole processes; requests and bytes are what the registry served in one of them.

use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use clap::Args as ClapArgs;
use oci::{BlobSource, Client, ClientConfig, PullSpec, Repository};
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
    /// Runs of each
    #[arg(long, default_value_t = 5)]
    runs: u32,
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
        let index = samples::push_index(
            &self.client,
            &self.repository("index")?,
            &samples::ARCHES,
            BlobSource::File(database),
        )
        .await?;
        let mut times = Vec::new();
        for run in 0..args.runs {
            // Another bundle each time: one that is there already would cost nothing.
            let bundle = Bundle::simple("bench-operator", &format!("1.0.{run}"), "stable", None);
            let bundle =
                samples::push_bundle(&self.client, &self.repository("bundle")?, &bundle).await?;
            self.registry.log().clear();
            times.push(self.add(args, &index, &bundle, run)?);
        }
        times.sort();
        let totals = self.registry.log().totals();
        say(&format!(
            "| {} | {size} | {:.3} s | {} | {} | {} |",
            path.display(),
            times[times.len() / 2].as_secs_f64(),
            totals.requests,
            totals.bytes_in,
            totals.bytes_out
        ));
        Ok(())
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

fn unpack(path: &Path, to: &Path) -> anyhow::Result<u64> {
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
