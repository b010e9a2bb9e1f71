//! What can go wrong with an index database, and what to do about it.

mod sort;
mod text;

use std::path::PathBuf;

use bundle::BundleError;
use catalog::VersionError;

pub(crate) use sort::Doing;
pub use text::Pruned;
use text::{ByChannel, Listed, Proposed, Quoted};

/// Why an index database could not be opened or changed; after a failed change the database is as it was before.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The file could not be opened or made.
    #[error("opening the index database `{}` failed; check that the file is readable and its folder writable", path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: rusqlite::Error,
    },
    /// A new database was to be made where a file is already.
    #[error("`{}` exists already and is not empty; open it instead, or choose another file", path.display())]
    Exists {
        /// The file.
        path: PathBuf,
    },
    /// A file operation failed.
    #[error("reading the file `{}` failed", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: std::io::Error,
    },
    /// The file could not be written anew without free space.
    #[error("compacting the index database `{}` failed; what was changed in it stays changed, and it can be used as it is", path.display())]
    Compact {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The database has a schema that is too old.
    #[error(
        "the index database has schema version {version} and content, but only versions 5 and newer can be read; rebuild the index"
    )]
    TooOld {
        /// Its version.
        version: i64,
    },
    /// The database could not be brought to the current schema; it is as it was.
    #[error("bringing the index database `{}` from schema version {version} to 13 failed; rebuild the index", path.display())]
    Migrate {
        /// The file.
        path: PathBuf,
        /// Its version.
        version: i64,
        /// The cause.
        source: rusqlite::Error,
    },
    /// The file is a database, but no index database.
    #[error(
        "the database has no schema version, so it is not an index database; check that it is the right file"
    )]
    NoVersion,
    /// `SQLite` failed.
    #[error("{action} in the index database failed")]
    Sqlite {
        /// What was being done.
        action: &'static str,
        /// The cause.
        source: rusqlite::Error,
    },
    /// The disk is full. `SQLite` says no more than that, so its words are no cause of their own.
    #[error("{action} failed in the index database `{}`: the disk is full; free space on the disk that holds it", path.display())]
    DiskFull {
        /// The file.
        path: PathBuf,
        /// What was being done.
        action: &'static str,
    },
    /// Several things are wrong; all of them are listed.
    #[error("{}", Listed(.0))]
    Several(Vec<Error>),

    /// A bundle says something that cannot be stored.
    #[error(transparent)]
    Bundle(#[from] BundleError),
    /// The package has a bundle of this image already.
    #[error(
        "bundle image `{path}` already exists in package `{package}`; leave it out of the request"
    )]
    PathExists {
        /// The bundle image.
        path: String,
        /// The package.
        package: String,
    },
    /// The package has a bundle of this name already, from another image.
    #[error(
        "bundle `{name}` is already in channel `{channel}` of package `{package}`; give the new one another name and version, \
         or allow replacing a channel head with overwrite-latest"
    )]
    NameExists {
        /// The bundle.
        name: String,
        /// The package.
        package: String,
        /// The first channel it is in.
        channel: String,
    },
    /// A bundle to be overwritten is not the head.
    #[error(
        "bundle `{name}` of package `{package}` cannot be overwritten: `{by}` replaces or skips it in channel `{channel}`, and \
         overwrite-latest is for channel heads only; publish a new version instead"
    )]
    OverwriteNotHead {
        /// The bundle.
        name: String,
        /// The package.
        package: String,
        /// The channel.
        channel: String,
        /// The bundle above it.
        by: String,
    },
    /// More than one bundle of a package would be overwritten.
    #[error(
        "both `{first}` and `{second}` of package `{package}` would be overwritten, but only one at a time can be; add them one after another"
    )]
    OverwriteSeveral {
        /// The package.
        package: String,
        /// One bundle.
        first: String,
        /// The other.
        second: String,
    },
    /// A bundle to be overwritten did not come from an image.
    #[error(
        "bundle `{name}` cannot be overwritten: the one in the index does not come from a bundle image; remove its package first"
    )]
    OverwriteWithoutImage {
        /// The bundle.
        name: String,
    },
    /// A bundle of this name is in the database, though in no channel of the package.
    #[error(
        "bundle `{name}` cannot be added: the index has one of that name which is in no channel, belongs to another package or comes with \
         the same request; rename it, prune stranded bundles, or use overwrite-latest"
    )]
    BundleExists {
        /// The bundle.
        name: String,
    },
    /// A name is used in several packages within one request.
    #[error(
        "bundle `{name}` must belong to exactly one package, but is named in {}; correct `replaces` and `skips`",
        Quoted(packages)
    )]
    EdgeAmbiguous {
        /// The bundle.
        name: String,
        /// The packages, sorted.
        packages: Vec<String>,
    },
    /// A bundle replaces or skips one of another package.
    #[error(
        "bundle `{name}` belongs to package `{owner}` in the index and cannot be replaced or skipped in package `{package}`; correct `replaces` and `skips`"
    )]
    EdgeForeign {
        /// The bundle.
        name: String,
        /// The package it belongs to.
        owner: String,
        /// The package of the new bundle.
        package: String,
    },
    /// A bundle replaces one that is not in the index.
    #[error(
        "bundle `{bundle}` of package `{package}` replaces `{replaces}`, which is not in the index; add that one first, or correct `spec.replaces` (channel head `{head}`)"
    )]
    ReplacesMissing {
        /// The package.
        package: String,
        /// The head of the channel that was followed.
        head: String,
        /// The bundle that replaces.
        bundle: String,
        /// The name it replaces.
        replaces: String,
    },
    /// The bundles replace each other in a circle.
    #[error(
        "the bundles of channel `{channel}` of package `{package}` form a cycle: `{bundle}` replaces `{replaces}`, which is above it; correct `spec.replaces`"
    )]
    Cycle {
        /// The package.
        package: String,
        /// The channel.
        channel: String,
        /// The bundle that closes the circle.
        bundle: String,
        /// The name it replaces.
        replaces: String,
    },
    /// The highest version of a package is not unique.
    #[error(
        "package `{package}` has more than one bundle with the maximum version `{version}`; give one of them another version, and list no channel twice"
    )]
    MaximumTie {
        /// The package.
        package: String,
        /// The version.
        version: String,
    },
    /// The highest version of a channel is not unique.
    #[error(
        "channel `{channel}` of package `{package}` has more than one potential head, all of version `{version}`; give one of them another version"
    )]
    HeadTie {
        /// The package.
        package: String,
        /// The channel.
        channel: String,
        /// The version.
        version: String,
    },
    /// The default channel cannot be told.
    #[error(
        "package `{package}` has no usable default channel: {}, but its channels are {}; name one of them in \
         `operators.operatorframework.io.bundle.channel.default.v1`",
        Proposed(proposed),
        Quoted(channels)
    )]
    NoDefaultChannel {
        /// The package.
        package: String,
        /// The default channel that was proposed; empty if none was.
        proposed: String,
        /// The channels there are.
        channels: Vec<String>,
    },
    /// The default channel has a deprecated head, so it disappears.
    #[error(
        "package `{package}` would lose its default channel `{channel}`, whose head `{head}` is deprecated; add a bundle above it, or choose another default"
    )]
    DefaultDeprecated {
        /// The package.
        package: String,
        /// The channel.
        channel: String,
        /// Its head.
        head: String,
    },
    /// A bundle's version is not one.
    #[error("the version of bundle `{bundle}` of package `{package}` cannot be used")]
    Version {
        /// The package.
        package: String,
        /// The bundle.
        bundle: String,
        /// The cause.
        source: VersionError,
    },
    /// A bundle that was just added cannot be reached from its channel's head.
    #[error("{0}")]
    Pruned(Box<Pruned>),
    /// No bundle of a channel is above all others.
    #[error(
        "channel `{channel}` of package `{package}` has no head: every bundle is replaced or skipped by another; correct `replaces` and `skips`"
    )]
    NoHead {
        /// The package.
        package: String,
        /// The channel.
        channel: String,
    },
    /// Several bundles of a channel are above all others.
    #[error(
        "channel `{channel}` of package `{package}` has several heads: {}; let the highest replace or skip the others",
        Quoted(heads)
    )]
    SeveralHeads {
        /// The package.
        package: String,
        /// The channel.
        channel: String,
        /// The heads, sorted.
        heads: Vec<String>,
    },

    /// A bundle substitutes for another, but that is not enabled.
    #[error(
        "bundle `{bundle}` has `olm.substitutesFor`, an alpha feature that is not enabled; enable it, or drop the annotation"
    )]
    SubstitutesForDisabled {
        /// The bundle.
        bundle: String,
    },
    /// Two substitutes for one bundle have the same version.
    #[error(
        "the latest substitute of `{base}` cannot be told: `{first}` and `{second}` have the same version; give one of them another release"
    )]
    SubstituteTie {
        /// The substituted bundle.
        base: String,
        /// One substitute.
        first: String,
        /// The other.
        second: String,
    },
    /// Several bundles substitute for the same one where only one may.
    #[error(
        "more than one bundle substitutes for `{base}`: {}; let each substitute for the one before it",
        Quoted(substitutes)
    )]
    SeveralSubstitutes {
        /// The substituted bundle.
        base: String,
        /// The substitutes, sorted.
        substitutes: Vec<String>,
    },
    /// Bundles substitute for each other in a circle.
    #[error(
        "the chain of `olm.substitutesFor` that involves `{bundle}` is a cycle; correct the annotations"
    )]
    SubstituteCycle {
        /// A bundle of the circle.
        bundle: String,
    },

    /// A channel has a bundle of this version already (semver modes).
    #[error(
        "version `{version}` of bundle `{bundle}` is already in channel `{channel}` of package `{package}` (build metadata does not count); publish another version"
    )]
    VersionExists {
        /// The package.
        package: String,
        /// The channel.
        channel: String,
        /// The bundle.
        bundle: String,
        /// Its version.
        version: String,
    },
    /// A bundle declares no channel, so there is no default (semver modes).
    #[error(
        "bundle `{bundle}` declares no channel and package `{package}` has no default channel; add the channel annotations"
    )]
    DefaultUnknown {
        /// The package.
        package: String,
        /// The bundle.
        bundle: String,
    },
    /// The default channel does not exist (semver modes).
    #[error(
        "the default channel `{channel}` of package `{package}` does not exist after adding `{bundle}`; correct `operators.operatorframework.io.bundle.channel.default.v1`"
    )]
    DefaultMissing {
        /// The package.
        package: String,
        /// The bundle.
        bundle: String,
        /// The channel.
        channel: String,
    },
    /// A channel cannot be written as one chain (semver modes).
    #[error(
        "the upgrade graph of channel `{channel}` of package `{package}` is invalid after adding `{bundle}`: {reached} of {nodes} bundles lie on the chain \
         below the head; add skipped patch versions in another mode"
    )]
    InvalidGraph {
        /// The package.
        package: String,
        /// The channel.
        channel: String,
        /// The bundle.
        bundle: String,
        /// How many bundles are on the chain.
        reached: usize,
        /// How many bundles the channel has.
        nodes: usize,
    },

    /// A package to be removed has no bundle in any channel.
    #[error(
        "package `{package}` cannot be removed: the index has no bundle of it in any channel; correct the name, or leave it out"
    )]
    PackageMissing {
        /// The package.
        package: String,
    },
    /// Bundles to be deprecated are in no channel of the index.
    #[error(
        "bundle images to be deprecated are in no channel of the index: {}; correct the pull specs, or leave them out",
        Quoted(paths)
    )]
    DeprecationMissing {
        /// The bundle images, in the given order.
        paths: Vec<String>,
    },
    /// A deprecation would take the default channel away.
    #[error(
        "deprecating bundle `{bundle}` (`{path}`) would remove the default channel of package `{package}`, because its head `{head}` is that \
         bundle or lies below it; deprecate a lower bundle, change the default channel, or allow removing the package"
    )]
    DeprecatesDefault {
        /// The bundle.
        bundle: String,
        /// Its image.
        path: String,
        /// The package.
        package: String,
        /// The head of the default channel.
        head: String,
    },
    /// A bundle is to be deprecated whose package has no default channel with a head.
    #[error(
        "bundle `{bundle}` (`{path}`) cannot be deprecated: its package has no default channel with a head; set one by adding a bundle"
    )]
    DefaultHeadMissing {
        /// The bundle.
        bundle: String,
        /// Its image.
        path: String,
    },
    /// A package is to be removed by deprecating the head of its default channel, but not all its heads are deprecated.
    #[error(
        "package `{package}` would be removed by deprecating the head of its default channel, but not all channel heads are to be deprecated; \
         also deprecate {}",
        ByChannel(missing)
    )]
    HeadsRemain {
        /// The package.
        package: String,
        /// The channels whose heads are not to be deprecated, with the images of those heads.
        missing: Vec<(String, String)>,
    },
}
