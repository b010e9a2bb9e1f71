//! Many queued adds that overwrite one index, beside one alone: time by stage, requests and bytes.
//!
//! The registry is our own, in this process; the service runs in its own. Each add brings a package of its own, and the final catalog must hold them all.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use builder::{Builder, BuilderConfig};
use clap::Args as ClapArgs;
use oci::{Client, ClientConfig, Credentials, ImageName, PullSpec, Repository};
use registry::{Config, Running, Server};
use serde_json::{Value, json};

use crate::service::database::{Choice, Database};
use crate::service::{self, Service};
use crate::terminal::say;

#[derive(Debug, ClapArgs)]
pub(crate) struct Args {
    #[command(flatten)]
    database: Choice,
    /// The iib program to measure [default: built from this checkout]
    #[arg(long)]
    iib: Option<PathBuf>,
    /// How many adds are queued
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..))]
    adds: u32,
    /// How many requests the service works on at once
    #[arg(long, default_value_t = 4)]
    jobs: u32,
    /// Put the packages into a file-based index with a hidden database instead of an SQLite one
    #[arg(long)]
    file_based: bool,
    /// Bytes of incompressible data in the binary image, per architecture
    #[arg(long, default_value_t = 1_000_000)]
    binary_image_bytes: usize,
}

/// How long all of it may take.
const PATIENCE: Duration = Duration::from_mins(30);

struct Bench {
    registry: Running,
    client: Client,
    http: reqwest::Client,
    url: String,
    binary: PullSpec,
}

/// What some adds took.
struct Taken {
    elapsed: Duration,
    requests: u64,
    bytes_in: u64,
    bytes_out: u64,
    stages: BTreeMap<String, f64>,
}

/// Measures one add and many, prints both, and says whether nothing was lost.
pub(crate) fn run(args: &Args) -> anyhow::Result<bool> {
    let iib = match &args.iib {
        Some(iib) => iib.clone(),
        None => service::build()?,
    };
    let directory = tempfile::tempdir().context("a temporary directory could not be made")?;
    let runtime = tokio::runtime::Runtime::new()?;
    let mut config = Config::new(
        ([127, 0, 0, 1], 0).into(),
        directory.path().join("registry"),
    );
    config.fsync = false;
    let registry = runtime.block_on(Server::start(config))?;
    let database = Database::new(&args.database, directory.path(), "overwrites")?;
    let configuration = format!(
        "[server]\nlogin_disabled = true\n[store]\ndatabase = {}\n[build]\nregistry = \"{}\"\n[worker]\njobs = {}\n",
        Value::from(database.address()),
        registry.addr(),
        args.jobs
    );
    let service = Service::start(&iib, &configuration, directory.path(), &database)?;
    let measured = runtime.block_on(async {
        let client = Client::new(ClientConfig::default())?;
        let repository = format!("{}/binary", registry.addr()).parse()?;
        let bytes = args.binary_image_bytes;
        let binary =
            samples::push_binary_image(&client, &repository, &samples::ARCHES, bytes).await?;
        let bench = Bench {
            registry,
            client,
            http: reqwest::Client::builder().no_proxy().build()?,
            url: service.url.clone(),
            binary,
        };
        bench.measure(args).await
    });
    let complaints = service.complaints();
    let ended = service.end();
    database.remove()?;
    let whole = measured.inspect_err(|_| {
        for complaint in complaints {
            say(&format!("log: {complaint}"));
        }
    })?;
    ended.map(|()| whole)
}

