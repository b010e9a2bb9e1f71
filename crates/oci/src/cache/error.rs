//! Why the cache could not be used.

use std::io;
use std::path::PathBuf;

use crate::blocking;
use crate::digest::Digest;
use crate::layout::LayoutError;

/// Why the cache on disk could not be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CacheError {
    /// The directory holds something else, which eviction would delete.
    #[error("`{}` holds other files than a blob cache; name another directory, or an empty one", path.display())]
    NotACache {
        /// The directory.
        path: PathBuf,
    },
    /// The part of the cache that is an OCI image layout cannot be used.
    #[error(transparent)]
    Layout(#[from] LayoutError),
    /// A file or directory of the cache cannot be read or written.
    #[error("could not use `{}` for the blob cache; check its permissions and the free space, or use another cache directory", path.display())]
    Io {
        /// The file or directory.
        path: PathBuf,
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// A note cannot have that name.
    #[error(
        "a note beside a layer cannot be called `{name}`; use 1 to 200 of `a` to `z`, `0` to `9`, `.` and `-`"
    )]
    NoteName {
        /// The name.
        name: String,
    },
    /// The layer has no such file.
    #[error("the layer `{layer}` has no regular file `/{path}`; ask it for one of its own entries")]
    NotAFile {
        /// The layer.
        layer: Digest,
        /// The path asked for.
        path: String,
    },
    /// A file of an opened layer is not what it was.
    #[error(
        "`/{path}` of the cached layer `{layer}` is damaged, so the layer was removed from the cache; try again to fetch it anew"
    )]
    Damaged {
        /// The layer.
        layer: Digest,
        /// The file's path in it.
        path: String,
    },
    /// The program is ending and did not begin this work.
    #[error("the work on the blob cache was stopped because the program is ending; start it again")]
    Stopped,
}

impl CacheError {
    /// Whether the same work may succeed later.
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Damaged { .. })
    }

    /// Whether the one who named the directory can mend it.
    pub fn is_user_error(&self) -> bool {
        match self {
            Self::NotACache { .. } => true,
            Self::Layout(error) => error.is_user_error(),
            _ => false,
        }
    }
}

impl From<blocking::Stopped> for CacheError {
    fn from(blocking::Stopped: blocking::Stopped) -> Self {
        Self::Stopped
    }
}
