//! `iib serve` with a registry of our own, for measurements of whole requests.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use clap::Args as ClapArgs;
use oci::{Client, ClientConfig, PullSpec, Repository};
use registry::{Config, Running, Server};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::service::database::{Choice, Database};
use crate::service::{self, Service};
use crate::terminal::say;

#[derive(Debug, ClapArgs)]
pub(super) struct Setup {
    #[command(flatten)]
    database: Choice,
    /// The iib program to measure [default: built from this checkout]
    #[arg(long)]
    iib: Option<PathBuf>,
    /// How many requests the service works on at once
    #[arg(long, default_value_t = 4)]
    pub(super) jobs: u32,
    /// Bytes of incompressible data in the binary image, per architecture
    #[arg(long, default_value_t = 1_000_000)]
    binary_image_bytes: usize,
}

/// How long all of a measurement may take.
const PATIENCE: Duration = Duration::from_mins(30);

/// The service in its own process, and the registry in this one.
pub(super) struct Scene {
    registry: Running,
    pub(super) client: Client,
    http: reqwest::Client,
    pub(super) service: Service,
    binary: PullSpec,
    directory: TempDir,
}

/// What some requests took.
pub(super) struct Taken {
    pub(super) elapsed: Duration,
    pub(super) requests: u64,
    pub(super) bytes_in: u64,
    pub(super) bytes_out: u64,
}

/// Runs `measure` in a scene, and tells what the service complained of if it fails.
pub(super) fn measured(
    setup: &Setup,
    measure: impl AsyncFnOnce(&Scene) -> anyhow::Result<bool>,
) -> anyhow::Result<bool> {
    let iib = match &setup.iib {
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
    let database = Database::new(&setup.database, directory.path(), "requests")?;
    let configuration = format!(
        "[server]\nlogin_disabled = true\n[store]\ndatabase = {}\n[build]\nregistry = \"{}\"\n[worker]\njobs = {}\n",
        Value::from(database.address()),
        registry.addr(),
        setup.jobs
    );
    let service = Service::start(&iib, &configuration, directory.path(), &database)?;
    let scene = runtime.block_on(async {
        let client = Client::new(ClientConfig::default())?;
        let repository = format!("{}/binary", registry.addr()).parse()?;
        let bytes = setup.binary_image_bytes;
        let binary =
            samples::push_binary_image(&client, &repository, &samples::ARCHES, bytes).await?;
        anyhow::Ok(Scene {
            registry,
            client,
            http: reqwest::Client::builder().no_proxy().build()?,
            service,
            binary,
            directory,
        })
    })?;
    let measured = runtime.block_on(measure(&scene));
    let complaints = scene.service.complaints();
    let ended = scene.service.end();
    database.remove()?;
    let whole = measured.inspect_err(|_| {
        for complaint in complaints {
            say(&format!("log: {complaint}"));
        }
    })?;
    ended.map(|()| whole)
}

impl Scene {
    /// A private directory.
    pub(super) fn directory(&self) -> &Path {
        self.directory.path()
    }

    pub(super) fn repository(&self, path: &str) -> anyhow::Result<Repository> {
        Ok(format!("{}/{path}", self.registry.addr()).parse()?)
    }

    /// Pushes a bundle of a package of its own.
    pub(super) async fn bundle(&self, package: &str) -> anyhow::Result<PullSpec> {
        let repository = self.repository("bundles")?;
        Ok(samples::push_package(&self.client, &repository, package).await?)
    }

    /// Submits a request on an index and waits for its good end.
    pub(super) async fn done(&self, path: &str, body: Value) -> anyhow::Result<Value> {
        let id = self.submit(path, body).await?;
        self.ended(id).await
    }

    /// Submits a request on an index and gives its id.
    pub(super) async fn submit(&self, path: &str, mut body: Value) -> anyhow::Result<i64> {
        body["binary_image"] = json!(self.binary);
        let answer = self.post(path, &body).await?;
        answer["id"]
            .as_i64()
            .with_context(|| format!("no request was accepted: {answer}"))
    }

    /// What the service answers to a submit.
    pub(super) async fn post(&self, path: &str, body: &Value) -> anyhow::Result<Value> {
        let url = format!("{}/api/v1/builds/{path}", self.service.url);
        Ok(self.http.post(url).json(body).send().await?.json().await?)
    }

    /// Waits until a request is complete.
    pub(super) async fn ended(&self, id: i64) -> anyhow::Result<Value> {
        let until = Instant::now() + PATIENCE;
        loop {
            let url = format!("{}/api/v1/builds/{id}", self.service.url);
            let request: Value = self.http.get(url).send().await?.json().await?;
            match request["state"].as_str() {
                Some("complete") => return Ok(request),
                Some("in_progress") => {}
                _ => anyhow::bail!("request {id} failed: {}", request["state_reason"]),
            }
            ensure!(Instant::now() < until, "request {id} does not end");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// What the service tells of itself.
    pub(super) async fn metrics(&self) -> anyhow::Result<String> {
        let url = format!("{}/metrics", self.service.url);
        Ok(self.http.get(url).send().await?.text().await?)
    }

    /// Has requests submitted, waits for the good end of all, and says what they took, of the registry too.
    pub(super) async fn taken(
        &self,
        submit: impl AsyncFnOnce() -> anyhow::Result<Vec<i64>>,
    ) -> anyhow::Result<Taken> {
        self.registry.log().clear();
        let started = Instant::now();
        for id in submit().await? {
            self.ended(id).await?;
        }
        let elapsed = started.elapsed();
        let totals = self.registry.log().totals();
        Ok(Taken {
            elapsed,
            requests: totals.requests,
            bytes_in: totals.bytes_in,
            bytes_out: totals.bytes_out,
        })
    }
}

/// A count as a number to divide.
#[expect(
    clippy::cast_precision_loss,
    reason = "nobody counts so much that it shows"
)]
pub(super) const fn number(count: u64) -> f64 {
    count as f64
}
