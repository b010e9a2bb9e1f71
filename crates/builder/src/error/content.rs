//! What is wrong with what images hold.

use std::path::{Path, PathBuf};

use catalog::fbc::CatalogError;
use oci::{Digest, ImageName, PullSpec};

use super::{Error, list};
use crate::labels;

/// Why what an image holds, or shall hold, cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ContentError {
    /// The from-index is a file-based index where an SQLite index is needed.
    #[error(
        "the index image `{index}` is a file-based catalog (label `{}`), and only an SQLite index image has the database that is asked for",
        labels::CONFIGS
    )]
    FileBasedIndex {
        /// The index image.
        index: Box<ImageName>,
    },
    /// The from-index is an SQLite index where a file-based index is needed.
    #[error(
        "the index image `{index}` is an SQLite index: it has no label `{}`; name a file-based index image",
        labels::CONFIGS
    )]
    NotFileBased {
        /// The index image.
        index: Box<ImageName>,
    },
    /// A bundle's text cannot be read, or not be changed as asked for.
    #[error("the bundle `{bundle}` cannot be worked on")]
    BundleSource {
        /// The bundle.
        bundle: String,
        /// What is wrong with it.
        #[source]
        source: Box<bundle::source::SourceError>,
    },
    /// A bundle names an image by what is no pull spec.
    #[error(
        "a bundle names the image `{image}`, which cannot be looked up; correct it in the bundle"
    )]
    NamedImage {
        /// The image.
        image: String,
        /// What is wrong with it.
        #[source]
        source: Box<oci::ParseError>,
    },
    /// What a text in a bundle seems to name as an image is of no use.
    #[error(
        "the bundle `{bundle}` seems to name an image in the text of its annotation `{annotation}`; reword it if that is none"
    )]
    Guessed {
        /// The bundle.
        bundle: String,
        /// The annotation.
        annotation: String,
        /// What is wrong with the image.
        #[source]
        source: Box<Error>,
    },
    /// Images that bundles name cannot be read.
    #[error("related images cannot be read: {}", reasons(.images))]
    RelatedImages {
        /// Each image, and why.
        images: Vec<(String, String)>,
    },
    /// A bundle is related to itself.
    #[error("bundles are related in a circle: {}; remove one of them from another's related images", .path.join(" -> "))]
    RelatedCycle {
        /// The bundles of the circle, the first of them at both ends.
        path: Vec<String>,
    },
    /// A bundle has too many related bundles.
    #[error(
        "the bundle `{bundle}` has {found} related bundles or more, of which fewer than {limit} are accepted"
    )]
    TooManyRelated {
        /// The bundle.
        bundle: String,
        /// How many were found.
        found: usize,
        /// How many are too many.
        limit: usize,
    },
    /// A fragment holds no package.
    #[error(
        "the fragment `{fragment}` has no package directory in `{}`; build it with one",
        labels::FRAGMENT_PATH
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
    #[error("the file `{path}` in the catalog of {origin} cannot be read; correct it")]
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
        source: Box<CatalogError>,
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
    /// Packages cannot be removed from a database.
    #[error("the packages cannot be removed from the index image `{index}`")]
    Remove {
        /// The index image.
        index: Box<ImageName>,
        /// Why.
        #[source]
        source: Box<indexdb::Error>,
    },
    /// Bundles cannot be deprecated.
    #[error("the bundles cannot be deprecated")]
    Deprecate {
        /// Why.
        #[source]
        source: Box<indexdb::Error>,
    },
    /// Bundles that shall be deprecated are in packages that only fragments change.
    #[error(
        "the bundles {} of the index image `{index}` cannot be deprecated: their packages are file-based only; change them with catalog fragments",
        list(bundles)
    )]
    DeprecatesOptedIn {
        /// The index image.
        index: Box<ImageName>,
        /// The bundles.
        bundles: Vec<PullSpec>,
    },
    /// A bundle that shall be deprecated does not say its package.
    #[error(
        "the bundle `{bundle}`, which shall be deprecated, has no label `{}`; build it with one",
        labels::PACKAGE
    )]
    NoPackageLabel {
        /// The bundle.
        bundle: Box<PullSpec>,
    },
    /// A file-based index cannot be merged into an SQLite index.
    #[error(
        "the file-based index image `{source_index}` cannot be merged into the SQLite index image `{target}`; name a file-based target"
    )]
    MergesFilesIntoDatabase {
        /// The source.
        source_index: Box<ImageName>,
        /// The target.
        target: Box<ImageName>,
    },
    /// A bundle of an index is not named by digest.
    #[error(
        "the bundle `{bundle}` of the index image `{index}` is not named by digest, so nobody can tell whether another index has it; add it to the index by digest"
    )]
    NotPinned {
        /// The index image.
        index: Box<ImageName>,
        /// The bundle's image, as the index has it.
        bundle: String,
    },
    /// A bundle of an index does not say its version.
    #[error(
        "the bundle `{bundle}` of the index image `{index}` has no property `olm.package`, which says its version; correct it in the index"
    )]
    NoPackageProperty {
        /// The index image.
        index: Box<ImageName>,
        /// The bundle's name.
        bundle: String,
    },
    /// A version that must be a semantic one is none.
    #[error(
        "the version `{version}` of the bundle `{bundle}` is no semantic version; only such bundles can be deprecated by a merge"
    )]
    NoVersion {
        /// The bundle's image.
        bundle: String,
        /// Its version.
        version: String,
    },
    /// The OCP version of an index is none.
    #[error(
        "the label `{}` of the index image `{index}` is no OCP version",
        labels::VERSION
    )]
    IndexVersion {
        /// The index image.
        index: Box<ImageName>,
        /// What is wrong with it.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// An SQLite index cannot be made of files.
    #[error(
        "the index image `{index}` is file-based, and no SQLite index can be made of it; ask for a file-based one (`output_fbc`)"
    )]
    DatabaseFromFiles {
        /// The index image.
        index: Box<ImageName>,
    },
    /// A package is not in the hidden database.
    #[error(
        "the package `{package}` is not in the database of the index image `{index}`: it is absent, or changed by catalog fragments alone; check its name, or put the deprecations into its fragment"
    )]
    NotInDatabase {
        /// The index image.
        index: Box<ImageName>,
        /// The package.
        package: String,
    },
    /// What shall be deprecated of a package is no JSON.
    #[error("the deprecation schema for the package `{package}` is no JSON document")]
    DeprecationSchema {
        /// The package.
        package: String,
        /// What is wrong with it.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A file of a catalog cannot be read as YAML.
    #[error(
        "the file `{path}` in the catalog of {origin} cannot be made JSON; mend it or write it in JSON"
    )]
    YamlFile {
        /// Whose catalog it is.
        origin: String,
        /// The file, from the catalog's directory.
        path: String,
        /// What is wrong with it.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// Two files in YAML would become one in JSON.
    #[error(
        "the catalog of {origin} has two files in YAML that would both become `{path}`; rename one of them"
    )]
    SameStem {
        /// Whose catalog it is.
        origin: String,
        /// The file that both would become, from the catalog's directory.
        path: String,
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
    /// The from-index has no label that says where its database is.
    #[error(
        "the image `{index}` is no index image: it has neither the label `{}` nor `{}`; check the name",
        labels::DATABASE,
        labels::CONFIGS
    )]
    NotAnIndex {
        /// The image.
        index: Box<ImageName>,
    },
    /// The database is not where the label says.
    #[error(
        "the index image `{index}` has no file `{path}`, which its label `{}` names; rebuild the index image",
        labels::DATABASE
    )]
    DatabaseMissing {
        /// The index image.
        index: Box<ImageName>,
        /// Where it should be.
        path: String,
    },
    /// A file-based index has no hidden database.
    #[error(
        "the index image `{index}` has no database `{}`, {need}",
        labels::HIDDEN_DATABASE_PATH
    )]
    NoHiddenDatabase {
        /// The index image.
        index: Box<ImageName>,
        /// What it is needed for, and what to do without.
        need: &'static str,
    },
    /// The catalog is not where the label says.
    #[error(
        "the image `{image}` has no directory `{path}`, which its label `{}` names; rebuild the image",
        labels::CONFIGS
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
        labels::DATABASE,
        labels::CONFIGS,
        labels::PACKAGE
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
    /// The from-index's database cannot be read.
    #[error("the database of the index image `{index}` cannot be used")]
    Database {
        /// The index image.
        index: Box<ImageName>,
        /// Why.
        #[source]
        source: Box<indexdb::Error>,
    },
}

impl ContentError {
    /// Why the catalog of `origin` cannot be read, which was copied to `configs`. Where that is means nothing to people.
    pub(crate) fn unreadable(configs: &Path, origin: String, error: CatalogError) -> Self {
        match error {
            CatalogError::File { path, source } => Self::CatalogFile {
                origin,
                path: path
                    .strip_prefix(configs)
                    .unwrap_or(&path)
                    .display()
                    .to_string(),
                source: Box::new(source),
            },
            other => Self::Unreadable {
                origin,
                source: Box::new(other),
            },
        }
    }
}

fn reasons(images: &[(String, String)]) -> String {
    let reasons = images
        .iter()
        .map(|(image, reason)| format!("`{image}` ({reason})"));
    reasons.collect::<Vec<_>>().join(", ")
}
