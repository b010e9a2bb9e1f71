//! An index's tag, moved back to what it pointed to before.

use std::collections::BTreeSet;

use oci::{Arch, Digest, ImageName, ImageRepository, LossPolicy, RawManifest, read_listed};

use crate::Builder;
use crate::error::{Error, Role};
use crate::image::FoundImage;
use crate::progress::{Checkpoint, PlannedOverwrite, Reporter};
use crate::run::check_tag;
use crate::stages::guard::{decide_overwrite, failed};
use crate::stages::prepare::find_index;
use crate::stages::publish::move_tag;

/// What an index's tag points to now.
#[derive(Clone, Debug)]
pub struct CurrentIndex {
    name: ImageName,
    manifest: RawManifest,
}

/// A move of an index's tag to an image that is there, with all architectures that the index has now. Nothing has happened yet.
#[derive(Debug)]
pub struct Rollback {
    name: ImageName,
    planned: PlannedOverwrite,
    arches: BTreeSet<Arch>,
    target: ImageRepository,
    former: RawManifest,
}

impl Builder {
    /// Looks up what the tag `name` points to.
    ///
    /// # Errors
    /// [`Error::OverwriteNeedsTag`] for a name by digest, and what cannot be read.
    pub async fn current(&self, name: &ImageName) -> Result<CurrentIndex, Error> {
        check_tag(name)?;
        let image = FoundImage::find(&self.client, None, name, Role::Image, None).await?;
        Ok(CurrentIndex {
            name: name.clone(),
            manifest: image.raw,
        })
    }

    /// Prepares to move the index's tag to `to`, an image of the same repository.
    ///
    /// # Errors
    /// [`Error::FormerGone`] if it is not there with manifests and configs of all its architectures,
    /// [`Error::FormerLacksArchitectures`] if one would be lost, and [`ContentError::NotAnIndex`](crate::ContentError::NotAnIndex).
    pub async fn plan_rollback(
        &self,
        current: CurrentIndex,
        to: Digest,
    ) -> Result<Rollback, Error> {
        let CurrentIndex { name, manifest } = current;
        let found = match find_index(&self.client, None, &name, Role::FromIndex, Some(&to)).await {
            Ok(found) => complete(&found.image, &found.arches).await.map(|()| found),
            Err(error) => Err(error),
        };
        let found = found.map_err(|error| match error {
            Error::Read { source, .. } if source.is_not_found() => Error::FormerGone {
                index: Box::new(name.clone()),
                to: to.clone(),
                source,
            },
            error => error,
        })?;
        let (target, former) = (found.image.repository, found.image.raw);
        check_keeps(&target, &name, &manifest, &former).await?;
        Ok(Rollback {
            planned: PlannedOverwrite {
                from: manifest.digest,
                to,
            },
            arches: found.arches,
            target,
            former,
            name,
        })
    }
}

/// The guard of every overwrite: no architecture goes without somebody's choosing it.
async fn check_keeps(
    repository: &ImageRepository,
    name: &ImageName,
    current: &RawManifest,
    former: &RawManifest,
) -> Result<(), Error> {
    let listed = read_listed(repository, former)
        .await
        .map_err(|source| failed(name, source))?;
    let policy = LossPolicy::Refuse;
    match decide_overwrite(repository, name, current, &listed.to_list(), policy).await {
        Ok(_) => Ok(()),
        Err(Error::ArchitecturesLost { target, missing }) => Err(Error::FormerLacksArchitectures {
            index: target,
            to: former.digest.clone(),
            missing,
        }),
        Err(error) => Err(error),
    }
}

/// Reads manifest and config of each architecture, so that a list is not put back without its images.
async fn complete(image: &FoundImage, arches: &BTreeSet<Arch>) -> Result<(), Error> {
    for arch in arches {
        image.for_arch(arch).await?;
    }
    Ok(())
}

impl CurrentIndex {
    /// The digest.
    pub fn digest(&self) -> &Digest {
        &self.manifest.digest
    }
}

impl Rollback {
    /// From where the tag moves, and to where.
    pub fn planned(&self) -> &PlannedOverwrite {
        &self.planned
    }

    /// The architectures that the index will have.
    pub fn arches(&self) -> &BTreeSet<Arch> {
        &self.arches
    }

    /// Moves the tag, unless somebody else moved it meanwhile. `reporter` keeps the checkpoint that says so before it happens.
    ///
    /// # Errors
    /// [`Error::IndexChanged`] if the tag was moved meanwhile, and what cannot be written.
    pub async fn execute(&self, reporter: &dyn Reporter) -> Result<(), Error> {
        move_tag(
            &self.target,
            &self.name,
            self.planned.clone(),
            &self.former,
            reporter,
            &mut Checkpoint::default(),
        )
        .await
    }
}
