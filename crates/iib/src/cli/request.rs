//! The command line of `iib request`: asking a service for work.

use std::path::PathBuf;

use api::{RequestType, Scope, State};
use clap::{Args, Subcommand};
use client::ServerUrl;

use super::OutputFormat;

#[derive(Debug, Subcommand)]
pub(crate) enum RequestCommand {
    /// Add bundles to an index image
    #[command(
        after_help = "Example:\n  iib request add --bundles quay.io/ns/bundle@sha256:… --from-index quay.io/ns/index:v4.19 --wait"
    )]
    Add(Box<AddArgs>),
    /// Remove operators from an index image
    #[command(
        after_help = "Example:\n  iib request rm --operators my-operator --from-index quay.io/ns/index:v4.19 --wait"
    )]
    Rm(Box<RmArgs>),
    /// Rewrite a bundle image for an organization
    #[command(
        after_help = "Example:\n  iib request regenerate-bundle quay.io/ns/bundle:v1 --organization acme --wait"
    )]
    RegenerateBundle(Box<RegenerateBundleArgs>),
    /// Merge one index image into another
    #[command(
        after_help = "Example:\n  iib request merge-index-image quay.io/ns/index:v4.18 --into quay.io/ns/index:v4.19 --wait"
    )]
    MergeIndexImage(Box<MergeIndexImageArgs>),
    /// Make an empty index image like another
    #[command(
        after_help = "Example:\n  iib request create-empty-index quay.io/ns/index:v4.19 --label com.example.release=4.19 --wait"
    )]
    CreateEmptyIndex(Box<CreateEmptyIndexArgs>),
    /// List the bundles that a bundle refers to, level by level
    #[command(
        after_help = "Example:\n  iib request recursive-related-bundles quay.io/ns/bundle:v1 --wait"
    )]
    RecursiveRelatedBundles(Box<RecursiveRelatedBundlesArgs>),
    /// Put catalog fragments into a file-based index image
    #[command(
        after_help = "Example:\n  iib request fbc-operations --fragments quay.io/ns/my-catalog:v4.19 --from-index quay.io/ns/index:v4.19 --wait"
    )]
    FbcOperations(Box<FbcOperationsArgs>),
    /// Put deprecations of a package into an index image
    #[command(
        after_help = "Example:\n  iib request add-deprecations --package my-operator --schema deprecations.json --from-index quay.io/ns/index:v4.19"
    )]
    AddDeprecations(Box<AddDeprecationsArgs>),
    /// Submit additions and removals together
    #[command(
        after_help = "Example:\n  iib request add-rm-batch batch.json --wait\n\nThe file holds `{\"build_requests\": [{\"bundles\": …}, {\"operators\": …}], \"annotations\": {…}}`"
    )]
    AddRmBatch(BatchArgs),
    /// Submit bundles to rewrite together
    #[command(
        after_help = "Example:\n  iib request regenerate-bundle-batch batch.json --wait\n\nThe file holds `{\"build_requests\": [{\"from_bundle_image\": …}, …]}`"
    )]
    RegenerateBundleBatch(BatchArgs),
    /// Show a request
    #[command(after_help = "Example:\n  iib request get 12 --output json")]
    Get(OneArgs),
    /// List requests, newest first
    #[command(after_help = "Example:\n  iib request list --state in_progress --type add")]
    List(ListArgs),
    /// Print what a request logged
    #[command(after_help = "Example:\n  iib request logs 12")]
    Logs(LogsArgs),
    /// Follow a request until it has ended
    #[command(
        after_help = "Example:\n  iib request watch 12\n\nExit codes: 0 the request is complete, 1 it failed, 2 the command line is wrong"
    )]
    Watch(WatchArgs),
    /// Cancel a request that has not ended
    #[command(after_help = "Example:\n  iib request cancel 12")]
    Cancel(OneArgs),
}

