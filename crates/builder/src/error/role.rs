//! What images are to requests.

use std::fmt::{self, Display};

/// What an image is to a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// A bundle to add.
    Bundle,
    /// A catalog fragment to add.
    Fragment,
    /// The index to start from.
    FromIndex,
    /// An index whose bundles come too.
    SourceIndex,
    /// The image to build on.
    BinaryImage,
    /// A bundle to make anew.
    FromBundle,
    /// A bundle whose related bundles are looked for.
    ParentBundle,
    /// An image that a bundle names.
    RelatedImage,
    /// An image to look into, whatever it holds.
    Image,
    /// The result.
    Result,
}

impl Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Bundle => "bundle",
            Self::Fragment => "fragment",
            Self::FromIndex => "from-index",
            Self::SourceIndex => "source index",
            Self::BinaryImage => "binary image",
            Self::FromBundle => "bundle to start from",
            Self::ParentBundle => "parent bundle",
            Self::RelatedImage => "related image",
            Self::Image => "image",
            Self::Result => "published image",
        })
    }
}
