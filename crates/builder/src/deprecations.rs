//! The request that sets what is deprecated of a package (spec workflows 5.6).

use std::collections::BTreeSet;
use std::path::PathBuf;

use crate::Builder;
use crate::blocking::blocking;
use crate::error::{ContentError, Error};
use crate::index_image::change::{Changes, UnitChange};
use crate::index_image::facts::{CatalogFile, UnitFiles, UnitPath};
use crate::index_image::source::{CatalogSource, DatabaseChange};
use crate::progress::{Checkpoint, Facts, Phase, Reporter};
use crate::rebase;
use crate::request::DeprecationsRequest;
use crate::run::{Built, Run};
use crate::stages::assemble::IndexKind;

impl Builder {
    /// Does `request`; see [`Builder::add`] for the rest. What was requested for the package earlier is replaced.
    ///
    /// # Errors
    /// As for [`Builder::add`], [`ContentError::NoHiddenDatabase`], and [`ContentError::NotInDatabase`] for a package that the hidden
    /// database does not have.
    pub async fn deprecate(
        &self,
        request: &DeprecationsRequest,
        reporter: &dyn Reporter,
        checkpoint: Checkpoint,
    ) -> Result<Built, Error> {
        rebase::run(self, &request.index, reporter, checkpoint, |run| {
            Box::pin(deprecate(run, request))
        })
        .await
    }
}

async fn deprecate(run: &mut Run<'_>, request: &DeprecationsRequest) -> Result<Built, Error> {
    let text = catalog::ordered::from_json(&request.schema)
        .map(|schema| catalog::ordered::to_text(&schema))
        .map_err(|source| ContentError::DeprecationSchema {
            package: request.package.clone(),
            source: Box::new(source),
        })?;
    let prepared = run.prepare(None).await?;
    let kind = IndexKind::FileBased;
    run.begin_build(&prepared, kind, Vec::new()).await?;
    let index = prepared.index()?;
    let (config, directory) = (&run.builder.config, run.directory());
    run.reporter
        .phase(&Phase::ReadingDeprecations, &Facts::default())
        .await?;
    let source = CatalogSource::open(&run.blobs, config, index, directory).await?;
    let package = &request.package;
    if !source.has_database() {
        return Err(source.no_database(
            "which must have the package; put the deprecations into a catalog fragment of the package",
        ));
    }
    if !source.database_packages().await?.contains(package) {
        return Err(Error::from(ContentError::NotInDatabase {
            index: Box::new(index.image.name.clone()),
            package: package.clone(),
        }));
    }
    run.reporter
        .phase(&Phase::AddingDeprecations, &Facts::default())
        .await?;
    let unit = UnitPath::deprecations(package);
    let file = written(directory.join("deprecations.json"), text).await?;
    let path = format!("{}/{package}.json", unit.as_str());
    let files = UnitFiles::from([(path, CatalogFile::Here(file))]);
    let changes = Changes::from([(unit, UnitChange::Put(files))]);
    let base_layers = prepared.most_base_layers();
    let touched = BTreeSet::from([package.clone()]);
    let made = source
        .change(changes, DatabaseChange::Keep, base_layers, touched)
        .await?;
    run.publish(&prepared, kind, made).await
}

async fn written(path: PathBuf, text: String) -> Result<PathBuf, Error> {
    blocking(move || match std::fs::write(&path, text) {
        Ok(()) => Ok(path),
        Err(source) => Err(Error::Io { path, source }),
    })
    .await
}
