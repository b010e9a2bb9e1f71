//! What can go wrong with a whole catalog.

use std::path::PathBuf;

use super::blob::Unreadable;
use super::csv_metadata::CsvMetadataError;

/// Why a tree of files could not be listed or read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TreeError {
    /// A folder or file cannot be read.
    #[error("reading `{}`", path.display())]
    Io {
        /// Where.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The catalog is a file.
    #[error("`{}` is not a directory; name the directory that holds the catalog's files", path.display())]
    NoDirectory {
        /// What was named.
        path: PathBuf,
    },
    /// A symbolic link leads to a directory, which the reference tool does not follow.
    #[error(
        "`{}` is a link to a directory, which is not followed; list it in a `.indexignore` or replace it by a directory", path.display()
    )]
    LinkToDirectory {
        /// The link.
        path: PathBuf,
    },
    /// A device, a pipe or a socket, or a link to one.
    #[error("`{}` is not a file; remove it, or list it in a `.indexignore`", path.display())]
    NoFile {
        /// What it is called.
        path: PathBuf,
    },
    /// A line of an `.indexignore` is not UTF-8.
    #[error("`{}` is not UTF-8", path.display())]
    Encoding {
        /// The file.
        path: PathBuf,
    },
}

/// Why a catalog could not be read or changed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CatalogError {
    /// The tree cannot be read.
    #[error(transparent)]
    Tree(#[from] TreeError),
    /// A file is not a stream of blobs; the reference tool refuses the whole catalog then.
    #[error("`{}` cannot be read as part of a catalog; correct it, or list it in a `.indexignore`", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: Unreadable,
    },
    /// A bundle's embedded CSV cannot become metadata.
    #[error(
        "package `{package}`, bundle `{bundle}`: the embedded CSV cannot be turned into metadata"
    )]
    CsvMetadata {
        /// The package.
        package: String,
        /// The bundle.
        bundle: String,
        /// What is wrong with the CSV.
        source: CsvMetadataError,
    },
}
