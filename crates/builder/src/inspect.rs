//! A look into a published index image.

mod catalog;
mod image;

use std::path::Path;

use indexdb::IndexDb;
pub use indexdb::{BundleEntry, ChannelEntry, PackageEntry};
use oci::ImageName;

pub use image::{ArchImage, ImageLayer, IndexImage, LayerOrigin};

use crate::Builder;
use crate::error::{ContentError, Error, Role};
use crate::stages::prepare::{FoundIndex, FoundKind, find_index};
use crate::work_dir::WorkDir;

/// What an index image says of itself.
#[derive(Clone, Debug)]
pub struct IndexSummary {
    /// The image: manifests, labels, layers.
    pub image: IndexImage,
    /// The catalog in it.
    pub catalog: CatalogSummary,
}

/// What is in a catalog.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CatalogSummary {
    /// The size of its database in bytes; `None` for a file-based catalog.
    pub database_bytes: Option<u64>,
    /// Its packages, sorted by name. Of a file-based catalog, a channel without exactly one head has none here.
    pub packages: Vec<PackageEntry>,
    /// Its bundles, sorted by package and name; of a database, those in a channel.
    pub bundles: Vec<BundleEntry>,
}

impl Builder {
    /// Reads the index image `name`: manifests, labels, and the packages and bundles of its catalog.
    ///
    /// The layers of a file-based image of ours go through the blob cache. A few packages are in memory at a time.
    ///
    /// # Errors
    /// [`Error`] when the image cannot be read or is no index image.
    pub async fn inspect(&self, name: &ImageName) -> Result<IndexSummary, Error> {
        let index = find_index(&self.client, None, name, Role::FromIndex, None).await?;
        let image = IndexImage::of(&index).await?;
        let directory = WorkDir::create(&self.config).await?;
        let catalog = match &index.kind {
            FoundKind::Database(_) => self.read_database(&index, directory.path()).await,
            FoundKind::FileBased(path) => self.read_files(&index, path, directory.path()).await,
        };
        directory.remove().await;
        Ok(IndexSummary {
            image,
            catalog: catalog?,
        })
    }

    /// Reads manifests and labels of the index image `name`, and nothing of its catalog.
    ///
    /// # Errors
    /// [`Error`] when the image cannot be read or is no index image.
    pub async fn look_at(&self, name: &ImageName) -> Result<IndexImage, Error> {
        IndexImage::of(&find_index(&self.client, None, name, Role::FromIndex, None).await?).await
    }

    async fn read_database(
        &self,
        index: &FoundIndex,
        directory: &Path,
    ) -> Result<CatalogSummary, Error> {
        let path = directory.join("index.db");
        let database_bytes = index.extract_database(&path).await?;
        let epoch = self.config.epoch;
        let name = index.image.name.clone();
        crate::blocking::blocking(move || {
            let failed = |source| {
                Error::from(ContentError::Database {
                    index: Box::new(name.clone()),
                    source: Box::new(source),
                })
            };
            let database = IndexDb::open(&path, epoch).map_err(failed)?;
            Ok(CatalogSummary {
                database_bytes: Some(database_bytes),
                packages: database.packages().map_err(failed)?,
                bundles: database.bundles().map_err(failed)?,
            })
        })
        .await
    }

    /// Copies the database of the SQLite index image `name` to the file `to`, as it is.
    ///
    /// # Errors
    /// [`Error`] when the image cannot be read, is no SQLite index image, or the file cannot be written.
    pub async fn extract_database(&self, name: &ImageName, to: &Path) -> Result<u64, Error> {
        let index = find_index(&self.client, None, name, Role::FromIndex, None).await?;
        index.extract_database(to).await
    }
}
