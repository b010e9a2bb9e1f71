//! Reading a catalog from a directory.

use std::fs;
use std::path::{Path, PathBuf};

use rayon::prelude::*;

use super::ignore::Ignore;
use super::read::{Keep, Texts, read_with};
use super::{Catalog, CatalogError, Shelf, TreeError};

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
        Self::read_tree_kept(root, Keep::default())
    }

    /// Like [`Catalog::read_tree`], with what makes bundles large on a shelf.
    ///
    /// # Errors
    /// Those of [`Catalog::read_tree`].
    pub(crate) fn read_tree_to(root: &Path, shelf: &Shelf) -> Result<Self, CatalogError> {
        let keep = Keep {
            texts: Texts::Dropped,
            shelf: Some(shelf),
        };
        Self::read_tree_kept(root, keep)
    }

    fn read_tree_kept(root: &Path, keep: Keep<'_>) -> Result<Self, CatalogError> {
        let parts: Vec<Result<Self, CatalogError>> = files(root)?
            .into_par_iter()
            .map(|path| read_file(&path, keep).map(|(catalog, _)| catalog))
            .collect();
        let mut catalog = Self::default();
        for part in parts {
            catalog.append(part?);
        }
        Ok(catalog)
    }

    /// Like [`Catalog::read_tree_to`], and hands the normalised text of every blob (specification, 1.2), each with its line
    /// break, to `each` in the order of the walk. A few files at a time are held with their texts.
    ///
    /// # Errors
    /// Those of [`Catalog::read_tree`].
    pub(crate) fn read_tree_with(
        root: &Path,
        shelf: &Shelf,
        each: &mut dyn FnMut(&[u8]),
    ) -> Result<Self, CatalogError> {
        let keep = Keep {
            texts: Texts::Kept,
            shelf: Some(shelf),
        };
        let mut catalog = Self::default();
        for batch in files(root)?.chunks(2 * rayon::current_num_threads()) {
            let parts: Vec<Result<(Self, String), CatalogError>> =
                batch.par_iter().map(|path| read_file(path, keep)).collect();
            for part in parts {
                let (part, text) = part?;
                each(text.as_bytes());
                catalog.append(part);
            }
        }
        Ok(catalog)
    }
}

fn read_file(path: &Path, keep: Keep<'_>) -> Result<(Catalog, String), CatalogError> {
    read_with(&content(path)?, keep).map_err(|source| CatalogError::File {
        path: path.to_owned(),
        source,
    })
}

/// The content of a file. Devices and pipes, which may never end, are refused.
fn content(path: &Path) -> Result<Vec<u8>, TreeError> {
    let io = |source| TreeError::Io {
        path: path.to_owned(),
        source,
    };
    if !fs::metadata(path).map_err(io)?.is_file() {
        return Err(TreeError::NoFile {
            path: path.to_owned(),
        });
    }
    fs::read(path).map_err(io)
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
    let found = walk(root)?;
    let mut ignore = Ignore::default();
    for (path, relative) in &found {
        if let Some(folder) = relative.strip_suffix(IGNORE_FILE)
            && (folder.is_empty() || folder.ends_with('/'))
        {
            let text = String::from_utf8(content(path)?)
                .map_err(|_| TreeError::Encoding { path: path.clone() })?;
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

/// What is no directory below `root`, with its path from there; links are not followed.
///
/// Directories may lie as deep as paths may be long, so this does not call itself.
fn walk(root: &Path) -> Result<Vec<(PathBuf, String)>, TreeError> {
    let mut found = Vec::new();
    let mut open = vec![children(root, "")?];
    while let Some(folder) = open.last_mut() {
        match folder.next() {
            None => drop(open.pop()),
            Some((path, relative, true)) => open.push(children(&path, &format!("{relative}/"))?),
            Some((path, relative, false)) => found.push((path, relative)),
        }
    }
    Ok(found)
}

/// What is right in a folder, in byte order of the names: where it is, its path from the root, whether it is a directory.
fn children(
    folder: &Path,
    prefix: &str,
) -> Result<impl Iterator<Item = (PathBuf, String, bool)> + use<>, TreeError> {
    let io = |source| TreeError::Io {
        path: folder.to_owned(),
        source,
    };
    let mut entries = fs::read_dir(folder)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(io)?;
    entries.sort_by_key(fs::DirEntry::file_name);
    let children = entries.iter().map(|entry| {
        let relative = format!("{prefix}{}", entry.file_name().to_string_lossy());
        let kind = entry.file_type().map_err(io)?;
        Ok((entry.path(), relative, kind.is_dir()))
    });
    let children: Vec<_> = children.collect::<Result<_, TreeError>>()?;
    Ok(children.into_iter())
}
