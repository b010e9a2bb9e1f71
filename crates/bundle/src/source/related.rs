//! The list of related images of a CSV that has none.

use std::collections::BTreeMap;

use catalog::placed::{Node, Value};

use super::found::Found;
use super::{Conflict, SourceError};

/// Whether the CSV lists no related image.
pub(super) fn are_missing(root: &Node) -> bool {
    let images = root.at(&["spec", "relatedImages"]);
    images.is_none_or(|images| images.value == Value::Sequence(Vec::new()))
}

/// Name and image of every entry, in the order in which they were found; each name once.
///
/// # Errors
/// [`SourceError::Conflicts`] if a name stands for images that are written differently.
pub(super) fn generate(found: Vec<Found>) -> Result<Vec<(String, String)>, SourceError> {
    let mut first: BTreeMap<String, Found> = BTreeMap::new();
    let (mut images, mut conflicts) = (Vec::new(), Vec::new());
    for found in found {
        match first.get(&found.name) {
            None => {
                images.push((found.name.clone(), found.image.clone()));
                first.insert(found.name.clone(), found);
            }
            Some(other) if other.image == found.image => {}
            Some(other) => {
                let described = |found: &Found| (found.origin.to_string(), found.image.clone());
                conflicts.push(Conflict {
                    first: described(other),
                    second: described(&found),
                });
            }
        }
    }
    if conflicts.is_empty() {
        Ok(images)
    } else {
        Err(SourceError::Conflicts { conflicts })
    }
}
