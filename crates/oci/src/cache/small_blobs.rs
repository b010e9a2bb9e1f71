//! Manifests and other small blobs on disk. Blocking.

use std::fs::{self, File};
use std::io;

use bytes::Bytes;

use super::places::Places;
use crate::client::media_type_of;
use crate::digest::Digest;
use crate::error::Error;
use crate::layout::LayoutError;
use crate::layout::{MAX_MANIFEST_BYTES, blobs};
use crate::manifest::{Descriptor, RawManifest};
use crate::media_type::MediaType;
use crate::size;

/// The blob, if it is there, has at most `limit` bytes and is sound. One that is not sound is removed.
pub(super) fn find(places: &Places, digest: &Digest, limit: u64) -> Option<Bytes> {
    match blobs::read(places.root(), digest, limit) {
        Ok(Some(bytes)) => {
            if let Ok(file) = File::open(places.blob(digest)) {
                places.touch(&file);
            }
            Some(bytes)
        }
        // Whoever says how large it is may be wrong; if the cache is, the one that is written next replaces it.
        Ok(None) | Err(Error::TooLarge { .. }) => None,
        Err(Error::DigestMismatch { .. }) => {
            tracing::warn!(%digest, "a cached blob is damaged; it is fetched anew");
            if let Err(error) = remove(places, digest) {
                tracing::warn!(%error, %digest, "a damaged blob could not be removed from the cache");
            }
            None
        }
        Err(error) => {
            tracing::warn!(%error, %digest, "a cached blob cannot be read; it is fetched anew");
            None
        }
    }
}

/// The manifest, if it is there and sound.
pub(super) fn find_manifest(places: &Places, digest: &Digest) -> Option<RawManifest> {
    let bytes = find(places, digest, MAX_MANIFEST_BYTES)?;
    let kept = match fs::read_to_string(places.media_type(digest)) {
        Ok(kept) => Some(MediaType::from(kept.as_str())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(error) => {
            tracing::warn!(%error, %digest, "the media type of a cached manifest cannot be read; it is fetched anew");
            return None;
        }
    };
    Some(RawManifest {
        media_type: media_type_of(&bytes, kept),
        bytes,
        digest: digest.clone(),
    })
}

/// Keeps a blob and returns how much of the disk it takes. Nothing is synced: what a lost write leaves is told by the
/// digest.
pub(super) fn keep(places: &Places, descriptor: &Descriptor, bytes: &Bytes) -> Result<u64, Error> {
    let file = blobs::receive(places.root(), descriptor, &mut &**bytes)?;
    let target = places.blob(&descriptor.digest);
    file.persist(&target).map_err(|failure| LayoutError::Io {
        path: target,
        source: failure.error,
    })?;
    Ok(descriptor.size)
}

/// Keeps a manifest and returns how much of the disk it takes.
pub(super) fn keep_manifest(places: &Places, manifest: &RawManifest) -> Result<u64, Error> {
    let mut taken = 0;
    if media_type_of(&manifest.bytes, None) != manifest.media_type {
        // Before the manifest, which would seem to be of another type without it.
        let text = Bytes::from(manifest.media_type.as_str().to_owned());
        let descriptor = Descriptor::new(
            MediaType::Other("text/plain".to_owned()),
            size::of(text.len()),
            Digest::of(&text),
        );
        let file = blobs::receive(places.root(), &descriptor, &mut &*text)?;
        blobs::publish(file, &places.media_type(&manifest.digest))?;
        taken = descriptor.size;
    }
    Ok(taken + keep(places, &manifest.descriptor(), &manifest.bytes)?)
}

/// Removes a blob, and what is known of it.
pub(super) fn remove(places: &Places, digest: &Digest) -> io::Result<()> {
    for path in [places.blob(digest), places.media_type(digest)] {
        match fs::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            Ok(()) | Err(_) => {}
        }
    }
    Ok(())
}
