//! The command line of `iib catalog` for file-based catalogs.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use crate::cli::RegistryArgs;

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

#[derive(Debug, Args)]
pub(crate) struct ValidateArgs {
    /// The directory of the catalog
    #[arg(value_name = "DIR")]
    pub(crate) catalog: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct RenderArgs {
    /// A directory with a catalog or a bundle, an index database, or the pull spec of a bundle image; repeatable
    #[arg(required = true, value_name = "INPUT")]
    pub(crate) inputs: Vec<String>,
    /// How the catalog is written
    #[arg(long, short, default_value = "json", value_name = "FORMAT")]
    pub(crate) output: CatalogFormat,
    /// What is done to bundles
    #[arg(long, default_value = "none", value_name = "LEVEL")]
    pub(crate) migrate_level: MigrateLevel,
    #[command(flatten)]
    pub(crate) registries: RegistryArgs,
}

#[derive(Debug, Args)]
pub(crate) struct MigrateArgs {
    /// An index database, or a directory with a catalog
    #[arg(value_name = "INPUT")]
    pub(crate) input: String,
    /// The directory to write, one file per package; must be missing or empty
    #[arg(value_name = "DIR")]
    pub(crate) to: PathBuf,
    /// How the catalog is written
    #[arg(long, short, default_value = "json", value_name = "FORMAT")]
    pub(crate) output: CatalogFormat,
    /// What is done to bundles
    #[arg(long, default_value = "none", value_name = "LEVEL")]
    pub(crate) migrate_level: MigrateLevel,
}

#[derive(Debug, Args)]
pub(crate) struct ConvertArgs {
    /// The directory of the catalog
    #[arg(value_name = "DIR")]
    pub(crate) catalog: PathBuf,
    /// The directory to write; must be missing or empty
    #[arg(value_name = "OUT")]
    pub(crate) to: PathBuf,
    /// How the files are written
    #[arg(long, short, value_name = "FORMAT")]
    pub(crate) output: CatalogFormat,
}