/// Which service, and who asks.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Service")]
pub(crate) struct ServiceArgs {
    /// The address of the service, such as `https://iib.example.com`
    #[arg(long, env = "IIB_SERVER", value_name = "URL")]
    pub(crate) server: ServerUrl,
    /// A file with a bearer token; without it the environment variable IIB_TOKEN is looked at. Tokens are never given on the command line
    #[arg(long, env = "IIB_TOKEN_FILE", value_name = "FILE")]
    pub(crate) token_file: Option<PathBuf>,
    /// A certificate authority to trust beside the system's (PEM file); repeatable
    #[arg(long, value_name = "FILE")]
    pub(crate) ca: Vec<PathBuf>,
    /// How often what fails in passing is tried again, with growing pauses
    #[arg(long, default_value_t = 4, value_name = "NUMBER")]
    pub(crate) retries: u32,
    /// Allow plain HTTP to another machine, where everything can be read on the way
    #[arg(long)]
    pub(crate) insecure: bool,
}

/// What every submit says beside its request.
#[derive(Clone, Debug, Args)]
pub(crate) struct SubmitArgs {
    /// Wait until the request has ended, showing its steps; the exit code is 1 if it failed
    #[arg(long)]
    pub(crate) wait: bool,
    /// How the result is printed
    #[arg(long, short, default_value = "text", value_name = "FORMAT")]
    pub(crate) output: OutputFormat,
    #[command(flatten)]
    pub(crate) service: ServiceArgs,
}

/// Which index image, and how the result is published.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Index image")]
pub(crate) struct IndexArgs {
    /// The index image to start from
    #[arg(long, value_name = "PULLSPEC")]
    pub(crate) from_index: Option<String>,
    /// Architectures to build for beside those of the index image, separated by commas; repeatable
    #[arg(long = "arch", value_delimiter = ',', value_name = "ARCH")]
    pub(crate) arches: Vec<String>,
    #[command(flatten)]
    pub(crate) base: BaseArgs,
    /// Extra tags for the result, separated by commas; repeatable
    #[arg(long = "build-tag", value_delimiter = ',', value_name = "TAG")]
    pub(crate) build_tags: Vec<String>,
    /// Move the tag of the index image to the result
    #[arg(long, requires = "from_index")]
    pub(crate) overwrite_from_index: bool,
    /// A file with `user:password` for the index image's repository; without it IIB_OVERWRITE_FROM_INDEX_TOKEN is looked at
    #[arg(long, requires = "overwrite_from_index", value_name = "FILE")]
    pub(crate) overwrite_token_file: Option<PathBuf>,
}

/// What a result is built on, and who it is for.
#[derive(Clone, Debug, Args)]
pub(crate) struct BaseArgs {
    /// The image with the catalog server to build on; default: the service's
    #[arg(long, value_name = "PULLSPEC")]
    pub(crate) binary_image: Option<String>,
    /// Who the result is for: dev, stage or prod
    #[arg(long, value_name = "SCOPE", value_parser = scope)]
    pub(crate) distribution_scope: Option<Scope>,
}

#[derive(Debug, Args)]
pub(crate) struct AddArgs {
    /// Bundle images, separated by commas; repeatable
    #[arg(long, value_delimiter = ',', value_name = "PULLSPEC")]
    pub(crate) bundles: Vec<String>,
    /// How the upgrade graph is updated, such as replaces, semver or semver-skippatch
    #[arg(long, value_name = "MODE")]
    pub(crate) graph_update_mode: Option<String>,
    /// Look for the images that the bundles refer to
    #[arg(long)]
    pub(crate) check_related_images: bool,
    /// Bundles to deprecate, separated by commas; repeatable
    #[arg(long = "deprecate", value_delimiter = ',', value_name = "PULLSPEC")]
    pub(crate) deprecation_list: Vec<String>,
    #[command(flatten)]
    pub(crate) index: IndexArgs,
    #[command(flatten)]
    pub(crate) submit: SubmitArgs,
}

