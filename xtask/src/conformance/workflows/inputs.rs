//! The input images: made once, and then put into a registry of its own for every scenario.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, ensure};
use golden::PLACEHOLDER;
use oci::{Client, ClientConfig, Digest, PullSpec, RegistryHost};
use registry::{Config, Running, Server};
use tempfile::TempDir;
use tokio::runtime::Runtime;

use super::scenario::Hook;
use crate::service::docker_registry::DockerRegistry;

/// Whose registry the images are in.
#[derive(Clone, Copy, Debug)]
pub(super) enum Kind {
    Embedded,
    /// Debian's.
    Docker,
}

/// A registry's directory with the input images in it.
pub(super) struct Inputs {
    kind: Kind,
    dir: TempDir,
    /// What the tags point to, by `repository:tag`.
    pub(super) tags: BTreeMap<String, Digest>,
}

/// A registry that holds the inputs and answers for the placeholder's name, and a place to work.
pub(super) struct Stage {
    pub(super) client: Client,
    pub(super) dir: TempDir,
    _registry: Registry,
}

/// A running registry, which ends with the value.
enum Registry {
    Embedded(Running),
    Docker(DockerRegistry),
}

impl Inputs {
    /// Lets `program` push the images that the directory `from` describes, and checks that they are the recorded ones.
    pub(super) fn push(
        runtime: &Runtime,
        kind: Kind,
        program: &Path,
        from: &Path,
    ) -> anyhow::Result<Self> {
        let dir = tempfile::tempdir().context("a private directory could not be made")?;
        let registry = runtime.block_on(kind.serve(dir.path()))?;
        let printed = push(program, from, &registry.host())?;
        runtime.block_on(registry.end())?;
        let list = from.join("digests.txt");
        let listed = std::fs::read_to_string(&list)
            .with_context(|| format!("`{}` cannot be read", list.display()))?;
        let (tags, listed) = (digests(&printed)?, digests(&listed)?);
        for (name, digest) in &listed {
            ensure!(
                tags.get(name) == Some(digest),
                "the input image `{name}` is not the recorded one, {digest}"
            );
        }
        Ok(Self { kind, dir, tags })
    }

    /// Starts a registry with the inputs and nothing else.
    pub(super) async fn stage(&self) -> anyhow::Result<Stage> {
        let dir = tempfile::tempdir().context("a private directory could not be made")?;
        self.kind.copy(self.dir.path(), dir.path())?;
        let registry = self.kind.serve(dir.path()).await?;
        let host = |name: &str| {
            name.parse::<RegistryHost>()
                .with_context(|| format!("`{name}` is no registry"))
        };
        let config = ClientConfig {
            aliases: BTreeMap::from([(host(PLACEHOLDER)?, host(&registry.host())?)]),
            ..ClientConfig::default()
        };
        Ok(Stage {
            client: Client::new(config).context("the registry client could not be made")?,
            dir,
            _registry: registry,
        })
    }

    /// The other names of an input image in its repository: by tag if it is named by digest, and the other way round.
    pub(super) fn aliases(&self, image: &str) -> Vec<String> {
        let name = |tag: &str| format!("{PLACEHOLDER}/{tag}");
        let by_digest = |tag: &str, digest: &Digest| {
            let repository = tag
                .rsplit_once(':')
                .map_or(tag, |(repository, _)| repository);
            name(&format!("{repository}@{digest}"))
        };
        let is_named = |(tag, digest): &(&String, &Digest)| {
            name(tag) == image || by_digest(tag, digest) == image
        };
        let named = self.tags.iter().filter(is_named);
        named
            .flat_map(|(tag, digest)| [name(tag), by_digest(tag, digest)])
            .collect()
    }
}

impl Stage {
    /// Moves a tag as a hook says.
    pub(super) async fn fire(&self, hook: &Hook) -> anyhow::Result<()> {
        let [from, to] = [&hook.becomes, &hook.tag].map(|tag| spec(tag));
        let (from, to) = (from?, to?);
        ensure!(
            from.repository() == to.repository(),
            "a hook moves `{to}` to an image of another repository"
        );
        let repository = self.client.repository(to.repository());
        let manifest = repository.manifest(&from.reference()).await?;
        repository.put_manifest(&to.reference(), &manifest).await?;
        Ok(())
    }
}

/// The pull spec of `repository:tag` in the registry of the scenarios.
pub(super) fn spec(tag: &str) -> anyhow::Result<PullSpec> {
    let text = format!("{PLACEHOLDER}/{tag}");
    text.parse()
        .with_context(|| format!("`{text}` is no pull spec"))
}

impl Kind {
    async fn serve(self, root: &Path) -> anyhow::Result<Registry> {
        match self {
            Self::Docker => {
                let root = root.to_owned();
                let started = tokio::task::spawn_blocking(move || DockerRegistry::start(&root));
                Ok(Registry::Docker(started.await??))
            }
            Self::Embedded => {
                let mut config = Config::new(([127, 0, 0, 1], 0).into(), root);
                config.fsync = false;
                let started = Server::start(config).await;
                let registry = started.context("the registry could not be started")?;
                Ok(Registry::Embedded(registry))
            }
        }
    }

    /// Gives a registry that will be served in `to` what the ended one in `from` has.
    fn copy(self, from: &Path, to: &Path) -> anyhow::Result<()> {
        let parts: &[&str] = match self {
            Self::Embedded => &["blobs", "repositories"],
            Self::Docker => &["registry"],
        };
        // Docker's writes its links anew where they are; ours never writes to a file again.
        let is_final = |path: &Path| {
            matches!(self, Self::Embedded) || path.file_name() == Some("data".as_ref())
        };
        for part in parts {
            let to = to.join(part);
            samples::link_tree_where(&from.join(part), &to, is_final)
                .with_context(|| format!("`{}` could not be copied", to.display()))?;
        }
        Ok(())
    }
}

impl Registry {
    /// Host and port.
    fn host(&self) -> String {
        match self {
            Self::Embedded(running) => running.addr().to_string(),
            Self::Docker(registry) => registry.host.clone(),
        }
    }

    async fn end(self) -> anyhow::Result<()> {
        match self {
            Self::Embedded(running) => {
                let ended = running.shutdown().await;
                ended.context("the registry could not be stopped")
            }
            Self::Docker(registry) => {
                drop(registry);
                Ok(())
            }
        }
    }
}

/// Runs the program that makes the images; what it prints.
#[expect(
    clippy::disallowed_methods,
    reason = "the inputs are made by the program that made those of the recordings"
)]
fn push(program: &Path, from: &Path, address: &str) -> anyhow::Result<String> {
    let output = Command::new("python3")
        .arg(program)
        .args(["--registry", address])
        .arg(from)
        .output()
        .context("`python3`, which makes the inputs, cannot be run")?;
    ensure!(
        output.status.success(),
        "`{}` fails: {}",
        program.display(),
        String::from_utf8_lossy(&output.stderr).trim()
    );
    String::from_utf8(output.stdout).context("the list of images is no text")
}

/// Reads `<name> <digest>` a line.
fn digests(list: &str) -> anyhow::Result<BTreeMap<String, Digest>> {
    list.lines()
        .map(|line| {
            let (name, digest) = line
                .split_once(' ')
                .with_context(|| format!("`{line}` is no image and digest"))?;
            Ok((name.to_owned(), digest.parse()?))
        })
        .collect()
}
