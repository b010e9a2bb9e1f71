//! Images as requests need them: looked up once, known by digest from then on.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use oci::{
    Arch, BlobCache, Client, Descriptor, Digest, Document, ImageConfig, ImageManifest, ImageName,
    ImageRepository, Limits, ManifestList, RawManifest, Reference,
};

use crate::error::{ContentError, Error, Role};

/// The largest image config that is read, in bytes. Real ones are a few kilobytes.
const MAX_CONFIG_BYTES: u64 = 4 * 1024 * 1024;

/// An image that was looked up: its manifest is at hand, its digest is known.
#[derive(Clone, Debug)]
pub(crate) struct FoundImage {
    pub(crate) name: ImageName,
    pub(crate) role: Role,
    pub(crate) repository: ImageRepository,
    pub(crate) raw: RawManifest,
    pub(crate) document: Document,
    /// Where what is named by digest may be already.
    blobs: Option<BlobCache>,
}

/// One platform's image of a [`FoundImage`].
#[derive(Clone, Debug)]
pub(crate) struct PlatformImage {
    pub(crate) digest: Digest,
    pub(crate) manifest: ImageManifest,
    pub(crate) config: ImageConfig,
}

impl FoundImage {
    /// Looks `name` up, by `digest` when it is already known (a restarted request), else as it is written. The registry is
    /// always asked; what that image refers to by digest is taken from `blobs` if it is there.
    pub(crate) async fn find(
        client: &Client,
        blobs: Option<&BlobCache>,
        name: &ImageName,
        role: Role,
        digest: Option<&Digest>,
    ) -> Result<Self, Error> {
        let read = |source: oci::Error| Error::Read {
            role,
            image: name.to_string(),
            source: Box::new(source),
        };
        let repository = name.open(client).await.map_err(read)?;
        let reference = digest.map_or_else(
            || name.reference(),
            |digest| Reference::Digest(digest.clone()),
        );
        let raw = repository.manifest(&reference).await.map_err(read)?;
        Self::of(blobs, name, role, repository, raw).await
    }

    /// Like [`FoundImage::find`], but what is named by digest and known already is not asked for.
    pub(crate) async fn find_pinned(
        client: &Client,
        blobs: &BlobCache,
        name: &ImageName,
        role: Role,
    ) -> Result<Self, Error> {
        let Reference::Digest(digest) = name.reference() else {
            return Self::find(client, Some(blobs), name, role, None).await;
        };
        let read = |source: oci::Error| Error::Read {
            role,
            image: name.to_string(),
            source: Box::new(source),
        };
        let repository = name.open(client).await.map_err(read)?;
        let raw = blobs.manifest(&repository, &digest).await.map_err(read)?;
        Self::of(Some(blobs), name, role, repository, raw).await
    }

    /// An image whose manifest was read already.
    pub(crate) async fn of(
        blobs: Option<&BlobCache>,
        name: &ImageName,
        role: Role,
        repository: ImageRepository,
        raw: RawManifest,
    ) -> Result<Self, Error> {
        if !raw.media_type.is_list() && !raw.media_type.is_image() {
            return Err(Error::UnsupportedType {
                role,
                image: name.to_string(),
                media_type: raw.media_type,
            });
        }
        let document = raw.parse().map_err(|source| Error::Read {
            role,
            image: name.to_string(),
            source: Box::new(source.into()),
        })?;
        let mut found = Self {
            name: name.clone(),
            role,
            repository,
            raw,
            document,
            blobs: blobs.cloned(),
        };
        if !matches!(role, Role::Bundle | Role::RelatedImage) {
            found.complete_platforms().await?;
        }
        Ok(found)
    }

