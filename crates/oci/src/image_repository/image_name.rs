//! Names of images as people write them, in registries and in directories.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use super::ImageRepository;
use crate::client::Client;
use crate::error::Error;
use crate::layout::Layout;
use crate::reference::{ParseError, PullSpec, Reference, Tag};

/// An image as people name it: a pull spec (`quay.io/ns/name:tag`, `docker://…` too), or `oci:path`, `oci:path:tag` or
/// `oci:path@digest` for an OCI image layout in a directory.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ImageName {
    /// In a registry.
    Registry(PullSpec),
    /// In a directory.
    Layout {
        /// The directory.
        path: PathBuf,
        /// The tag or digest, if one is named.
        reference: Option<Reference>,
    },
}

/// Why a text names no image.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ParseImageNameError {
    /// It is no pull spec.
    #[error(transparent)]
    PullSpec(#[from] ParseError),
    /// It names no directory.
    #[error("`{text}` names no directory; write `oci:path`, `oci:path:tag` or `oci:path@digest`")]
    NoPath {
        /// The text.
        text: String,
    },
}

impl ImageName {
    /// What to ask the place for: a digest if the name has one, else the tag, else `latest`.
    pub fn reference(&self) -> Reference {
        match self {
            Self::Registry(spec) => spec.reference(),
            Self::Layout { reference, .. } => reference
                .clone()
                .unwrap_or_else(|| Reference::Tag(Tag::latest())),
        }
    }

    /// The place the image is in, for reading. No request is made to a registry; a directory has to be a layout.
    ///
    /// # Errors
    /// [`LayoutError`](crate::LayoutError) when the directory is no layout.
    pub async fn open(&self, client: &Client) -> Result<ImageRepository, Error> {
        Ok(match self {
            Self::Registry(spec) => ImageRepository::Remote(client.repository(spec.repository())),
            Self::Layout { path, .. } => ImageRepository::Layout(Layout::open(path).await?),
        })
    }

    /// The place the image goes to, for writing: as [`ImageName::open`], and makes the layout if there is none.
    ///
    /// # Errors
    /// [`LayoutError`](crate::LayoutError) when the directory cannot be written.
    pub async fn open_or_create(&self, client: &Client) -> Result<ImageRepository, Error> {
        Ok(match self {
            Self::Registry(spec) => ImageRepository::Remote(client.repository(spec.repository())),
            Self::Layout { path, .. } => {
                ImageRepository::Layout(Layout::create_or_open(path).await?)
            }
        })
    }
}

impl FromStr for ImageName {
    type Err = ParseImageNameError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let Some(place) = text.strip_prefix("oci:") else {
            let spec = text.strip_prefix("docker://").unwrap_or(text);
            return Ok(Self::Registry(spec.parse()?));
        };
        // What is no digest behind an at sign, and no tag behind a colon, belongs to the directory's name.
        let by_digest = (place.rsplit_once('@'))
            .and_then(|(path, digest)| Some((path, Reference::Digest(digest.parse().ok()?))));
        let named = by_digest.or_else(|| {
            (place.rsplit_once(':'))
                .and_then(|(path, tag)| Some((path, Reference::Tag(tag.parse().ok()?))))
        });
        let (path, reference) = match named {
            Some((path, reference)) => (path, Some(reference)),
            None => (place, None),
        };
        if path.is_empty() {
            return Err(ParseImageNameError::NoPath {
                text: text.to_owned(),
            });
        }
        Ok(Self::Layout {
            path: path.into(),
            reference,
        })
    }
}

impl fmt::Display for ImageName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Registry(spec) => spec.fmt(f),
            Self::Layout { path, reference } => {
                write!(f, "oci:{}", path.display())?;
                match reference {
                    None => Ok(()),
                    Some(Reference::Tag(tag)) => write!(f, ":{tag}"),
                    Some(Reference::Digest(digest)) => write!(f, "@{digest}"),
                }
            }
        }
    }
}
