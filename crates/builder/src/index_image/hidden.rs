//! The database that file-based indexes keep for the packages that bundles are added to.

use std::collections::BTreeSet;

use indexdb::IndexDb;

use super::change::{Changes, UnitChange};
use super::migrate;
use super::source::{CatalogSource, DatabaseChange};
use crate::blocking::blocking;
use crate::error::{ContentError, Error};
use crate::run::Run;

/// Takes `packages` out of the hidden database of `source`; `changes` gets what follows for the packages that stay.
pub(crate) async fn remove_packages(
    run: &Run<'_>,
    source: &CatalogSource<'_>,
    packages: BTreeSet<String>,
    changes: &mut Changes,
) -> Result<DatabaseChange, Error> {
    let Some(file) = source.database_copy().await? else {
        return Ok(DatabaseChange::Keep);
    };
    let epoch = run.builder.config.epoch;
    let (name, database) = (source.name().clone(), file.clone());
    blocking(move || {
        let packages: Vec<String> = packages.into_iter().collect();
        let remove = || {
            let mut database = IndexDb::open(&database, epoch)?;
            database.remove(&packages, false)?;
            database.finish_compact()
        };
        remove().map_err(|source| {
            let index = Box::new(name);
            let source = Box::new(source);
            ContentError::Database { index, source }.into()
        })
    })
    .await?;
    if !source.holds_database() {
        let to = run.directory().join("rendered");
        let rendered =
            migrate::units(source.name(), &file, epoch, None, source.level(), to).await?;
        let put = |(unit, files)| (unit, UnitChange::Put(files));
        changes.extend(rendered.into_iter().map(put));
    }
    Ok(DatabaseChange::Replace(file))
}
