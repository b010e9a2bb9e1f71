//! The command line of `iib catalog diff`.

use clap::{Args, ValueEnum};

use super::Input;
use crate::cli::RegistryArgs;

/// How the changes are printed.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum DiffFormat {
    /// For people, long lists shortened.
    Text,
    /// One JSON object that holds everything.
    Json,
    /// For the comment of a merge request, long lists folded and shortened.
    Markdown,
}

#[derive(Debug, Args)]
pub(crate) struct DiffArgs {
    /// The catalog before: a directory, a file, an index database, an image, or `-`
    #[arg(value_name = "OLD")]
    pub(crate) old: Input,
    /// The catalog after
    #[arg(value_name = "NEW")]
    pub(crate) new: Input,
    /// How the changes are printed
    #[arg(long, short, default_value = "text", value_name = "FORMAT")]
    pub(crate) output: DiffFormat,
    /// Exit with 1 if the catalogs differ and with 2 if they cannot be compared
    #[arg(long)]
    pub(crate) exit_code: bool,
    #[command(flatten)]
    pub(crate) registries: RegistryArgs,
}