#[derive(Debug, Args)]
pub(crate) struct RmArgs {
    /// Packages to remove, separated by commas; repeatable
    #[arg(long, required = true, value_delimiter = ',', value_name = "NAME")]
    pub(crate) operators: Vec<String>,
    #[command(flatten)]
    pub(crate) index: IndexArgs,
    #[command(flatten)]
    pub(crate) submit: SubmitArgs,
}

/// For whom a bundle is read, and with which credentials.
#[derive(Clone, Debug, Args)]
pub(crate) struct BundleArgs {
    /// Whose customizations apply
    #[arg(long, value_name = "NAME")]
    pub(crate) organization: Option<String>,
    /// A docker config file with credentials for the images of this request
    #[arg(long, value_name = "FILE")]
    pub(crate) registry_auths: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct RegenerateBundleArgs {
    /// The bundle image to start from
    #[arg(value_name = "PULLSPEC")]
    pub(crate) from_bundle_image: String,
    /// An image to use in place of another; repeatable
    #[arg(long = "replace", value_name = "OLD=NEW", value_parser = pair)]
    pub(crate) replacements: Vec<(String, String)>,
    #[command(flatten)]
    pub(crate) bundle: BundleArgs,
    #[command(flatten)]
    pub(crate) submit: SubmitArgs,
}

#[derive(Debug, Args)]
pub(crate) struct MergeIndexImageArgs {
    /// The index image that is merged
    #[arg(value_name = "SOURCE")]
    pub(crate) source_from_index: String,
    /// The index image it is merged into
    #[arg(long = "into", value_name = "TARGET")]
    pub(crate) target_index: Option<String>,
    #[command(flatten)]
    pub(crate) base: BaseArgs,
    /// Extra tags for the result, separated by commas; repeatable
    #[arg(long = "build-tag", value_delimiter = ',', value_name = "TAG")]
    pub(crate) build_tags: Vec<String>,
    /// Bundles to deprecate, separated by commas; repeatable
    #[arg(long = "deprecate", value_delimiter = ',', value_name = "PULLSPEC")]
    pub(crate) deprecation_list: Vec<String>,
    /// How the upgrade graph is updated
    #[arg(long, value_name = "MODE")]
    pub(crate) graph_update_mode: Option<String>,
    /// Take bundles over whatever OCP version they are for
    #[arg(long)]
    pub(crate) ignore_bundle_ocp_version: bool,
    /// Move the tag of the target to the result
    #[arg(long, requires = "target_index")]
    pub(crate) overwrite_target_index: bool,
    /// A file with `user:password` for the target's repository; without it IIB_OVERWRITE_TARGET_INDEX_TOKEN is looked at
    #[arg(long, requires = "overwrite_target_index", value_name = "FILE")]
    pub(crate) overwrite_token_file: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) submit: SubmitArgs,
}

#[derive(Debug, Args)]
pub(crate) struct CreateEmptyIndexArgs {
    /// The index image whose architectures and labels are taken over
    #[arg(value_name = "PULLSPEC")]
    pub(crate) from_index: String,
    #[command(flatten)]
    pub(crate) base: BaseArgs,
    /// A label of the result; repeatable
    #[arg(long = "label", value_name = "NAME=VALUE", value_parser = pair)]
    pub(crate) labels: Vec<(String, String)>,
    /// Make a file-based index
    #[arg(long)]
    pub(crate) output_fbc: bool,
    #[command(flatten)]
    pub(crate) submit: SubmitArgs,
}

#[derive(Debug, Args)]
pub(crate) struct RecursiveRelatedBundlesArgs {
    /// The bundle image to start from
    #[arg(value_name = "PULLSPEC")]
    pub(crate) parent_bundle_image: String,
    #[command(flatten)]
    pub(crate) bundle: BundleArgs,
    #[command(flatten)]
    pub(crate) submit: SubmitArgs,
}

#[derive(Debug, Args)]
pub(crate) struct FbcOperationsArgs {
    /// Images with catalog fragments, separated by commas; repeatable
    #[arg(long, required = true, value_delimiter = ',', value_name = "PULLSPEC")]
    pub(crate) fragments: Vec<String>,
    #[command(flatten)]
    pub(crate) index: IndexArgs,
    #[command(flatten)]
    pub(crate) submit: SubmitArgs,
}

