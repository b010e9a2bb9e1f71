//! A tag that is to be moved.

use anyhow::{Context as _, bail};
use oci::{
    Client, CopyCounts, Descriptor, ImageName, ImageRepository, LayoutError, Listed, NewList,
    Reference, Tag, TagState, copy_manifests,
};

use super::CONCURRENCY;
use super::report::Report;
use crate::WrongUsage;

/// A tag as it was found, or the place for one.
pub(super) struct Destination {
    pub(super) name: ImageName,
    tag: Tag,
    state: TagState,
    pub(super) listed: Option<Listed>,
}

/// Entries to be brought to the destination, and where they are.
pub(super) type Load<'source> = (&'source ImageRepository, Vec<Descriptor>);

impl Destination {
    /// Looks at the destination. Nothing is made, not even a directory.
    pub(super) async fn look(client: &Client, name: ImageName) -> anyhow::Result<Self> {
        let Reference::Tag(tag) = name.reference() else {
            let wrong = anyhow::anyhow!(
                "the destination `{name}` is named by digest, which cannot be moved; name it by tag"
            );
            bail!(WrongUsage(wrong));
        };
        let look = async {
            let repository = match name.open(client).await {
                Ok(repository) => repository,
                Err(oci::Error::Layout(LayoutError::NotALayout { .. })) => {
                    return Ok((TagState::absent(tag.clone()), None));
                }
                Err(error) => return Err(error),
            };
            let state = TagState::look(&repository, &tag).await?;
            let listed = state.listed(&repository).await?;
            Ok((state, listed))
        };
        let (state, listed) = look
            .await
            .with_context(|| format!("the destination `{name}` could not be looked at"))?;
        Ok(Self {
            name,
            tag,
            state,
            listed,
        })
    }

    /// Brings the entries of `loads` here and lets the tag point to `list`; on a dry run only says what that would change.
    pub(super) async fn apply(
        self,
        client: &Client,
        loads: &[Load<'_>],
        list: NewList,
        dry_run: bool,
    ) -> anyhow::Result<Report> {
        let copied = if dry_run {
            None
        } else {
            let copied = self.write(client, loads, &list).await;
            Some(copied.with_context(|| format!("`{}` could not be published", self.name))?)
        };
        Ok(self.report(Some(list), copied))
    }

    async fn write(
        &self,
        client: &Client,
        loads: &[Load<'_>],
        list: &NewList,
    ) -> Result<CopyCounts, oci::Error> {
        let repository = self.name.open_or_create(client).await?;
        let mut copied = CopyCounts::default();
        for (source, entries) in loads {
            let counts = copy_manifests(source, &repository, entries, CONCURRENCY).await?;
            copied = copied.plus(counts);
        }
        self.state.move_to(&repository, &list.manifest).await?;
        Ok(copied)
    }

    /// What becomes of the destination; without a list it stays as it is.
    pub(super) fn report(self, list: Option<NewList>, copied: Option<CopyCounts>) -> Report {
        let before = self
            .state
            .manifest()
            .map(|manifest| manifest.digest.clone());
        Report {
            destination: with_tag(&self.name, &self.tag),
            before,
            list,
            copied,
        }
    }
}

/// The destination's name with the tag that is moved, which people may leave out.
fn with_tag(name: &ImageName, tag: &Tag) -> ImageName {
    match name {
        ImageName::Registry(spec) => {
            ImageName::Registry(spec.repository().with_tag(tag.clone()).into())
        }
        ImageName::Layout { path, .. } => ImageName::Layout {
            path: path.clone(),
            reference: Some(Reference::Tag(tag.clone())),
        },
    }
}
