//! The command line of `iib catalog`.

pub(crate) mod diff;
pub(crate) mod files;
pub(crate) mod graph;
mod input;

use std::path::PathBuf;

use catalog::Profile;
use clap::{Args, Subcommand};
use oci::PullSpec;

use super::{GraphMode, OutputFormat, RegistryArgs};
use files::InputArgs;

pub(crate) use input::Input;

#[derive(Debug, Subcommand)]
pub(crate) enum CatalogCommand {
    /// Add bundles to an index database, or make a new one
    #[command(
        after_help = "Example:\n  iib catalog add --db index.db --bundles quay.io/ns/bundle@sha256:…"
    )]
    Add(Box<AddArgs>),
    /// Remove the packages named from an index database
    #[command(after_help = "Example:\n  iib catalog rm --db index.db --packages etcd,prometheus")]
    Rm(PackagesArgs),
    /// Deprecate bundles in an index database: what lies below them in their channels is removed
    #[command(
        after_help = "Example:\n  iib catalog deprecate --db index.db --bundles quay.io/ns/bundle@sha256:…"
    )]
    Deprecate(DeprecateArgs),
    /// Remove all packages but those named from an index database
    #[command(after_help = "Example:\n  iib catalog prune --db index.db --packages etcd")]
    Prune(PackagesArgs),
    /// Remove bundles that are in no channel from an index database
    #[command(after_help = "Example:\n  iib catalog prune-stranded --db index.db")]
    PruneStranded(DatabaseArgs),
    /// Write the cache that a server of a file-based catalog starts from, bring one up to date, or check one
    #[command(after_help = "Example:\n  iib catalog cache ./configs --cache-dir ./cache")]
    Cache(Box<CacheArgs>),
    /// Check a catalog; prints nothing if it is valid
    #[command(after_help = "Example:\n  iib catalog validate ./catalog")]
    Validate(Box<files::ValidateArgs>),
    /// Print catalogs, bundles and index databases as one file-based catalog
    #[command(
        after_help = "Examples:\n  iib catalog render index.db --output yaml\n  iib catalog render quay.io/ns/index:v4.19 | iib catalog validate -"
    )]
    Render(Box<files::RenderArgs>),
    /// Write an index database or a catalog as a directory with one file per package; of a catalog, profile `a` leaves
    /// deprecations and blobs of other schemas out, with a warning
    #[command(
        after_help = "Example:\n  iib catalog migrate index.db ./catalog --migrate-level bundle-object-to-csv-metadata"
    )]
    Migrate(Box<files::MigrateArgs>),
    /// Write the files of a catalog anew as JSON or YAML
    #[command(
        after_help = "Examples:\n  iib catalog convert ./catalog ./as-json --output json\n  iib catalog convert - - --output yaml < catalog.json"
    )]
    Convert(Box<files::ConvertArgs>),
    /// Draw which bundles are in the channels of a package, and which updates they offer
    #[command(
        after_help = "Example:\n  iib catalog graph index.db --package etcd --output svg --to etcd.svg"
    )]
    Graph(Box<graph::GraphArgs>),
    /// Show what changed between two catalogs, and what that means for clusters that follow their channels
    #[command(
        after_help = "Example:\n  iib catalog diff index.db ./catalog --output markdown\n\nExit codes with --exit-code: 0 no difference, 1 the catalogs differ, 2 they cannot be compared"
    )]
    Diff(Box<diff::DiffArgs>),
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
    /// Which release of opm is followed: `a` (1.65), or `b`, which keeps the version of substitutes whole
    #[arg(long, default_value_t, value_name = "PROFILE")]
    pub(crate) profile: Profile,
    #[command(flatten)]
    pub(crate) registries: RegistryArgs,
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

/// What is removed, or kept, by package.
#[derive(Debug, Args)]
pub(crate) struct PackagesArgs {
    #[command(flatten)]
    pub(crate) database: DatabaseArgs,
    /// The packages, separated by commas; repeatable
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
pub(crate) struct CacheArgs {
    #[command(flatten)]
    pub(crate) input: InputArgs,
    /// Where the cache is: an absent or empty directory, or one that holds a cache
    #[arg(long, value_name = "DIR")]
    pub(crate) cache_dir: PathBuf,
    /// How the cache is stored: `pogreb.v1` or `json`; default: as the cache that is there, else `pogreb.v1`
    #[arg(long, value_name = "FORMAT")]
    pub(crate) format: Option<catalog::cache::Format>,
    /// Write nothing; fail unless the cache belongs to the catalog
    #[arg(long, conflicts_with_all = ["format", "profile", "rewrite"])]
    pub(crate) check: bool,
    /// Write the cache anew, even if it is up to date or most of it could stay
    #[arg(long)]
    pub(crate) rewrite: bool,
    /// Which release of opm is followed: `a` (1.65), or `b` (1.73), which also keeps blobs of other schemas
    #[arg(long, default_value_t, value_name = "PROFILE")]
    pub(crate) profile: Profile,
    /// How the result is printed
    #[arg(long, short, default_value = "text", value_name = "FORMAT")]
    pub(crate) output: OutputFormat,
}
