//! What a bundle image contains: package, channels, versions, APIs, images, dependencies and properties.
//!
//! A bundle image carries one version of an operator as two folders, `/manifests` and `/metadata`.
//! This crate answers *what does this bundle say*, exactly as the reference tools read it (index database
//! specification, section 2), because what it says is what an index publishes.
//!
//! The types to know:
//! - [`BundleFiles`]: the two folders, as the caller read them from the image;
//! - [`Bundle`]: everything an index needs to know, made by [`Bundle::read`];
//! - [`BundleError`]: what is wrong with a bundle, in which file, and how to mend it.
//!
//! ```
//! use bundle::{Bundle, BundleFiles};
//!
//! let files = |name: &str, text: &str| Some([(name.to_owned(), text.as_bytes().to_vec())].into());
//! let bundle = Bundle::read(
//!     &BundleFiles {
//!         manifests: files("csv.yaml", "kind: ClusterServiceVersion\nmetadata: {name: demo.v1.0.0}\nspec: {version: 1.0.0}\n"),
//!         metadata: files(
//!             "annotations.yaml",
//!             "annotations:\n  operators.operatorframework.io.bundle.package.v1: demo\n  operators.operatorframework.io.bundle.channels.v1: stable,fast\n",
//!         ),
//!     },
//!     "registry.example/demo:1.0.0",
//! )
//! .unwrap();
//! assert_eq!((bundle.name(), bundle.version(), bundle.package()), ("demo.v1.0.0", "1.0.0", "demo"));
//! assert_eq!(bundle.channels(), ["stable", "fast"]);
//! ```
//!
//! [`source`] works on the text of a bundle instead: which images it names and where, and changes of single values.
//!
//! [`Bundle::to_blob`] gives a bundle as the blob of a file-based catalog; [`ocp_versions::allows`] says into which indexes a bundle belongs.
//!
//! Bytes in, values out: it reads no image and no file system. It deliberately knows nothing of indexes, upgrade graphs or SQL.

mod api;
mod bounds;
mod csv;
mod error;
mod fbc;
mod images;
mod manifests;
mod max_version;
mod metadata;
pub mod ocp_versions;
mod properties;
mod shape;
pub mod source;

use std::collections::{BTreeMap, BTreeSet};

pub use api::Api;
pub use error::{BundleError, Problem, Warning};
pub use max_version::MAX_OPENSHIFT_VERSION;
pub use metadata::Dependency;
pub use properties::Property;

use catalog::Profile;
use catalog::yaml::Expansion;
use csv::Csv;
use manifests::Manifests;
use metadata::Metadata;

/// The two folders of a bundle image: their direct children by file name; `None` where the image lacks the folder.
#[derive(Debug, Clone, Default)]
pub struct BundleFiles {
    /// The files of `/manifests`.
    pub manifests: Option<BTreeMap<String, Vec<u8>>>,
    /// The files of `/metadata`.
    pub metadata: Option<BTreeMap<String, Vec<u8>>>,
}

/// What a bundle image says; immutable once read.
#[derive(Debug, Clone)]
pub struct Bundle {
    path: String,
    csv: Csv,
    metadata: Metadata,
    csv_json: String,
    objects_json: String,
    related_images: BTreeSet<String>,
    provided_apis: BTreeSet<Api>,
    required_apis: BTreeSet<Api>,
    uses_removed_apis: bool,
    warnings: Vec<Warning>,
}

impl Bundle {
    /// Reads a bundle from the files of its image; `path` is the pull spec exactly as the index shall name it.
    ///
    /// Files that do not decode are skipped as the reference tools do; [`Bundle::warnings`] lists them.
    ///
    /// # Errors
    /// [`BundleError`] if the bundle cannot be used in an index: a folder, the CSV, the annotations or an owned API is missing,
    /// or a field has the wrong type. The error names the skipped files that are its likely cause.
    pub fn read(files: &BundleFiles, path: &str) -> Result<Self, BundleError> {
        let mut warnings = Vec::new();
        Self::read_with(files, path, &mut warnings)
            .map_err(|problem| BundleError::of_files(path, problem, files, warnings))
    }

