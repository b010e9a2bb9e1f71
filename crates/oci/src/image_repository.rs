//! Where images live: in a registry's repository, or in a directory.

mod image_name;

use bytes::Bytes;

use crate::client::{BlobPlacement, BlobSource, BlobStream, RemoteRepository};
use crate::digest::Digest;
use crate::error::Error;
use crate::layout::Layout;
use crate::manifest::{Descriptor, RawManifest};
use crate::reference::{Reference, Tag};

pub use image_name::{ImageName, ParseImageNameError};

/// A place that holds images: a registry's repository or an OCI image layout. Cheap to clone.
#[derive(Clone, Debug)]
pub enum ImageRepository {
    /// In a registry.
    Remote(RemoteRepository),
    /// In a directory.
    Layout(Layout),
}

impl ImageRepository {
    /// Reads a manifest or list; see [`RemoteRepository::manifest`] and [`Layout::manifest`].
    ///
    /// # Errors
    /// [`Error::ManifestUnknown`] if there is none, mismatches, and what the registry or directory adds.
    pub async fn manifest(&self, reference: &Reference) -> Result<RawManifest, Error> {
        match self {
            Self::Remote(remote) => remote.manifest(reference).await,
            Self::Layout(layout) => layout.manifest(reference).await,
        }
    }

    /// What the reference names; `None` if there is no such image.
    ///
    /// # Errors
    /// What the registry or directory says, except that there is none.
    pub async fn head_manifest(&self, reference: &Reference) -> Result<Option<Descriptor>, Error> {
        match self {
            Self::Remote(remote) => remote.head_manifest(reference).await,
            Self::Layout(layout) => layout.head_manifest(reference).await,
        }
    }

    /// Writes a manifest or list; its blobs have to be there.
    ///
    /// # Errors
    /// What the registry or directory says.
    pub async fn put_manifest(
        &self,
        reference: &Reference,
        manifest: &RawManifest,
    ) -> Result<(), Error> {
        match self {
            Self::Remote(remote) => remote.put_manifest(reference, manifest).await,
            Self::Layout(layout) => layout.put_manifest(reference, manifest).await,
        }
    }

    /// The size of a blob in bytes; `None` if it is not there.
    ///
    /// # Errors
    /// What the registry or directory says, except that there is none.
    pub async fn has_blob(&self, digest: &Digest) -> Result<Option<u64>, Error> {
        match self {
            Self::Remote(remote) => remote.has_blob(digest).await,
            Self::Layout(layout) => layout.has_blob(digest).await,
        }
    }

    /// Streams a blob, checking size and digest; a mismatch is the last item.
    ///
    /// # Errors
    /// When the blob does not exist or reading cannot begin.
    pub async fn blob(&self, descriptor: &Descriptor) -> Result<BlobStream, Error> {
        match self {
            Self::Remote(remote) => remote.blob(descriptor).await,
            Self::Layout(layout) => layout.blob(descriptor).await,
        }
    }

    /// A whole blob, checked, if it has at most `limit` bytes.
    ///
    /// # Errors
    /// [`Error::TooLarge`], mismatches, and what the registry or directory says.
    pub async fn blob_bytes(&self, descriptor: &Descriptor, limit: u64) -> Result<Bytes, Error> {
        match self {
            Self::Remote(remote) => remote.blob_bytes(descriptor, limit).await,
            Self::Layout(layout) => layout.blob_bytes(descriptor, limit).await,
        }
    }

    /// Writes a blob; the source's size and digest are checked on the way.
    ///
    /// # Errors
    /// Mismatches, and what the registry or directory says.
    pub async fn put_blob(
        &self,
        descriptor: &Descriptor,
        source: &BlobSource,
    ) -> Result<(), Error> {
        match self {
            Self::Remote(remote) => remote.put_blob(descriptor, source).await,
            Self::Layout(layout) => layout.put_blob(descriptor, source).await,
        }
    }

    /// Brings a blob here from `source` the cheapest way: nothing if it is here, a mount within one registry, else a
    /// copy that streams through.
    ///
    /// # Errors
    /// What either side says.
    pub async fn copy_blob_from(
        &self,
        source: &ImageRepository,
        descriptor: &Descriptor,
    ) -> Result<BlobPlacement, Error> {
        if let (Self::Remote(target), Self::Remote(source)) = (self, source) {
            return target.copy_blob_from(source, descriptor).await;
        }
        if self.has_blob(&descriptor.digest).await? == Some(descriptor.size) {
            return Ok(BlobPlacement::Present);
        }
        match (self, source) {
            (Self::Layout(target), _) => {
                let stream = source.blob(descriptor).await?;
                target.put_stream(descriptor, stream).await?;
            }
            (Self::Remote(target), Self::Layout(source)) => {
                let file = BlobSource::File(source.blob_path(&descriptor.digest));
                target.put_blob(descriptor, &file).await?;
            }
            (Self::Remote(target), Self::Remote(source)) => {
                return target.copy_blob_from(source, descriptor).await;
            }
        }
        Ok(BlobPlacement::Copied {
            bytes: descriptor.size,
        })
    }

    /// The tags; sorted for a directory, in the registry's order otherwise.
    ///
    /// # Errors
    /// What the registry or directory says.
    pub async fn tags(&self) -> Result<Vec<Tag>, Error> {
        match self {
            Self::Remote(remote) => remote.tags().await,
            Self::Layout(layout) => layout.tags().await,
        }
    }

    /// The place's name for people: `quay.io/operators/index` or `oci:/path`.
    pub fn display_name(&self) -> String {
        match self {
            Self::Remote(remote) => remote.name().to_string(),
            Self::Layout(layout) => layout.to_string(),
        }
    }
}
