//! Two lists made into one: what the source has, and what only the destination has (spec workflows 8.1).

use std::collections::BTreeSet;

use super::difference::{Change, difference};
use super::entry::{EntryName, ListedEntry, Subject};
use super::listing::{Listed, Listing};
use super::platform_key::PlatformKey;
use super::policy;
use crate::digest::Digest;
use crate::manifest::{Descriptor, RawManifest};
use crate::media_type::MediaType;
use crate::platform::Arch;

/// Which architectures are taken from the source.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Selection {
    /// All; then there has to be a destination.
    #[default]
    All,
    /// These.
    Only(BTreeSet<Arch>),
    /// All but these.
    Except(BTreeSet<Arch>),
}

impl Selection {
    fn includes(&self, architecture: &str) -> bool {
        let named =
            |arches: &BTreeSet<Arch>| arches.iter().any(|arch| arch.as_str() == architecture);
        match self {
            Self::All => true,
            Self::Only(arches) => named(arches),
            Self::Except(arches) => !named(arches),
        }
    }

    /// Whether artifacts for no platform are taken.
    fn includes_others(&self) -> bool {
        !matches!(self, Self::Only(_))
    }
}

/// A list to be published, and how it differs from the one it takes the place of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewList {
    /// What the tag is to point to. The source's own bytes when it is the source as it was.
    pub manifest: RawManifest,
    /// The source's entries in it. They have to be brought to the destination's repository first.
    pub taken: Vec<Descriptor>,
    /// The destination's entries in it, which the source does not have.
    pub kept: Vec<EntryName>,
    /// What changes, entry by entry.
    pub changes: Vec<Change>,
}

/// Why two lists could not be made into one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MergeError {
    /// A full merge needs something to merge into.
    #[error(
        "the destination does not exist; name one that does, select architectures, or publish the source there"
    )]
    DestinationMissing,
    /// The source is one image where a list is needed.
    #[error(
        "the source is no manifest list but a single image (`{media_type}`); publish it instead, with the policy `keep-missing` to keep the rest of the destination"
    )]
    SourceIsImage {
        /// Its type.
        media_type: MediaType,
    },
    /// The destination is one image where a list is needed.
    #[error(
        "the destination is no manifest list but a single image (`{media_type}`); publish the source instead, with the policy `keep-missing` to keep that image"
    )]
    DestinationIsImage {
        /// Its type.
        media_type: MediaType,
    },
    /// Entries of one family of formats cannot be kept in a list of the other.
    #[error(
        "the new list is of type `{new}` and the one to keep {} from is of type `{current}`; publish both in one format, or replace the whole list",
        policy::list(kept)
    )]
    MixedTypes {
        /// The type of the new list.
        new: MediaType,
        /// The type of the one whose entries would be kept.
        current: MediaType,
        /// The entries.
        kept: Vec<EntryName>,
    },
    /// What is published lacks what is there.
    #[error(
        "{} would be lost; publish them too, keep what is missing (policy `keep-missing`), or give them up (policy `replace`)",
        policy::list(lost)
    )]
    Lost {
        /// What would be lost, in the current list's order.
        lost: Vec<EntryName>,
    },
}

/// Makes the list that has the source's architectures, as far as they are selected, and what only the destination has.
/// Nothing when nothing of the source is selected: then there is nothing to do.
///
/// Entries are matched by their whole platform (see [`PlatformKey`]): a platform's entries are all the source's or all the
/// destination's, whatever their compressions. Attestations stay with the image they are about. Artifacts for no platform
/// stay unless the source has one of the same name.
///
/// With a selection, the destination may be absent, and a single image takes the place of what is there, which must not
/// lose an architecture by it.
///
/// # Errors
/// [`MergeError`] when one of the two is of the wrong kind, or absent.
pub fn merge(
    source: &Listed,
    destination: Option<&Listed>,
    selection: &Selection,
) -> Result<Option<NewList>, MergeError> {
    match (source, destination) {
        (Listed::Image { raw, .. }, _) if *selection == Selection::All => {
            Err(MergeError::SourceIsImage {
                media_type: raw.media_type.clone(),
            })
        }
        (Listed::Image { raw, .. }, Some(Listed::List(_))) if selects(source, selection) => {
            Err(MergeError::SourceIsImage {
                media_type: raw.media_type.clone(),
            })
        }
        (Listed::List(_), None) if *selection == Selection::All => {
            Err(MergeError::DestinationMissing)
        }
        (Listed::List(_), Some(Listed::Image { raw, .. })) => Err(MergeError::DestinationIsImage {
            media_type: raw.media_type.clone(),
        }),
        _ if *selection != Selection::All && !selects(source, selection) => Ok(None),
        (Listed::Image { raw, .. }, destination) => plain_copy(source, raw, destination).map(Some),
        (Listed::List(source), destination) => {
            let destination = destination.map(Listed::to_list);
            combine(source, destination.as_ref(), selection).map(Some)
        }
    }
}

/// Whether any image of the source is selected.
fn selects(source: &Listed, selection: &Selection) -> bool {
    let list = source.to_list();
    let mut platforms = list
        .entries
        .iter()
        .filter_map(|entry| entry.platform.as_ref());
    platforms.any(|platform| selection.includes(platform.architecture()))
}

