//! Debian's `docker-registry`, private to one check or measurement.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use anyhow::{Context as _, bail};

/// A registry on a free loopback port; it ends with the value.
pub(crate) struct DockerRegistry {
    process: Child,
    /// Host and port.
    pub(crate) host: String,
}

impl DockerRegistry {
    /// Starts it with its storage below `directory`, and waits until it listens.
    #[expect(
        clippy::disallowed_methods,
        reason = "the registry is other people's program"
    )]
    pub(crate) fn start(directory: &Path) -> anyhow::Result<Self> {
        let config = directory.join("registry.yml");
        let text = format!(
            "version: 0.1\nlog: {{level: info, accesslog: {{disabled: true}}}}\nstorage:\n  \
             filesystem: {{rootdirectory: {}}}\n  delete: {{enabled: true}}\nhttp: {{addr: '127.0.0.1:0'}}\n",
            directory.join("registry").display()
        );
        std::fs::write(&config, text)?;
        let mut process = Command::new("docker-registry")
            .arg("serve")
            .arg(&config)
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .context("`docker-registry` cannot be run; install it with `.ci/install`")?;
        let stderr = process.stderr.take().context("its output was asked for")?;
        let mut lines = BufReader::new(stderr).lines();
        let mut registry = Self {
            process,
            host: String::new(),
        };
        let mut seen = String::new();
        for line in lines.by_ref() {
            let line = line?;
            if let Some((_, rest)) = line.split_once("listening on ") {
                registry.host.extend(rest.split('"').next());
                break;
            }
            seen.push_str(&line);
        }
        if registry.host.is_empty() {
            bail!("`docker-registry` did not start: {seen}");
        }
        // The pipe must be read on, or the registry would block on it once it is full.
        std::thread::spawn(move || lines.for_each(drop));
        Ok(registry)
    }
}

impl Drop for DockerRegistry {
    fn drop(&mut self) {
        // One that has ended by itself is what is wanted.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