    /// Gives entries of a list that do not say their platform the one of their image's config. OCI lets them say nothing, and an
    /// architecture that nobody sees would be lost when the list is made anew.
    async fn complete_platforms(&mut self) -> Result<(), Error> {
        let Document::List(list) = &self.document else {
            return Ok(());
        };
        let mut list = list.clone();
        for entry in &mut list.manifests {
            if entry.platform.is_none() && entry.media_type.is_image() {
                // On the heap, for the few entries that need it: every look-up would carry its size.
                let platform = Box::pin(oci::platform_of_entry(&self.repository, entry))
                    .await
                    .map_err(|source| self.read(source))?;
                // What no architecture is called like that is not built for.
                entry.platform =
                    platform.filter(|platform| platform.architecture.parse::<Arch>().is_ok());
            }
        }
        self.document = Document::List(list);
        Ok(())
    }

    pub(crate) fn digest(&self) -> &Digest {
        &self.raw.digest
    }

    /// The name with the digest in place of tag and digest.
    pub(crate) fn resolved(&self) -> String {
        pinned_name(&self.name, self.digest())
    }

    /// The architectures the image exists for: every entry's of a list, the config's of a single image.
    pub(crate) async fn arches(&self) -> Result<BTreeSet<Arch>, Error> {
        match &self.document {
            Document::List(list) => entries_with_arch(list)
                .map(|(text, _)| self.parse_arch(text))
                .collect::<Result<_, _>>(),
            Document::Image(manifest) => {
                let config = self.config(manifest).await?;
                Ok(BTreeSet::from([self.parse_arch(&config.architecture)?]))
            }
        }
    }

    /// The image whose labels speak for the whole: amd64's, or the first.
    pub(crate) async fn for_labels(&self) -> Result<PlatformImage, Error> {
        match &self.document {
            Document::Image(manifest) => self.single(manifest).await,
            Document::List(list) => {
                let amd64 =
                    entries_with_arch(list).find(|(arch, _)| *arch == Arch::amd64().as_str());
                let entry = amd64
                    .map(|(_, entry)| entry)
                    .or_else(|| list.manifests.first());
                self.entry(entry.ok_or_else(|| self.empty_list())?).await
            }
        }
    }

    /// The first image of a list, or the single image: what a bundle resolves to.
    pub(crate) async fn first(&self) -> Result<PlatformImage, Error> {
        match &self.document {
            Document::Image(manifest) => self.single(manifest).await,
            Document::List(list) => {
                self.entry(list.manifests.first().ok_or_else(|| self.empty_list())?)
                    .await
            }
        }
    }

    /// The image for `arch`, if there is one.
    pub(crate) async fn for_arch(&self, arch: &Arch) -> Result<Option<PlatformImage>, Error> {
        match &self.document {
            Document::Image(manifest) => Ok(Some(self.single(manifest).await?)),
            Document::List(list) => {
                let of_arch = || entries_with_arch(list).filter(|(text, _)| *text == arch.as_str());
                let entry = of_arch()
                    .find(|(_, entry)| is_linux(entry))
                    .or(of_arch().next());
                match entry {
                    Some((_, entry)) => Ok(Some(self.entry(entry).await?)),
                    None => Ok(None),
                }
            }
        }
    }

    /// Copies the catalog in the directory `path` of `platform`, one of this image's, to the directory `to`. Its layers are read
    /// from `repository`: the image's own, or one that has copies.
    ///
    /// # Errors
    /// [`ContentError::CatalogMissing`] if there is no such directory.
    pub(crate) async fn extract_catalog(
        &self,
        repository: &ImageRepository,
        platform: &PlatformImage,
        path: &str,
        to: &Path,
    ) -> Result<(), Error> {
        let manifest = &platform.manifest;
        let is_there = oci::extract_tree(repository, manifest, path, to, &Limits::index())
            .await
            .map_err(|source| self.read(source))?;
        if is_there {
            Ok(())
        } else {
            Err(Error::from(ContentError::CatalogMissing {
                image: Box::new(self.name.clone()),
                path: path.to_owned(),
            }))
        }
    }

