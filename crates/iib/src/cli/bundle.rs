//! The command line of the commands on bundles.

use std::path::PathBuf;

use bundle::source::PullSpec;
use clap::{Args, Subcommand};
use oci::ImageName;

use super::cache::CacheArgs;
use super::{OutputFormat, RegistryArgs};

#[derive(Debug, Subcommand)]
pub(crate) enum BundleCommand {
    /// Show what is in a bundle: its package, version and APIs, and every image it names with its place
    #[command(after_help = "Example:\n  iib bundle inspect quay.io/ns/bundle:1.0.0")]
    Inspect(BundleInspectArgs),
    /// Make a bundle anew as an organisation wants it: images by digest, related images, customisations
    #[command(
        after_help = "Examples:\n  iib bundle regenerate quay.io/ns/bundle:1.0.0 --dry-run\n  iib bundle regenerate quay.io/ns/bundle:1.0.0 --config iib.toml --organization example --to quay.io/ns/bundle:candidate"
    )]
    Regenerate(BundleRegenerateArgs),
    /// Show the bundles that a bundle names
    #[command(after_help = "Example:\n  iib bundle related quay.io/ns/bundle:1.0.0 --recursive")]
    Related(BundleRelatedArgs),
}

#[derive(Debug, Args)]
pub(crate) struct BundleInspectArgs {
    /// The bundle: a directory with `manifests` and `metadata`, a pull spec, or `oci:PATH[:TAG]`
    #[arg(value_name = "IMAGE|DIR")]
    pub(crate) bundle: String,
    /// How the result is printed
    #[arg(long, short, default_value = "text", value_name = "FORMAT")]
    pub(crate) output: OutputFormat,
    #[command(flatten)]
    pub(crate) registries: RegistryArgs,
    #[command(flatten)]
    pub(crate) cache: CacheArgs,
}

/// Whose customisations apply.
#[derive(Debug, Args)]
pub(crate) struct OrganizationArgs {
    /// The organisation whose customisations apply
    #[arg(long, value_name = "NAME", requires = "config")]
    pub(crate) organization: Option<String>,
    /// The service's configuration, which has the customisations in `[bundles.organizations]`
    #[arg(long, env = "IIB_CONFIG", value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct BundleRegenerateArgs {
    /// The bundle image to start from: a pull spec, or `oci:PATH[:TAG]`
    #[arg(value_name = "IMAGE")]
    pub(crate) image: ImageName,
    #[command(flatten)]
    pub(crate) organization: OrganizationArgs,
    /// A bundle to name in place of another, as OLD=NEW; repeatable
    #[arg(long = "replace", value_name = "OLD=NEW", value_parser = parse_replacement)]
    pub(crate) replacements: Vec<(PullSpec, PullSpec)>,
    /// Where to publish: a pull spec with a tag, or `oci:PATH[:TAG]`
    #[arg(long, value_name = "IMAGE", required_unless_present = "dry_run")]
    pub(crate) to: Option<ImageName>,
    /// Publish nothing, only show what would change
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Write OCI manifests in place of Docker v2 schema 2
    #[arg(long)]
    pub(crate) oci: bool,
    /// How the result is printed
    #[arg(long, short, default_value = "text", value_name = "FORMAT")]
    pub(crate) output: OutputFormat,
    #[command(flatten)]
    pub(crate) registries: RegistryArgs,
    #[command(flatten)]
    pub(crate) cache: CacheArgs,
}

#[derive(Debug, Args)]
pub(crate) struct BundleRelatedArgs {
    /// The bundle image to begin at: a pull spec, or `oci:PATH[:TAG]`
    #[arg(value_name = "IMAGE")]
    pub(crate) image: ImageName,
    /// Follow the bundles that those bundles name, too
    #[arg(long)]
    pub(crate) recursive: bool,
    #[command(flatten)]
    pub(crate) organization: OrganizationArgs,
    /// How the result is printed
    #[arg(long, short, default_value = "text", value_name = "FORMAT")]
    pub(crate) output: OutputFormat,
    #[command(flatten)]
    pub(crate) registries: RegistryArgs,
    #[command(flatten)]
    pub(crate) cache: CacheArgs,
}

fn parse_replacement(text: &str) -> Result<(PullSpec, PullSpec), String> {
    let parsed = text
        .split_once('=')
        .and_then(|(old, new)| Some((old.parse().ok()?, new.parse().ok()?)));
    parsed.ok_or_else(|| "write it as OLD=NEW, both pull specs".to_owned())
}
