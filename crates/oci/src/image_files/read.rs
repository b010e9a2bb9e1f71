//! Whole directories of an image, into memory.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use futures::stream::{self, StreamExt, TryStreamExt};

use super::error::ImageFilesError;
use super::keep::{MemoryKeeper, Wanted};
use super::layer_tree::{clean, join};
use super::limits::Limits;
use super::overlay::{Found, Leaf, Overlay, Place};
use super::scan::LayerScanner;
use crate::error::Error;
use crate::image_repository::ImageRepository;
use crate::manifest::ImageManifest;

/// How many layers of one image are streamed at the same time.
const LAYERS_AT_ONCE: usize = 2;

/// The regular files of one directory of an image.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tree {
    /// Where the directory is when all links are followed, from the root without a leading slash.
    pub path: String,
    /// The files' contents by their path within the directory, such as `sub/file.yaml`.
    pub files: BTreeMap<String, Bytes>,
}

/// The regular files below `directory`, such as `/manifests`; `None` if the image has no such directory.
///
/// # Errors
/// As for [`read_trees`].
pub async fn read_tree(
    source: &ImageRepository,
    image: &ImageManifest,
    directory: &str,
    limits: &Limits,
) -> Result<Option<Tree>, Error> {
    let mut trees = read_trees(source, image, &[directory], limits).await?;
    Ok(trees.remove(directory).flatten())
}

/// The regular files below each of `directories`, in one pass over the layers; `None` for a directory the image does
/// not have.
///
/// Subdirectories are included. Links to files give the file's content; links to directories are followed for the
/// directories asked for and ignored below them.
///
/// Every layer is streamed once (at most two at a time), and once more if links lead out of `directories`. Pass a
/// manifest with fewer layers when it is known that the others do not matter. Content that an upper layer replaces
/// still counts towards the limits.
///
/// # Errors
/// [`Error`] when a layer cannot be fetched or is not what its digest says; [`ImageFilesError`] in it when a layer
/// cannot be read, a limit is exceeded, or a link among the files is broken.
pub async fn read_trees(
    source: &ImageRepository,
    image: &ImageManifest,
    directories: &[&str],
    limits: &Limits,
) -> Result<BTreeMap<String, Option<Tree>>, Error> {
    let scanner = LayerScanner::new(source, image, limits)?;
    // A path that leaves the root names nothing, and nothing is kept for it.
    let wanted = directories.iter().filter_map(|path| clean(path).ok());
    let wanted = Wanted::Below(wanted.collect());
    let scans = (0..scanner.layer_count()).map(|layer| {
        let keeper = MemoryKeeper::new(wanted.clone(), scanner.budget());
        let scanner = &scanner;
        async move {
            let (tree, keeper) = scanner.scan(layer, keeper).await?;
            Ok::<_, Error>((layer, tree, keeper.into_kept()))
        }
    });
    let mut scans = stream::iter(scans).buffered(LAYERS_AT_ONCE);
    let mut overlay = Overlay::new(scanner.layer_count());
    let mut contents = BTreeMap::new();
    while let Some((layer, tree, kept)) = scans.try_next().await? {
        overlay.set(layer, tree);
        remember(&mut contents, layer, kept);
    }

    let image_name = scanner.image_name();
    let mut listings = BTreeMap::new();
    for directory in directories {
        let listing = list(&overlay, directory, &image_name)?;
        listings.insert((*directory).to_owned(), listing);
    }
    let places = listings.values().flatten();
    let places = places.flat_map(|listing| listing.files.values());
    let missing: BTreeSet<Place> = places
        .filter(|place| !contents.contains_key(*place))
        .copied()
        .collect();
    fetch_missing(&scanner, &missing, &mut contents).await?;

    let with_content = |listing: Listing| Tree {
        path: listing.path,
        files: listing
            .files
            .into_iter()
            .filter_map(|(path, place)| Some((path, contents.get(&place)?.clone())))
            .collect(),
    };
    Ok(listings
        .into_iter()
        .map(|(directory, listing)| (directory, listing.map(with_content)))
        .collect())
}

/// A directory whose files are not read yet.
struct Listing {
    path: String,
    files: BTreeMap<String, Place>,
}

fn list(
    overlay: &Overlay,
    directory: &str,
    image: &str,
) -> Result<Option<Listing>, ImageFilesError> {
    let real = match overlay.resolve(directory) {
        Ok(Found::Directory(real)) => real,
        Ok(_) => return Ok(None),
        Err(_) => {
            return Err(ImageFilesError::LinkLoop {
                image: image.to_owned(),
                path: directory.trim_start_matches('/').to_owned(),
            });
        }
    };
    let mut files = BTreeMap::new();
    for (inside, leaf) in overlay.leaves_below(&real) {
        let (image, path) = (image.to_owned(), join(&real, &inside));
        match leaf {
            Leaf::File(place) => {
                files.insert(inside, place);
            }
            Leaf::Directory => {}
            Leaf::Loop => return Err(ImageFilesError::LinkLoop { image, path }),
            Leaf::Broken | Leaf::Unread => return Err(ImageFilesError::BrokenLink { image, path }),
            Leaf::Other(found) => return Err(ImageFilesError::NotAFile { image, path, found }),
        }
    }
    Ok(Some(Listing { path: real, files }))
}

/// Reads the layers again that hold files links have led to.
async fn fetch_missing(
    scanner: &LayerScanner<'_>,
    missing: &BTreeSet<Place>,
    contents: &mut BTreeMap<Place, Bytes>,
) -> Result<(), Error> {
    let mut by_layer: BTreeMap<usize, BTreeSet<u64>> = BTreeMap::new();
    for place in missing {
        by_layer
            .entry(place.layer)
            .or_default()
            .insert(place.ordinal);
    }
    for (layer, ordinals) in by_layer {
        let keeper = MemoryKeeper::new(Wanted::Ordinals(ordinals), scanner.budget());
        let (_, keeper) = scanner.scan(layer, keeper).await?;
        remember(contents, layer, keeper.into_kept());
    }
    Ok(())
}

fn remember(contents: &mut BTreeMap<Place, Bytes>, layer: usize, kept: BTreeMap<u64, Bytes>) {
    let placed = kept
        .into_iter()
        .map(|(ordinal, bytes)| (Place { layer, ordinal }, bytes));
    contents.extend(placed);
}
