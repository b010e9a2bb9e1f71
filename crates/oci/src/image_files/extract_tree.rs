//! A directory of an image, onto disk.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tempfile::TempDir;

use super::error::ImageFilesError;
use super::keep::{FolderKeeper, Wanted};
use super::layer_tree::clean;
use super::limits::{Budget, Limits};
use super::overlay::{Found, Leaf, LinkLoop, Overlay, Place};
use super::scan::LayerScanner;
use crate::blocking;
use crate::digest::Digest;
use crate::error::Error;
use crate::image_repository::ImageRepository;
use crate::manifest::ImageManifest;

/// How deep a file may lie below the directory asked for: what walks or removes the tree later holds a file open for every level.
const MAX_DEPTH: usize = 100;

/// Writes what is below `directory` of the image, such as `/configs`, to the new directory `to`, as a container would see
/// it; `false` if the image has no such directory.
///
/// Starts at the top layer and stops at the first one that hides all below it. Links to files become files. Links to
/// directories become links to the directory they are in, and those that lead nowhere lead to themselves: still
/// links, for whoever judges them, and never out of `to`. Devices, pipes and empty directories are left out.
/// What is at `to` after an error is not whole.
///
/// # Errors
/// [`Error`] when a layer cannot be fetched or is not what its digest says; [`ImageFilesError`] in it when a layer
/// cannot be read, a limit is exceeded, links to `directory` lead in a circle, or a file cannot be written.
pub async fn extract_tree(
    source: &ImageRepository,
    image: &ImageManifest,
    directory: &str,
    to: &Path,
    limits: &Limits,
) -> Result<bool, Error> {
    let scanner = LayerScanner::new(source, image, limits)?;
    let mut pile = Pile {
        spool: spool(to).await?,
        overlay: Overlay::new(scanner.layer_count()),
        kept: BTreeMap::new(),
        scanner,
        directory,
    };
    let mut unread = (0..pile.scanner.layer_count()).rev();
    while !pile.is_whole()? {
        let Some(layer) = unread.next() else { break };
        pile.scan(layer).await?;
    }
    let Some(mut leaves) = pile.leaves()? else {
        return Ok(false);
    };
    if leaves.values().any(|leaf| *leaf == Leaf::Unread) {
        for layer in unread {
            pile.scan(layer).await?;
        }
        leaves = pile.leaves()?.unwrap_or_default();
    }
    pile.fetch_missing(&leaves).await?;
    let writer = Writer {
        image: pile.scanner.image_name(),
        layers: image
            .layers
            .iter()
            .map(|layer| layer.digest.clone())
            .collect(),
        to: to.to_owned(),
        budget: pile.scanner.budget(),
        max_content_bytes: limits.max_content_bytes,
        kept: pile.kept,
    };
    let spool = pile.spool;
    blocking::run(move || {
        writer.write(leaves)?;
        drop(spool);
        Ok(true)
    })
    .await
}

/// A private directory beside `to`, so that files can be moved there.
async fn spool(to: &Path) -> Result<TempDir, Error> {
    let folder = match to.parent() {
        Some(folder) if folder != Path::new("") => folder.to_owned(),
        _ => PathBuf::from("."),
    };
    blocking::run(move || {
        let made = tempfile::Builder::new()
            .prefix(".layers-")
            .tempdir_in(&folder);
        made.map_err(|source| {
            ImageFilesError::Write {
                path: folder,
                source,
            }
            .into()
        })
    })
    .await
}

/// The layers looked at so far, and the files in them that may be wanted.
struct Pile<'a> {
    scanner: LayerScanner<'a>,
    directory: &'a str,
    overlay: Overlay,
    spool: TempDir,
    kept: BTreeMap<Place, PathBuf>,
}

