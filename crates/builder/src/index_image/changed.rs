//! The layers of ours in the new image.

use std::path::{Path, PathBuf};
use std::time::Duration;

use oci::BlobCache;

use super::database;
use super::source::{origin_of, warn_unkept};
use super::stack::{LayerKind, Stack, StackLayer};
use super::whole::{self, Whole};
use crate::blocking::blocking;
use crate::catalog_change::{CatalogChange, Watched};
use crate::config::BuilderConfig;
use crate::error::Error;
use crate::labels;
use crate::level::MigrateLevel;
use crate::run::Run;
use crate::stages::prepare::Prepared;

/// What came of a change.
pub(crate) struct Changed {
    /// The layers of ours in the new image.
    pub(crate) stack: Stack,
    /// How long the serve cache took to be brought up to date, if it was.
    pub(crate) serve_cache: Option<Duration>,
    /// What changed in the catalog, where that is known.
    pub(crate) catalog: Option<CatalogChange>,
}

impl Changed {
    /// The one layer of ours in an SQLite index: the database `file`, in which the packages `watched` may have changed.
    pub(crate) async fn database(
        config: &BuilderConfig,
        file: &Path,
        watched: Watched,
        directory: &Path,
    ) -> Result<Self, Error> {
        let layer = database::layer(config, labels::DATABASE_PATH, file, directory);
        let (layer, catalog) = futures::join!(layer, watched.end(file));
        Ok(Self {
            stack: Stack(vec![StackLayer::new(LayerKind::Database, &layer?)]),
            serve_cache: None,
            catalog,
        })
    }
}

impl Changed {
    /// The layers of a new file-based index: the catalog in `configs`, which is made if it is not there, and the hidden
    /// database `database`, in which the packages `watched` may have changed.
    pub(crate) async fn whole(
        run: &Run<'_>,
        prepared: &Prepared,
        configs: PathBuf,
        database: PathBuf,
        watched: Watched,
    ) -> Result<Self, Error> {
        let (config, directory) = (&run.builder.config, run.directory());
        let (settings, place) = (config.clone(), directory.to_owned());
        let origin = origin_of(&prepared.index()?.image.name);
        let base_layers = prepared.most_base_layers();
        let whole = blocking(move || {
            std::fs::create_dir_all(&configs).map_err(|source| Error::Io {
                path: configs.clone(),
                source,
            })?;
            whole::whole(&settings, &origin, &configs, &place, base_layers)
        })
        .await?;
        let level = config.migrate_level(&prepared.version);
        let mut made = Self::kept(&run.blobs, level, &whole).await;
        let path = labels::HIDDEN_DATABASE_PATH;
        let layer = database::layer(config, path, &database, directory);
        let (layer, catalog) = futures::join!(layer, watched.end(&database));
        let layer = StackLayer::new(LayerKind::Database, &layer?);
        made.stack.set_database(layer);
        made.catalog = catalog;
        Ok(made)
    }

    /// The layers of a whole catalog, kept for the requests that start from them.
    pub(super) async fn kept(blobs: &BlobCache, level: MigrateLevel, whole: &Whole) -> Self {
        warn_unkept(blobs.adopt_layer(&whole.base).await);
        warn_unkept(blobs.adopt_layer(&whole.cache).await);
        Self {
            stack: Stack(vec![
                StackLayer::base(level, &whole.base),
                StackLayer::new(LayerKind::Cache, &whole.cache),
            ]),
            serve_cache: None,
            catalog: None,
        }
    }
}
