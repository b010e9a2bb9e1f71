//! Why a request failed.

mod content;
mod report;
mod role;

use std::collections::BTreeSet;
use std::fmt::Display;
use std::path::PathBuf;

use oci::{Arch, Digest, EntryName, ImageName, MediaType, MergeError, PullSpec};

use crate::gating::GatingError;
use crate::progress::Stopped;
use crate::scope::Scope;

pub use content::ContentError;
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
    /// A manifest list has no entry that could be used: none at all, or attestations alone.
    #[error(
        "the {role} `{image}` is a manifest list without an architecture; push it with at least one"
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
    /// A merge is to overwrite its target, but has none. Its source is not meant.
    #[error(
        "the merge is to overwrite its target index, but none is given, and `{source_index}` is merged, not overwritten; name the target with `target_index`"
    )]
    NoTarget {
        /// The index image that is merged.
        source_index: Box<ImageName>,
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
    #[error("the image `{image}` says `{found}` where it is listed for `{arch}`; rebuild it")]
    WrongArch {
        /// The binary image.
        image: Box<ImageName>,
        /// The architecture it is listed for.
        arch: Arch,
        /// What it says.
        found: String,
    },
    /// The config and the manifest of an image that is built upon do not belong together.
    #[error(
        "the image `{image}` has {layers} layer(s) for `{arch}`, but its config knows {diff_ids}; rebuild it"
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
        "the image `{image}` has a layer of type `{media_type}`, which Docker v2 schema 2 has no name for; publish in the OCI format or rebuild it with gzip layers"
    )]
    LayerType {
        /// The binary image.
        image: String,
        /// The layer's type.
        media_type: MediaType,
    },
    /// The request needs an index to start from and names none.
    #[error("no index image is named to start from; name one with `from_index`")]
    NoFromIndex,
    /// The blob cache failed.
    #[error("the blob cache cannot be used")]
    BlobCache(#[source] oci::CacheError),
    /// The image would have too many layers.
    #[error(
        "the image `{image}` has {layers} layers, and {limit} is all that can be built upon; squash it"
    )]
    TooManyLayers {
        /// The binary image.
        image: String,
        /// Its layers.
        layers: usize,
        /// How many it may have.
        limit: usize,
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
    /// The from-index's tag was moved by somebody else while the request ran.
    #[error(
        "the index image `{index}` was changed since this request started: it was `{expected}` and is {} now; submit the request again to build on the new one",
        place(current.as_ref())
    )]
    IndexChanged {
        /// The index image.
        index: Box<ImageName>,
        /// What the request started from.
        expected: Digest,
        /// What the tag points to now; none when it is gone.
        current: Option<Digest>,
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
    /// A gating service does not let bundles through.
    #[error(transparent)]
    Gating(#[from] GatingError),
    /// What an image holds, or shall hold, cannot be used.
    #[error(transparent)]
    Content(#[from] ContentError),
    /// A blocking task panicked: a defect.
    #[error("an internal step of the request broke off; please report it with the log")]
    Internal(#[source] tokio::task::JoinError),
    /// The request is not ours any more.
    #[error(transparent)]
    Stopped(#[from] Stopped),
}

fn place(digest: Option<&Digest>) -> String {
    digest.map_or_else(|| "gone".to_owned(), |digest| format!("`{digest}`"))
}

fn list<T: Display>(items: impl IntoIterator<Item = T>) -> String {
    items
        .into_iter()
        .map(|item| format!("`{item}`"))
        .collect::<Vec<_>>()
        .join(", ")
}
