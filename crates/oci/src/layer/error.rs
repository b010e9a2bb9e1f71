//! Why a layer could not be written.

use std::io;
use std::path::PathBuf;

/// Why a layer could not be put together.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LayerError {
    /// The path cannot be in a layer.
    #[error("`{path}` cannot be the path of a layer's entry: {problem}")]
    InvalidPath {
        /// The path as given.
        path: String,
        /// What is wrong with it.
        problem: LayerPathProblem,
    },
    /// There is an entry of that path.
    #[error("the layer already has an entry `/{path}`; add each path once")]
    Duplicate {
        /// The path, without the leading `/`.
        path: String,
    },
    /// A file would have to be a directory.
    #[error(
        "the layer's entry `/{path}` lies below `/{parent}`, which is a file in the same layer; rename one of them"
    )]
    ParentIsFile {
        /// The entry below.
        path: String,
        /// The file above it.
        parent: String,
    },
    /// A file to be packed cannot be read.
    #[error("could not read `{}`, which goes into the layer; check that it exists and may be read", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// A file to be packed changed while it was read.
    #[error("`{}` changed its size (it had {expected} bytes) while it was packed into the layer; try again", path.display())]
    Changed {
        /// The file.
        path: PathBuf,
        /// Its size when packing began.
        expected: u64,
    },
    /// The layer's own file cannot be written.
    #[error("could not write the layer `{}`; check the free space and permissions of its directory", path.display())]
    Write {
        /// The layer's file.
        path: PathBuf,
        /// What the system says.
        #[source]
        source: io::Error,
    },
}

/// What is wrong with an entry's path.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LayerPathProblem {
    /// It names the root or nothing.
    #[error("it names nothing below the root")]
    Root,
    /// It climbs with `..`.
    #[error("it climbs with `..`; write the path from the image's root")]
    Climbs,
    /// A name that unpacking would take as a deletion.
    #[error("names beginning with `.wh.` delete files of the layers below")]
    Whiteout,
    /// It holds a NUL byte.
    #[error("it holds a NUL byte")]
    Nul,
}
