//! OCI image layouts: images in a directory (OCI image specification, "Image Layout").
//!
//! Blobs lie at `blobs/<algorithm>/<hex>`, and `index.json` names manifests by tag in the annotation
//! `org.opencontainers.image.ref.name`. Files appear under their names when they are complete, so a crash leaves a
//! readable layout; changes of `index.json` are made under a lock, so processes keep each other's tags. Docker's types
//! of manifests are kept as they are; other tools may overlook these images, since the specification knows OCI's only.

pub(crate) mod blobs;
mod error;
pub(crate) mod index;

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;

use crate::blocking;
use crate::client::{BlobSource, BlobStream};
use crate::digest::Digest;
use crate::error::Error;
use crate::manifest::{Descriptor, RawManifest};
use crate::media_type::MediaType;
use crate::reference::{Reference, Tag};

pub use error::LayoutError;

/// The largest manifest that is read, as registries have it.
pub(crate) const MAX_MANIFEST_BYTES: u64 = 8 * 1024 * 1024;

/// An OCI image layout: a directory that holds images. Cheap to clone; tasks and processes may share the directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layout {
    root: Arc<Path>,
}

impl Layout {
    /// Opens the layout in the directory `path`.
    ///
    /// # Errors
    /// [`LayoutError`] when there is none, or one of another version.
    pub async fn open(path: impl Into<PathBuf>) -> Result<Self, Error> {
        let root: Arc<Path> = path.into().into();
        let layout = Self { root };
        layout.blocking(|root| Ok(index::check(root)?)).await?;
        Ok(layout)
    }

    /// Opens the layout in the directory `path`; makes an empty one if there is none, and the directory too.
    ///
    /// # Errors
    /// [`LayoutError`] when the directory cannot be written, or holds a layout of another version.
    pub async fn create_or_open(path: impl Into<PathBuf>) -> Result<Self, Error> {
        let root: Arc<Path> = path.into().into();
        let layout = Self { root };
        layout.blocking(|root| Ok(index::create(root)?)).await?;
        Ok(layout)
    }

    /// The directory.
    pub fn path(&self) -> &Path {
        &self.root
    }

    /// Reads a manifest or list, and checks its digest. The tag `latest` also means the only image of a layout that
    /// has one image without a tag, as other tools write them.
    ///
    /// # Errors
    /// [`Error::ManifestUnknown`] when the layout has none of that name; mismatches of size and digest.
    pub async fn manifest(&self, reference: &Reference) -> Result<RawManifest, Error> {
        let layout = self.clone();
        let reference = reference.clone();
        self.blocking(move |root| {
            let unknown = || Error::ManifestUnknown {
                image: layout.image_name(&reference),
            };
            let named = index::find(&index::read(root)?, &reference);
            let (digest, media_type) = match (named, &reference) {
                (Some(entry), _) => (entry.digest, Some(entry.media_type)),
                (None, Reference::Digest(digest)) => (digest.clone(), None),
                (None, Reference::Tag(_)) => return Err(unknown()),
            };
            let bytes = blobs::read(root, &digest, MAX_MANIFEST_BYTES)?.ok_or_else(unknown)?;
            let media_type = own_media_type(&bytes)
                .or(media_type)
                .unwrap_or(MediaType::OciManifest);
            Ok(RawManifest {
                media_type,
                bytes,
                digest,
            })
        })
        .await
    }