impl Bench {
    async fn measure(&self, args: &Args) -> anyhow::Result<bool> {
        let index = self.seed(args).await?;
        // What the service reads for the first time counts for neither.
        self.add_all(&index, &["warm".to_owned()]).await?;
        let alone = self.add_all(&index, &["alone".to_owned()]).await?;
        let names: Vec<String> = (0..args.adds).map(|n| format!("queued-{n:03}")).collect();
        let many = self.add_all(&index, &names).await?;
        Self::table(&alone, &many, args.adds);

        let name: ImageName = index.parse()?;
        let work = tempfile::tempdir()?;
        let builder = Builder::new(
            self.client.clone(),
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

    fn repository(&self, path: &str) -> anyhow::Result<Repository> {
        Ok(format!("{}/{path}", self.registry.addr()).parse()?)
    }

    async fn bundle(&self, package: &str) -> anyhow::Result<PullSpec> {
        let repository = self.repository("bundles")?;
        Ok(samples::push_package(&self.client, &repository, package).await?)
    }

    /// The index to overwrite: what an add, or an empty index, gave.
    async fn seed(&self, args: &Args) -> anyhow::Result<String> {
        let bundle = self.bundle("seed").await?;
        let body = json!({"bundles": [bundle], "add_arches": samples::ARCHES});
        let mut first = self.done("add", body).await?;
        if args.file_based {
            let body = json!({"from_index": first["index_image"], "output_fbc": true});
            first = self.done("create-empty-index", body).await?;
        }
        let index = first["index_image"]
            .as_str()
            .context("the seed has a name")?;
        Ok(index.to_owned())
    }

    async fn done(&self, path: &str, body: Value) -> anyhow::Result<Value> {
        let id = self.submit(path, body).await?;
        self.ended(id).await
    }

    async fn submit(&self, path: &str, mut body: Value) -> anyhow::Result<i64> {
        body["binary_image"] = json!(self.binary);
        let call = self.http.post(format!("{}/api/v1/builds/{path}", self.url));
        let answer: Value = call.json(&body).send().await?.json().await?;
        answer["id"]
            .as_i64()
            .with_context(|| format!("no request was accepted: {answer}"))
    }

    async fn ended(&self, id: i64) -> anyhow::Result<Value> {
        let until = Instant::now() + PATIENCE;
        loop {
            let call = self.http.get(format!("{}/api/v1/builds/{id}", self.url));
            let request: Value = call.send().await?.json().await?;
            match request["state"].as_str() {
                Some("complete") => return Ok(request),
                Some("in_progress") => {}
                _ => anyhow::bail!("request {id} failed: {}", request["state_reason"]),
            }
            ensure!(Instant::now() < until, "request {id} does not end");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Queues an add for each package at once and waits for the end of all.
    async fn add_all(&self, index: &str, packages: &[String]) -> anyhow::Result<Taken> {
        let mut bundles = Vec::new();
        for package in packages {
            bundles.push(self.bundle(package).await?);
        }
        let before = self.stages().await?;
        self.registry.log().clear();
        let started = Instant::now();
        let mut ids = Vec::new();
        for bundle in bundles {
            let body =
                json!({"bundles": [bundle], "from_index": index, "overwrite_from_index": true});
            ids.push(self.submit("add", body).await?);
        }
        for id in ids {
            self.ended(id).await?;
        }
        let elapsed = started.elapsed();
        let totals = self.registry.log().totals();
        let mut stages = self.stages().await?;
        for (stage, seconds) in &mut stages {
            *seconds -= before.get(stage).copied().unwrap_or(0.0);
        }
        Ok(Taken {
            elapsed,
            requests: totals.requests,
            bytes_in: totals.bytes_in,
            bytes_out: totals.bytes_out,
            stages,
        })
    }

    /// How long the stages of adds took so far, in seconds.
    async fn stages(&self) -> anyhow::Result<BTreeMap<String, f64>> {
        let text = self
            .http
            .get(format!("{}/metrics", self.url))
            .send()
            .await?;
        let text = text.text().await?;
        let sums = text.lines().filter_map(|line| {
            let line = line.strip_prefix("iib_request_stage_duration_seconds_sum{")?;
            let (labels, value) = line.split_once("} ")?;
            let stage = labels.split("stage=\"").nth(1)?.split('"').next()?;
            let is_add = labels.contains("type=\"add\"");
            is_add.then_some((stage.to_owned(), value.parse().ok()?))
        });
        Ok(sums.collect())
    }

    fn table(alone: &Taken, many: &Taken, adds: u32) {
        let each = f64::from(adds);
        let seconds = |time: Duration| time.as_secs_f64();
        say("| | one alone | all | each | each / alone |");
        say("| --- | --- | --- | --- | --- |");
        let row = |what: &str, one: f64, all: f64, digits: usize| {
            let of_one = all / each / one;
            say(&format!(
                "| {what} | {one:.digits$} | {all:.digits$} | {:.digits$} | {of_one:.2} |",
                all / each
            ));
        };
        row("time, s", seconds(alone.elapsed), seconds(many.elapsed), 3);
        for (stage, all) in &many.stages {
            let one = alone.stages.get(stage).copied().unwrap_or(0.0);
            row(&format!("stage {stage}, s"), one, *all, 3);
        }
        #[expect(
            clippy::cast_precision_loss,
            reason = "nobody counts so much that it shows"
        )]
        let count = |number: u64| number as f64;
        row(
            "requests to the registry",
            count(alone.requests),
            count(many.requests),
            0,
        );
        row(
            "bytes pushed",
            count(alone.bytes_in),
            count(many.bytes_in),
            0,
        );
        row(
            "bytes read",
            count(alone.bytes_out),
            count(many.bytes_out),
            0,
        );
    }
}
