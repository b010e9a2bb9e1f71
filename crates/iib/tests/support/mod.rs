//! A registry with samples in it, and the program under test.

#![allow(dead_code, reason = "each test program uses its part of this")]

pub(crate) mod containers;
pub(crate) mod disk;
pub(crate) mod indexes;
pub(crate) mod rabbitmq;
#[path = "../../../store/tests/support/scratch.rs"]
#[allow(
    unreachable_pub,
    clippy::print_stderr,
    clippy::disallowed_methods,
    reason = "the tests of the store have it too, which say why"
)]
pub(crate) mod scratch;
pub(crate) mod service;
pub(crate) mod tools;

use std::ops::Deref;
use std::process::{Output, Stdio};

use oci::{Client, ClientConfig, Credentials, PullSpec, Reference, Repository, RetryPolicy, Tag};
use registry::{Config, Running, Server};
use samples::Bundle;
use tempfile::TempDir;
use tokio::io::AsyncWriteExt as _;

/// An embedded registry over real HTTP, and a place to work with it.
pub(crate) struct World {
    pub(crate) registry: Running,
    site: Site,
}

/// A registry's address, a client for it, and a private directory; the registry itself is somebody else's.
pub(crate) struct Site {
    pub(crate) host: String,
    pub(crate) client: Client,
    pub(crate) dir: TempDir,
}

impl Deref for World {
    type Target = Site;

    fn deref(&self) -> &Site {
        &self.site
    }
}

/// What a run of the program printed and how it ended.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl World {
    /// Starts an open registry.
    pub(crate) async fn start() -> Self {
        Self::start_with(|_| {}).await
    }

    /// Starts a registry configured by `change`.
    pub(crate) async fn start_with(change: impl FnOnce(&mut Config)) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let mut config = Config::new(([127, 0, 0, 1], 0).into(), dir.path().join("registry"));
        config.fsync = false;
        change(&mut config);
        let registry = Server::start(config).await.unwrap();
        let site = Site {
            host: registry.addr().to_string(),
            client: client(Credentials::none()),
            dir,
        };
        Self { registry, site }
    }
}

impl Site {
    pub(crate) fn repository(&self, path: &str) -> Repository {
        format!("{}/{path}", self.host).parse().unwrap()
    }

    /// Pushes `bundle` and gives its pull spec by digest.
    pub(crate) async fn bundle(&self, bundle: &Bundle) -> PullSpec {
        let repository = self.repository(&format!("bundles/{}", bundle.package));
        samples::push_bundle(&self.client, &repository, bundle)
            .await
            .unwrap()
    }

    /// Pushes a stand-in binary image for two architectures.
    pub(crate) async fn binary_image(&self) -> PullSpec {
        self.binary_image_for(&["amd64", "arm64"]).await
    }

    pub(crate) async fn binary_image_for(&self, arches: &[&str]) -> PullSpec {
        samples::push_binary_image(&self.client, &self.repository("binary"), arches, 0)
            .await
            .unwrap()
    }

    /// What `path:tag` points to, if anything.
    pub(crate) async fn digest(&self, path: &str, tag: &str) -> Option<String> {
        let tag: Tag = tag.parse().unwrap();
        let found = self
            .client
            .repository(&self.repository(path))
            .head_manifest(&Reference::Tag(tag))
            .await;
        found
            .unwrap()
            .map(|descriptor| descriptor.digest.to_string())
    }

    /// Runs `iib` with `args`, in a clean environment.
    pub(crate) async fn iib(&self, args: &[&str]) -> Ran {
        self.iib_with(args, &[]).await
    }

    /// Runs `iib` with `args` and the environment variables `env` beside a clean environment.
    pub(crate) async fn iib_with(&self, args: &[&str], env: &[(&str, &str)]) -> Ran {
        let output = command(self.dir.path())
            .args(args)
            .envs(env.iter().copied())
            .output()
            .await
            .unwrap();
        Ran::from(output)
    }

    /// Runs `iib` with `args` and `input` on its standard input.
    pub(crate) async fn iib_fed(&self, args: &[&str], input: &str) -> Ran {
        let mut child = command(self.dir.path())
            .args(args)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stdin = child.stdin.take().unwrap();
        let input = input.to_owned();
        // Beside the reading of its output, or both would wait for each other. What is not read is no matter of ours.
        tokio::spawn(async move { drop(stdin.write_all(input.as_bytes()).await) });
        Ran::from(child.wait_with_output().await.unwrap())
    }

    /// Runs `iib index add` of `bundles` to `to`, on the binary image `binary:latest` unless `more` names another.
    pub(crate) async fn add(&self, to: &str, bundles: &[&str], more: &[&str]) -> Ran {
        let binary = format!("{}/binary:latest", self.host);
        let bundles = bundles.join(",");
        let mut args = vec!["index", "add", "--to", to];
        if !more.contains(&"--binary-image") {
            args.extend(["--binary-image", &binary]);
        }
        if !bundles.is_empty() {
            args.extend(["--bundles", &bundles]);
        }
        args.extend(more);
        self.iib(&args).await
    }

    /// Makes an index `index:<tag>` of `bundles` for two architectures and expects it to succeed.
    pub(crate) async fn index(&self, tag: &str, bundles: &[&PullSpec]) -> String {
        self.binary_image().await;
        let to = format!("{}/index:{tag}", self.host);
        let bundles: Vec<String> = bundles.iter().map(ToString::to_string).collect();
        let bundles: Vec<&str> = bundles.iter().map(String::as_str).collect();
        let arches = ["--arch", "amd64,arm64"];
        self.add(&to, &bundles, &arches).await.ok();
        to
    }
}

impl Ran {
    /// The standard output of a run that succeeded.
    #[track_caller]
    pub(crate) fn ok(self) -> String {
        assert_eq!(self.code, Some(0), "{}", self.stderr);
        self.stdout
    }

    /// The error of a run that failed as failed work does.
    #[track_caller]
    pub(crate) fn failed(self) -> String {
        assert_eq!(self.code, Some(1), "{} {}", self.stdout, self.stderr);
        assert_eq!(self.stdout, "", "a failed run prints no result");
        let start = self
            .stderr
            .find("error: ")
            .unwrap_or_else(|| panic!("no error is printed: {}", self.stderr));
        self.stderr[start..].to_owned()
    }
}

impl From<Output> for Ran {
    fn from(output: Output) -> Self {
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Self {
            code: output.status.code(),
            stdout: text(output.stdout),
            stderr: text(output.stderr),
        }
    }
}

/// The program under test, in a clean environment with `home` as its home directory.
#[expect(
    clippy::disallowed_methods,
    reason = "the program under test is run as its users run it"
)]
pub(crate) fn command(home: &std::path::Path) -> tokio::process::Command {
    let mut command = tokio::process::Command::new(env!("CARGO_BIN_EXE_iib"));
    command
        .env_clear()
        .env("HOME", home)
        .env("PATH", "/usr/local/bin:/usr/bin:/bin")
        .kill_on_drop(true);
    command
}

/// A client with short pauses between tries.
pub(crate) fn client(credentials: Credentials) -> Client {
    let retry = RetryPolicy {
        base: std::time::Duration::from_millis(5),
        ..RetryPolicy::default()
    };
    Client::new(ClientConfig {
        credentials,
        retry,
        ..ClientConfig::default()
    })
    .unwrap()
}

/// Fails with `text` unless it holds every one of `parts`.
#[track_caller]
pub(crate) fn assert_names(text: &str, parts: &[&str]) {
    for part in parts {
        assert!(text.contains(part), "`{part}` is not in: {text}");
    }
}
