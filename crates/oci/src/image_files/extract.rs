//! One file of an image, onto disk.

use std::path::Path;

use super::error::ImageFilesError;
use super::keep::{FileKeeper, KeptFile, Wanted};
use super::limits::Limits;
use super::overlay::{Found, Overlay, Place};
use super::scan::LayerScanner;
use crate::blocking;
use crate::error::Error;
use crate::image_repository::ImageRepository;
use crate::manifest::ImageManifest;

/// Writes the file `path` of the image to `to` and returns its size in bytes; `None` if the image has no such file.
///
/// Starts at the top layer and stops at the first layer that decides: one that has the file, deletes it, or has
/// something else in its place. Layers below that one are not fetched. Links are followed within the image. `to`
/// appears when it is complete; a file that is there is replaced.
///
/// # Errors
/// [`Error`] when a layer cannot be fetched or is not what its digest says; [`ImageFilesError`] in it when a layer
/// cannot be read, a limit is exceeded, links lead in a circle, or `path` is no regular file.
pub async fn extract_file(
    source: &ImageRepository,
    image: &ImageManifest,
    path: &str,
    to: &Path,
    limits: &Limits,
) -> Result<Option<u64>, Error> {
    let scanner = LayerScanner::new(source, image, limits)?;
    let mut overlay = Overlay::new(scanner.layer_count());
    let folder = match to.parent() {
        Some(folder) if folder != Path::new("") => folder,
        _ => Path::new("."),
    };
    let shown = path.trim_start_matches('/').to_owned();
    let mut candidate: Option<(usize, KeptFile)> = None;
    loop {
        let found = overlay
            .resolve(path)
            .map_err(|_| ImageFilesError::LinkLoop {
                image: scanner.image_name(),
                path: shown.clone(),
            })?;
        match found {
            Found::Nothing => return Ok(None),
            Found::Directory(_) => return Err(not_a_file(&scanner, shown, "a directory")),
            Found::Other(what) => return Err(not_a_file(&scanner, shown, what)),
            Found::NeedLayer { layer, guess } => {
                let keeper = FileKeeper::new(Wanted::At(guess), folder);
                let (tree, keeper) = scanner.scan(layer, keeper).await?;
                overlay.set(layer, tree);
                candidate = keeper.into_kept().map(|kept| (layer, kept));
            }
            Found::File(Place { layer, ordinal }) => {
                let kept = match candidate.take() {
                    Some((kept_layer, kept)) if (kept_layer, kept.ordinal) == (layer, ordinal) => {
                        kept
                    }
                    // A link led to a file that was not kept when its layer passed by: read that layer again.
                    _ => {
                        let wanted = Wanted::Ordinals([ordinal].into());
                        let keeper = FileKeeper::new(wanted, folder);
                        let (_, keeper) = scanner.scan(layer, keeper).await?;
                        let Some(kept) = keeper.into_kept() else {
                            return Ok(None);
                        };
                        kept
                    }
                };
                return move_into_place(kept, to).await.map(Some);
            }
        }
    }
}

async fn move_into_place(kept: KeptFile, to: &Path) -> Result<u64, Error> {
    let to = to.to_owned();
    blocking::run(move || {
        let size_bytes = kept.size_bytes;
        match kept.file.persist(&to) {
            Ok(_) => Ok(size_bytes),
            Err(failure) => Err(ImageFilesError::Write {
                path: to,
                source: failure.error,
            }
            .into()),
        }
    })
    .await
}

fn not_a_file(scanner: &LayerScanner<'_>, path: String, found: &'static str) -> Error {
    ImageFilesError::NotAFile {
        image: scanner.image_name(),
        path,
        found,
    }
    .into()
}
