//! Why a request failed.

mod report;
mod role;

use std::collections::BTreeSet;
use std::fmt::Display;
use std::path::PathBuf;

use oci::{Arch, Digest, EntryName, ImageName, MediaType, MergeError, PullSpec};

use crate::progress::Stopped;
use crate::scope::Scope;

pub use role::Role;

/// Why a request could not be done. Every text names the image or bundle and what to do about it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// An image could not be looked up or read.
    #[error("the {role} `{image}` could not be read")]
    Read {
        /// What the image is to the request.
        role: Role,
        /// The image as written.
        image: String,
        /// What the registry or the layout said.
        #[source]
        source: Box<oci::Error>,
    },
    /// Something could not be written to a registry or layout.
    #[error("`{target}` could not be published")]
    Publish {
        /// What was being written.
        target: String,
        /// What the registry or the layout said.
        #[source]
        source: Box<oci::Error>,
    },
    /// An image is of a type that cannot be used.
    #[error(
        "the {role} `{image}` is of type `{media_type}`; push it as a Docker v2 schema 2 or OCI image"
    )]
    UnsupportedType {
        /// What the image is to the request.
        role: Role,
        /// The image as written.
        image: String,
        /// The type found.
        media_type: MediaType,
    },
    /// A manifest list has no entry that could be used.
    #[error(
        "the {role} `{image}` is an empty manifest list; push it with at least one architecture"
    )]
    EmptyList {
        /// What the image is to the request.
        role: Role,
        /// The image as written.
        image: String,
    },
    /// An image's config is not one.
    #[error("the config of the {role} `{image}` cannot be understood; push the image again")]
    BadConfig {
        /// What the image is to the request.
        role: Role,
        /// The image as written.
        image: String,
        /// What the parser says.
        #[source]
        source: serde_json::Error,
    },
    /// A label has a value that means nothing.
    #[error("the label `{label}` of `{image}` is `{value}`: {problem}")]
    BadLabel {
        /// The image.
        image: String,
        /// The label.
        label: &'static str,
        /// Its value.
        value: String,
        /// What would be right.
        problem: String,
    },
    /// A bundle lacks a label that the configuration demands.
    #[error(
        "the bundle `{bundle}` must carry the label `{label}` with the value `{expected}`, but it {found}; build the bundle with it"
    )]
    RequiredLabel {
        /// The bundle.
        bundle: Box<PullSpec>,
        /// The label.
        label: String,
        /// The value demanded.
        expected: String,
        /// What it has.
        found: String,
    },
    /// The requested scope is wider than the index's.
    #[error(
        "the index image `{index}` is limited to the scope `{current}` and cannot be given the wider scope `{requested}`; request `{current}` or a narrower scope"
    )]
    ScopeTooWide {
        /// The index image.
        index: Box<ImageName>,
        /// Its scope.
        current: Scope,
        /// The scope asked for.
        requested: Scope,
    },
    /// No binary image is named or configured.
    #[error(
        "no binary image is configured for the scope `{scope}` and the version `{version}`; name one with `binary_image`"
    )]
    NoBinaryImage {
        /// The result's scope.
        scope: Scope,
        /// The index's OCP version.
        version: String,
    },
    /// The named binary image contradicts the configuration about being binaryless.
    #[error(
        "the index for scope `{scope}` and version `{version}` {demand}, but the request names `{requested}`; leave `binary_image` out to use the configured one"
    )]
    BinaryImageMismatch {
        /// The result's scope.
        scope: Scope,
        /// The index's OCP version.
        version: String,
        /// What the configuration demands.
        demand: &'static str,
        /// What the request names.
        requested: String,
    },
    /// An SQLite index cannot be served without the program in the binary image.
    #[error(
        "an SQLite index image needs a binary image with the catalog server, but `scratch` is asked for; name a binary image"
    )]
    BinarylessDatabase,
    /// Nothing says for which architectures to build.
    #[error("no architectures are given: name a from-index or add architectures with `add_arches`")]
    NoArches,
    /// The binary image does not exist for some architectures.
    #[error(
        "the binary image `{image}` is not available for {}; use a binary image that has them, or build for fewer architectures",
        list(missing)
    )]
    ArchesMissing {
        /// The binary image.
        image: Box<ImageName>,
        /// What it lacks.
        missing: BTreeSet<Arch>,
    },
    /// The binary image contradicts itself about its architecture.
    #[error(
        "the binary image `{image}` says `{found}` where it is listed for `{arch}`; rebuild the binary image"
    )]
    WrongArch {
        /// The binary image.
        image: Box<ImageName>,
        /// The architecture it is listed for.
        arch: Arch,
        /// What it says.
        found: String,
    },
    /// The binary image's config and manifest do not belong together.
    #[error(
        "the binary image `{image}` has {layers} layer(s) for `{arch}`, but its config knows {diff_ids}; rebuild the binary image"
    )]
    LayersMismatch {
        /// The binary image.
        image: Box<ImageName>,
        /// The architecture.
        arch: Arch,
        /// The layers of its manifest.
        layers: usize,
        /// The diff IDs of its config.
        diff_ids: usize,
    },
    /// A layer's type has no name in the format to be written.
    #[error(
        "the binary image `{image}` has a layer of type `{media_type}`, which Docker v2 schema 2 has no name for; publish in the OCI format or rebuild the binary image with gzip layers"
    )]
    LayerType {
        /// The binary image.
        image: Box<ImageName>,
        /// The layer's type.
        media_type: MediaType,
    },
    /// The from-index is a file-based index where an SQLite index is needed.
    #[error(
        "the index image `{index}` is a file-based catalog (label `{}`), and only an SQLite index image has the database that is asked for",
        crate::labels::CONFIGS
    )]
    FileBasedIndex {
        /// The index image.
        index: Box<ImageName>,
    },
    /// The from-index is an SQLite index where a file-based index is needed.
    #[error(
        "the index image `{index}` is an SQLite index: it has no label `{}`; name a file-based index image",
        crate::labels::CONFIGS
    )]
    NotFileBased {
        /// The index image.
        index: Box<ImageName>,
    },
    /// The request needs an index to start from and names none.
    #[error("no index image is named to start from; name one with `from_index`")]
    NoFromIndex,
    /// A fragment holds no package.
    #[error(
        "the fragment `{fragment}` has no package directory in `{}`; build it with one",
        crate::labels::FRAGMENT_PATH
    )]
    EmptyFragment {
        /// The fragment image.
        fragment: Box<PullSpec>,
    },
    /// Something in a catalog is named as no directory of a package can be.
    #[error(
        "{origin} has `{name}`, which is no directory of a package: names are lower-case letters, digits, `.` and `-`; rename or remove it"
    )]
    PackageName {
        /// Whose catalog it is.
        origin: String,
        /// The name.
        name: String,
    },
    /// A file of a catalog is no stream of blobs.
    #[error("the file `{path}` in the catalog of {origin} cannot be read")]
    CatalogFile {
        /// Whose catalog it is.
        origin: String,
        /// The file, from the catalog's directory.
        path: String,
        /// What is wrong with it.
        #[source]
        source: Box<catalog::fbc::Unreadable>,
    },
    /// A catalog cannot be read.
    #[error("the catalog of {origin} cannot be read")]
    Unreadable {
        /// Whose catalog it is.
        origin: String,
        /// What is wrong with it.
        #[source]
        source: Box<catalog::fbc::CatalogError>,
    },
    /// The changed catalog is not valid, or cannot be served.
    #[error("the catalog of {origin} cannot be served with the change")]
    Cache {
        /// Whose catalog it is.
        origin: String,
        /// Why.
        #[source]
        source: Box<catalog::cache::CacheError>,
    },
    /// The hidden database cannot become files.
    #[error("the database of the index image `{index}` cannot be rendered as a catalog")]
    Migrate {
        /// The index image.
        index: Box<ImageName>,
        /// Why.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// Bundles cannot be added to a package that only fragments change.
    #[error(
        "the package `{package}` of the index image `{index}` is file-based only: bundles cannot be added to it; change it with a catalog fragment"
    )]
    OptedIn {
        /// The index image.
        index: Box<ImageName>,
        /// The package.
        package: String,
    },
    /// A catalog in YAML, to which bundles cannot be added yet.
    #[error(
        "the catalog of the index image `{index}` has the file `{file}` in YAML; bundles can only be added to catalogs in JSON so far: convert it (`iib catalog convert`) and build the image again"
    )]
    YamlCatalog {
        /// The index image.
        index: Box<ImageName>,
        /// The file.
        file: String,
    },
    /// A catalog holds something that is neither a file nor a directory.
    #[error("`{path}` is neither a file nor a directory; a catalog image holds nothing else")]
    NotAFile {
        /// Where it was copied to.
        path: PathBuf,
    },
    /// The texts of a catalog could not be written or read.
    #[error("the texts of the catalog could not be kept; check the disk's space and permissions")]
    CatalogTexts(#[source] std::io::Error),
    /// A layer that was kept on disk cannot be read.
    #[error("the layer `{layer}` in the cache cannot be read; remove it with `iib cache prune`")]
    StoredLayer {
        /// The layer.
        layer: Digest,
        /// What is wrong.
        #[source]
        source: Box<oci::Error>,
    },
    /// The blob cache failed.
    #[error("the blob cache cannot be used")]
    BlobCache(#[source] oci::CacheError),
    /// The image would have too many layers.
    #[error(
        "the binary image `{image}` has {layers} layers, and {limit} is all that an index image can be built upon; squash it"
    )]
    TooManyLayers {
        /// The binary image.
        image: Box<ImageName>,
        /// Its layers.
        layers: usize,
        /// How many it may have.
        limit: usize,
    },
    /// The from-index has no label that says where its database is.
    #[error(
        "the image `{index}` is no index image: it has neither the label `{}` nor `{}`; check the name",
        crate::labels::DATABASE,
        crate::labels::CONFIGS
    )]
    NotAnIndex {
        /// The image.
        index: Box<ImageName>,
    },
    /// The database is not where the label says.
    #[error(
        "the index image `{index}` has no file `{path}`, which its label `{}` names; rebuild the index image",
        crate::labels::DATABASE
    )]
    DatabaseMissing {
        /// The index image.
        index: Box<ImageName>,
        /// Where it should be.
        path: String,
    },
    /// A file-based index has no hidden database.
    #[error(
        "the index image `{index}` has no database `{}`, which bundles are added to; change it with catalog fragments",
        crate::labels::HIDDEN_DATABASE_PATH
    )]
    NoHiddenDatabase {
        /// The index image.
        index: Box<ImageName>,
    },
    /// The catalog is not where the label says.
    #[error(
        "the image `{image}` has no directory `{path}`, which its label `{}` names; rebuild the image",
        crate::labels::CONFIGS
    )]
    CatalogMissing {
        /// The image.
        image: Box<ImageName>,
        /// Where it should be.
        path: String,
    },
    /// An image holds neither a catalog nor a bundle.
    #[error(
        "the image `{image}` is no catalog and no bundle: it {found}, and one of `{}`, `{}` and `{}` is needed; check the name",
        crate::labels::DATABASE,
        crate::labels::CONFIGS,
        crate::labels::PACKAGE
    )]
    UnknownContent {
        /// The image.
        image: Box<ImageName>,
        /// The labels it has.
        found: String,
    },
    /// The bundle in an image is wrong.
    #[error("the bundle in the image `{image}` cannot be used")]
    BundleImage {
        /// The image.
        image: Box<ImageName>,
        /// What is wrong with it.
        #[source]
        source: Box<bundle::BundleError>,
    },
    /// A bundle image's content is wrong.
    #[error("the bundle `{bundle}` cannot be added")]
    Bundle {
        /// The bundle.
        bundle: Box<PullSpec>,
        /// What is wrong with it.
        #[source]
        source: Box<bundle::BundleError>,
    },
    /// The catalog engine refuses.
    #[error("the bundles cannot be added to the index")]
    Add {
        /// Why.
        #[source]
        source: Box<indexdb::Error>,
    },
    /// The from-index's database cannot be read.
    #[error("the database of the index image `{index}` cannot be used")]
    Database {
        /// The index image.
        index: Box<ImageName>,
        /// Why.
        #[source]
        source: Box<indexdb::Error>,
    },
    /// The from-index's tag was moved by somebody else while the request ran.
    #[error(
        "the index image `{index}` was changed since this request started: it was `{expected}` and is `{found}` now; submit the request again to build on the new one"
    )]
    IndexChanged {
        /// The index image.
        index: Box<ImageName>,
        /// What the request started from.
        expected: Digest,
        /// What the tag points to now.
        found: String,
    },
    /// The from-index is named by digest alone.
    #[error(
        "the index image `{index}` is named by digest, which cannot be overwritten; name it by tag"
    )]
    OverwriteNeedsTag {
        /// The index image.
        index: Box<ImageName>,
    },
    /// The result would be published under the tag it is made from, past the check that nobody moved it.
    #[error(
        "the result cannot be published as `{index}`, which is the from-index; publish it under another tag, and overwrite the from-index if its tag shall move"
    )]
    OutputIsFromIndex {
        /// The index image.
        index: Box<ImageName>,
    },
    /// A tag points to an image with more architectures than the result has.
    #[error(
        "publishing `{target}` would drop {}, which it has now; build for them too (`add_arches`), publish under another tag, \
         or choose to keep or replace them (`on_lost_arch`)",
        list(missing)
    )]
    ArchitecturesLost {
        /// What would be overwritten.
        target: Box<ImageName>,
        /// What it has for the architectures that the result lacks.
        missing: Vec<EntryName>,
    },
    /// What a tag has and the result lacks cannot be kept.
    #[error("what `{target}` has now cannot be kept")]
    CannotKeep {
        /// What would be overwritten.
        target: Box<ImageName>,
        /// Why.
        #[source]
        source: Box<MergeError>,
    },
    /// What an index was before is no longer where the index is.
    #[error(
        "`{index}` cannot be moved back to `{to}`: its registry has it no more, or not all of it; name another image with `--to`, or push that one again"
    )]
    FormerGone {
        /// The index image.
        index: Box<ImageName>,
        /// What it was before.
        to: Digest,
        /// What is missing.
        #[source]
        source: Box<oci::Error>,
    },
    /// What an index was before has fewer architectures than it has now.
    #[error(
        "moving `{index}` back to `{to}` would drop {}, which it has now; make an index for all of them (`iib index add --from-index`) and move back to that",
        list(missing)
    )]
    FormerLacksArchitectures {
        /// The index image.
        index: Box<ImageName>,
        /// What it was before.
        to: Digest,
        /// What the index has for the architectures that it lacks.
        missing: Vec<EntryName>,
    },
    /// A name in the output repository cannot be formed.
    #[error("the tag for architecture `{arch}` of `{tag}` is too long; shorten the tag")]
    TagTooLong {
        /// The tag.
        tag: String,
        /// The architecture.
        arch: Arch,
    },
    /// A file of the request's private directory could not be read or written.
    #[error(
        "the file `{path}` could not be read or written; check the disk's space and permissions"
    )]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// A layer could not be written.
    #[error("the catalog layer could not be written; check the disk's space and permissions")]
    Layer(#[source] oci::LayerError),
    /// A blocking task panicked: a defect.
    #[error("an internal step of the request broke off; please report it with the log")]
    Internal(#[source] tokio::task::JoinError),
    /// The request is not ours any more.
    #[error(transparent)]
    Stopped(#[from] Stopped),
}

fn list<T: Display>(items: impl IntoIterator<Item = T>) -> String {
    items
        .into_iter()
        .map(|item| format!("`{item}`"))
        .collect::<Vec<_>>()
        .join(", ")
}
