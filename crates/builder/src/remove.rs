//! The request that removes packages (spec workflows 5.2).

use std::collections::BTreeSet;

use indexdb::IndexDb;

use crate::Builder;
use crate::blocking::blocking;
use crate::catalog_change::Watched;
use crate::error::{ContentError, Error};
use crate::index_image::change::{Changes, UnitChange};
use crate::index_image::changed::Changed;
use crate::index_image::facts::UnitPath;
use crate::index_image::migrate::is_file_name;
use crate::index_image::source::{CatalogSource, DatabaseChange};
use crate::index_image::{database, hidden};
use crate::progress::{Checkpoint, Reporter};
use crate::rebase;
use crate::request::RemoveRequest;
use crate::run::{Built, Run};
use crate::stages::assemble::IndexKind;
use crate::stages::prepare::{FoundIndex, Prepared};

/// What removing packages made.
#[derive(Clone, Debug)]
pub struct Removed {
    /// The image.
    pub built: Built,
    /// The packages that were removed.
    pub packages: BTreeSet<String>,
    /// The packages that a file-based index did not have.
    pub absent: BTreeSet<String>,
}

impl Builder {
    /// Does `request`; see [`Builder::add`] for the rest.
    ///
    /// A package that the index does not have is no error for a file-based index, and one for an SQLite index, as ever.
    ///
    /// # Errors
    /// As for [`Builder::add`].
    pub async fn remove(
        &self,
        request: &RemoveRequest,
        reporter: &dyn Reporter,
        checkpoint: Checkpoint,
    ) -> Result<Removed, Error> {
        rebase::run(self, &request.index, reporter, checkpoint, |run| {
            Box::pin(remove(run, request))
        })
        .await
    }
}

async fn remove(run: &mut Run<'_>, request: &RemoveRequest) -> Result<Removed, Error> {
    let prepared = run.prepare(None).await?;
    let index = prepared.index()?;
    let kind = index.kind();
    run.begin_build(&prepared, kind, Vec::new()).await?;
    let (changed, packages) = match kind {
        IndexKind::Database => {
            let changed = from_database(run, index, &request.packages).await?;
            (changed, request.packages.clone())
        }
        IndexKind::FileBased => from_files(run, &prepared, index, &request.packages).await?,
    };
    Ok(Removed {
        built: run.publish(&prepared, kind, changed).await?,
        absent: request.packages.difference(&packages).cloned().collect(),
        packages,
    })
}

/// An SQLite index: the database is the catalog.
async fn from_database(
    run: &Run<'_>,
    index: &FoundIndex,
    packages: &BTreeSet<String>,
) -> Result<Changed, Error> {
    let (config, directory) = (&run.builder.config, run.directory());
    let file = directory.join("index.db");
    database::copy(&run.blobs, index, &file).await?;
    let watched = Watched::begin(&file, config.epoch, packages.clone()).await;
    let (epoch, name) = (config.epoch, index.image.name.clone());
    let packages: Vec<String> = packages.iter().cloned().collect();
    let database = file.clone();
    blocking(move || {
        let remove = || {
            let mut database = IndexDb::open(&database, epoch)?;
            database.remove(&packages, false)?;
            database.finish_compact()
        };
        remove().map_err(|source| {
            let (index, source) = (Box::new(name), Box::new(source));
            ContentError::Remove { index, source }.into()
        })
    })
    .await?;
    Changed::database(config, &file, watched, directory).await
}

/// A file-based index: the directories of the packages go, and what the hidden database has of them. Says which were there.
async fn from_files(
    run: &Run<'_>,
    prepared: &Prepared,
    index: &FoundIndex,
    packages: &BTreeSet<String>,
) -> Result<(Changed, BTreeSet<String>), Error> {
    // A name that leads elsewhere is no package's.
    if let Some(name) = packages.iter().find(|name| !is_file_name(name)) {
        return Err(Error::from(ContentError::PackageName {
            origin: "the request".to_owned(),
            name: name.clone(),
        }));
    }
    let (config, directory) = (&run.builder.config, run.directory());
    let source = CatalogSource::open(&run.blobs, config, index, directory).await?;
    if !source.has_database() {
        return Err(
            source.no_database("which packages are removed from; name an index image that has one")
        );
    }
    let in_database: BTreeSet<String> = source
        .database_packages()
        .await?
        .intersection(packages)
        .cloned()
        .collect();
    let (mut changes, mut removed) = (Changes::new(), in_database.clone());
    let database = if in_database.is_empty() {
        DatabaseChange::Keep
    } else {
        source.normalise(&mut changes).await?;
        hidden::remove_packages(run, &source, in_database, &mut changes).await?
    };
    for package in packages {
        for unit in [UnitPath::top(package), UnitPath::deprecations(package)] {
            if source.has(&unit) {
                removed.insert(package.clone());
                changes.insert(unit, UnitChange::Remove);
            }
        }
    }
    let base_layers = prepared.most_base_layers();
    let made = source
        .change(changes, database, base_layers, removed.clone())
        .await?;
    Ok((made, removed))
}
