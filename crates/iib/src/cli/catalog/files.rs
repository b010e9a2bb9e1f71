//! The command line of `iib catalog` for file-based catalogs.

use std::path::PathBuf;

use catalog::Profile;
use clap::{Args, ValueEnum};

use super::Input;
use crate::cli::{OutputFormat, RegistryArgs};

/// How catalogs are written.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum CatalogFormat {
    /// Indented JSON objects one after the other.
    Json,
    /// YAML documents.
    Yaml,
}

/// What is done to bundles beside writing them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum MigrateLevel {
    /// Nothing.
    None,
    /// Manifests that bundles embed are replaced by the metadata in their CSV.
    BundleObjectToCsvMetadata,
    /// Everything above.
    All,
}

/// The catalog to read.
#[derive(Debug, Args)]
pub(crate) struct InputArgs {
    /// A catalog: a directory or file, `-` for standard input, an index database, an image's pull spec, or `oci:DIR[:TAG|@DIGEST]`
    #[arg(value_name = "INPUT")]
    pub(crate) input: Input,
    #[command(flatten)]
    pub(crate) registries: RegistryArgs,
}

/// How a catalog is rendered and written.
#[derive(Clone, Copy, Debug, Args)]
pub(crate) struct RenderingArgs {
    /// How the catalog is written
    #[arg(long, short, default_value = "json", value_name = "FORMAT")]
    pub(crate) output: CatalogFormat,
    /// What is done to bundles
    #[arg(long, default_value = "none", value_name = "LEVEL")]
    pub(crate) migrate_level: MigrateLevel,
    /// Which release of opm is followed: `a` (1.65), or `b` (1.73), which reads no index databases, keeps every blob of a migrated
    /// catalog and the version of substitutes whole
    #[arg(long, default_value_t, value_name = "PROFILE")]
    pub(crate) profile: Profile,
}

#[derive(Debug, Args)]
pub(crate) struct ValidateArgs {
    #[command(flatten)]
    pub(crate) input: InputArgs,
    /// Which release of opm is followed: `a` (1.65), or `b` (1.73), which reads no index databases and also checks `skipRange` and
    /// the length of releases
    #[arg(long, default_value_t, value_name = "PROFILE")]
    pub(crate) profile: Profile,
    /// How the result is printed
    #[arg(long, short, default_value = "text", value_name = "FORMAT")]
    pub(crate) output: OutputFormat,
}

#[derive(Debug, Args)]
pub(crate) struct RenderArgs {
    /// Catalogs or bundles, put together: each a directory or file, `-` for standard input, an index database, an image's pull spec,
    /// or `oci:DIR[:TAG|@DIGEST]`; repeatable
    #[arg(required = true, value_name = "INPUT")]
    pub(crate) inputs: Vec<Input>,
    #[command(flatten)]
    pub(crate) rendering: RenderingArgs,
    #[command(flatten)]
    pub(crate) registries: RegistryArgs,
}

#[derive(Debug, Args)]
pub(crate) struct MigrateArgs {
    #[command(flatten)]
    pub(crate) input: InputArgs,
    /// The directory to write, one file per package; must be missing or empty
    #[arg(value_name = "DIR")]
    pub(crate) to: PathBuf,
    #[command(flatten)]
    pub(crate) rendering: RenderingArgs,
}

#[derive(Debug, Args)]
pub(crate) struct ConvertArgs {
    #[command(flatten)]
    pub(crate) input: InputArgs,
    /// What to write: of a directory, a directory that must be missing or empty; of a file, a file that must be missing; `-` for all of
    /// it to standard output
    #[arg(value_name = "OUT")]
    pub(crate) to: PathBuf,
    /// How the files are written
    #[arg(long, short, value_name = "FORMAT")]
    pub(crate) output: CatalogFormat,
}
