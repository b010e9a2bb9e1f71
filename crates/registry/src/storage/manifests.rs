//! Manifests and the tags that point to them.

use std::collections::BTreeSet;
use std::fs;
use std::io;

use super::{Storage, if_found, names_in};
use crate::digest::Digest;
use crate::name::{Reference, RepositoryName, Tag};

/// A manifest as it was pushed.
#[derive(Debug)]
pub(crate) struct Stored {
    pub(crate) digest: Digest,
    pub(crate) media_type: String,
    pub(crate) bytes: Vec<u8>,
}

/// What became of a manifest handed over.
#[derive(Debug)]
pub(crate) enum Pushed {
    Accepted,
    /// The repository lacks these; nothing was changed.
    Missing(BTreeSet<Digest>),
}

impl Storage {
    /// The manifest; `None` when the repository does not have it.
    pub(crate) fn manifest(
        &self,
        repository: &RepositoryName,
        reference: &Reference,
    ) -> io::Result<Option<Stored>> {
        let digest = match reference {
            Reference::Digest(digest) => *digest,
            Reference::Tag(tag) => match self.tagged(repository, tag)? {
                Some(digest) => digest,
                None => return Ok(None),
            },
        };
        let Some(media_type) =
            if_found(fs::read_to_string(self.manifest_link(repository, digest)))?
        else {
            return Ok(None);
        };
        Ok(
            if_found(fs::read(self.blob_path(digest)))?.map(|bytes| Stored {
                digest,
                media_type,
                bytes,
            }),
        )
    }

    /// Stores a manifest when all `blobs` and `children` it refers to are there, and points `tag` to it last.
    pub(crate) fn put_manifest(
        &self,
        repository: &RepositoryName,
        manifest: &Stored,
        blobs: &BTreeSet<Digest>,
        children: &BTreeSet<Digest>,
        tag: Option<&Tag>,
    ) -> io::Result<Pushed> {
        let _links = self.lock_links();
        let mut missing = BTreeSet::new();
        for blob in blobs {
            if !self.has_blob(repository, *blob)? {
                missing.insert(*blob);
            }
        }
        for child in children {
            if !self.has_manifest(repository, *child)? {
                missing.insert(*child);
            }
        }
        if !missing.is_empty() {
            return Ok(Pushed::Missing(missing));
        }
        let bytes = self.blob_path(manifest.digest);
        if !bytes.try_exists()? {
            self.write(&bytes, &manifest.bytes)?;
        }
        self.write(
            &self.manifest_link(repository, manifest.digest),
            manifest.media_type.as_bytes(),
        )?;
        if let Some(tag) = tag {
            self.write(
                &self.tag(repository, tag),
                manifest.digest.to_string().as_bytes(),
            )?;
        }
        Ok(Pushed::Accepted)
    }

    /// Removes a manifest with all tags that point to it, or a tag alone; false when it was not there.
    pub(crate) fn delete_manifest(
        &self,
        repository: &RepositoryName,
        reference: &Reference,
    ) -> io::Result<bool> {
        let _links = self.lock_links();
        let digest = match reference {
            Reference::Tag(tag) => return self.remove(&self.tag(repository, tag)),
            Reference::Digest(digest) => digest,
        };
        // The tags go first: a crash in between must not leave one that points nowhere.
        let tags = self.tags(repository);
        for name in names_in(&tags)? {
            let path = tags.join(name);
            if if_found(fs::read_to_string(&path))?
                .is_some_and(|target| target == digest.to_string())
            {
                self.remove(&path)?;
            }
        }
        self.remove(&self.manifest_link(repository, *digest))
    }

    fn tagged(&self, repository: &RepositoryName, tag: &Tag) -> io::Result<Option<Digest>> {
        let text = if_found(fs::read_to_string(self.tag(repository, tag)))?;
        text.map(|text| {
            text.parse()
                .map_err(|e| io::Error::new(io::ErrorKind::InvalidData, e))
        })
        .transpose()
    }

    fn has_manifest(&self, repository: &RepositoryName, digest: Digest) -> io::Result<bool> {
        Ok(self.manifest_link(repository, digest).try_exists()?
            && self.blob_path(digest).try_exists()?)
    }
}
