//! `oci-layout` and `index.json`: what the images of a layout are called. Blocking.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::blobs;
use super::error::LayoutError;
use crate::manifest::{Descriptor, ManifestList};
use crate::media_type::Format;
use crate::reference::{Reference, Tag};

const MARKER_FILE: &str = "oci-layout";
const INDEX_FILE: &str = "index.json";
const LOCK_FILE: &str = ".index.lock";
const VERSION: &str = "1.0.0";
const ANNOTATIONS: &str = "annotations";
const REF_NAME: &str = "org.opencontainers.image.ref.name";

#[derive(Serialize, Deserialize)]
struct Marker {
    #[serde(rename = "imageLayoutVersion")]
    version: String,
}

/// Checks that there is a layout of our version.
pub(super) fn check(root: &Path) -> Result<(), LayoutError> {
    let path = root.join(MARKER_FILE);
    let bytes = match fs::read(&path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Err(LayoutError::NotALayout {
                path: root.to_owned(),
            });
        }
        Err(source) => return Err(LayoutError::Io { path, source }),
    };
    let marker: Marker =
        serde_json::from_slice(&bytes).map_err(|source| LayoutError::Malformed { path, source })?;
    if marker.version != VERSION {
        return Err(LayoutError::Version {
            path: root.to_owned(),
            version: marker.version,
        });
    }
    Ok(())
}

/// Makes an empty layout where there is none.
pub(crate) fn create(root: &Path) -> Result<(), LayoutError> {
    match check(root) {
        Err(LayoutError::NotALayout { .. }) => {}
        other => return other,
    }
    let folder = root.join("blobs").join("sha256");
    fs::create_dir_all(&folder).map_err(|source| LayoutError::Io {
        path: folder,
        source,
    })?;
    let _lock = lock(root)?;
    let marker = Marker {
        version: VERSION.to_owned(),
    };
    if !root.join(INDEX_FILE).exists() {
        write(
            root,
            INDEX_FILE,
            &ManifestList::new(Format::Oci, Vec::new()),
        )?;
    }
    // The marker comes last: who sees it sees a whole layout.
    write(root, MARKER_FILE, &marker)
}

/// The index; an absent one is empty.
pub(super) fn read(root: &Path) -> Result<ManifestList, LayoutError> {
    let path = root.join(INDEX_FILE);
    match fs::read(&path) {
        Ok(bytes) => {
            serde_json::from_slice(&bytes).map_err(|source| LayoutError::Malformed { path, source })
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            Ok(ManifestList::new(Format::Oci, Vec::new()))
        }
        Err(source) => Err(LayoutError::Io { path, source }),
    }
}

/// The entry that `reference` names.
pub(super) fn find(index: &ManifestList, reference: &Reference) -> Option<Descriptor> {
    let entries = &index.manifests;
    let found = match reference {
        Reference::Digest(digest) => entries.iter().find(|entry| entry.digest == *digest),
        Reference::Tag(tag) => entries
            .iter()
            .find(|entry| ref_name(entry) == Some(tag.as_str()))
            .or(match entries.as_slice() {
                [only] if *tag == Tag::latest() && ref_name(only).is_none() => Some(only),
                _ => None,
            }),
    };
    found.cloned()
}

/// The tags, sorted; names that are no tags are left out.
pub(super) fn tags(index: &ManifestList) -> Vec<Tag> {
    let mut tags: Vec<Tag> = index
        .manifests
        .iter()
        .filter_map(|entry| ref_name(entry)?.parse().ok())
        .collect();
    tags.sort();
    tags
}

/// Lets `tag` name `descriptor`, under the lock that keeps other writers' changes.
pub(super) fn set_tag(root: &Path, tag: &Tag, descriptor: Descriptor) -> Result<(), LayoutError> {
    let _lock = lock(root)?;
    let mut index = read(root)?;
    index
        .manifests
        .retain(|entry| ref_name(entry) != Some(tag.as_str()));
    let mut entry = descriptor;
    let name = Map::from_iter([(REF_NAME.to_owned(), Value::from(tag.as_str()))]);
    entry.rest.insert(ANNOTATIONS.to_owned(), name.into());
    index.manifests.push(entry);
    write(root, INDEX_FILE, &index)
}

fn ref_name(entry: &Descriptor) -> Option<&str> {
    entry.rest.get(ANNOTATIONS)?.get(REF_NAME)?.as_str()
}

fn write(root: &Path, name: &str, content: &impl Serialize) -> Result<(), LayoutError> {
    let path = root.join(name);
    let unwritable = |source| LayoutError::Io {
        path: path.clone(),
        source,
    };
    let bytes = serde_json::to_vec(content).map_err(|source| LayoutError::Malformed {
        path: path.clone(),
        source,
    })?;
    let mut file = blobs::temporary(root).map_err(unwritable)?;
    file.write_all(&bytes).map_err(unwritable)?;
    blobs::publish(file, &path)
}

/// Waits until nobody else changes the index. The lock ends when the file is closed, also by a crash.
fn lock(root: &Path) -> Result<File, LayoutError> {
    let path = root.join(LOCK_FILE);
    let locked = File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(&path)
        .and_then(|file| file.lock().map(|()| file));
    locked.map_err(|source| LayoutError::Io { path, source })
}
