//! The command line of the commands that look at index images and move their tags.

use std::path::PathBuf;

use clap::Args;
use oci::{Digest, ImageName};

use super::cache::CacheArgs;
use super::catalog::diff::DiffFormat;
use super::{OutputFormat, RegistryArgs};

#[derive(Debug, Args)]
pub(crate) struct IndexInspectArgs {
    /// The index image: a pull spec, or `oci:PATH[:TAG]`
    #[arg(value_name = "IMAGE")]
    pub(crate) image: ImageName,
    /// Also copy the index database to this file
    #[arg(long, value_name = "FILE")]
    pub(crate) database: Option<PathBuf>,
    /// Also write a picture of the layers to this file
    #[arg(long, value_name = "FILE")]
    pub(crate) svg: Option<PathBuf>,
    /// How the result is printed
    #[arg(long, short, default_value = "text", value_name = "FORMAT")]
    pub(crate) output: OutputFormat,
    #[command(flatten)]
    pub(crate) registries: RegistryArgs,
    #[command(flatten)]
    pub(crate) cache: CacheArgs,
}

#[derive(Debug, Args)]
pub(crate) struct IndexDiffArgs {
    /// The index image before: a pull spec, or `oci:PATH[:TAG]`
    #[arg(value_name = "OLD")]
    pub(crate) old: ImageName,
    /// The index image after
    #[arg(value_name = "NEW")]
    pub(crate) new: ImageName,
    /// How the changes are printed
    #[arg(long, short, default_value = "text", value_name = "FORMAT")]
    pub(crate) output: DiffFormat,
    /// Exit with 1 if the images differ and with 2 if they cannot be compared
    #[arg(long)]
    pub(crate) exit_code: bool,
    #[command(flatten)]
    pub(crate) registries: RegistryArgs,
}

#[derive(Debug, Args)]
pub(crate) struct IndexRollbackArgs {
    /// The index image: a pull spec with a tag, or `oci:PATH[:TAG]`
    #[arg(value_name = "INDEX")]
    pub(crate) index: ImageName,
    /// The image to move the tag to; default: what the overwrites recorded here say it was before
    #[arg(long, value_name = "DIGEST")]
    pub(crate) to: Option<Digest>,
    /// Change nothing, only say what would be changed
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// How the result is printed
    #[arg(long, short, default_value = "text", value_name = "FORMAT")]
    pub(crate) output: OutputFormat,
    #[command(flatten)]
    pub(crate) registries: RegistryArgs,
    #[command(flatten)]
    pub(crate) state: StateArgs,
}

/// Where commands keep what they have to remember.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "State")]
pub(crate) struct StateArgs {
    /// Where overwrites of indexes are recorded, so that they can be rolled back. Default: `$XDG_STATE_HOME/iib`, else `~/.local/state/iib`
    #[arg(long, env = "IIB_STATE_DIR", value_name = "DIR")]
    pub(crate) state_dir: Option<PathBuf>,
}