#[derive(Debug, Args)]
pub(crate) struct AddDeprecationsArgs {
    /// The package the deprecations are of
    #[arg(long, value_name = "NAME")]
    pub(crate) package: String,
    /// A JSON file with the deprecations; `-` is standard input
    #[arg(long, value_name = "FILE")]
    pub(crate) schema: PathBuf,
    #[command(flatten)]
    pub(crate) index: IndexArgs,
    #[command(flatten)]
    pub(crate) submit: SubmitArgs,
}

#[derive(Debug, Args)]
pub(crate) struct BatchArgs {
    /// A JSON file with the batch; `-` is standard input
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    #[command(flatten)]
    pub(crate) submit: SubmitArgs,
}

#[derive(Debug, Args)]
pub(crate) struct OneArgs {
    /// The number of the request
    #[arg(value_name = "ID", value_parser = clap::value_parser!(i64).range(1..))]
    pub(crate) id: i64,
    /// How the result is printed
    #[arg(long, short, default_value = "text", value_name = "FORMAT")]
    pub(crate) output: OutputFormat,
    #[command(flatten)]
    pub(crate) service: ServiceArgs,
}

#[derive(Debug, Args)]
pub(crate) struct LogsArgs {
    /// The number of the request
    #[arg(value_name = "ID", value_parser = clap::value_parser!(i64).range(1..))]
    pub(crate) id: i64,
    #[command(flatten)]
    pub(crate) service: ServiceArgs,
}

#[derive(Debug, Args)]
pub(crate) struct WatchArgs {
    /// Show what the request logs too, where the service tells while it runs
    #[arg(long)]
    pub(crate) logs: bool,
    #[command(flatten)]
    pub(crate) one: OneArgs,
}

#[derive(Debug, Args)]
pub(crate) struct ListArgs {
    /// Requests in this state: in_progress, complete or failed
    #[arg(long, value_name = "STATE", value_parser = state)]
    pub(crate) state: Option<State>,
    /// Requests of this type, such as add or fbc-operations
    #[arg(long = "type", value_name = "TYPE", value_parser = request_type)]
    pub(crate) request_type: Option<RequestType>,
    /// Requests of this batch
    #[arg(long, value_name = "ID")]
    pub(crate) batch: Option<u64>,
    /// Requests of this user
    #[arg(long, value_name = "NAME")]
    pub(crate) user: Option<String>,
    /// Requests that start from this index image
    #[arg(long, value_name = "PULLSPEC")]
    pub(crate) from_index: Option<String>,
    /// Requests that built this index image
    #[arg(long, value_name = "PULLSPEC")]
    pub(crate) index_image: Option<String>,
    /// The page, from 1
    #[arg(long, default_value_t = 1, value_name = "NUMBER")]
    pub(crate) page: u64,
    /// How many requests a page holds, up to the service's limit
    #[arg(long, value_name = "NUMBER")]
    pub(crate) per_page: Option<u64>,
    /// How the result is printed
    #[arg(long, short, default_value = "text", value_name = "FORMAT")]
    pub(crate) output: OutputFormat,
    #[command(flatten)]
    pub(crate) service: ServiceArgs,
}

fn scope(text: &str) -> Result<Scope, String> {
    Scope::from_name(text).ok_or_else(|| "use dev, stage or prod".to_owned())
}

fn state(text: &str) -> Result<State, String> {
    State::from_name(text).ok_or_else(|| format!("use {}", State::ALL.map(State::name).join(", ")))
}

fn request_type(text: &str) -> Result<RequestType, String> {
    RequestType::from_name(text).ok_or_else(|| {
        format!(
            "use one of {}",
            RequestType::ALL.map(RequestType::name).join(", ")
        )
    })
}

fn pair(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        Some(_) | None => Err("write it as NAME=VALUE".to_owned()),
    }
}
