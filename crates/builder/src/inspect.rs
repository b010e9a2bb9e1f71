//! A look into a published index image.

use std::collections::BTreeMap;

use indexdb::IndexDb;
pub use indexdb::{BundleEntry, PackageEntry};
use oci::{Arch, Digest, ImageName, Limits};

use crate::add::prepare::find_index;
use crate::error::Error;
use crate::{Builder, work_dir};

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
        let index = find_index(&self.client, name, None).await?;
        let mut images = BTreeMap::new();
        for arch in &index.arches {
            if let Some(platform) = index.image.for_arch(arch).await? {
                images.insert(arch.clone(), platform.digest);
            }
        }
        let directory = work_dir::create(&self.config).await?;
        let path = directory.path().join("index.db");
        let found = oci::extract_file(
            &index.image.repository,
            &index.platform.manifest,
            &index.database_path,
            &path,
            &Limits::index(),
        )
        .await
        .map_err(|source| index.image.read(source))?;
        let Some(database_bytes) = found else {
            return Err(Error::DatabaseMissing {
                index: Box::new(name.clone()),
                path: index.database_path,
            });
        };
        let epoch = self.config.epoch;
        let failed_name = name.clone();
        let (packages, bundles) = crate::add::blocking(move || {
            let failed = |source| Error::Database {
                index: Box::new(failed_name.clone()),
                source: Box::new(source),
            };
            let database = IndexDb::open(&path, epoch).map_err(failed)?;
            Ok((
                database.packages().map_err(failed)?,
                database.bundles().map_err(failed)?,
            ))
        })
        .await?;
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

    /// Copies the database of the SQLite index image `name` to the file `to`, as it is.
    ///
    /// # Errors
    /// [`Error`] when the image cannot be read, is no SQLite index image, or the file cannot be written.
    pub async fn extract_database(
        &self,
        name: &ImageName,
        to: &std::path::Path,
    ) -> Result<u64, Error> {
        let index = find_index(&self.client, name, None).await?;
        let limits = Limits::index();
        oci::extract_file(
            &index.image.repository,
            &index.platform.manifest,
            &index.database_path,
            to,
            &limits,
        )
        .await
        .map_err(|source| index.image.read(source))?
        .ok_or_else(|| Error::DatabaseMissing {
            index: Box::new(name.clone()),
            path: index.database_path.clone(),
        })
    }
}