impl Pile<'_> {
    fn resolve(&self) -> Result<Found, ImageFilesError> {
        self.overlay
            .resolve(self.directory)
            .map_err(|LinkLoop| ImageFilesError::LinkLoop {
                image: self.scanner.image_name(),
                path: self.directory.trim_start_matches('/').to_owned(),
            })
    }

    /// Whether no further layer can change what is below the directory.
    fn is_whole(&self) -> Result<bool, ImageFilesError> {
        Ok(match self.resolve()? {
            Found::Directory(real) => self.overlay.is_whole(&real),
            Found::NeedLayer { .. } => false,
            Found::File(_) | Found::Other(_) | Found::Nothing => true,
        })
    }

    /// Looks at a layer and keeps what it has where the directory is, by its name and by the links seen so far.
    async fn scan(&mut self, layer: usize) -> Result<(), Error> {
        let real = match self.resolve()? {
            Found::Directory(real) => Some(real),
            Found::NeedLayer { guess, .. } => Some(guess),
            Found::File(_) | Found::Other(_) | Found::Nothing => None,
        };
        // A path that leaves the root names nothing, and nothing is kept for it.
        let wanted = clean(self.directory).ok().into_iter().chain(real);
        self.keep(layer, Wanted::Below(wanted.collect())).await
    }

    async fn keep(&mut self, layer: usize, wanted: Wanted) -> Result<(), Error> {
        let prefix = self.spool.path().join(format!("{layer}-"));
        let keeper = FolderKeeper::new(wanted, self.scanner.budget(), prefix);
        let (tree, keeper) = self.scanner.scan(layer, keeper).await?;
        self.overlay.set(layer, tree);
        let placed = keeper
            .into_kept()
            .into_iter()
            .map(|(ordinal, path)| (Place { layer, ordinal }, path));
        self.kept.extend(placed);
        Ok(())
    }

    /// What is below the directory; `None` if there is no such directory.
    fn leaves(&self) -> Result<Option<BTreeMap<String, Leaf>>, ImageFilesError> {
        Ok(match self.resolve()? {
            Found::Directory(real) => Some(self.overlay.leaves_below(&real)),
            _ => None,
        })
    }

    /// Reads the layers again that hold files links have led to.
    async fn fetch_missing(&mut self, leaves: &BTreeMap<String, Leaf>) -> Result<(), Error> {
        let mut by_layer: BTreeMap<usize, BTreeSet<u64>> = BTreeMap::new();
        for leaf in leaves.values() {
            if let Leaf::File(place) = leaf
                && !self.kept.contains_key(place)
            {
                by_layer
                    .entry(place.layer)
                    .or_default()
                    .insert(place.ordinal);
            }
        }
        for (layer, ordinals) in by_layer {
            self.keep(layer, Wanted::Ordinals(ordinals)).await?;
        }
        Ok(())
    }
}

/// Puts files and links in their places. Blocking.
struct Writer {
    image: String,
    layers: Vec<Digest>,
    to: PathBuf,
    budget: Arc<Budget>,
    max_content_bytes: u64,
    kept: BTreeMap<Place, PathBuf>,
}

impl Writer {
    fn write(mut self, leaves: BTreeMap<String, Leaf>) -> Result<(), ImageFilesError> {
        let failed = |path: &Path| {
            let path = path.to_owned();
            move |source| ImageFilesError::Write { path, source }
        };
        fs::create_dir_all(&self.to).map_err(failed(&self.to))?;
        for (inside, leaf) in leaves {
            if inside.split('/').count() > MAX_DEPTH {
                return Err(ImageFilesError::TooDeep {
                    image: self.image,
                    path: inside,
                    limit: MAX_DEPTH,
                });
            }
            let path = self.to.join(&inside);
            let folder = path.parent().unwrap_or(&self.to);
            fs::create_dir_all(folder).map_err(failed(folder))?;
            match leaf {
                Leaf::File(place) => self.file(place, &path)?,
                Leaf::Directory => symlink(".", &path).map_err(failed(&path))?,
                Leaf::Broken | Leaf::Loop | Leaf::Unread => {
                    let name = path.file_name().unwrap_or_default();
                    symlink(name, &path).map_err(failed(&path))?;
                }
                Leaf::Other(found) => {
                    return Err(ImageFilesError::NotAFile {
                        image: self.image,
                        path: inside,
                        found,
                    });
                }
            }
        }
        Ok(())
    }

    /// Moves a file to its place, or makes a further name of it there.
    fn file(&mut self, place: Place, to: &Path) -> Result<(), ImageFilesError> {
        let Some(from) = self.kept.get_mut(&place) else {
            // Every layer that a listed file is in has been read.
            return Ok(());
        };
        let is_placed = from.starts_with(&self.to);
        let put = if is_placed {
            let size_bytes = fs::metadata(&*from).map_or(0, |metadata| metadata.len());
            // Whoever reads the tree reads the content again under every name.
            self.budget.take_content(size_bytes).map_err(|kind| {
                ImageFilesError::LimitExceeded {
                    image: self.image.clone(),
                    layer: self.layers[place.layer].clone(),
                    limit: self.max_content_bytes,
                    kind,
                }
            })?;
            fs::hard_link(&*from, to)
        } else {
            fs::rename(&*from, to)
        };
        put.map_err(|source: io::Error| ImageFilesError::Write {
            path: to.to_owned(),
            source,
        })?;
        to.clone_into(from);
        Ok(())
    }
}