/// The image itself under the destination's name.
fn plain_copy(
    source: &Listed,
    raw: &RawManifest,
    destination: Option<&Listed>,
) -> Result<NewList, MergeError> {
    let (source, destination) = (source.to_list(), destination.map(Listed::to_list));
    policy::check_keeps(&source, destination.as_ref())?;
    Ok(NewList {
        manifest: raw.clone(),
        taken: vec![raw.descriptor()],
        kept: Vec::new(),
        changes: difference(destination.as_ref(), &source),
    })
}

/// The source's selected entries in its order, then what the destination alone has in its order.
pub(super) fn combine(
    source: &Listing,
    destination: Option<&Listing>,
    selection: &Selection,
) -> Result<NewList, MergeError> {
    let taken = taken(source, selection);
    let kept = destination.map_or_else(Vec::new, |destination| kept(&taken, destination));
    let unchanged = taken.len() == source.entries.len() && kept.is_empty();
    let (kept_names, kept): (Vec<EntryName>, Vec<&ListedEntry>) = kept.into_iter().unzip();
    if let Some(destination) = destination
        && !kept.is_empty()
        && destination.media_type != source.media_type
    {
        return Err(MergeError::MixedTypes {
            new: source.media_type.clone(),
            current: destination.media_type.clone(),
            kept: kept_names,
        });
    }
    let result = Listing {
        media_type: source.media_type.clone(),
        document: source.document.clone(),
        raw: source.raw.clone().filter(|_| unchanged),
        entries: taken
            .iter()
            .chain(&kept)
            .map(|entry| (*entry).clone())
            .collect(),
    };
    let taken = taken.iter().map(|entry| entry.descriptor.clone());
    Ok(NewList {
        manifest: result.to_raw(),
        taken: taken.collect(),
        kept: kept_names,
        changes: difference(destination, &result),
    })
}

/// The selected entries of the source; attestations with their images.
fn taken<'source>(source: &'source Listing, selection: &Selection) -> Vec<&'source ListedEntry> {
    let names = source.names();
    let by_itself = |name: &EntryName| match name {
        EntryName::Platform { platform, .. } => selection.includes(platform.architecture()),
        EntryName::Other { .. } => selection.includes_others(),
        EntryName::Attached { .. } => false,
    };
    let digests: BTreeSet<&Digest> = (source.entries.iter().zip(&names))
        .filter(|(_, name)| by_itself(name))
        .map(|(entry, _)| &entry.descriptor.digest)
        .collect();
    let is_taken = |entry: &ListedEntry, name: &EntryName| match name {
        EntryName::Attached { .. } => entry
            .subject()
            .is_some_and(|subject| digests.contains(&subject.digest)),
        other => by_itself(other),
    };
    (source.entries.iter().zip(&names))
        .filter(|(entry, name)| is_taken(entry, name))
        .map(|(entry, _)| entry)
        .collect()
}

/// What of the destination has its place beside what is taken of the source.
fn kept<'destination>(
    taken: &[&ListedEntry],
    destination: &'destination Listing,
) -> Vec<(EntryName, &'destination ListedEntry)> {
    let platforms: BTreeSet<&PlatformKey> = taken
        .iter()
        .filter(|entry| entry.own_name().is_image())
        .filter_map(|entry| entry.platform.as_ref())
        .collect();
    let digests: BTreeSet<&Digest> = taken.iter().map(|entry| &entry.descriptor.digest).collect();
    let attached: BTreeSet<Subject> = taken.iter().filter_map(|entry| entry.subject()).collect();
    let taken_names: BTreeSet<EntryName> = taken.iter().map(|entry| entry.own_name()).collect();

    let names = destination.names();
    let stays = |entry: &ListedEntry, name: &EntryName| match name {
        EntryName::Platform { platform, .. } => !platforms.contains(platform),
        EntryName::Other { .. } => {
            let known = digests.contains(&entry.descriptor.digest) || taken_names.contains(name);
            let renewed = entry
                .subject()
                .is_some_and(|subject| attached.contains(&subject));
            !known && !renewed
        }
        EntryName::Attached { .. } => false,
    };
    let staying: BTreeSet<&Digest> = (destination.entries.iter().zip(&names))
        .filter(|(entry, name)| stays(entry, name))
        .map(|(entry, _)| &entry.descriptor.digest)
        .collect();
    // The same image may be in both lists: what was attested of it stays true, unless the source attests it anew.
    let goes_along = |entry: &ListedEntry| {
        entry.subject().is_some_and(|subject| {
            let present = staying.contains(&subject.digest) || digests.contains(&subject.digest);
            present && !attached.contains(&subject)
        }) && !digests.contains(&entry.descriptor.digest)
    };
    (names.iter().zip(&destination.entries))
        .filter(|(name, entry)| match name {
            EntryName::Attached { .. } => goes_along(entry),
            other => stays(entry, other),
        })
        .map(|(name, entry)| (name.clone(), entry))
        .collect()
}
