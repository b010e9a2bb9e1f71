//! The registry client as the command line and the environment describe it.

use std::path::PathBuf;

use anyhow::Context as _;
use builder::{Builder, BuilderConfig};
use oci::{CacheConfig, Client, ClientConfig, Credentials};
use tempfile::TempDir;

use crate::cli::RegistryArgs;

/// Makes the client and gives the credentials it has.
pub(crate) fn client(args: &RegistryArgs) -> anyhow::Result<(Client, Credentials)> {
    let credentials = credentials(args)?;
    let mut config = ClientConfig {
        credentials: credentials.clone(),
        insecure_registries: args.insecure.iter().cloned().collect(),
        aliases: args.aliases.iter().cloned().collect(),
        user_agent: format!("iib/{}", env!("CARGO_PKG_VERSION")),
        ..ClientConfig::default()
    };
    for path in &args.ca {
        let pem = std::fs::read(path).with_context(|| {
            format!(
                "the certificate authority `{}` could not be read",
                path.display()
            )
        })?;
        config.extra_ca_pem.push(pem);
    }
    let client = Client::new(config).context("the registry client could not be made")?;
    Ok((client, credentials))
}

/// A builder that looks at images and keeps what it reads in `cache`, or in its private directory where there is none.
pub(crate) fn builder(
    args: &RegistryArgs,
    cache: Option<CacheConfig>,
) -> anyhow::Result<(Builder, TempDir)> {
    let (client, credentials) = client(args)?;
    let work_dir = tempfile::tempdir().context("a private directory could not be made")?;
    let mut config = BuilderConfig::new(work_dir.path());
    if let Some(cache) = cache {
        config.blob_cache = cache;
    }
    Ok((Builder::new(client, credentials, config), work_dir))
}

fn credentials(args: &RegistryArgs) -> anyhow::Result<Credentials> {
    if let Some(path) = &args.authfile {
        return Credentials::from_docker_config(path)
            .with_context(|| format!("the credentials `{}` could not be read", path.display()));
    }
    match default_files().into_iter().find(|path| path.is_file()) {
        None => Ok(Credentials::none()),
        Some(path) => Credentials::from_docker_config(&path)
            .with_context(|| format!("the credentials `{}` could not be read", path.display())),
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "this is the configuration that reads the environment"
)]
fn default_files() -> Vec<PathBuf> {
    let directory = |name| {
        std::env::var_os(name)
            .filter(|value| !value.is_empty())
            .map(PathBuf::from)
    };
    let containers = directory("XDG_RUNTIME_DIR").map(|path| path.join("containers/auth.json"));
    let docker = directory("DOCKER_CONFIG").map(|path| path.join("config.json"));
    let home = directory("HOME").map(|path| path.join(".docker/config.json"));
    [containers, docker, home].into_iter().flatten().collect()
}

/// `SOURCE_DATE_EPOCH`, or 0: the time written wherever a time is written.
#[expect(
    clippy::disallowed_methods,
    reason = "this is the configuration that reads the environment"
)]
pub(crate) fn source_date_epoch() -> anyhow::Result<i64> {
    match std::env::var("SOURCE_DATE_EPOCH") {
        Ok(text) if !text.is_empty() => text
            .parse()
            .ok()
            .filter(|seconds| *seconds >= 0)
            .with_context(|| {
                format!(
                    "SOURCE_DATE_EPOCH is `{text}`; it must be whole seconds since 1970, or unset"
                )
            }),
        _ => Ok(0),
    }
}