    async fn single(&self, manifest: &ImageManifest) -> Result<PlatformImage, Error> {
        let config = self.config(manifest).await?;
        Ok(PlatformImage {
            digest: self.raw.digest.clone(),
            manifest: manifest.clone(),
            config,
        })
    }

    async fn entry(&self, entry: &Descriptor) -> Result<PlatformImage, Error> {
        let raw = self.child(&entry.digest).await?;
        match raw.parse().map_err(|source| self.read(source.into()))? {
            Document::Image(manifest) => {
                let config = self.config(&manifest).await?;
                Ok(PlatformImage {
                    digest: raw.digest,
                    manifest,
                    config,
                })
            }
            // A list within a list has no meaning for index or bundle images.
            Document::List(_) => Err(Error::UnsupportedType {
                role: self.role,
                image: pinned_name(&self.name, &raw.digest),
                media_type: raw.media_type,
            }),
        }
    }

    async fn config(&self, manifest: &ImageManifest) -> Result<ImageConfig, Error> {
        let (from, config) = (&self.repository, &manifest.config);
        let bytes = match &self.blobs {
            Some(blobs) => blobs.blob_bytes(from, config, MAX_CONFIG_BYTES).await,
            None => from.blob_bytes(config, MAX_CONFIG_BYTES).await,
        };
        let bytes = bytes.map_err(|source| self.read(source))?;
        serde_json::from_slice(&bytes).map_err(|source| Error::BadConfig {
            role: self.role,
            image: self.name.to_string(),
            source,
        })
    }

    /// A manifest that the image's list refers to.
    async fn child(&self, digest: &Digest) -> Result<RawManifest, Error> {
        let child = if let Some(blobs) = &self.blobs {
            blobs.manifest(&self.repository, digest).await
        } else {
            let reference = Reference::Digest(digest.clone());
            self.repository.manifest(&reference).await
        };
        child.map_err(|source| self.read(source))
    }

    fn parse_arch(&self, text: &str) -> Result<Arch, Error> {
        text.parse()
            .map_err(|problem: oci::ParseArchError| Error::BadLabel {
                image: self.name.to_string(),
                label: crate::labels::ARCHITECTURE,
                value: text.to_owned(),
                problem: problem.to_string(),
            })
    }

    pub(crate) fn read(&self, source: oci::Error) -> Error {
        Error::Read {
            role: self.role,
            image: self.name.to_string(),
            source: Box::new(source),
        }
    }

    pub(crate) fn empty_list(&self) -> Error {
        Error::EmptyList {
            role: self.role,
            image: self.name.to_string(),
        }
    }
}

/// The entries that run somewhere: attestations and other attachments say `unknown`, or nothing.
fn entries_with_arch(list: &ManifestList) -> impl Iterator<Item = (&str, &Descriptor)> {
    list.manifests.iter().filter_map(|entry| {
        let platform = entry.platform.as_ref()?;
        (platform.architecture != "unknown").then_some((platform.architecture.as_str(), entry))
    })
}

fn is_linux(entry: &Descriptor) -> bool {
    entry
        .platform
        .as_ref()
        .is_some_and(|platform| platform.os == "linux")
}

/// `name` with `digest` in place of tag and digest.
pub(crate) fn pinned(name: &ImageName, digest: &Digest) -> ImageName {
    match name {
        ImageName::Registry(spec) => {
            ImageName::Registry(spec.repository().with_digest(digest.clone()).into())
        }
        ImageName::Layout { path, .. } => ImageName::Layout {
            path: path.clone(),
            reference: Some(Reference::Digest(digest.clone())),
        },
    }
}

/// The text of [`pinned`].
pub(crate) fn pinned_name(name: &ImageName, digest: &Digest) -> String {
    pinned(name, digest).to_string()
}

/// A label's value; a missing label reads as nothing.
pub(crate) fn label<'labels>(
    labels: &'labels BTreeMap<String, String>,
    name: &str,
) -> Option<&'labels str> {
    labels
        .get(name)
        .map(String::as_str)
        .filter(|value| !value.is_empty())
}