    fn read_with(
        files: &BundleFiles,
        path: &str,
        warnings: &mut Vec<Warning>,
    ) -> Result<Self, Problem> {
        let folder = |folder| Problem::FolderMissing { folder };
        let manifests = files
            .manifests
            .as_ref()
            .ok_or_else(|| folder("manifests"))?;
        let metadata = files.metadata.as_ref().ok_or_else(|| folder("metadata"))?;
        let size = manifests.values().chain(metadata.values()).map(Vec::len);
        let expansion = Expansion::of_size(size.sum());
        let manifests = Manifests::read(manifests, &expansion, warnings)?;
        let metadata = Metadata::read(metadata, &expansion, warnings)?;
        let csv = Csv::read(manifests.csv())?;
        let provided_apis = api::provided(manifests.objects(), &csv)?;
        let required_apis = api::required(&csv)?;
        let bundle = Self {
            path: path.to_owned(),
            related_images: images::related(&csv, path)?,
            csv_json: manifests.csv_json(),
            objects_json: manifests.objects_json(),
            uses_removed_apis: max_version::uses_removed_apis(manifests.objects()),
            warnings: std::mem::take(warnings),
            csv,
            metadata,
            provided_apis,
            required_apis,
        };
        bundle.check_bounds()?;
        Ok(bundle)
    }

    /// The pull spec of the bundle, as given.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The name of the CSV, which names the bundle; never empty.
    pub fn name(&self) -> &str {
        &self.csv.name
    }

    /// The package the bundle belongs to; may be empty.
    pub fn package(&self) -> &str {
        &self.metadata.annotations.package
    }

    /// The channels the bundle declares: in order, neither trimmed nor free of repetitions.
    pub fn channels(&self) -> &[String] {
        &self.metadata.annotations.channels
    }

    /// The default channel the bundle proposes, if it proposes one.
    pub fn default_channel(&self) -> Option<&str> {
        self.metadata.annotations.default_channel.as_deref()
    }

    /// `spec.version` of the CSV, unchecked; empty if there is none.
    pub fn version(&self) -> &str {
        &self.csv.version
    }

    /// The bundle this one replaces; empty if none.
    pub fn replaces(&self) -> &str {
        &self.csv.replaces
    }

    /// The bundles this one skips.
    pub fn skips(&self) -> &[String] {
        &self.csv.skips
    }

    /// The annotation `olm.skipRange`; empty if there is none.
    pub fn skip_range(&self) -> &str {
        self.csv.annotation("olm.skipRange")
    }

    /// The bundle this one is a rebuild of, from the annotation `olm.substitutesFor`; empty if none.
    pub fn substitutes_for(&self) -> &str {
        self.csv.annotation(csv::SUBSTITUTES_FOR)
    }

    /// The CSV as canonical JSON, with a line break at its end.
    pub fn csv_json(&self) -> &str {
        &self.csv_json
    }

    /// All objects of the bundle as canonical JSON, one a line, in the order of their files.
    pub fn objects_json(&self) -> &str {
        &self.objects_json
    }

    /// The images the bundle names, its own included. An entry without image contributes an empty text.
    pub fn related_images(&self) -> &BTreeSet<String> {
        &self.related_images
    }

    /// The APIs the bundle provides.
    pub fn provided_apis(&self) -> &BTreeSet<Api> {
        &self.provided_apis
    }

    /// The APIs the bundle requires.
    pub fn required_apis(&self) -> &BTreeSet<Api> {
        &self.required_apis
    }

    /// What the dependencies file lists, in its order; required APIs are not among them.
    pub fn dependencies(&self) -> &[Dependency] {
        &self.metadata.dependencies
    }

    /// The properties that an index database stores, declared and derived; `olm.deprecated`, which the index decides, is not
    /// among them.
    ///
    /// # Errors
    /// [`BundleError`] if the CSV's annotation `olm.properties` cannot be used, or a substitute carries no release where the
    /// profile wants one.
    pub fn properties(&self, profile: Profile) -> Result<BTreeSet<Property>, BundleError> {
        properties::collect(&self.csv, &self.metadata, &self.provided_apis, profile)
            .map_err(|problem| self.refused(problem))
    }

    fn refused(&self, problem: Problem) -> BundleError {
        BundleError::new(&self.path, problem)
    }

    /// The files that were skipped, and why.
    pub fn warnings(&self) -> &[Warning] {
        &self.warnings
    }
}
