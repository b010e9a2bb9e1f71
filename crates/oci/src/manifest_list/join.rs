//! Several sources made into one list.

use std::collections::{BTreeMap, BTreeSet};

use super::entry::EntryName;
use super::listing::Listing;
use crate::digest::Digest;
use crate::media_type::MediaType;

/// Why sources could not be made into one list.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum JoinError {
    /// No source has any entry.
    #[error("`{source_name}` is an empty manifest list; name sources with at least one image")]
    Empty {
        /// The first source.
        source_name: String,
    },
    /// Two sources have different images for the same.
    #[error(
        "`{first}` and `{second}` both have an image for `{name}`; name one of them, or one by an image's digest"
    )]
    Twice {
        /// What both have.
        name: Box<EntryName>,
        /// The one source.
        first: String,
        /// The other.
        second: String,
    },
    /// The sources are of different families of formats.
    #[error(
        "`{first}` makes a list of type `{first_type}` and `{second}` one of type `{second_type}`; push them in one format"
    )]
    MixedTypes {
        /// The first source.
        first: String,
        /// The list it makes.
        first_type: MediaType,
        /// The other source.
        second: String,
        /// The list it makes.
        second_type: MediaType,
    },
}

/// Makes one list of `first` and `others`, each with its name, in this order. One source alone stays as it is, byte for byte.
///
/// The document around the entries is the first source's. An entry that several sources have is taken once.
///
/// # Errors
/// [`JoinError`] when two sources contradict each other, or none has an entry.
pub fn join(
    first: (String, Listing),
    others: Vec<(String, Listing)>,
) -> Result<Listing, JoinError> {
    let (first_name, mut result) = first;
    let mut present: BTreeSet<(EntryName, Digest)> = keys(&result).collect();
    let mut images: BTreeMap<EntryName, String> = images(&result)
        .map(|name| (name, first_name.clone()))
        .collect();
    for (source_name, source) in others {
        if source.media_type != result.media_type {
            return Err(JoinError::MixedTypes {
                first: first_name,
                first_type: result.media_type,
                second: source_name,
                second_type: source.media_type,
            });
        }
        let of_source: BTreeSet<(EntryName, Digest)> = keys(&source).collect();
        let own: Vec<EntryName> = self::images(&source).collect();
        for (name, entry) in source.names().into_iter().zip(source.entries) {
            if present.contains(&(name.clone(), entry.descriptor.digest.clone())) {
                continue;
            }
            if let Some(first) = images.get(&name) {
                return Err(JoinError::Twice {
                    name: Box::new(name),
                    first: first.clone(),
                    second: source_name,
                });
            }
            result.raw = None;
            result.entries.push(entry);
        }
        present.extend(of_source);
        images.extend(own.into_iter().map(|name| (name, source_name.clone())));
    }
    if result.entries.is_empty() {
        return Err(JoinError::Empty {
            source_name: first_name,
        });
    }
    Ok(result)
}

fn keys(list: &Listing) -> impl Iterator<Item = (EntryName, Digest)> {
    list.named()
        .map(|(name, entry)| (name, entry.digest.clone()))
}

fn images(list: &Listing) -> impl Iterator<Item = EntryName> {
    list.names().into_iter().filter(EntryName::is_image)
}
