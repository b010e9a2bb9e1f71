//! The service as a child process, and a client for its API.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use reqwest::StatusCode;
use serde_json::Value;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::Child;

use super::{Ran, Site, command};

/// How long anything may take before a test gives up; machines that run tests may be slow and busy.
const PATIENCE: Duration = Duration::from_mins(5);

/// A running `iib serve`.
pub(crate) struct Service {
    child: Child,
    address: SocketAddr,
    http: reqwest::Client,
    log: Arc<Mutex<String>>,
}

/// Where a service keeps its state, and how it is configured.
pub(crate) struct Setup {
    pub(crate) data: PathBuf,
    config: PathBuf,
    environment: Vec<(&'static str, String)>,
}

impl Setup {
    /// Pushes to the registry of `site`; leases are short, so that a killed service's job is taken up quickly, and nothing is tried again.
    pub(crate) fn new(site: &Site) -> Self {
        Self::with(site, "", Vec::new())
    }

    /// The same with more lines of configuration, and variables in the service's environment. Keys without a table are of `[server]`.
    pub(crate) fn with(site: &Site, more: &str, environment: Vec<(&'static str, String)>) -> Self {
        let data = site.dir.path().join("data");
        let config = site.dir.path().join("iib.toml");
        let text = format!(
            "[server]\nlogin_disabled = true\n{more}\n[build]\nregistry = \"{}\"\n\
             [worker]\nlease_seconds = 1\npoll_seconds = 1\ndrain_seconds = 1\nretries = 0\n",
            site.host
        );
        std::fs::write(&config, text).unwrap();
        Self {
            data,
            config,
            environment,
        }
    }

    /// Adds `text` to the configuration.
    pub(crate) fn configure(&self, text: &str) {
        let known = std::fs::read_to_string(&self.config).unwrap();
        std::fs::write(&self.config, format!("{known}\n{text}\n")).unwrap();
    }

    /// Has `new` in the configuration where `old` was.
    pub(crate) fn replace(&self, old: &str, new: &str) {
        let known = std::fs::read_to_string(&self.config).unwrap();
        assert!(known.contains(old), "`{old}` is not in {known}");
        std::fs::write(&self.config, known.replace(old, new)).unwrap();
    }

    /// Another process with the same configuration and sealing key, in a data directory of its own.
    pub(crate) fn beside(&self, name: &str) -> Self {
        let data = self.data.with_file_name(name);
        let config = data.with_extension("toml");
        std::fs::copy(&self.config, &config).unwrap();
        std::fs::create_dir(&data).unwrap();
        std::fs::copy(self.data.join("sealing.key"), data.join("sealing.key")).unwrap();
        Self {
            data,
            config,
            environment: self.environment.clone(),
        }
    }

    /// Runs `iib` with `args` for this configuration and data directory.
    pub(crate) async fn command(&self, site: &Site, args: &[&str]) -> Ran {
        let (config, data) = (self.config.to_str(), self.data.to_str());
        let places = ["--config", config.unwrap(), "--data-dir", data.unwrap()];
        site.iib(&[args, &places].concat()).await
    }

    /// Makes the schema of the configured database.
    pub(crate) async fn migrate(&self, site: &Site) {
        self.command(site, &["db", "migrate"]).await.ok();
    }

    /// Starts the service and waits until it listens.
    pub(crate) async fn start(&self) -> Service {
        self.start_with(&[]).await
    }

    /// The same with further variables in its environment.
    pub(crate) async fn start_with(&self, environment: &[(&str, &str)]) -> Service {
        let home = self.data.parent().unwrap_or(Path::new("/"));
        let mut child = command(home)
            .args(["serve", "--listen", "127.0.0.1:0"])
            .arg("--config")
            .arg(&self.config)
            .arg("--data-dir")
            .arg(&self.data)
            .envs(self.environment.iter().cloned())
            .envs(environment.iter().copied())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let mut seen = String::new();
        let address = loop {
            let line = tokio::time::timeout(PATIENCE, lines.next_line())
                .await
                .unwrap()
                .unwrap();
            let line = line.unwrap_or_else(|| panic!("the service did not start: {seen}"));
            if let Some((_, rest)) = line.split_once("serving http://") {
                break rest.split('/').next().unwrap().parse().unwrap();
            }
            seen.push_str(&line);
        };
        // The pipe must be read on, or the service would block on it once it is full.
        let log = Arc::new(Mutex::new(seen));
        let written = Arc::clone(&log);
        tokio::spawn(async move {
            while let Ok(Some(line)) = lines.next_line().await {
                let mut log = written.lock().unwrap();
                log.push_str(&line);
                log.push('\n');
            }
        });
        Service {
            child,
            address,
            http: reqwest::Client::builder().no_proxy().build().unwrap(),
            log,
        }
    }
}

impl Drop for Service {
    #[expect(
        clippy::print_stderr,
        reason = "a test that fails tells what the service said"
    )]
    fn drop(&mut self) {
        if std::thread::panicking() {
            let log = self.log.lock();
            let log = log.unwrap_or_else(std::sync::PoisonError::into_inner);
            eprintln!("the service's log:\n{log}");
        }
    }
}

