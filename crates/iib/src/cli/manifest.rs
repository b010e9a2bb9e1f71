//! The command line of `iib manifest`.

use clap::{Args, Subcommand};
use oci::{Arch, ImageName, LossPolicy};

use super::{OutputFormat, RegistryArgs};

#[derive(Debug, Subcommand)]
pub(crate) enum ManifestCommand {
    /// Show what an image's name points to: an image, or a list with every entry
    #[command(after_help = "Example:\n  iib manifest inspect quay.io/ns/index:v4.19")]
    Inspect(Box<InspectArgs>),
    /// Put the source's architectures into the destination's list; what only the destination has stays
    #[command(
        after_help = "Examples:\n  iib manifest merge quay.io/ns/index:candidate --into quay.io/ns/index:v4.19 --dry-run\n  iib manifest merge quay.io/ns/index:candidate --into quay.io/ns/index:v4.19 --arch amd64,arm64"
    )]
    Merge(Box<MergeArgs>),
    /// Make one list of the sources and let the destination's tag point to it, unless it would lose an architecture
    #[command(
        after_help = "Example:\n  iib manifest publish quay.io/ns/index:1-amd64 quay.io/ns/index:1-arm64 --to quay.io/ns/index:v4.19 \\\n    --policy keep-missing --dry-run"
    )]
    Publish(Box<PublishArgs>),
}

#[derive(Debug, Args)]
pub(crate) struct InspectArgs {
    /// The image: a pull spec, or `oci:PATH[:TAG]`
    #[arg(value_name = "IMAGE")]
    pub(crate) image: ImageName,
    /// How the result is printed
    #[arg(long, short, default_value = "text", value_name = "FORMAT")]
    pub(crate) output: OutputFormat,
    #[command(flatten)]
    pub(crate) registries: RegistryArgs,
}

#[derive(Debug, Args)]
pub(crate) struct MergeArgs {
    /// The list to take entries from: a pull spec, or `oci:PATH[:TAG]`
    #[arg(value_name = "SOURCE")]
    pub(crate) source: ImageName,
    /// The list to put them into, by tag; it may be missing when architectures are selected
    #[arg(long, value_name = "DESTINATION")]
    pub(crate) into: ImageName,
    /// Take these architectures alone, separated by commas; repeatable
    #[arg(
        long = "arch",
        value_delimiter = ',',
        conflicts_with = "exclude_arches",
        value_name = "ARCH"
    )]
    pub(crate) arches: Vec<Arch>,
    /// Take all architectures but these, separated by commas; repeatable
    #[arg(long = "exclude-arch", value_delimiter = ',', value_name = "ARCH")]
    pub(crate) exclude_arches: Vec<Arch>,
    #[command(flatten)]
    pub(crate) how: HowArgs,
}

#[derive(Debug, Args)]
pub(crate) struct PublishArgs {
    /// Single images and lists: pull specs, or `oci:PATH[:TAG]`
    #[arg(required = true, value_name = "SOURCE")]
    pub(crate) sources: Vec<ImageName>,
    /// The name to publish under, by tag
    #[arg(long, value_name = "DESTINATION")]
    pub(crate) to: ImageName,
    /// When the destination has architectures that the sources lack: `refuse` changes nothing, `keep-missing` takes them over
    /// as they are, `replace` lets them go
    #[arg(long, default_value = "refuse", value_name = "POLICY")]
    pub(crate) policy: LossPolicy,
    #[command(flatten)]
    pub(crate) how: HowArgs,
}

/// What the commands that move a tag share.
#[derive(Debug, Args)]
pub(crate) struct HowArgs {
    /// Show what would change, and change nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// How the result is printed
    #[arg(long, short, default_value = "text", value_name = "FORMAT")]
    pub(crate) output: OutputFormat,
    #[command(flatten)]
    pub(crate) registries: RegistryArgs,
}
