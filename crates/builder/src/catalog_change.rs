//! What a request changed of a catalog: the packages it touched, before and after.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use catalog::diff::Diff;
use catalog::fbc::{Catalog, Package};
use indexdb::IndexDb;

use crate::blocking::blocking;
use crate::error::Error;
use crate::index_image::change::{Changes, UnitChange};
use crate::index_image::facts::{UnitFiles, UnitPath, of_package, read_unit};

/// The packages that a request touched, before it and after it. Of all others it says nothing, so that it costs what the
/// change costs and not what the index does. Clones share their content.
#[derive(Clone, Debug, Default)]
pub struct CatalogChange(Arc<Sides>);

#[derive(Debug, Default)]
struct Sides {
    before: Catalog,
    after: Catalog,
}

impl CatalogChange {
    fn new(before: Catalog, after: Catalog) -> Self {
        Self(Arc::new(Sides { before, after }))
    }

    /// What changed.
    pub fn diff(&self) -> Diff<'_> {
        Diff::between(&self.0.before, &self.0.after)
    }

    /// The touched packages as they are now.
    pub fn after(&self) -> &Catalog {
        &self.0.after
    }
}

/// What `changes` make of the packages `touched`. `candidates` are further units with blobs of theirs, and `there` has the
/// files of a unit before the change. Blocking.
pub(crate) fn of_units(
    origin: &str,
    changes: &Changes,
    touched: &BTreeSet<String>,
    candidates: BTreeSet<UnitPath>,
    there: impl Fn(&UnitPath) -> Result<UnitFiles, Error>,
) -> Result<CatalogChange, Error> {
    let mut units = candidates;
    for package in touched {
        units.extend([UnitPath::top(package), UnitPath::deprecations(package)]);
    }
    let (mut before, mut after) = (Catalog::default(), Catalog::default());
    for unit in units {
        let old = read_unit(origin, &there(&unit)?)?.0;
        match changes.get(&unit) {
            None => after.append(old.clone()),
            Some(UnitChange::Put(files)) => after.append(read_unit(origin, files)?.0),
            Some(UnitChange::Remove) => {}
        }
        before.append(old);
    }
    let of_touched = |catalog: &Catalog| {
        let mut all = Catalog::default();
        for package in touched {
            all.append(of_package(catalog, package));
        }
        all
    };
    Ok(CatalogChange::new(of_touched(&before), of_touched(&after)))
}

/// Packages of an index database, looked at before a request changes it.
///
/// What a database does not tell (one that other tools left half-made) is missing from the report; no request fails for that.
pub(crate) struct Watched {
    packages: BTreeSet<String>,
    epoch: i64,
    before: Option<Catalog>,
}

impl Watched {
    /// Looks at `packages` in the database `file`.
    pub(crate) async fn begin(file: &Path, epoch: i64, packages: BTreeSet<String>) -> Self {
        let before = packages_in(file.to_owned(), epoch, packages.clone()).await;
        Self {
            packages,
            epoch,
            before,
        }
    }

    /// These packages, all of which will be gone, whatever is in them.
    pub(crate) fn leaving(packages: impl IntoIterator<Item = String>, epoch: i64) -> Self {
        let package = |name| Package {
            name,
            ..Package::default()
        };
        Self {
            packages: BTreeSet::new(),
            epoch,
            before: Some(Catalog {
                packages: packages.into_iter().map(package).collect(),
                ..Catalog::default()
            }),
        }
    }

    /// What became of them in `file`.
    pub(crate) async fn end(self, file: &Path) -> Option<CatalogChange> {
        let before = self.before?;
        let after = packages_in(file.to_owned(), self.epoch, self.packages).await?;
        Some(CatalogChange::new(before, after))
    }
}

async fn packages_in(file: PathBuf, epoch: i64, packages: BTreeSet<String>) -> Option<Catalog> {
    if packages.is_empty() {
        return Some(Catalog::default());
    }
    let read = blocking(move || {
        let database = IndexDb::open_unchanged(&file, epoch).map_err(indexdb::RenderError::from);
        Ok(database.and_then(|database| database.catalog_of(Some(&packages))))
    });
    match read.await {
        Ok(Ok(catalog)) => Some(catalog),
        Ok(Err(error)) => {
            tracing::warn!("what changes in the catalog is not told: {error}");
            None
        }
        Err(_) => None,
    }
}
