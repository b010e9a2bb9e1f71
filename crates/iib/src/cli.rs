//! The command line.

pub(crate) mod auth;
pub(crate) mod bundle;
pub(crate) mod cache;
pub(crate) mod catalog;
pub(crate) mod config;
pub(crate) mod db;
pub(crate) mod index;
pub(crate) mod index_change;
pub(crate) mod manifest;
pub(crate) mod queue;
pub(crate) mod request;

use std::net::SocketAddr;
use std::path::PathBuf;

use self::cache::CacheArgs;
use self::index::{IndexDiffArgs, IndexInspectArgs, IndexRollbackArgs, StateArgs};
use self::index_change::{IndexDeprecateArgs, IndexEmptyArgs, IndexMergeArgs, IndexRmArgs};
use builder::{BinaryImage, GraphUpdateMode, Scope};
use clap::{Args, Parser, Subcommand, ValueEnum};
use oci::{Arch, ImageName, LossPolicy, PullSpec, RegistryHost, Tag};
use secrecy::SecretString;

/// Keeps operator index images up to date: adds bundles, publishes for every architecture, reports.
#[derive(Debug, Parser)]
#[command(version, max_term_width = 120, after_help = EXAMPLES)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) log: LogArgs,
    #[command(subcommand)]
    pub(crate) command: Command,
}

const EXAMPLES: &str = "Examples:
  iib quickstart --once
  iib index inspect quay.io/ns/index:v4.19
  iib index add --help

Exit codes: 0 the work is done, 1 it failed, 2 the command line is wrong";

/// What is logged, and how.
#[derive(Clone, Debug, Args)]
pub(crate) struct LogArgs {
    /// What to log: a level (error, warn, info, debug, trace) or directives such as `info,oci=debug`
    #[arg(long, global = true, env = "IIB_LOG", value_name = "FILTER")]
    pub(crate) log: Option<String>,
    /// How to log
    #[arg(
        long,
        global = true,
        env = "IIB_LOG_FORMAT",
        default_value = "text",
        value_name = "FORMAT"
    )]
    pub(crate) log_format: LogFormat,
}

/// How log lines look.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Start everything embedded on loopback, add sample bundles to a new index, and show what was made
    #[command(after_help = "Example:\n  iib quickstart --once")]
    Quickstart(QuickstartArgs),
    /// Run the service: the REST API and one worker, state in SQLite
    #[command(after_help = "Example:\n  iib serve --config iib.toml")]
    Serve(Box<ServeArgs>),
    /// Work on index images without a service
    #[command(subcommand)]
    Index(IndexCommand),
    /// Work on bundles without a service
    #[command(subcommand)]
    Bundle(bundle::BundleCommand),
    /// Work on catalogs in files, without images
    #[command(subcommand)]
    Catalog(catalog::CatalogCommand),
    /// What is kept on disk of images that were read
    #[command(subcommand)]
    Cache(cache::CacheCommand),
    /// The database that the service keeps its state in
    #[command(subcommand)]
    Db(db::DbCommand),
    /// Work on manifest lists in registries and OCI layouts
    #[command(subcommand)]
    Manifest(manifest::ManifestCommand),
    /// Queues of requests: messages that the broker does not deliver any more, and what is paused
    #[command(subcommand)]
    Queue(queue::QueueCommand),
    /// Ask a service for work, and follow it
    #[command(
        subcommand,
        after_help = "Examples:\n  export IIB_SERVER=https://iib.example.com IIB_TOKEN_FILE=~/.iib-token\n  iib request add --bundles quay.io/ns/bundle@sha256:… --from-index quay.io/ns/index:v4.19 --wait\n  iib request list --state in_progress\n  iib request watch 12\n\nA submit carries a key of its own, by which services that remember keys know it again; others are never asked to do the same twice.\n\nExit codes: 0 it worked (with --wait and watch: the request is complete), 1 it failed, 2 the command line is wrong"
    )]
    Request(request::RequestCommand),
    /// What callers of a service prove themselves with
    #[command(subcommand)]
    Auth(auth::AuthCommand),
    /// The service's configuration
    #[command(subcommand)]
    Config(config::ConfigCommand),
    /// The embedded registry
    #[command(subcommand)]
    Registry(RegistryCommand),
}

