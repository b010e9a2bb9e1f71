//! Reading a catalog from a directory; the only module of this crate that reads files.

use std::fs;
use std::path::{Path, PathBuf};

use rayon::prelude::*;

use super::ignore::Ignore;
use super::read::{Texts, read_with};
use super::{Catalog, CatalogError, TreeError, read};

const IGNORE_FILE: &str = ".indexignore";

impl Catalog {
    /// Reads all files below a directory, in parallel on the threads of the pool that this runs on.
    ///
    /// Blobs come in the order of the walk (file-based catalog specification, 1.3), whatever thread read them. Nothing
    /// is validated.
    ///
    /// # Errors
    /// [`CatalogError`] if a file cannot be read or is not a stream of blobs; of several, the first of the walk.
    pub fn read_tree(root: &Path) -> Result<Self, CatalogError> {
        let parts: Vec<Result<Self, CatalogError>> = files(root)?
            .into_par_iter()
            .map(|path| {
                let bytes = fs::read(&path).map_err(|source| TreeError::Io {
                    path: path.clone(),
                    source,
                })?;
                read(&bytes).map_err(|source| CatalogError::File { path, source })
            })
            .collect();
        let mut catalog = Self::default();
        for part in parts {
            catalog.append(part?);
        }
        Ok(catalog)
    }

    /// Like [`Catalog::read_tree`], and hands the normalised text of every blob (specification, 1.2), each with its line
    /// break, to `each` in the order of the walk. A few files at a time are held with their texts.
    ///
    /// # Errors
    /// Those of [`Catalog::read_tree`].
    pub(crate) fn read_tree_with(
        root: &Path,
        each: &mut dyn FnMut(&[u8]),
    ) -> Result<Self, CatalogError> {
        let mut catalog = Self::default();
        for batch in files(root)?.chunks(2 * rayon::current_num_threads()) {
            let parts: Vec<Result<(Self, String), CatalogError>> = batch
                .par_iter()
                .map(|path| {
                    let bytes = fs::read(path).map_err(|source| TreeError::Io {
                        path: path.clone(),
                        source,
                    })?;
                    read_with(&bytes, Texts::Kept).map_err(|source| CatalogError::File {
                        path: path.clone(),
                        source,
                    })
                })
                .collect();
            for part in parts {
                let (part, text) = part?;
                each(text.as_bytes());
                catalog.append(part);
            }
        }
        Ok(catalog)
    }
}

/// The files of the catalog below a directory in the order of the walk: names in byte order, a directory in its place,
/// what `.indexignore` files name left out.
///
/// # Errors
/// [`TreeError`] if a directory cannot be listed, or a link leads to a directory.
pub fn files(root: &Path) -> Result<Vec<PathBuf>, TreeError> {
    let io = |path: &Path, source| TreeError::Io {
        path: path.to_owned(),
        source,
    };
    if !fs::metadata(root)
        .map_err(|error| io(root, error))?
        .is_dir()
    {
        return Err(TreeError::NoDirectory {
            path: root.to_owned(),
        });
    }
    let mut found = Vec::new();
    walk(root, "", &mut found)?;
    let mut ignore = Ignore::default();
    for (path, relative) in &found {
        if let Some(folder) = relative.strip_suffix(IGNORE_FILE)
            && (folder.is_empty() || folder.ends_with('/'))
        {
            let bytes = fs::read(path).map_err(|error| io(path, error))?;
            let text =
                String::from_utf8(bytes).map_err(|_| TreeError::Encoding { path: path.clone() })?;
            ignore.add(folder.trim_end_matches('/'), &text);
        }
    }
    let mut files = Vec::new();
    for (path, relative) in found {
        let name = relative.rsplit('/').next().unwrap_or(&relative);
        if name == IGNORE_FILE || ignore.ignores(&relative) {
            continue;
        }
        if path.is_dir() {
            return Err(TreeError::LinkToDirectory { path });
        }
        files.push(path);
    }
    Ok(files)
}

/// Appends what is no directory below `folder`, with its path from the root; links are not followed.
fn walk(folder: &Path, prefix: &str, found: &mut Vec<(PathBuf, String)>) -> Result<(), TreeError> {
    let io = |source| TreeError::Io {
        path: folder.to_owned(),
        source,
    };
    let mut entries = fs::read_dir(folder)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(io)?;
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        let relative = format!("{prefix}{}", entry.file_name().to_string_lossy());
        if entry.file_type().map_err(io)?.is_dir() {
            walk(&entry.path(), &format!("{relative}/"), found)?;
        } else {
            found.push((entry.path(), relative));
        }
    }
    Ok(())
}
