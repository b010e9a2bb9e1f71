//! A look into a published index image.

use std::collections::BTreeMap;
use std::path::Path;

use indexdb::IndexDb;
pub use indexdb::{BundleEntry, PackageEntry};
use oci::{Arch, Digest, ImageName};

use crate::Builder;
use crate::error::Error;
use crate::stages::prepare::{FoundIndex, find_index};
use crate::work_dir::WorkDir;

/// What an index image says of itself.
#[derive(Clone, Debug)]
pub struct IndexSummary {
    /// The digest of its manifest or manifest list.
    pub digest: Digest,
    /// Its media type.
    pub media_type: String,
    /// The digest of each architecture's image.
    pub images: BTreeMap<Arch, Digest>,
    /// The labels.
    pub labels: BTreeMap<String, String>,
    /// The size of its database in bytes.
    pub database_bytes: u64,
    /// Its packages, sorted by name.
    pub packages: Vec<PackageEntry>,
    /// Its bundles.
    pub bundles: Vec<BundleEntry>,
}

impl Builder {
    /// Reads the SQLite index image `name`: manifests, labels, and the database's packages and bundles.
    ///
    /// # Errors
    /// [`Error`] when the image cannot be read or is no SQLite index image.
    pub async fn inspect(&self, name: &ImageName) -> Result<IndexSummary, Error> {
        let index = find_index(&self.client, None, name, None).await?;
        let mut images = BTreeMap::new();
        for arch in &index.arches {
            if let Some(platform) = index.image.for_arch(arch).await? {
                images.insert(arch.clone(), platform.digest);
            }
        }
        let directory = WorkDir::create(&self.config).await?;
        let read = self.read_database(&index, directory.path()).await;
        directory.remove().await;
        let (database_bytes, packages, bundles) = read?;
        Ok(IndexSummary {
            digest: index.image.digest().clone(),
            media_type: index.image.raw.media_type.to_string(),
            images,
            labels: index.platform.config.labels(),
            database_bytes,
            packages,
            bundles,
        })
    }

    async fn read_database(
        &self,
        index: &FoundIndex,
        directory: &Path,
    ) -> Result<(u64, Vec<PackageEntry>, Vec<BundleEntry>), Error> {
        let path = directory.join("index.db");
        let database_bytes = index.extract_database(&path).await?;
        let epoch = self.config.epoch;
        let name = index.image.name.clone();
        crate::blocking::blocking(move || {
            let failed = |source| Error::Database {
                index: Box::new(name.clone()),
                source: Box::new(source),
            };
            let database = IndexDb::open(&path, epoch).map_err(failed)?;
            Ok((
                database_bytes,
                database.packages().map_err(failed)?,
                database.bundles().map_err(failed)?,
            ))
        })
        .await
    }

    /// Copies the database of the SQLite index image `name` to the file `to`, as it is.
    ///
    /// # Errors
    /// [`Error`] when the image cannot be read, is no SQLite index image, or the file cannot be written.
    pub async fn extract_database(&self, name: &ImageName, to: &Path) -> Result<u64, Error> {
        let index = find_index(&self.client, None, name, None).await?;
        index.extract_database(to).await
    }
}
