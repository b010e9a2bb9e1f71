//! The command line of the commands that make an index image of others, beside those that add to one.

use std::path::PathBuf;

use clap::Args;
use oci::{ImageName, PullSpec};

use super::{BuildArgs, GraphMode};

#[derive(Debug, Args)]
pub(crate) struct IndexRmArgs {
    /// Packages to remove, separated by commas; repeatable
    #[arg(
        long = "package",
        required = true,
        value_delimiter = ',',
        value_name = "NAME"
    )]
    pub(crate) packages: Vec<String>,
    /// The index image to start from
    #[arg(long, value_name = "IMAGE")]
    pub(crate) from_index: ImageName,
    #[command(flatten)]
    pub(crate) build: BuildArgs,
}

#[derive(Debug, Args)]
pub(crate) struct IndexMergeArgs {
    /// The index image whose database the result begins with
    #[arg(long, value_name = "IMAGE")]
    pub(crate) source: ImageName,
    /// The index image whose bundles come too where the source lacks them; it is the from-index that may be overwritten
    #[arg(long = "target", value_name = "IMAGE")]
    pub(crate) from_index: Option<ImageName>,
    /// Bundle images to deprecate in the result, separated by commas; repeatable
    #[arg(long, value_delimiter = ',', value_name = "PULLSPEC")]
    pub(crate) deprecate: Vec<PullSpec>,
    /// How channels are computed
    #[arg(long, default_value = "replaces", value_name = "MODE")]
    pub(crate) mode: GraphMode,
    /// Take bundles without a label of OCP versions as made for all
    #[arg(long)]
    pub(crate) ignore_bundle_ocp_version: bool,
    #[command(flatten)]
    pub(crate) build: BuildArgs,
}

#[derive(Debug, Args)]
pub(crate) struct IndexEmptyArgs {
    /// The index image to be like
    #[arg(long, value_name = "IMAGE")]
    pub(crate) from_index: ImageName,
    /// Make a file-based index, whatever the from-index is
    #[arg(long)]
    pub(crate) file_based: bool,
    /// A label of the result; repeatable
    #[arg(long = "label", value_name = "NAME=VALUE", value_parser = parse_label)]
    pub(crate) labels: Vec<(String, String)>,
    #[command(flatten)]
    pub(crate) build: BuildArgs,
}

#[derive(Debug, Args)]
pub(crate) struct IndexDeprecateArgs {
    /// The package, one that the index keeps in its hidden database
    #[arg(long, value_name = "NAME")]
    pub(crate) package: String,
    /// The file with the blob of the schema `olm.deprecations`, in JSON; `-` reads standard input
    #[arg(long, value_name = "FILE")]
    pub(crate) schema: PathBuf,
    /// The file-based index image to start from
    #[arg(long, value_name = "IMAGE")]
    pub(crate) from_index: ImageName,
    #[command(flatten)]
    pub(crate) build: BuildArgs,
}

fn parse_label(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err(format!("`{text}` is not of the form NAME=VALUE")),
    }
}
