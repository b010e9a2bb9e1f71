//! The layer with the index database.

use std::collections::BTreeSet;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use indexdb::IndexDb;
use oci::{BlobCache, BlobSource, EntryKind, Layer, LayerBuilder, Limits, OpenLayer, Owner};

use super::facts::{from_json, to_json};
use super::stack::{Stack, StackLayer};
use crate::blocking::blocking;
use crate::config::BuilderConfig;
use crate::error::{ContentError, Error};
use crate::image::FoundImage;
use crate::labels;
use crate::stages::prepare::{FoundIndex, FoundKind};

/// The note beside a database layer: the names of the packages in it.
const PACKAGES_NOTE: &str = "packages.1.json";

/// Writes the layer that has the database `file` at `path`.
pub(crate) async fn layer(
    config: &BuilderConfig,
    path: &str,
    file: &Path,
    directory: &Path,
) -> Result<Layer, Error> {
    let mut builder = LayerBuilder::new(config.epoch);
    builder
        .file(path, Owner::ROOT, 0o644, BlobSource::File(file.to_owned()))
        .map_err(Error::Layer)?;
    let target = directory.join("database.tar.gz");
    let format = config.format;
    blocking(move || builder.write(&target, format).map_err(Error::Layer)).await
}

/// The database in a layer of ours.
#[derive(Debug)]
pub(crate) struct StoredDatabase {
    open: OpenLayer,
    offset: u64,
    size: u64,
}

impl StoredDatabase {
    /// Opens the layer; what is on disk already is not fetched.
    pub(crate) async fn open(
        blobs: &BlobCache,
        image: &FoundImage,
        layer: &StackLayer,
        path: &str,
    ) -> Result<Self, Error> {
        let open = blobs
            .open_layer(&image.repository, &layer.descriptor, &Limits::index())
            .await
            .map_err(|source| image.read(source))?;
        let path = path.trim_start_matches('/');
        let found = open.entries().iter().find_map(|entry| match entry.kind {
            EntryKind::File { offset, size, .. } if entry.path == path => Some((offset, size)),
            _ => None,
        });
        let (offset, size) = found.ok_or_else(|| ContentError::DatabaseMissing {
            index: Box::new(image.name.clone()),
            path: path.to_owned(),
        })?;
        Ok(Self { open, offset, size })
    }

    /// The names of the packages in the database, found out once for all.
    pub(crate) async fn packages(
        &self,
        blobs: &BlobCache,
        image: &FoundImage,
        epoch: i64,
        directory: &Path,
    ) -> Result<BTreeSet<String>, Error> {
        let note = blobs
            .note(self.open.digest(), PACKAGES_NOTE)
            .await
            .map_err(Error::BlobCache)?;
        if let Some(note) = note
            && let Some(known) = blocking(move || Ok(from_json(&note).ok())).await?
        {
            return Ok(known);
        }
        let file = directory.join("looked-at.db");
        self.extract(file.clone()).await?;
        let packages = packages(image, file, epoch).await?;
        let note = BlobSource::Bytes(to_json(&packages));
        blobs
            .put_note(self.open.digest(), PACKAGES_NOTE, note)
            .await
            .map_err(Error::BlobCache)?;
        Ok(packages)
    }

    /// Copies the database to the file `to`.
    pub(crate) async fn extract(&self, to: PathBuf) -> Result<(), Error> {
        let archive = self.open.archive().clone();
        let (mut at, mut left) = (self.offset, self.size);
        blocking(move || {
            let mut copy = || {
                let mut out = File::create_new(&to)?;
                let mut buffer = vec![0; 1 << 20];
                while left > 0 {
                    let length = usize::try_from(left)
                        .unwrap_or(usize::MAX)
                        .min(buffer.len());
                    archive.read_exact_at(&mut buffer[..length], at)?;
                    io::Write::write_all(&mut out, &buffer[..length])?;
                    let read = u64::try_from(length).unwrap_or(u64::MAX);
                    (at, left) = (at + read, left - read);
                }
                Ok(())
            };
            copy().map_err(|source| Error::Io {
                path: to.clone(),
                source,
            })
        })
        .await
    }
}

/// Copies the database of an SQLite index to `file`, from the blob cache if it is there.
///
/// # Errors
/// [`ContentError::FileBasedIndex`] where there is a catalog instead.
pub(crate) async fn copy(blobs: &BlobCache, index: &FoundIndex, file: &Path) -> Result<(), Error> {
    let (manifest, config) = (&index.platform.manifest, &index.platform.config);
    let ours = Stack::recognise_database(manifest, config);
    let layer = ours.as_ref().and_then(Stack::database);
    if let (Some(layer), FoundKind::Database(path)) = (layer, &index.kind)
        && path == labels::DATABASE_PATH
    {
        let stored = StoredDatabase::open(blobs, &index.image, layer, path).await?;
        return stored.extract(file.to_owned()).await;
    }
    index.extract_database(file).await.map(drop)
}

/// The names of the packages in the database `file` of `image`.
pub(crate) async fn packages(
    image: &FoundImage,
    file: PathBuf,
    epoch: i64,
) -> Result<BTreeSet<String>, Error> {
    let name = image.name.clone();
    blocking(move || {
        let packages =
            IndexDb::open_unchanged(&file, epoch).and_then(|database| database.packages());
        let packages = packages.map_err(|source| ContentError::Database {
            index: Box::new(name),
            source: Box::new(source),
        })?;
        Ok(packages.into_iter().map(|package| package.name).collect())
    })
    .await
}
