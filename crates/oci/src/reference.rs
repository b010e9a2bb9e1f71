//! Pull specs: how images are named, by the grammar of the distribution project.

mod error;
mod host;
mod pull_spec;
mod repository;
mod tag;

use std::fmt;

use crate::digest::Digest;

pub use error::{ParseError, Problem};
pub use host::RegistryHost;
pub use pull_spec::PullSpec;
pub use repository::Repository;
pub use tag::Tag;

/// An image by tag: what can be moved.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TagRef {
    /// Where the tag is.
    pub repository: Repository,
    /// The tag.
    pub tag: Tag,
}

/// An image by digest: what never changes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Pinned {
    /// Where the image is.
    pub repository: Repository,
    /// The digest of its manifest or manifest list.
    pub digest: Digest,
}

/// What a registry is asked for within a repository.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reference {
    /// By tag.
    Tag(Tag),
    /// By digest.
    Digest(Digest),
}

impl fmt::Display for TagRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.repository, self.tag)
    }
}

impl fmt::Display for Pinned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.repository, self.digest)
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tag(tag) => tag.fmt(f),
            Self::Digest(digest) => digest.fmt(f),
        }
    }
}
