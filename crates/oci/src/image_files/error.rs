//! Why files could not be read out of an image.

use std::fmt;
use std::io;
use std::path::PathBuf;

use super::limits::Limits;
use crate::digest::Digest;

/// Why files could not be read out of an image.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ImageFilesError {
    /// The image has too many layers.
    #[error(
        "the image in `{image}` has {layers} layers, more than the {limit} accepted; squash it"
    )]
    TooManyLayers {
        /// Where the image is.
        image: String,
        /// How many it has.
        layers: usize,
        /// How many are accepted.
        limit: usize,
    },
    /// The layer is larger in some way than what is accepted.
    #[error(
        "the layer `{layer}` of the image in `{image}` exceeds the limit of {limit} {kind}; use a smaller image, or raise the limit if you trust it"
    )]
    LimitExceeded {
        /// Where the image is.
        image: String,
        /// The layer that was too much.
        layer: Digest,
        /// The limit's value.
        limit: u64,
        /// What is limited.
        kind: LimitKind,
    },
    /// The layer is no archive that can be read.
    #[error(
        "the layer `{layer}` of the image in `{image}` is not a readable tar archive (plain, gzip or zstd); build and push the image again"
    )]
    Malformed {
        /// Where the image is.
        image: String,
        /// The layer.
        layer: Digest,
        /// What the reader says.
        #[source]
        source: io::Error,
    },
    /// An entry of the layer climbs out of the image, or passes links that lead in a circle.
    #[error(
        "the layer `{layer}` of the image in `{image}` has an entry `{path}` that cannot be placed within the image's root; do not use this image"
    )]
    Escapes {
        /// Where the image is.
        image: String,
        /// The layer.
        layer: Digest,
        /// The entry's path.
        path: String,
    },
    /// Links lead in a circle, or along more than forty others.
    #[error(
        "the links at `/{path}` of the image in `{image}` lead in a circle; build the image without them"
    )]
    LinkLoop {
        /// Where the image is.
        image: String,
        /// The path that was followed.
        path: String,
    },
    /// A link among the wanted files leads nowhere.
    #[error(
        "`/{path}` of the image in `{image}` is a link to a file that does not exist; build the image with that file"
    )]
    BrokenLink {
        /// Where the image is.
        image: String,
        /// The link.
        path: String,
    },
    /// What is wanted as a file is something else.
    #[error(
        "`/{path}` of the image in `{image}` is {found}, not a regular file; build the image with a regular file there"
    )]
    NotAFile {
        /// Where the image is.
        image: String,
        /// The path.
        path: String,
        /// What it is.
        found: &'static str,
    },
    /// A file lies under too many directories.
    #[error(
        "`/{path}` of the image in `{image}` lies more than {limit} directories deep; build the image with fewer levels"
    )]
    TooDeep {
        /// Where the image is.
        image: String,
        /// The file.
        path: String,
        /// How many directories are accepted.
        limit: usize,
    },
    /// The extracted file cannot be written.
    #[error("could not write `{}`; check the free space and permissions of its directory", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// What the system says.
        #[source]
        source: io::Error,
    },
}

impl ImageFilesError {
    /// Whether the image is at fault, and not this machine.
    pub fn is_user_error(&self) -> bool {
        !matches!(self, Self::Write { .. })
    }
}

/// Which limit was exceeded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LimitKind {
    /// [`Limits::max_file_bytes`].
    File,
    /// [`Limits::max_content_bytes`].
    Content,
    /// [`Limits::max_total_bytes`].
    Total,
    /// [`Limits::max_entries`].
    Entries,
    /// The bytes of all entries' names, 256 times [`Limits::max_entries`].
    Names,
}

impl LimitKind {
    /// The value of this limit in `limits`.
    pub(super) fn value(self, limits: &Limits) -> u64 {
        match self {
            Self::File => limits.max_file_bytes,
            Self::Content => limits.max_content_bytes,
            Self::Total => limits.max_total_bytes,
            Self::Entries => limits.max_entries,
            Self::Names => limits.max_entries.saturating_mul(256),
        }
    }
}

impl fmt::Display for LimitKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::File => "bytes for one file",
            Self::Content => "bytes of content to keep",
            Self::Total => "bytes for one uncompressed layer",
            Self::Entries => "entries in all layers together",
            Self::Names => "bytes of names in all layers together",
        })
    }
}
