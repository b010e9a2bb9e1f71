//! Bundles out of a registry of our own, so that pulling them is part of what is compared.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use anyhow::{Context as _, bail};
use builder::{Builder, BuilderConfig};
use bundle::Bundle;
use golden::{Bundles, Corpus, Folder, PLACEHOLDER, ReadOnce};
use oci::{
    Client, ClientConfig, Credentials, Digest, PullSpec, Reference, RegistryHost, Repository,
};
use registry::{Config, Running, Server};
use tempfile::TempDir;
use tokio::runtime::Runtime;

use super::image::Image;

/// What its repositories begin with.
const PREFIX: &str = "bundles";

/// A registry that gets each image when a scenario asks for it.
pub(super) struct Served {
    corpus: Corpus,
    /// The digests of the corpus's images, as far as they were built.
    digests: Vec<OnceLock<Digest>>,
    client: Client,
    builder: Builder,
    read: ReadOnce,
    runtime: Runtime,
    _registry: Running,
    _folder: TempDir,
}

impl Served {
    /// Starts an empty registry on loopback that answers for the placeholder's name.
    pub(super) fn start(corpus: Corpus) -> anyhow::Result<Self> {
        let runtime = Runtime::new().context("the async runtime could not be started")?;
        let folder = tempfile::tempdir().context("a private directory could not be made")?;
        let mut config = Config::new(([127, 0, 0, 1], 0).into(), folder.path());
        config.fsync = false;
        let registry = runtime
            .block_on(Server::start(config))
            .context("the registry could not be started")?;
        let host = |name: &str| {
            name.parse::<RegistryHost>()
                .with_context(|| format!("`{name}` is no registry"))
        };
        let config = ClientConfig {
            aliases: BTreeMap::from([(host(PLACEHOLDER)?, host(&registry.addr().to_string())?)]),
            ..ClientConfig::default()
        };
        let client = Client::new(config).context("the registry client could not be made")?;
        // Reading bundles writes nothing, so there is no directory to work in.
        let builder = Builder::new(client.clone(), Credentials::none(), BuilderConfig::new(""));
        Ok(Self {
            digests: vec![OnceLock::new(); corpus.folders().len()],
            corpus,
            client,
            builder,
            read: ReadOnce::default(),
            runtime,
            _registry: registry,
            _folder: folder,
        })
    }

    fn pull(&self, image: &str) -> anyhow::Result<Bundle> {
        golden::check_pull_spec(image).map_err(anyhow::Error::msg)?;
        let spec: PullSpec = image.parse()?;
        self.push(image, &spec)?;
        let bundles = self.runtime.block_on(self.builder.read_bundles(&[spec]));
        let mut bundles = bundles.map_err(|error| anyhow::anyhow!(error.report()))?;
        bundles.pop().context("no bundle was read")
    }

    /// Builds and pushes the image if the corpus has its bundle; whoever pulls it otherwise is told that it is not there.
    fn push(&self, image: &str, spec: &PullSpec) -> anyhow::Result<()> {
        let (listed, reference) = (self.corpus.listed(image), spec.reference());
        let is_candidate = |folder: &Folder| match listed {
            Some((package, version)) => folder.package == package && folder.version == version,
            // Without a list, the repository says which package it is.
            None => spec.repository().path() == format!("{PREFIX}/{}", repository(&folder.package)),
        };
        let mut other = None;
        for (folder, digest) in self.corpus.folders().iter().zip(&self.digests) {
            if !is_candidate(folder) {
                continue;
            }
            let digest = if let Some(digest) = digest.get() {
                digest
            } else {
                let built = build(folder)?;
                digest.get_or_init(|| built.manifest.digest)
            };
            if is_named(digest, folder, &reference) {
                return self.put(build(folder)?, spec.repository(), &reference);
            }
            other = Some((folder.path.display(), digest));
        }
        match (listed, other) {
            (None, _) => Ok(()),
            (Some((package, version)), None) => bail!(
                "the list gives the bundle `{package}` {version} as `{image}`, but it is in no corpus; name its directory with `--corpus`"
            ),
            (Some((package, version)), Some((path, digest))) => bail!(
                "the list gives the bundle `{package}` {version} as `{image}`, but the image of `{path}` is `{digest}`"
            ),
        }
    }

    fn put(
        &self,
        image: Image,
        repository: &Repository,
        reference: &Reference,
    ) -> anyhow::Result<()> {
        let target = self.client.repository(repository);
        self.runtime
            .block_on(image.push(&target, reference))
            .with_context(|| format!("`{repository}` could not be pushed"))
    }
}

impl Bundles for Served {
    fn bundle(&self, image: &str) -> Result<Bundle, String> {
        self.read.get(image, || {
            self.pull(image).map_err(|error| format!("{error:#}"))
        })
    }
}

fn build(folder: &Folder) -> anyhow::Result<Image> {
    Image::build(&folder.path)
        .with_context(|| format!("the bundle `{}` cannot be read", folder.path.display()))
}

/// Whether a reference names the image with a digest that is built of a directory.
fn is_named(image: &Digest, folder: &Folder, reference: &Reference) -> bool {
    match reference {
        Reference::Digest(digest) => digest == image,
        Reference::Tag(name) => name.to_string() == tag(&folder.version),
    }
}

/// The name of a package's repository.
fn repository(package: &str) -> String {
    let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "._-".contains(c);
    package
        .to_lowercase()
        .chars()
        .map(|c| if allowed(c) { c } else { '-' })
        .collect()
}

/// The tag of a version.
fn tag(version: &str) -> String {
    let allowed = |c: char| c.is_ascii_alphanumeric() || "_.-".contains(c);
    let tag: String = version
        .chars()
        .map(|c| if allowed(c) { c } else { '-' })
        .take(128)
        .collect();
    if tag.starts_with(['.', '-']) {
        format!("_{}", &tag[..tag.len().min(127)])
    } else {
        tag
    }
}
