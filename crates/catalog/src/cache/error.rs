//! What can go wrong with a cache.

use std::io;
use std::path::PathBuf;

use super::Format;
use crate::fbc::{CatalogError, Problem};

/// Why a cache could not be written or read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CacheError {
    /// A file or directory could not be used.
    #[error("could not {action} `{}`", path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// Why it failed.
        source: io::Error,
    },
    /// What was put into a temporary file cannot be read back.
    #[error(
        "manifests that were put into a temporary file cannot be read back; try again, with another directory for temporary files"
    )]
    Shelf(#[source] io::Error),
    /// The directory holds something that no cache does (file-based catalog specification, 4.1).
    #[error(
        "cache directory `{}` has unexpected contents: {}; give an absent or empty directory, or one that holds a cache", dir.display(), names.join(",")
    )]
    UnexpectedContents {
        /// The directory.
        dir: PathBuf,
        /// The names in it, sorted.
        names: Vec<String>,
    },
    /// The directory holds a cache of the other format, and a server would not know which of two to take.
    #[error("`{}` holds a cache of the format {found}; name that format, or give another directory", dir.display())]
    OtherFormat {
        /// The directory.
        dir: PathBuf,
        /// The format of the cache in it.
        found: Format,
    },
    /// A name that is no format's.
    #[error("`{name}` is no format of a cache; use `pogreb.v1` or `json`")]
    UnknownFormat {
        /// The name.
        name: String,
    },
    /// A file of an existing cache is not what it should be.
    #[error("`{}` is damaged: {reason}; write the cache again", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// A server has the cache open, and would not notice that its files change.
    #[error("a server has the cache open: it holds the lock `{}`; stop it, or write another directory", path.display())]
    InUse {
        /// The lock file.
        path: PathBuf,
    },
    /// The numbers of the files that hold records are used up.
    #[error("`{}` holds as many segments as a cache can have; write the cache anew", dir.display())]
    TooManySegments {
        /// The directory of the database.
        dir: PathBuf,
    },
    /// A record or its key exceeds what the format can hold.
    #[error("the record `{key}` is too large for a cache: keys end at 64 KiB, values at 512 MiB")]
    TooLarge {
        /// The key of the record.
        key: String,
    },
    /// Two bundles would share a record, because a name holds the character that separates names.
    #[error("two bundles need the same record `{key}`; rename a channel or a bundle")]
    Twice {
        /// The key of the record, or the name of its file.
        key: String,
    },
    /// The normal form of the catalog's blobs could not be read.
    #[error("could not read the blobs of the catalog; unpack its layers again")]
    Blobs {
        /// Why it failed.
        source: io::Error,
    },
    /// A changed package came with a blob that belongs elsewhere.
    #[error(
        "the blobs of the package `{package}` are to change, but one of them belongs to `{found}`; name that package too"
    )]
    OtherPackage {
        /// The package that is to change.
        package: String,
        /// The package of the blob.
        found: String,
    },
    /// A name cannot be part of a file name.
    #[error(
        "`{name}` cannot be a file of a JSON cache; rename the channel or bundle, or use the format pogreb.v1"
    )]
    FileName {
        /// The file name that the format asks for.
        name: String,
    },
    /// A blob of another schema has a name that cannot be part of a key.
    #[error(
        "invalid custom schema meta: invalid {what} `{name}`: must match `^[a-zA-Z0-9][a-zA-Z0-9._-]*$`; rename it, or leave such blobs out of the cache with profile a"
    )]
    OtherName {
        /// `schema` or `package`.
        what: &'static str,
        /// The name.
        name: String,
    },
    /// A bundle has more than one `olm.csv.metadata`, and nothing says which one to show.
    #[error(
        "package `{package}`, bundle `{bundle}`: more than one property of type `olm.csv.metadata`; keep one"
    )]
    Metadata {
        /// The package.
        package: String,
        /// The bundle.
        bundle: String,
    },
    /// The catalog cannot be read.
    #[error(transparent)]
    Catalog(#[from] CatalogError),
    /// The catalog is not valid, so no server would answer from it.
    #[error("the catalog is not valid")]
    Invalid(#[from] Problem),
}
