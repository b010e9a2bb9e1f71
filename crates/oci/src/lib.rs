//! How do I read, assemble and publish images?

mod digest;
mod manifest;
mod media_type;
mod platform;
mod reference;

pub use digest::{Algorithm, DiffId, Digest, Hasher, ParseDigestError};
pub use manifest::{
    Descriptor, Document, History, ImageConfig, ImageManifest, ManifestError, ManifestList,
    RawManifest, RootFs, RunConfig,
};
pub use media_type::{Format, MediaType};
pub use platform::{Arch, ParseArchError, Platform};
pub use reference::{
    ParseError, Pinned, Problem, PullSpec, Reference, RegistryHost, Repository, Tag, TagRef,
};
