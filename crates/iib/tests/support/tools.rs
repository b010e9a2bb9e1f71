//! Other people's registry and image tools, as independent judges of what we publish.

use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use oci::Credentials;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};

use super::{Site, client};

const PATH: &str = "/usr/local/bin:/usr/bin:/bin:/usr/local/sbin:/usr/sbin:/sbin";

/// How long a tool or the registry's start may take before a test gives up.
const PATIENCE: Duration = Duration::from_mins(1);

/// Debian's `docker-registry` on a free loopback port, and a place to work with it; it ends with the value.
pub(crate) struct DockerRegistry {
    pub(crate) site: Site,
    _process: Child,
}

/// Whether every one of `programs` is installed and the test may run containers; says so if not. In CI a missing one fails the test.
#[expect(
    clippy::print_stderr,
    reason = "a skipped test must be seen to be skipped"
)]
pub(crate) fn available(programs: &[&str]) -> bool {
    let mut missing: Vec<String> = programs
        .iter()
        .filter(|program| !is_installed(program))
        .map(|program| format!("`{program}` is not installed"))
        .collect();
    let root = std::fs::metadata("/proc/self").is_ok_and(|process| process.uid() == 0);
    if !root {
        missing.push("the tools unpack images as root, which this is not".to_owned());
    }
    if missing.is_empty() {
        return true;
    }
    let missing = missing.join(", ");
    assert!(!in_ci(), "{missing}; run `.ci/install` as root");
    eprintln!("skipped: {missing}; run `.ci/install` as root");
    false
}

pub(crate) fn is_installed(program: &str) -> bool {
    PATH.split(':')
        .any(|dir| Path::new(dir).join(program).exists())
}

#[expect(
    clippy::disallowed_methods,
    reason = "whether a missing tool is a failure depends on where the test runs"
)]
fn in_ci() -> bool {
    std::env::var("CI").is_ok_and(|value| value == "true")
}

impl DockerRegistry {
    /// Starts the registry and waits until it listens.
    pub(crate) async fn start() -> Self {
        Self::start_for("", |_| Credentials::none()).await
    }

    /// The same for one that lets in nobody but those of a password file (`user:bcrypt hash` a line), if it has any lines; what its
    /// client knows.
    pub(crate) async fn start_for(
        users: &str,
        credentials: impl FnOnce(&str) -> Credentials,
    ) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let config = dir.path().join("registry.yml");
        let mut text = format!(
            "version: 0.1\nlog: {{level: info, accesslog: {{disabled: true}}}}\nstorage:\n  \
             filesystem: {{rootdirectory: {}}}\nhttp: {{addr: '127.0.0.1:0'}}\n",
            dir.path().join("registry").display()
        );
        if !users.is_empty() {
            let file = dir.path().join("users");
            std::fs::write(&file, users).unwrap();
            let line = format!(
                "auth: {{htpasswd: {{realm: test, path: {}}}}}\n",
                file.display()
            );
            text.push_str(&line);
        }
        std::fs::write(&config, text).unwrap();
        let mut process = tool("docker-registry", dir.path())
            .arg("serve")
            .arg(&config)
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(process.stderr.take().unwrap()).lines();
        let mut seen = String::new();
        let host = loop {
            let line = tokio::time::timeout(PATIENCE, lines.next_line())
                .await
                .unwrap()
                .unwrap();
            let line = line.unwrap_or_else(|| panic!("docker-registry did not start: {seen}"));
            if let Some((_, rest)) = line.split_once("listening on ") {
                break rest.split('"').next().unwrap().to_owned();
            }
            seen.push_str(&line);
        };
        // The pipe must be read on, or the registry would block on it once it is full.
        tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
        let registries = format!("[[registry]]\nlocation = \"{host}\"\ninsecure = true\n");
        let file = registries_conf(dir.path());
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(file, registries).unwrap();
        let site = Site {
            client: client(credentials(&host)),
            host,
            dir,
        };
        Self {
            site,
            _process: process,
        }
    }

    /// A path of the private directory.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.site.dir.path().join(name)
    }

    /// What `program` prints when it succeeds, run with its storage in the private directory and with plain HTTP to this registry.
    pub(crate) async fn run(&self, program: &str, args: &[&str]) -> String {
        let mut command = tool(program, self.site.dir.path());
        command.args(args);
        let what = format!("{program} {}", args.join(" "));
        let output = tokio::time::timeout(PATIENCE, command.output())
            .await
            .unwrap_or_else(|_| panic!("`{what}` takes too long"))
            .unwrap();
        assert!(
            output.status.success(),
            "`{what}`: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        String::from_utf8(output.stdout).unwrap()
    }

    /// As [`Self::run`], for the tools that keep images and containers of their own.
    pub(crate) async fn run_engine(&self, program: &str, args: &[&str]) -> String {
        let (root, runroot) = (self.path("storage"), self.path("run"));
        let mut all = vec![
            "--root",
            root.to_str().unwrap(),
            "--runroot",
            runroot.to_str().unwrap(),
            "--storage-driver",
            "vfs",
        ];
        all.extend(args);
        self.run(program, &all).await
    }
}

/// Podman and buildah are told of it in the environment; skopeo looks below its home.
fn registries_conf(home: &Path) -> PathBuf {
    home.join(".config/containers/registries.conf")
}

#[expect(
    clippy::disallowed_methods,
    reason = "the judges are other people's programs"
)]
fn tool(program: &str, home: &Path) -> Command {
    let mut command = Command::new(program);
    command
        .env_clear()
        .env("PATH", PATH)
        .env("HOME", home)
        .env("TMPDIR", home)
        .env("XDG_RUNTIME_DIR", home)
        .env("TZ", "UTC")
        .env("STORAGE_DRIVER", "vfs")
        .env("BUILDAH_ISOLATION", "chroot")
        .env("CONTAINERS_REGISTRIES_CONF", registries_conf(home))
        .stdin(Stdio::null())
        .kill_on_drop(true);
    command
}
