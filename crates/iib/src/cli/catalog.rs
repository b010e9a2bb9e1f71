//! The command line of `iib catalog`.

pub(crate) mod files;

use std::path::PathBuf;

use clap::{Args, Subcommand};
use oci::PullSpec;

use super::{GraphMode, OutputFormat, RegistryArgs};

#[derive(Debug, Subcommand)]
pub(crate) enum CatalogCommand {
    /// Add bundles to an index database, or make a new one
    #[command(
        after_help = "Example:\n  iib catalog add --db index.db --bundles quay.io/ns/bundle@sha256:…"
    )]
    Add(Box<AddArgs>),
    /// Remove packages from an index database
    #[command(after_help = "Example:\n  iib catalog rm --db index.db --packages etcd,prometheus")]
    Rm(RmArgs),
    /// Deprecate bundles in an index database: what lies below them in their channels is removed
    #[command(
        after_help = "Example:\n  iib catalog deprecate --db index.db --bundles quay.io/ns/bundle@sha256:…"
    )]
    Deprecate(DeprecateArgs),
    /// Remove all packages but some from an index database
    #[command(after_help = "Example:\n  iib catalog prune --db index.db --packages etcd")]
    Prune(PruneArgs),
    /// Remove bundles that are in no channel from an index database
    #[command(after_help = "Example:\n  iib catalog prune-stranded --db index.db")]
    PruneStranded(PruneStrandedArgs),
    /// Write the cache that a server of a file-based catalog starts from, or check one
    #[command(after_help = "Example:\n  iib catalog cache ./configs --cache-dir ./cache")]
    Cache(CacheArgs),
    /// Check a file-based catalog; prints nothing if it is valid
    #[command(after_help = "Example:\n  iib catalog validate ./catalog")]
    Validate(files::ValidateArgs),
    /// Print catalogs, bundles and index databases as one file-based catalog
    #[command(after_help = "Example:\n  iib catalog render index.db --output yaml")]
    Render(Box<files::RenderArgs>),
    /// Write an index database or a catalog as a directory with one file per package; of a catalog, deprecations and blobs of
    /// other schemas are left out
    #[command(
        after_help = "Example:\n  iib catalog migrate index.db ./catalog --migrate-level bundle-object-to-csv-metadata"
    )]
    Migrate(files::MigrateArgs),
    /// Write the files of a catalog anew as JSON or YAML
    #[command(after_help = "Example:\n  iib catalog convert ./catalog ./as-json --output json")]
    Convert(files::ConvertArgs),
}

/// The index database to change, and how the change is told.
#[derive(Debug, Args)]
pub(crate) struct DatabaseArgs {
    /// The index database; it is changed in place, all or nothing
    #[arg(long = "db", value_name = "FILE")]
    pub(crate) path: PathBuf,
    /// How the result is printed
    #[arg(long, short, default_value = "text", value_name = "FORMAT")]
    pub(crate) output: OutputFormat,
}

#[derive(Debug, Args)]
pub(crate) struct AddArgs {
    #[command(flatten)]
    pub(crate) database: DatabaseArgs,
    /// Bundle images, separated by commas; repeatable
    #[arg(long, value_delimiter = ',', required = true, value_name = "PULLSPEC")]
    pub(crate) bundles: Vec<PullSpec>,
    /// How channels are computed
    #[arg(long, default_value = "replaces", value_name = "MODE")]
    pub(crate) mode: GraphMode,
    /// Let a bundle take the place of a channel head of the same name
    #[arg(long)]
    pub(crate) overwrite_latest: bool,
    /// Heed `olm.substitutesFor`, an alpha feature; without this, bundles that carry it are refused
    #[arg(long)]
    pub(crate) enable_alpha: bool,
    /// Only warn when the bundles cannot be added; none of them is, then
    #[arg(long)]
    pub(crate) permissive: bool,
    #[command(flatten)]
    pub(crate) registries: RegistryArgs,
}

#[derive(Debug, Args)]
pub(crate) struct RmArgs {
    #[command(flatten)]
    pub(crate) database: DatabaseArgs,
    /// The packages to remove, separated by commas; repeatable
    #[arg(
        long,
        alias = "package",
        value_delimiter = ',',
        required = true,
        value_name = "NAME"
    )]
    pub(crate) packages: Vec<String>,
    /// Only warn of packages that cannot be removed
    #[arg(long)]
    pub(crate) permissive: bool,
}

#[derive(Debug, Args)]
pub(crate) struct DeprecateArgs {
    #[command(flatten)]
    pub(crate) database: DatabaseArgs,
    /// The images of the bundles, as the index has them, separated by commas; repeatable
    #[arg(long, value_delimiter = ',', required = true, value_name = "PULLSPEC")]
    pub(crate) bundles: Vec<String>,
    /// Remove a package when the heads of all its channels are named
    #[arg(long)]
    pub(crate) allow_package_removal: bool,
    /// Only warn of bundles that cannot be deprecated
    #[arg(long)]
    pub(crate) permissive: bool,
}

#[derive(Debug, Args)]
pub(crate) struct PruneArgs {
    #[command(flatten)]
    pub(crate) database: DatabaseArgs,
    /// The packages to keep, separated by commas; repeatable
    #[arg(
        long,
        alias = "package",
        value_delimiter = ',',
        required = true,
        value_name = "NAME"
    )]
    pub(crate) packages: Vec<String>,
    /// Only warn of packages that cannot be removed
    #[arg(long)]
    pub(crate) permissive: bool,
}

#[derive(Debug, Args)]
pub(crate) struct PruneStrandedArgs {
    #[command(flatten)]
    pub(crate) database: DatabaseArgs,
}

#[derive(Debug, Args)]
pub(crate) struct CacheArgs {
    /// The directory of the file-based catalog
    #[arg(value_name = "DIR")]
    pub(crate) catalog: PathBuf,
    /// Where the cache is: an absent or empty directory, or one that holds a cache
    #[arg(long, value_name = "DIR")]
    pub(crate) cache_dir: PathBuf,
    /// How the cache is stored: `pogreb.v1` or `json`; default: as the cache that is there, else `pogreb.v1`
    #[arg(long, value_name = "FORMAT")]
    pub(crate) format: Option<catalog::cache::Format>,
    /// Write nothing; fail unless the cache belongs to the catalog
    #[arg(long, conflicts_with = "format")]
    pub(crate) check: bool,
    /// How the result is printed
    #[arg(long, short, default_value = "text", value_name = "FORMAT")]
    pub(crate) output: OutputFormat,
}
