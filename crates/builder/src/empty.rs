//! The request for an index without packages (spec workflows 5.4).

use std::collections::BTreeSet;
use std::path::PathBuf;

use indexdb::IndexDb;

use crate::Builder;
use crate::blocking::blocking;
use crate::catalog_change::Watched;
use crate::error::{ContentError, Error};
use crate::index_image::changed::Changed;
use crate::index_image::database;
use crate::index_image::source::CatalogSource;
use crate::progress::{Checkpoint, Facts, Phase, Reporter};
use crate::rebase;
use crate::request::EmptyRequest;
use crate::run::{Built, Run};
use crate::stages::assemble::IndexKind;
use crate::stages::prepare::{FoundIndex, FoundKind};

impl Builder {
    /// Does `request`; see [`Builder::add`] for the rest. The result keeps the database's schema and holds no package.
    ///
    /// # Errors
    /// As for [`Builder::add`], and [`ContentError::DatabaseFromFiles`].
    pub async fn empty(
        &self,
        request: &EmptyRequest,
        reporter: &dyn Reporter,
        checkpoint: Checkpoint,
    ) -> Result<Built, Error> {
        rebase::run(self, &request.index, reporter, checkpoint, |run| {
            Box::pin(empty(run, request))
        })
        .await
    }
}

async fn empty(run: &mut Run<'_>, request: &EmptyRequest) -> Result<Built, Error> {
    let mut prepared = run.prepare(None).await?;
    prepared.labels.clone_from(&request.labels);
    let index = prepared.index()?;
    let kind = match (index.kind(), request.file_based) {
        (IndexKind::FileBased, false) => {
            let index = Box::new(index.image.name.clone());
            return Err(Error::from(ContentError::DatabaseFromFiles { index }));
        }
        (_, true) => IndexKind::FileBased,
        (IndexKind::Database, false) => IndexKind::Database,
    };
    run.begin_build(&prepared, kind, Vec::new()).await?;
    for phase in [Phase::CheckingPackages, Phase::RemovingPackages] {
        run.reporter.phase(&phase, &Facts::default()).await?;
    }
    let (database, watched) = emptied(run, index).await?;
    let (config, directory) = (&run.builder.config, run.directory());
    let changed = match kind {
        IndexKind::Database => Changed::database(config, &database, watched, directory).await?,
        IndexKind::FileBased => {
            let configs = directory.join("empty");
            Changed::whole(run, &prepared, configs, database, watched).await?
        }
    };
    run.reporter
        .phase(&Phase::UpdatingLabels, &Facts::default())
        .await?;
    let mut built = run.publish(&prepared, kind, changed).await?;
    // The contract has no such fields for empty indexes.
    built.facts = built.facts.only_index_image();
    Ok(built)
}

/// A copy of the index's database, hidden or not, without any package, and the packages that the index had.
async fn emptied(run: &Run<'_>, index: &FoundIndex) -> Result<(PathBuf, Watched), Error> {
    let (config, directory) = (&run.builder.config, run.directory());
    let (file, packages) = match index.kind {
        FoundKind::Database(_) => {
            let file = directory.join("index.db");
            database::copy(&run.blobs, index, &file).await?;
            let packages = database::packages(&index.image, file.clone(), config.epoch).await?;
            (file, packages)
        }
        FoundKind::FileBased(_) => {
            let source = CatalogSource::open(&run.blobs, config, index, directory).await?;
            let copy = source.database_copy().await?;
            let file = copy.ok_or_else(|| {
                source.no_database("which an empty index keeps; name an index image that has one")
            })?;
            (file, source.list().await?.packages)
        }
    };
    // What other tools left half-made in a hidden database shall not keep it from being emptied.
    let permissive = matches!(index.kind, FoundKind::FileBased(_));
    let (epoch, name, database) = (config.epoch, index.image.name.clone(), file.clone());
    blocking(move || {
        let empty = || {
            let mut database = IndexDb::open(&database, epoch)?;
            database.prune(&BTreeSet::new(), permissive)?;
            database.finish_compact()
        };
        empty().map_err(|source| {
            let (index, source) = (Box::new(name), Box::new(source));
            ContentError::Remove { index, source }.into()
        })
    })
    .await?;
    let named = packages.into_iter().filter(|package| !package.is_empty());
    Ok((file, Watched::leaving(named, epoch)))
}