#[derive(Debug, Subcommand)]
pub(crate) enum IndexCommand {
    /// Add bundles to an index image, or make a new SQLite index image
    #[command(
        after_help = "Example:\n  iib index add --bundles quay.io/ns/bundle@sha256:… --from-index quay.io/ns/index:v4.19 \\\n    --binary-image quay.io/operator-framework/opm:latest --to quay.io/ns/index:candidate"
    )]
    Add(Box<IndexAddArgs>),
    /// Put the packages of catalog fragments into a file-based index image
    #[command(
        after_help = "Example:\n  iib index add-fragment --fragment quay.io/ns/my-operator-catalog:v4.19 --from-index quay.io/ns/index:v4.19 \\\n    --binary-image quay.io/operator-framework/opm:latest --to quay.io/ns/index:candidate"
    )]
    AddFragment(Box<IndexAddFragmentArgs>),
    /// Remove packages from an index image
    #[command(
        after_help = "Example:\n  iib index rm --package my-operator --from-index quay.io/ns/index:v4.19 \\\n    --binary-image quay.io/operator-framework/opm:latest --to quay.io/ns/index:candidate"
    )]
    Rm(Box<IndexRmArgs>),
    /// Merge the bundles of one index image into another
    #[command(
        after_help = "Example:\n  iib index merge --source quay.io/ns/new:v4.19 --target quay.io/ns/index:v4.19 \\\n    --binary-image quay.io/operator-framework/opm:latest --to quay.io/ns/index:candidate"
    )]
    Merge(Box<IndexMergeArgs>),
    /// Make an index image like another one, but without any package
    #[command(
        after_help = "Example:\n  iib index empty --from-index quay.io/ns/index:v4.19 --file-based \\\n    --binary-image quay.io/operator-framework/opm:latest --to quay.io/ns/index:empty"
    )]
    Empty(Box<IndexEmptyArgs>),
    /// Set what is deprecated of a package in a file-based index image
    #[command(
        after_help = "Example:\n  iib index deprecate --package my-operator --schema deprecations.json --from-index quay.io/ns/index:v4.19 \\\n    --binary-image quay.io/operator-framework/opm:latest --to quay.io/ns/index:candidate"
    )]
    Deprecate(Box<IndexDeprecateArgs>),
    /// Show what an index image holds, and what its layers are
    #[command(
        after_help = "Examples:\n  iib index inspect quay.io/ns/index:v4.19\n  iib index inspect quay.io/ns/index:v4.19 --svg layers.svg"
    )]
    Inspect(Box<IndexInspectArgs>),
    /// Show what changed between two index images: the images, their layers, and the catalogs in them
    #[command(
        after_help = "Example:\n  iib index diff quay.io/ns/index:v4.19 quay.io/ns/index:candidate\n\nExit codes with --exit-code: 0 the same image, 1 the images differ, 2 they cannot be compared"
    )]
    Diff(Box<IndexDiffArgs>),
    /// Move an index image's tag back to what it pointed to before it was overwritten from here
    #[command(
        after_help = "Examples:\n  iib index rollback quay.io/ns/index:v4.19 --dry-run\n  iib index rollback quay.io/ns/index:v4.19 --to sha256:…"
    )]
    Rollback(Box<IndexRollbackArgs>),
}

#[derive(Debug, Subcommand)]
pub(crate) enum RegistryCommand {
    /// Serve an image registry from a directory
    #[command(
        after_help = "Example:\n  iib registry serve --listen 127.0.0.1:5000 --root ./registry"
    )]
    Serve(RegistryServeArgs),
}

