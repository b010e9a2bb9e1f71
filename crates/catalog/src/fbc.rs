//! File-based catalogs: reading, checking, writing (file-based catalog specification, sections 1 to 3).
//!
//! A catalog is a tree of files with *blobs*: JSON objects or YAML mappings with a `schema`. [`Catalog::read_tree`] reads
//! one, [`Catalog::validate`] judges its packages and upgrade graphs, [`Catalog::write`] writes it in the one order and
//! form that the reference tool writes.
//!
//! Where releases of the reference tool differ, a [`Profile`](crate::Profile) says which one is followed.

mod arrange;
mod blob;
mod convert;
mod csv_metadata;
mod error;
mod ignore;
mod image;
mod migrate;
mod model;
mod problems;
mod property;
mod read;
mod shelf;
mod tree;
mod unstable;
mod validate;
mod write;

use crate::json::{self, Part};

pub use blob::{Blob, Unreadable};
pub use csv_metadata::{CsvMetadataError, csv_metadata};
pub use error::{CatalogError, TreeError};
pub use migrate::{FileBlobs, LeftOut};
pub use model::{Graph, Member, Model, PackageModel, Version as BundleVersion};
pub use problems::{Node, Problem, Problems};
pub use property::canonical;
pub use read::{read, read_normal};
pub(crate) use shelf::Shelf;
pub use tree::files;
pub(crate) use write::Group;
pub use write::Output;

/// The schema of a package blob.
pub const PACKAGE: &str = "olm.package";
/// The schema of a channel blob.
pub const CHANNEL: &str = "olm.channel";
/// The schema of a bundle blob.
pub const BUNDLE: &str = "olm.bundle";
/// The schema of a deprecations blob.
pub const DEPRECATIONS: &str = "olm.deprecations";
/// The type of properties that embed a manifest.
pub const BUNDLE_OBJECT: &str = "olm.bundle.object";
/// The type of the property that holds the part of a CSV which users see.
pub const CSV_METADATA: &str = "olm.csv.metadata";

/// A whole catalog, its blobs by kind, each kind in the order of the input.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Catalog {
    /// The `olm.package` blobs.
    pub packages: Vec<Package>,
    /// The `olm.channel` blobs.
    pub channels: Vec<Channel>,
    /// The `olm.bundle` blobs.
    pub bundles: Vec<Bundle>,
    /// The `olm.deprecations` blobs.
    pub deprecations: Vec<Deprecations>,
    /// All other blobs.
    pub others: Vec<Other>,
}

/// An `olm.package` blob.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Package {
    /// The package's name.
    pub name: String,
    /// The channel that is followed when none is named; may be empty in catalogs that are not valid.
    pub default_channel: String,
    /// The icon.
    pub icon: Option<Icon>,
    /// The description; empty if there is none.
    pub description: String,
    /// Properties of the package.
    pub properties: Vec<Property>,
}

/// The icon of a package.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Icon {
    /// The picture in base64; `None` if there is none.
    pub base64data: Option<String>,
    /// Its media type; may be empty.
    pub mediatype: String,
}

/// An `olm.channel` blob.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Channel {
    /// The channel's name.
    pub name: String,
    /// The package it belongs to.
    pub package: String,
    /// The bundles in the channel; `None` where the blob has no list at all.
    pub entries: Option<Vec<Entry>>,
    /// Properties of the channel.
    pub properties: Vec<Property>,
}

/// A bundle's place in the upgrade graph of a channel.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Entry {
    /// The bundle's name.
    pub name: String,
    /// The bundle it replaces; empty if none.
    pub replaces: String,
    /// The bundles it skips.
    pub skips: Vec<String>,
    /// The range of versions it skips; empty if none.
    pub skip_range: String,
}