    /// What the reference names; `None` if the layout does not have it.
    ///
    /// # Errors
    /// As for [`Layout::manifest`], except that what is missing is no error.
    pub async fn head_manifest(&self, reference: &Reference) -> Result<Option<Descriptor>, Error> {
        match self.manifest(reference).await {
            Ok(manifest) => Ok(Some(manifest.descriptor())),
            Err(Error::ManifestUnknown { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Stores a manifest or list; by tag, the tag then names it and no other.
    ///
    /// # Errors
    /// [`LayoutError::Io`] when the directory cannot be written; [`Error::DigestMismatch`] when `reference` is another
    /// digest than the manifest's.
    pub async fn put_manifest(
        &self,
        reference: &Reference,
        manifest: &RawManifest,
    ) -> Result<(), Error> {
        let what = format!("writing the manifest `{}`", self.image_name(reference));
        let reference = reference.clone();
        let manifest = manifest.clone();
        self.blocking(move |root| {
            if let Reference::Digest(expected) = &reference
                && *expected != manifest.digest
            {
                return Err(Error::DigestMismatch {
                    what,
                    expected: expected.clone(),
                    actual: manifest.digest,
                });
            }
            let descriptor = manifest.descriptor();
            blobs::write(root, &descriptor, &mut &*manifest.bytes)?;
            if let Reference::Tag(tag) = &reference {
                index::set_tag(root, tag, descriptor)?;
            }
            Ok(())
        })
        .await
    }

    /// The size of a blob in bytes; `None` if the layout does not have it.
    ///
    /// # Errors
    /// [`LayoutError::Io`] when the directory cannot be read.
    pub async fn has_blob(&self, digest: &Digest) -> Result<Option<u64>, Error> {
        let digest = digest.clone();
        self.blocking(move |root| Ok(blobs::size(root, &digest)?))
            .await
    }

    /// Streams a blob, checking size and digest; a mismatch is the last item.
    ///
    /// # Errors
    /// [`LayoutError::BlobUnknown`] when the layout does not have it.
    pub async fn blob(&self, descriptor: &Descriptor) -> Result<BlobStream, Error> {
        let expected = descriptor.clone();
        let file = self
            .blocking(move |root| Ok(blobs::open(root, &expected.digest)?))
            .await?;
        let path = self.blob_path(&descriptor.digest);
        let what = blobs::reading(&self.root, &descriptor.digest);
        Ok(blobs::stream(file, path, descriptor, what))
    }

    /// A whole blob, checked, if it has at most `limit` bytes.
    ///
    /// # Errors
    /// As for [`Layout::blob`], and [`Error::TooLarge`].
    pub async fn blob_bytes(&self, descriptor: &Descriptor, limit: u64) -> Result<Bytes, Error> {
        let descriptor = descriptor.clone();
        self.blocking(move |root| {
            blobs::check_limit(root, &descriptor, limit)?;
            blobs::read(root, &descriptor.digest, descriptor.size)?.ok_or_else(|| {
                LayoutError::BlobUnknown {
                    layout: root.to_owned(),
                    digest: descriptor.digest.clone(),
                }
                .into()
            })
        })
        .await
    }

    /// Stores a blob, unless it is there; checks that `source` has the descriptor's size and digest.
    ///
    /// # Errors
    /// Mismatches of size and digest, and [`LayoutError::Io`]; nothing is stored then.
    pub async fn put_blob(
        &self,
        descriptor: &Descriptor,
        source: &BlobSource,
    ) -> Result<(), Error> {
        let descriptor = descriptor.clone();
        let source = source.clone();
        self.blocking(move |root| match source {
            BlobSource::Bytes(bytes) => blobs::write(root, &descriptor, &mut &*bytes),
            BlobSource::File(path) => {
                let mut file = std::fs::File::open(&path)
                    .map_err(|source| LayoutError::Io { path, source })?;
                blobs::write(root, &descriptor, &mut file)
            }
        })
        .await
    }

    /// Stores a blob that comes as a stream.
    pub(crate) async fn put_stream(
        &self,
        descriptor: &Descriptor,
        stream: BlobStream,
    ) -> Result<(), Error> {
        let descriptor = descriptor.clone();
        let root = Arc::clone(&self.root);
        blocking::read_stream(stream, move |mut reader| {
            blobs::write(&root, &descriptor, &mut reader)
        })
        .await
    }

    /// Where a blob lies, or would lie.
    pub(crate) fn blob_path(&self, digest: &Digest) -> PathBuf {
        blobs::path(&self.root, digest)
    }

    /// The tags, sorted.
    ///
    /// # Errors
    /// [`LayoutError`] when `index.json` cannot be read.
    pub async fn tags(&self) -> Result<Vec<Tag>, Error> {
        self.blocking(|root| Ok(index::tags(&index::read(root)?)))
            .await
    }

    fn image_name(&self, reference: &Reference) -> String {
        match reference {
            Reference::Tag(tag) => format!("{self}:{tag}"),
            Reference::Digest(digest) => format!("{self}@{digest}"),
        }
    }

    async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Path) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        let root = Arc::clone(&self.root);
        blocking::run(move || work(&root)).await
    }
}

impl fmt::Display for Layout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "oci:{}", self.root.display())
    }
}

/// The type a manifest says it has, or, since OCI lets it say nothing, the one its shape shows.
fn own_media_type(bytes: &[u8]) -> Option<MediaType> {
    #[derive(serde::Deserialize)]
    struct Shape {
        #[serde(rename = "mediaType")]
        media_type: Option<MediaType>,
        manifests: Option<serde::de::IgnoredAny>,
    }
    let shape: Shape = serde_json::from_slice(bytes).ok()?;
    shape
        .media_type
        .or_else(|| shape.manifests.map(|_| MediaType::OciIndex))
}