/// How registries are reached.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Registries")]
pub(crate) struct RegistryArgs {
    /// Credentials: a docker config file. Default: the first of `$XDG_RUNTIME_DIR/containers/auth.json`, `$DOCKER_CONFIG/config.json`, `~/.docker/config.json`
    #[arg(long, env = "REGISTRY_AUTH_FILE", value_name = "FILE")]
    pub(crate) authfile: Option<PathBuf>,
    /// A certificate authority to trust beside the system's (PEM file); repeatable
    #[arg(long = "registry-ca", value_name = "FILE")]
    pub(crate) ca: Vec<PathBuf>,
    /// A registry to speak plain HTTP to; loopback is anyway; repeatable
    #[arg(long = "insecure-registry", value_name = "HOST[:PORT]")]
    pub(crate) insecure: Vec<RegistryHost>,
    /// Speak to ADDRESS where a pull spec names NAME; repeatable
    #[arg(long = "registry-alias", value_name = "NAME=ADDRESS", value_parser = parse_alias)]
    pub(crate) aliases: Vec<(RegistryHost, RegistryHost)>,
}

#[derive(Debug, Args)]
pub(crate) struct IndexAddArgs {
    /// Bundle images, separated by commas; repeatable
    #[arg(long, value_delimiter = ',', value_name = "PULLSPEC")]
    pub(crate) bundles: Vec<PullSpec>,
    /// The index image to start from; without it a new SQLite index is made
    #[arg(long, value_name = "IMAGE")]
    pub(crate) from_index: Option<ImageName>,
    /// Bundle images to deprecate where the index has them, separated by commas; repeatable
    #[arg(long, value_delimiter = ',', value_name = "PULLSPEC")]
    pub(crate) deprecate: Vec<PullSpec>,
    /// How channels are computed
    #[arg(long, default_value = "replaces", value_name = "MODE")]
    pub(crate) mode: GraphMode,
    #[command(flatten)]
    pub(crate) build: BuildArgs,
}

#[derive(Debug, Args)]
pub(crate) struct IndexAddFragmentArgs {
    /// Images with catalog fragments, separated by commas; repeatable. Of a package that several hold, the last counts
    #[arg(
        long = "fragment",
        required = true,
        value_delimiter = ',',
        value_name = "PULLSPEC"
    )]
    pub(crate) fragments: Vec<PullSpec>,
    /// The file-based index image to start from
    #[arg(long, value_name = "IMAGE")]
    pub(crate) from_index: ImageName,
    #[command(flatten)]
    pub(crate) build: BuildArgs,
}

/// What every command says that makes an index image.
#[derive(Debug, Args)]
pub(crate) struct BuildArgs {
    /// The image with the catalog server to build on
    #[arg(long, value_name = "IMAGE")]
    pub(crate) binary_image: BinaryImage,
    /// Where to publish: a pull spec with a tag, or `oci:PATH[:TAG]`
    #[arg(long, value_name = "IMAGE")]
    pub(crate) to: ImageName,
    /// Architectures to build for beside the from-index's, separated by commas; repeatable
    #[arg(long = "arch", value_delimiter = ',', value_name = "ARCH")]
    pub(crate) arches: Vec<Arch>,
    /// Further tags for the result; repeatable
    #[arg(long = "build-tag", value_delimiter = ',', value_name = "TAG")]
    pub(crate) build_tags: Vec<Tag>,
    /// Move the from-index's tag to the result, unless somebody else moved it meanwhile
    #[arg(long, requires = "from_index")]
    pub(crate) overwrite_from_index: bool,
    /// `user:password` for the from-index's repository alone; better given in the environment than on the command line
    #[arg(
        long,
        env = "IIB_OVERWRITE_FROM_INDEX_TOKEN",
        hide_env_values = true,
        requires = "overwrite_from_index",
        value_name = "TOKEN"
    )]
    pub(crate) overwrite_from_index_token: Option<SecretString>,
    /// The scope to label the result with: dev, stage or prod; default: the from-index's
    #[arg(long, value_name = "SCOPE")]
    pub(crate) distribution_scope: Option<Scope>,
    /// When a tag to publish under, or the overwritten from-index, has architectures that the result lacks: `refuse` publishes
    /// nothing, `keep-missing` takes them over as they are, with the former catalog, `replace` lets them go
    #[arg(long, default_value = "refuse", value_name = "POLICY")]
    pub(crate) on_lost_arch: LossPolicy,
    /// Write OCI manifests in place of Docker v2 schema 2
    #[arg(long)]
    pub(crate) oci: bool,
    /// Do everything but the publication: show what would be published, what it would take, and what would change in the
    /// catalog, with the graphs of the packages in question. Nothing is written to any registry or layout
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// How the result is printed
    #[arg(long, short, default_value = "text", value_name = "FORMAT")]
    pub(crate) output: OutputFormat,
    #[command(flatten)]
    pub(crate) registries: RegistryArgs,
    #[command(flatten)]
    pub(crate) cache: CacheArgs,
    #[command(flatten)]
    pub(crate) state: StateArgs,
}