impl Service {
    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}/api/v1/{path}", self.address)
    }

    /// Submits an add and gives the request's id.
    pub(crate) async fn add(&self, payload: &Value) -> i64 {
        self.submit("add", payload).await
    }

    /// Submits a request of the type that `builds/<path>` is for, and gives its id.
    pub(crate) async fn submit(&self, path: &str, payload: &Value) -> i64 {
        let body = self.post(&format!("builds/{path}"), payload).await;
        body["id"].as_i64().unwrap()
    }

    /// Sends JSON, and gives the answer to what was done.
    pub(crate) async fn post(&self, path: &str, body: &Value) -> Value {
        let call = self.http.post(self.url(path)).json(body);
        let answer = call.send().await.unwrap();
        let status = answer.status();
        let body: Value = answer.json().await.unwrap();
        assert!(status.is_success(), "{status} {body}");
        body
    }

    pub(crate) async fn get(&self, path: &str) -> (StatusCode, String) {
        let answer = self.http.get(self.url(path)).send().await.unwrap();
        (answer.status(), answer.text().await.unwrap())
    }

    pub(crate) async fn request(&self, id: i64) -> Value {
        let (status, text) = self.get(&format!("builds/{id}")).await;
        assert_eq!(status, StatusCode::OK, "{text}");
        serde_json::from_str(&text).unwrap()
    }

    /// Waits until the request is complete or failed.
    pub(crate) async fn ended(&self, id: i64) -> Value {
        until("the request has ended", || async {
            let request = self.request(id).await;
            (request["state"] != "in_progress").then_some(request)
        })
        .await
    }

    /// Waits until the service has written `part` to standard error.
    pub(crate) async fn logged(&self, part: &str) {
        until(part, || async {
            self.log.lock().unwrap().contains(part).then_some(())
        })
        .await;
    }

    /// What it has written to standard error.
    pub(crate) fn said(&self) -> String {
        self.log.lock().unwrap().clone()
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Sends JSON under a key by which it is known again. None when the service ended before it answered.
    pub(crate) async fn submit_with_key(&self, path: &str, body: &Value, key: &str) -> Option<i64> {
        let call = self.http.post(self.url(&format!("builds/{path}")));
        let call = call.header("Idempotency-Key", key).json(body);
        let answer = call.send().await.ok()?;
        let status = answer.status();
        let body: Value = answer.json().await.ok()?;
        assert!(status.is_success(), "{status} {body}");
        Some(body["id"].as_i64().unwrap())
    }

    /// The request, unless the service has ended.
    pub(crate) async fn look(&self, id: i64) -> Option<Value> {
        let answer = self
            .http
            .get(self.url(&format!("builds/{id}")))
            .send()
            .await;
        answer.ok()?.json().await.ok()
    }

    /// Whether the service has ended.
    pub(crate) fn is_gone(&mut self) -> bool {
        self.child.try_wait().unwrap().is_some()
    }

    /// The number of its process.
    pub(crate) fn process(&self) -> u32 {
        self.child.id().expect("nobody has waited for it")
    }

    /// `kill -9`: no time for anything.
    pub(crate) async fn kill(mut self) {
        self.child.kill().await.unwrap();
    }

    /// Waits for the end of a service that was asked to end, and gives its exit code.
    pub(crate) async fn ended_with(mut self) -> Option<i32> {
        wait(&mut self.child).await
    }

    /// Asks the service to end, and waits for it.
    pub(crate) async fn terminate(mut self) -> Option<i32> {
        terminate(&mut self.child).await
    }
}

/// `kill -TERM`: asks the program to end, waits for it, and gives its exit code.
pub(crate) async fn terminate(child: &mut Child) -> Option<i32> {
    send("-TERM", child).await;
    wait(child).await
}

async fn wait(child: &mut Child) -> Option<i32> {
    tokio::time::timeout(PATIENCE, child.wait())
        .await
        .unwrap()
        .unwrap()
        .code()
}

/// `kill -HUP`: has the service read its configuration again.
pub(crate) async fn hang_up(service: &Service) {
    send("-HUP", &service.child).await;
}

/// `kill -TERM` without waiting for the end.
pub(crate) async fn ask_to_end(service: &Service) {
    send("-TERM", &service.child).await;
}

async fn send(signal: &str, child: &Child) {
    #[expect(
        clippy::disallowed_methods,
        reason = "the signal is sent as an operator sends it"
    )]
    let sent = tokio::process::Command::new("kill")
        .arg(signal)
        .arg(child.id().unwrap().to_string())
        .status()
        .await
        .unwrap();
    assert!(sent.success());
}

/// Asks again and again until `condition` gives something.
pub(crate) async fn until<T, F: Future<Output = Option<T>>>(
    what: &str,
    mut condition: impl FnMut() -> F,
) -> T {
    let asked = async {
        loop {
            if let Some(found) = condition().await {
                return found;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(PATIENCE, asked)
        .await
        .unwrap_or_else(|_| panic!("waited in vain until {what}"))
}
