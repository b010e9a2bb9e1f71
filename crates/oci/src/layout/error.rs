//! Why a layout could not be used.

use std::io;
use std::path::PathBuf;

use crate::digest::Digest;

/// Why a directory could not be used as an OCI image layout.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LayoutError {
    /// The directory is no layout.
    #[error("`{}` is not an OCI image layout: it has no `oci-layout` file; check the path, or copy an image to it first", path.display())]
    NotALayout {
        /// The directory.
        path: PathBuf,
    },
    /// The layout is of another version.
    #[error("the OCI image layout `{}` has the version `{version}`; only version 1.0.0 can be used", path.display())]
    Version {
        /// The directory.
        path: PathBuf,
        /// The version found.
        version: String,
    },
    /// A file of the layout is no JSON of the right shape.
    #[error("`{}` of the OCI image layout cannot be understood; write the layout again", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// What the parser says.
        #[source]
        source: serde_json::Error,
    },
    /// The layout lacks a blob.
    #[error("the OCI image layout `{}` has no blob `{digest}`; the image that names it is incomplete: copy it again", layout.display())]
    BlobUnknown {
        /// The directory.
        layout: PathBuf,
        /// The blob.
        digest: Digest,
    },
    /// A file or directory cannot be read or written.
    #[error("could not use `{}`; check that it exists, its permissions and the free space", path.display())]
    Io {
        /// The file or directory.
        path: PathBuf,
        /// What the system says.
        #[source]
        source: io::Error,
    },
}

impl LayoutError {
    /// Whether the layout is fine but has no such thing.
    pub fn is_not_found(&self) -> bool {
        matches!(self, Self::BlobUnknown { .. })
    }

    /// Whether the one who named the directory can mend it.
    pub fn is_user_error(&self) -> bool {
        !matches!(self, Self::Io { .. })
    }
}
