//! An opened layer.

use std::fs::File;
use std::io;
use std::os::unix::fs::{FileExt as _, MetadataExt as _};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;

use super::error::CacheError;
use super::layer_index::LayerIndex;
use super::layers::remove;
use super::places::archive_of;
use crate::digest::{DiffId, Digest};
use crate::error::Error;
use crate::image_files::{EntryKind, LayerEntry, Limits};
use crate::manifest::Descriptor;

/// An uncompressed layer on disk, and where each file is in it.
///
/// Cheap to clone. It stays usable when another process evicts the layer meanwhile.
#[derive(Clone, Debug)]
pub struct OpenLayer(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    digest: Digest,
    index: LayerIndex,
    archive: Arc<File>,
    /// The layer's directory in the cache.
    home: PathBuf,
    condemned: AtomicBool,
}

/// Tells whether a layer is in use, without using it.
#[derive(Debug)]
pub(super) struct WeakLayer(std::sync::Weak<Inner>);

impl WeakLayer {
    /// The layer, if anybody still has it and it is sound.
    pub(super) fn upgrade(&self) -> Option<OpenLayer> {
        let layer = OpenLayer(self.0.upgrade()?);
        (!layer.0.condemned.load(Ordering::Relaxed)).then_some(layer)
    }
}

impl OpenLayer {
    pub(super) fn new(digest: Digest, index: LayerIndex, archive: File, home: PathBuf) -> Self {
        Self(Arc::new(Inner {
            digest,
            index,
            archive: Arc::new(archive),
            home,
            condemned: AtomicBool::new(false),
        }))
    }

    pub(super) fn downgrade(&self) -> WeakLayer {
        WeakLayer(Arc::downgrade(&self.0))
    }

    /// The digest of the compressed blob.
    pub fn digest(&self) -> &Digest {
        &self.0.digest
    }

    /// The digest of the uncompressed archive.
    pub fn diff_id(&self) -> &DiffId {
        &self.0.index.diff_id
    }

    /// What the layer adds and deletes, sorted by the bytes of the path.
    ///
    /// Of several entries of the archive for one path the last one counts, as when it is unpacked. So a path is there
    /// once; only where the layer deletes what is below and puts something in its place, the deletion
    /// ([`EntryKind::Whiteout`], [`EntryKind::OpaqueDirectory`]) stands before that.
    pub fn entries(&self) -> &[LayerEntry] {
        &self.0.index.entries
    }

    /// The uncompressed tar, for positioned reads. Nothing checks what is read here; whoever finds it damaged calls
    /// [`OpenLayer::condemn`].
    pub fn archive(&self) -> &Arc<File> {
        &self.0.archive
    }

    /// The content of the regular file `entry`, all of it in memory, compared with the digest that was noted when the
    /// layer was opened first. Blocking.
    ///
    /// # Errors
    /// [`CacheError::Damaged`] when the cached layer is not what it was: it is removed from the cache, and opening it
    /// again fetches it anew. [`CacheError::NotAFile`] for anything but a regular file of this layer.
    pub fn read(&self, entry: &LayerEntry) -> Result<Bytes, Error> {
        let own = self.is_own(entry);
        let EntryKind::File {
            offset,
            size,
            digest,
        } = &entry.kind
        else {
            return Err(self.not_a_file(entry).into());
        };
        if !own {
            return Err(self.not_a_file(entry).into());
        }
        let size = usize::try_from(*size).map_err(|_| self.not_a_file(entry))?;
        let mut content = vec![0; size];
        match self.0.archive.read_exact_at(&mut content, *offset) {
            Ok(()) if Digest::of(&content) == *digest => Ok(content.into()),
            Err(source) if source.kind() != io::ErrorKind::UnexpectedEof => Err(CacheError::Io {
                path: archive_of(&self.0.home),
                source,
            }
            .into()),
            Ok(()) | Err(_) => {
                self.condemn();
                Err(CacheError::Damaged {
                    layer: self.0.digest.clone(),
                    path: entry.path.clone(),
                }
                .into())
            }
        }
    }

    /// Removes the layer from the cache, because it was found damaged: whoever opens it next has it fetched anew.
    /// Blocking.
    pub fn condemn(&self) {
        self.0.condemned.store(true, Ordering::Relaxed);
        tracing::warn!(layer = %self.0.digest, "a cached layer is damaged and is removed from the blob cache");
        // Somebody may have replaced it by a sound one already.
        let is_same = || {
            let own = self.0.archive.metadata()?;
            let there = std::fs::metadata(archive_of(&self.0.home))?;
            io::Result::Ok((own.dev(), own.ino()) == (there.dev(), there.ino()))
        };
        // When that cannot be told, it is gone already.
        if is_same().unwrap_or(false)
            && let Err(error) = remove(&self.0.home)
        {
            tracing::warn!(%error, layer = %self.0.digest, "a damaged layer could not be removed from the blob cache");
        }
    }

    /// Refuses the layer if fetching it as `layer` from `image` within `limits` would have failed.
    pub(super) fn check(
        &self,
        layer: &Descriptor,
        limits: &Limits,
        image: &str,
    ) -> Result<(), Error> {
        let index = &self.0.index;
        if layer.size != index.blob_bytes {
            return Err(Error::SizeMismatch {
                what: format!("reading the blob `{}` of `{image}`", layer.digest),
                expected: layer.size,
                actual: index.blob_bytes,
            });
        }
        index
            .measures
            .check(index.archive_bytes, limits, image, &layer.digest)?;
        Ok(())
    }

    fn is_own(&self, entry: &LayerEntry) -> bool {
        let entries = self.entries();
        let first = entries.partition_point(|own| own.path < entry.path);
        entries[first..]
            .iter()
            .take_while(|own| own.path == entry.path)
            .any(|own| own == entry)
    }

    fn not_a_file(&self, entry: &LayerEntry) -> CacheError {
        CacheError::NotAFile {
            layer: self.0.digest.clone(),
            path: entry.path.clone(),
        }
    }
}
