//! How do I read, assemble and publish images?
//!
//! The types to know:
//!
//! - [`PullSpec`] names an image as people write it; [`TagRef`] and [`Pinned`] say which kind of name it is.
//! - [`Client`] speaks to registries. [`Client::repository`] gives a [`RemoteRepository`], which reads and writes
//!   manifests, blobs and tags, answers challenges, tries again what failed in passing, and verifies every digest.
//! - [`RawManifest`] is a manifest as bytes, and [`Document`] what they mean. Bytes are never written back from the
//!   meaning, so what we do not know survives.
//! - [`LayerBuilder`] writes layers: the same files give the same bytes.
//! - [`ImageRepository`] is a place that holds images, a registry's repository or a directory ([`Layout`]), and
//!   [`ImageName`] is how people name images in either. [`read_trees`], [`extract_tree`] and [`extract_file`] read files out of an image
//!   there, streaming and within [`Limits`].
//! - [`Listing`] is a manifest list as a set of entries. [`merge`] makes one of two, [`guard`] says what a tag would lose by
//!   pointing to another, [`copy_manifests`] brings images with everything below them to a place, and [`TagState`] moves a
//!   tag from where it was seen.
//! - [`BlobCache`] keeps on disk what was read, and layers uncompressed ([`OpenLayer`]), for the next one who asks.
//!
//! ```no_run
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! use oci::{BlobPlacement, Client, ClientConfig, Document, PullSpec};
//!
//! let client = Client::new(ClientConfig::default())?;
//! let from: PullSpec = "quay.io/operators/app:v1".parse()?;
//! let source = client.repository(from.repository());
//! let manifest = source.manifest(&from.reference()).await?;
//!
//! let target = client.repository(&"registry.example/mirror/app".parse()?);
//! if let Document::Image(image) = manifest.parse()? {
//!     for blob in image.layers.iter().chain([&image.config]) {
//!         let placement: BlobPlacement = target.copy_blob_from(&source, blob).await?;
//!         println!("{}: {placement:?}", blob.digest);
//!     }
//!     target.put_manifest(&from.reference(), &manifest).await?;
//! }
//! # Ok(())
//! # }
//! ```
//!
//! This crate knows nothing of operators, catalogs or requests. It takes its configuration as values and reads neither
//! the environment nor the clock.

mod blocking;
mod cache;
mod client;
mod copy;
mod credentials;
mod digest;
mod error;
mod image_files;
mod image_repository;
mod layer;
mod layout;
mod listed;
mod manifest;
mod manifest_list;
mod media_type;
mod platform;
mod reference;
mod size;
mod tag_state;

pub use cache::{
    BlobCache, CacheConfig, CacheError, CachedItem, CachedKind, Note, OpenLayer, Pruned,
};
pub use client::{
    BlobPlacement, BlobSource, BlobStream, Client, ClientConfig, RemoteRepository, RetryPolicy,
    Usage,
};
pub use copy::{CopyCounts, copy_manifests};
pub use credentials::{Credential, CredentialOrigin, Credentials, CredentialsError};
pub use digest::{Algorithm, DiffId, Digest, Hasher, ParseDigestError};
pub use error::{ConnectionFault, Error};
pub use image_files::{
    EntryKind, ImageFilesError, LayerEntry, LimitKind, Limits, Tree, extract_file, extract_tree,
    read_tree, read_trees,
};
pub use image_repository::{ImageName, ImageRepository, ParseImageNameError};
pub use layer::{Layer, LayerBuilder, LayerError, LayerPathProblem, Owner};
pub use layout::{Layout, LayoutError};
pub use listed::{platform_of_entry, read_listed};
pub use manifest::{
    Descriptor, Document, History, ImageConfig, ImageManifest, ManifestError, ManifestList,
    RawManifest, RootFs, RunConfig,
};
pub use manifest_list::{
    Change, ChangeKind, EntryName, JoinError, Listed, Listing, LossPolicy, MergeError, NewList,
    ParseLossPolicyError, PlatformKey, Selection, difference, guard, join, merge,
};
pub use media_type::{Format, MediaType};
pub use platform::{Arch, ParseArchError, Platform};
pub use reference::{
    ParseError, Pinned, Problem, PullSpec, Reference, RegistryHost, Repository, Tag, TagRef,
};
pub use tag_state::TagState;
