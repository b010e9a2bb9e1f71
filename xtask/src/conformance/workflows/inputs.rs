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

/// A registry's directory with the input images in it.
pub(super) struct Inputs {
    dir: TempDir,
    /// What the tags point to, by `repository:tag`.
    pub(super) tags: BTreeMap<String, Digest>,
}

/// A registry that holds the inputs and answers for the placeholder's name, and a place to work.
pub(super) struct Stage {
    pub(super) client: Client,
    pub(super) dir: TempDir,
    _registry: Running,
}

impl Inputs {
    /// Lets `program` push the images that the directory `from` describes, and checks that they are the recorded ones.
    pub(super) fn push(runtime: &Runtime, program: &Path, from: &Path) -> anyhow::Result<Self> {
        let dir = tempfile::tempdir().context("a private directory could not be made")?;
        let registry = runtime.block_on(serve(dir.path()))?;
        let printed = push(program, from, &registry.addr().to_string())?;
        runtime
            .block_on(registry.shutdown())
            .context("the registry could not be stopped")?;
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
        Ok(Self { dir, tags })
    }

    /// Starts a registry with the inputs and nothing else.
    pub(super) async fn stage(&self) -> anyhow::Result<Stage> {
        let dir = tempfile::tempdir().context("a private directory could not be made")?;
        for part in ["blobs", "repositories"] {
            let to = dir.path().join(part);
            samples::link_tree(&self.dir.path().join(part), &to)
                .with_context(|| format!("`{}` could not be copied", to.display()))?;
        }
        let registry = serve(dir.path()).await?;
        let host = |name: &str| {
            name.parse::<RegistryHost>()
                .with_context(|| format!("`{name}` is no registry"))
        };
        let config = ClientConfig {
            aliases: BTreeMap::from([(host(PLACEHOLDER)?, host(&registry.addr().to_string())?)]),
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

async fn serve(root: &Path) -> anyhow::Result<Running> {
    let mut config = Config::new(([127, 0, 0, 1], 0).into(), root);
    config.fsync = false;
    Server::start(config)
        .await
        .context("the registry could not be started")
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
