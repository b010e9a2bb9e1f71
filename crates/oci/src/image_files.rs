//! Reading files out of an image without unpacking it.
//!
//! The layers of an image, bottom to top, make a file tree: upper entries replace lower ones, directories merge, and
//! whiteouts (`.wh.name`, `.wh..wh..opq`; OCI image specification, "Layer Filesystem Changeset") delete what is below.
//! Links are followed inside that tree only, as a container would see them. Each layer is a change set of its own, as
//! overlay file systems treat it: a path in an upper layer does not pass through a symbolic link of a lower layer.
//!
//! Layers are streamed, decompressed (gzip, zstd, plain; by their first bytes) and dropped; the source's stream checks
//! size and digest, and each layer is read to its end so that the check completes before anything is returned.

mod archive_copy;
mod error;
mod extract;
mod extract_tree;
mod keep;
mod layer_tree;
mod limits;
mod listing;
mod overlay;
mod read;
mod scan;
mod tar_reader;

pub(crate) use archive_copy::ArchiveCopy;
pub use error::{ImageFilesError, LimitKind};
pub use extract::extract_file;
pub use extract_tree::extract_tree;
pub use limits::Limits;
pub use listing::{EntryKind, LayerEntry};
pub(crate) use listing::{Measures, list_layer};
pub use read::{Tree, read_tree, read_trees};
