//! Load on a server, by `wrk`.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, ensure};
use serde_json::{Value, json};

/// How many requests one batch brings when a store is filled.
const BATCH: u32 = 500;

/// A server under load.
pub(super) struct Load {
    url: String,
    directory: PathBuf,
    seconds: u32,
    client: tokio::runtime::Runtime,
}

/// What a server did under load.
#[derive(Debug, Clone, Copy)]
pub(super) struct Measured {
    pub(super) per_second: f64,
    /// Milliseconds that half of the requests took at most.
    pub(super) p50: f64,
    /// The same for 99 of 100.
    pub(super) p99: f64,
}

impl Load {
    pub(super) fn new(url: &str, directory: &Path, seconds: u32) -> anyhow::Result<Self> {
        Ok(Self {
            url: url.to_owned(),
            directory: directory.to_owned(),
            seconds,
            client: tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()?,
        })
    }

    /// Stores so many requests of several users, indexes and types.
    pub(super) fn fill(&self, stored: u32) -> anyhow::Result<()> {
        let client = reqwest::Client::new();
        let address = format!("{}/api/v1/builds/add-rm-batch", self.url);
        let mut first = 0;
        while first < stored {
            let last = (first + BATCH).min(stored);
            let items: Vec<Value> = (first..last).map(item).collect();
            let request = client
                .post(&address)
                .json(&json!({"build_requests": items}))
                .send();
            let answer = self.client.block_on(request)?;
            ensure!(
                answer.status() == 201,
                "a batch was answered with {}",
                answer.status()
            );
            first = last;
        }
        Ok(())
    }

    /// Sends requests over 16 connections for the time of a measurement.
    #[expect(
        clippy::disallowed_methods,
        reason = "the recorded figures were taken with this program"
    )]
    pub(super) fn run(&self, method: &str, path: &str) -> anyhow::Result<Measured> {
        let script = self.directory.join("load.lua");
        let body = serde_json::to_string(&add(7).to_string())?;
        std::fs::write(
            &script,
            format!(
                "wrk.method = \"{method}\"\nif wrk.method == \"POST\" then\n  wrk.body = {body}\n  \
                 wrk.headers[\"Content-Type\"] = \"application/json\"\nend\n\
                 done = function(summary, latency)\n  io.write(string.format(\"RESULT %d %d %d %d %d %d\\n\", summary.requests, \
                 summary.duration, latency:percentile(50), latency:percentile(99), summary.errors.status, \
                 summary.errors.connect + summary.errors.read + summary.errors.write + summary.errors.timeout))\nend\n"
            ),
        )?;
        let output = Command::new("wrk")
            .args(["-t1", "-c16", &format!("-d{}s", self.seconds), "-s"])
            .arg(&script)
            .arg(format!("{}{path}", self.url))
            .output()
            .context("`wrk` could not be run; install it with `.ci/install`")?;
        let text = String::from_utf8_lossy(&output.stdout);
        let numbers: Vec<f64> = text
            .lines()
            .find_map(|line| line.strip_prefix("RESULT "))
            .with_context(|| format!("`wrk` told no result: {text}"))?
            .split(' ')
            .map(str::parse)
            .collect::<Result<_, _>>()?;
        let [requests, microseconds, p50, p99, refused, broken] = numbers[..] else {
            anyhow::bail!("`wrk` told something else: {text}");
        };
        ensure!(
            refused == 0.0 && broken == 0.0,
            "{method} {path}: {refused} requests were refused, {broken} broke off"
        );
        Ok(Measured {
            per_second: requests / (microseconds / 1e6),
            p50: p50 / 1e3,
            p99: p99 / 1e3,
        })
    }
}

/// An addition of two bundles with one tag.
fn add(number: u32) -> Value {
    json!({
        "bundles": [format!("registry.example.test/ns/bundle-{number}:v1"), format!("registry.example.test/ns/bundle-{number}:v2")],
        "from_index": format!("registry.example.test/ns/index:v4.{}", number % 20),
        "binary_image": "registry.example.test/bin/opm:v4.15",
        "build_tags": ["candidate"],
    })
}

fn item(number: u32) -> Value {
    if number.is_multiple_of(4) {
        return json!({
            "operators": [format!("operator-{}", number % 300)],
            "from_index": format!("registry.example.test/ns/index:v4.{}", number % 20),
            "binary_image": "registry.example.test/bin/opm:v4.15",
        });
    }
    add(number % 5_000)
}