/// How channels are computed.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum GraphMode {
    /// By what bundles replace and skip.
    Replaces,
    /// By version.
    Semver,
    /// By version, patch releases skipping earlier ones.
    SemverSkippatch,
}

impl From<GraphMode> for GraphUpdateMode {
    fn from(mode: GraphMode) -> Self {
        match mode {
            GraphMode::Replaces => Self::Replaces,
            GraphMode::Semver => Self::Semver,
            GraphMode::SemverSkippatch => Self::SemverSkippatch,
        }
    }
}

/// How a result is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum OutputFormat {
    /// For people.
    Text,
    /// One JSON object.
    Json,
}

#[derive(Debug, Args)]
pub(crate) struct RegistryServeArgs {
    /// The address to listen on
    #[arg(long, default_value = "127.0.0.1:5000", value_name = "ADDRESS")]
    pub(crate) listen: SocketAddr,
    /// The directory that holds everything
    #[arg(long, value_name = "DIR")]
    pub(crate) root: PathBuf,
    /// Demand basic authentication: a file with `user:password` lines
    #[arg(long, value_name = "FILE")]
    pub(crate) users: Option<PathBuf>,
    /// Serve TLS with this certificate chain (PEM)
    #[arg(long, requires = "tls_key", value_name = "FILE")]
    pub(crate) tls_cert: Option<PathBuf>,
    /// The key of the certificate (PEM)
    #[arg(long, requires = "tls_cert", value_name = "FILE")]
    pub(crate) tls_key: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct ServeArgs {
    /// The configuration file (TOML)
    #[arg(long, env = "IIB_CONFIG", value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// The address to listen on; overrides the configuration
    #[arg(long, env = "IIB_LISTEN", value_name = "ADDRESS")]
    pub(crate) listen: Option<SocketAddr>,
    /// Where state, logs and work files are kept; overrides the configuration
    #[arg(long, env = "IIB_DATA_DIR", value_name = "DIR")]
    pub(crate) data_dir: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) registries: RegistryArgs,
}

#[derive(Debug, Args)]
pub(crate) struct QuickstartArgs {
    /// End when the index image is made and verified
    #[arg(long)]
    pub(crate) once: bool,
    /// The address of the REST API; port 0 takes a free one
    #[arg(long, default_value = "127.0.0.1:8320", value_name = "ADDRESS")]
    pub(crate) listen: SocketAddr,
    /// The address of the embedded registry; port 0 takes a free one
    #[arg(long, default_value = "127.0.0.1:8321", value_name = "ADDRESS")]
    pub(crate) registry_listen: SocketAddr,
    /// Where everything is kept; default: a temporary directory, removed at the end
    #[arg(long, value_name = "DIR")]
    pub(crate) data_dir: Option<PathBuf>,
}

fn parse_alias(text: &str) -> Result<(RegistryHost, RegistryHost), String> {
    let (name, address) = text
        .split_once('=')
        .ok_or_else(|| format!("`{text}` is not of the form NAME=ADDRESS"))?;
    let parse = |part: &str| {
        part.parse::<RegistryHost>()
            .map_err(|error| error.to_string())
    };
    Ok((parse(name)?, parse(address)?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory as _;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn an_alias_has_two_hosts() {
        assert!(parse_alias("registry.test:5000=127.0.0.1:4000").is_ok());
        assert!(parse_alias("registry.test:5000").is_err());
        assert!(parse_alias("=x").is_err());
    }
}