/// An `olm.bundle` blob.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Bundle {
    /// The bundle's name.
    pub name: String,
    /// The package it belongs to.
    pub package: String,
    /// Its pull spec; may be empty.
    pub image: String,
    /// Its properties.
    pub properties: Vec<Property>,
    /// The images it names.
    pub related_images: Vec<RelatedImage>,
}

/// A property: a type and a JSON value.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Property {
    /// The type, such as `olm.package`.
    pub type_: String,
    /// The value as JSON text; `None` where the blob has no value.
    pub value: Option<String>,
}

/// An image that a bundle names.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RelatedImage {
    /// What the bundle calls it; may be empty.
    pub name: String,
    /// Its pull spec; may be empty.
    pub image: String,
}

/// An `olm.deprecations` blob.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Deprecations {
    /// The package whose parts are deprecated.
    pub package: String,
    /// What is deprecated; `None` where the blob has no list at all.
    pub entries: Option<Vec<Deprecation>>,
}

/// One deprecated thing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Deprecation {
    /// The schema of the thing: [`PACKAGE`], [`CHANNEL`] or [`BUNDLE`].
    pub schema: String,
    /// Its name; empty for the package itself.
    pub name: String,
    /// What users are told.
    pub message: String,
}

/// A blob of a schema that this crate does not know, kept as it is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Other {
    /// Its schema.
    pub schema: String,
    /// The package it belongs to; empty if none.
    pub package: String,
    /// Its name; empty if none.
    pub name: String,
    /// The blob as compact JSON with sorted keys, without a line break.
    pub blob: String,
}

impl Bundle {
    /// The version that the bundle's first `olm.package` property says; empty texts where it lacks them.
    ///
    /// `None` if there is no such property. It may not be a strict semantic version in catalogs that are not valid.
    pub fn version(&self) -> Option<BundleVersion> {
        let mut properties = self.properties.iter();
        let identity = properties.find(|property| property.type_ == PACKAGE)?;
        Some(BundleVersion::said_by(identity.value.as_deref()?))
    }

    /// Whether the bundle embeds a manifest.
    pub fn has_objects(&self) -> bool {
        self.properties
            .iter()
            .any(|property| property.type_ == BUNDLE_OBJECT)
    }

    /// The manifests that the bundle embeds, each as JSON text, in order (specification, 1.5).
    ///
    /// Manifests in YAML are converted; those that do not decode are left out.
    pub fn objects(&self) -> impl Iterator<Item = Vec<u8>> {
        self.properties
            .iter()
            .filter(|property| property.type_ == BUNDLE_OBJECT)
            .filter_map(|property| property::object(property.value.as_deref()?).ok())
    }

    /// The first embedded manifest that is a `ClusterServiceVersion`, as JSON text.
    pub fn csv_json(&self) -> Option<Vec<u8>> {
        self.objects().find(|object| is_csv(object))
    }
}

/// Whether an embedded manifest, as [`Bundle::objects`] gives it, is a `ClusterServiceVersion`.
pub(crate) fn is_csv(object: &[u8]) -> bool {
    let text = json::lossy(object);
    let kind = Part::new(&text)
        .fields()
        .and_then(|fields| fields.some("kind")?.string());
    kind.as_deref() == Some("ClusterServiceVersion")
}

impl Catalog {
    /// Appends the blobs of another catalog.
    pub fn append(&mut self, other: Self) {
        self.packages.extend(other.packages);
        self.channels.extend(other.channels);
        self.bundles.extend(other.bundles);
        self.deprecations.extend(other.deprecations);
        self.others.extend(other.others);
    }

    /// Takes a blob in.
    pub fn push(&mut self, blob: Blob) {
        match blob {
            Blob::Package(package) => self.packages.push(package),
            Blob::Channel(channel) => self.channels.push(channel),
            Blob::Bundle(bundle) => self.bundles.push(bundle),
            Blob::Deprecations(deprecations) => self.deprecations.push(deprecations),
            Blob::Other(other) => self.others.push(other),
        }
    }
}
