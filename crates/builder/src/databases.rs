//! What requests do to index databases: bundles go in, bundles are deprecated. Everything here is one transaction a step.

use std::path::Path;

use bundle::{Bundle, MAX_OPENSHIFT_VERSION};
use indexdb::{AddOptions, BundleEntry, DeprecateOptions, IndexDb, Mode};
use oci::ImageName;

use crate::blocking::blocking;
use crate::error::{ContentError, Error};
use crate::request::GraphUpdateMode;

/// The last OCP version that still has the APIs which Kubernetes 1.22 removed.
const LAST_WITH_REMOVED_APIS: &str = "4.8";

/// Makes an empty database.
pub(crate) async fn create(file: &Path, epoch: i64) -> Result<(), Error> {
    let file = file.to_owned();
    blocking(move || {
        let created = IndexDb::create(&file, epoch).and_then(IndexDb::finish);
        created.map_err(|source| Error::Add {
            source: Box::new(source),
        })
    })
    .await
}

/// The bundles in the database `file` of `index`.
pub(crate) async fn bundles(
    index: &ImageName,
    file: &Path,
    epoch: i64,
) -> Result<Vec<BundleEntry>, Error> {
    let (name, file) = (index.clone(), file.to_owned());
    blocking(move || {
        let listed = IndexDb::open_unchanged(&file, epoch).and_then(|index| index.bundles());
        listed.map_err(|source| {
            let (index, source) = (Box::new(name), Box::new(source));
            ContentError::Database { index, source }.into()
        })
    })
    .await
}

/// Adds `bundles`. Those that need APIs which later OCP versions lack are kept off these (spec workflows 3.6).
pub(crate) async fn add(
    file: &Path,
    bundles: Vec<Bundle>,
    mode: GraphUpdateMode,
    overwrite_latest: bool,
    epoch: i64,
) -> Result<(), Error> {
    let options = AddOptions {
        mode: match mode {
            GraphUpdateMode::Replaces => Mode::Replaces,
            GraphUpdateMode::Semver => Mode::Semver,
            GraphUpdateMode::SemverSkippatch => Mode::SemverSkippatch,
        },
        overwrite_latest,
        substitutes_for: true,
        ..AddOptions::default()
    };
    let file = file.to_owned();
    blocking(move || {
        let refused = |source| Error::Add {
            source: Box::new(source),
        };
        let mut index = IndexDb::open(&file, epoch).map_err(refused)?;
        index.add(&bundles, &options).map_err(refused)?;
        for bundle in bundles
            .iter()
            .filter(|bundle| bundle.needs_max_openshift_version())
        {
            index
                .add_property(bundle.path(), MAX_OPENSHIFT_VERSION, LAST_WITH_REMOVED_APIS)
                .map_err(refused)?;
        }
        index.finish().map_err(refused)
    })
    .await
}

/// Deprecates the bundles of these images; what lies below them in their channels goes, and a package of which nothing else is left.
pub(crate) async fn deprecate(file: &Path, images: Vec<String>, epoch: i64) -> Result<(), Error> {
    let file = file.to_owned();
    let options = DeprecateOptions {
        allow_package_removal: true,
        permissive: false,
    };
    blocking(move || {
        let refused = |source| {
            Error::from(ContentError::Deprecate {
                source: Box::new(source),
            })
        };
        let mut index = IndexDb::open(&file, epoch).map_err(refused)?;
        index.deprecate(&images, &options).map_err(refused)?;
        index.finish_compact().map_err(refused)
    })
    .await
}
