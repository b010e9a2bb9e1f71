//! A tag that is to be moved: what it pointed to when it was looked at, and moving it from there and nowhere else.

use crate::digest::Digest;
use crate::error::Error;
use crate::image_repository::ImageRepository;
use crate::listed::read_listed;
use crate::manifest::RawManifest;
use crate::manifest_list::Listed;
use crate::reference::{Reference, Tag};

/// A tag and what it pointed to when it was looked at.
#[derive(Clone, Debug)]
pub struct TagState {
    tag: Tag,
    manifest: Option<RawManifest>,
}

impl TagState {
    /// Looks what `tag` points to in `repository`.
    ///
    /// Some registries refuse access to what does not exist. A refusal counts as "not there" only when we gave
    /// credentials that the registry accepts; [`TagState::move_to`] asks again with the right to push.
    ///
    /// # Errors
    /// [`Error`] when that cannot be told.
    pub async fn look(repository: &ImageRepository, tag: &Tag) -> Result<Self, Error> {
        let manifest = match repository.manifest(&Reference::Tag(tag.clone())).await {
            Ok(manifest) => Some(manifest),
            Err(error) if error.is_not_found() => None,
            Err(error) if error.is_refusal() && knows_us(repository).await? => None,
            Err(error) => return Err(error),
        };
        Ok(Self {
            tag: tag.clone(),
            manifest,
        })
    }

    /// A tag in a place that does not exist yet.
    pub fn absent(tag: Tag) -> Self {
        Self {
            tag,
            manifest: None,
        }
    }

    /// What it pointed to; nothing if it was free.
    pub fn manifest(&self) -> Option<&RawManifest> {
        self.manifest.as_ref()
    }

    /// What it pointed to, taken apart.
    ///
    /// # Errors
    /// As for [`read_listed`].
    pub async fn listed(&self, repository: &ImageRepository) -> Result<Option<Listed>, Error> {
        match &self.manifest {
            Some(manifest) => read_listed(repository, manifest).await.map(Some),
            None => Ok(None),
        }
    }

    /// Whether the tag still points there, as those who may push see it.
    ///
    /// # Errors
    /// What the registry or directory says.
    pub async fn is_current(&self, repository: &ImageRepository) -> Result<bool, Error> {
        let current = self.current(repository).await?;
        Ok(current.as_ref() == self.manifest.as_ref().map(|manifest| &manifest.digest))
    }

    /// Lets the tag point to `manifest`, whose content has to be there, unless somebody else moved it meanwhile, and looks
    /// whether it does. Does nothing when it points there already.
    ///
    /// Registries know no conditional PUT: the look right before it leaves a gap of one round trip to strangers.
    ///
    /// # Errors
    /// [`Error::TagMoved`] when somebody else moves it, and what the registry or directory says.
    pub async fn move_to(
        &self,
        repository: &ImageRepository,
        manifest: &RawManifest,
    ) -> Result<(), Error> {
        let expected = self.manifest.as_ref().map(|manifest| &manifest.digest);
        let current = self.current(repository).await?;
        if current.as_ref() != expected {
            return Err(self.moved(repository, expected, current.as_ref()));
        }
        if current.as_ref() == Some(&manifest.digest) {
            return Ok(());
        }
        repository
            .put_manifest(&Reference::Tag(self.tag.clone()), manifest)
            .await?;
        let read_back = self.current(repository).await?;
        if read_back.as_ref() == Some(&manifest.digest) {
            Ok(())
        } else {
            Err(self.moved(repository, Some(&manifest.digest), read_back.as_ref()))
        }
    }

    /// What the tag points to now, as those who may push see it.
    async fn current(&self, repository: &ImageRepository) -> Result<Option<Digest>, Error> {
        let reference = Reference::Tag(self.tag.clone());
        let found = match repository {
            ImageRepository::Remote(remote) => remote.head_manifest_to_push(&reference).await?,
            ImageRepository::Layout(layout) => layout.head_manifest(&reference).await?,
        };
        Ok(found.map(|descriptor| descriptor.digest))
    }

    fn moved(
        &self,
        repository: &ImageRepository,
        expected: Option<&Digest>,
        found: Option<&Digest>,
    ) -> Error {
        let digest = |digest: Option<&Digest>| {
            digest.map_or_else(|| "absent".to_owned(), |digest| format!("`{digest}`"))
        };
        Error::TagMoved {
            image: format!("{}:{}", repository.display_name(), self.tag),
            expected: digest(expected),
            found: digest(found),
        }
    }
}

async fn knows_us(repository: &ImageRepository) -> Result<bool, Error> {
    match repository {
        ImageRepository::Remote(remote) => remote.knows_us().await,
        ImageRepository::Layout(_) => Ok(false),
    }
}
