//! Tags that people use lose no architecture without somebody's choosing it (spec workflows 8.3).

use oci::{
    EntryName, ImageName, ImageRepository, Listing, LossPolicy, MergeError, NewList, RawManifest,
    Reference, Tag, TagState, guard, read_listed,
};

use crate::error::Error;

/// What a tag kept of the list it pointed to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    /// The tag.
    pub target: ImageName,
    /// What it kept: images for architectures that the result lacks. They have the former catalog.
    pub entries: Vec<EntryName>,
}

impl Kept {
    /// What `list`, published as `target`, kept; nothing if it is the result alone.
    pub(crate) fn of(target: &ImageName, list: &NewList) -> Option<Self> {
        let entries: Vec<EntryName> = (list.kept.iter())
            .filter(|name| name.is_image())
            .cloned()
            .collect();
        (!entries.is_empty()).then(|| Self {
            target: target.clone(),
            entries,
        })
    }

    /// Tells whoever reads the request's log.
    pub(crate) fn warn(&self) {
        tracing::warn!(
            "`{}` keeps its former images for {}, with the former catalog",
            self.target,
            self.entry_names().join(", ")
        );
    }
}

/// A tag about to be moved, and the list it is to get.
pub(crate) struct GuardedTag<'target> {
    repository: &'target ImageRepository,
    name: ImageName,
    tag: Tag,
    policy: LossPolicy,
    seen: TagState,
    decided: NewList,
}

impl<'target> GuardedTag<'target> {
    /// Looks what `name` points to and decides what it is to get in place of it.
    pub(crate) async fn decide(
        repository: &'target ImageRepository,
        name: ImageName,
        tag: Tag,
        result: &RawManifest,
        policy: LossPolicy,
    ) -> Result<Self, Error> {
        let failed = |source| failed(&name, source);
        let seen = TagState::look(repository, &tag).await.map_err(failed)?;
        let current = match seen.listed(repository).await {
            Ok(listed) => listed.map(|listed| listed.to_list()),
            // Something else than an image of ours; it has no architectures to lose.
            Err(oci::Error::Manifest(oci::ManifestError::Unsupported { .. })) => None,
            Err(error) => return Err(failed(error)),
        };
        let result = Listing::parse(result).map_err(|source| failed(source.into()))?;
        let decided =
            guard(&result, current.as_ref(), policy).map_err(|error| refused(&name, error))?;
        Ok(Self {
            repository,
            name,
            tag,
            policy,
            seen,
            decided,
        })
    }

    /// Lets the tag point to the list; decides anew first if somebody moved it meanwhile.
    pub(crate) async fn put(self, result: &RawManifest) -> Result<(ImageName, NewList), Error> {
        let is_current = self.seen.is_current(self.repository).await;
        if !is_current.map_err(|source| failed(&self.name, source))? {
            let again = Self::decide(self.repository, self.name, self.tag, result, self.policy);
            return again.await?.write().await;
        }
        self.write().await
    }

    /// What the tag would keep.
    pub(crate) fn kept(&self) -> Option<Kept> {
        Kept::of(&self.name, &self.decided)
    }

    async fn write(self) -> Result<(ImageName, NewList), Error> {
        let list = &self.decided.manifest;
        // A tag that points there already is not written again: nobody who watches it shall wake up for nothing.
        let seen = self.seen.manifest().map(|manifest| &manifest.digest);
        if seen != Some(&list.digest) {
            self.repository
                .put_manifest(&Reference::Tag(self.tag), list)
                .await
                .map_err(|source| failed(&self.name, source))?;
        }
        Ok((self.name, self.decided))
    }
}

/// What the tag `name`, which points to `current`, is to get when it is moved to `result`.
pub(crate) async fn decide_overwrite(
    repository: &ImageRepository,
    name: &ImageName,
    current: &RawManifest,
    result: &Listing,
    policy: LossPolicy,
) -> Result<NewList, Error> {
    let current = read_listed(repository, current)
        .await
        .map_err(|source| failed(name, source))?;
    guard(result, Some(&current.to_list()), policy).map_err(|error| refused(name, error))
}

fn refused(name: &ImageName, error: MergeError) -> Error {
    match error {
        MergeError::Lost { lost } => Error::ArchitecturesLost {
            target: Box::new(name.clone()),
            missing: lost,
        },
        source => Error::CannotKeep {
            target: Box::new(name.clone()),
            source: Box::new(source),
        },
    }
}

/// The error for what a registry or layout says about publishing `name`.
pub(crate) fn failed(name: &ImageName, source: oci::Error) -> Error {
    Error::Publish {
        target: name.to_string(),
        source: Box::new(source),
    }
}
