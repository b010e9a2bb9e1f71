//! `iib bundle`: bundles in images and directories.

mod inspect;
mod regenerate;
mod related;

use builder::Builder;
use bundle::source::Organizations;
use tempfile::TempDir;

use crate::cli::RegistryArgs;
use crate::cli::bundle::{BundleCommand, OrganizationArgs};
use crate::cli::cache::CacheArgs;
use crate::config::Config;
use crate::{blob_cache, registries};

pub(crate) async fn run(command: BundleCommand) -> anyhow::Result<()> {
    match command {
        BundleCommand::Inspect(args) => Box::pin(inspect::run(args)).await,
        BundleCommand::Regenerate(args) => Box::pin(regenerate::run(args)).await,
        BundleCommand::Related(args) => Box::pin(related::run(args)).await,
    }
}

/// A builder that knows what is done for organisations.
fn builder(
    registries: &RegistryArgs,
    cache: &CacheArgs,
    organization: &OrganizationArgs,
    oci: bool,
) -> anyhow::Result<(Builder, TempDir)> {
    let cache = blob_cache::config(cache)?;
    let (builder, work_dir) = registries::builder(registries, Some(cache))?;
    let mut config = builder.config().clone();
    config.organizations = match &organization.config {
        Some(path) => Config::read(Some(path))?.bundles.organizations,
        None => Organizations::default(),
    };
    if oci {
        config.format = oci::Format::Oci;
    }
    Ok((builder.with_config(config), work_dir))
}
