//! What a caller asks for.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use oci::{Arch, ImageName, PullSpec, Reference, Repository, Tag};
use secrecy::SecretString;

use crate::gating::GatingPolicy;
use crate::scope::Scope;

/// What every request on an index image says: what to start from, what to build on, where the result goes.
///
/// What the REST contract guarantees is assumed: a from-index or at least one architecture is named.
#[derive(Clone, Debug)]
pub struct IndexRequest {
    /// The index image to start from; without one the index starts empty.
    pub from_index: Option<ImageName>,
    /// The binary image to build on; without one the configured image of the index's scope and version is used.
    pub binary_image: Option<BinaryImage>,
    /// Architectures to build for, beside those of the from-index.
    pub add_arches: BTreeSet<Arch>,
    /// Whether the from-index's tag is moved to the result, and with which credentials.
    pub overwrite: Overwrite,
    /// The scope to label the result with; never wider than the from-index's own.
    pub distribution_scope: Option<Scope>,
    /// Where the result goes.
    pub output: Output,
    /// Whether everything is done but the publication: nothing is written to any registry or layout.
    pub dry_run: bool,
}

/// Add bundles to an index image, or make a new SQLite index image.
#[derive(Clone, Debug)]
pub struct AddRequest {
    /// The bundle images, as written by the caller, none of them twice.
    pub bundles: Vec<PullSpec>,
    /// Bundle images to deprecate where the index has them, as written by the caller.
    pub deprecations: Vec<PullSpec>,
    /// How channels are computed.
    pub graph_update_mode: GraphUpdateMode,
    /// What the configured gating service is asked about the bundles; none: nothing.
    pub gating: Option<GatingPolicy>,
    /// What is demanded of the images that the bundles name.
    pub related_images: RelatedImages,
    /// The index.
    pub index: IndexRequest,
}

/// What is demanded of the images that new bundles name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum RelatedImages {
    /// Nothing.
    #[default]
    Any,
    /// They can be read; some users have them at other registries, as the configuration says.
    Readable {
        /// Who asks.
        user: Option<String>,
    },
}

/// Put the packages of catalog fragments into a file-based index image (`fbc-operations` of the REST contract).
#[derive(Clone, Debug)]
pub struct FragmentsRequest {
    /// Images whose catalogs hold the packages, as written by the caller. Of a package that several hold, the last counts.
    pub fragments: Vec<PullSpec>,
    /// The index, which must be file-based.
    pub index: IndexRequest,
}

/// Remove packages from an index image (`rm` of the REST contract).
#[derive(Clone, Debug)]
pub struct RemoveRequest {
    /// The names of the packages.
    pub packages: BTreeSet<String>,
    /// The index.
    pub index: IndexRequest,
}

/// Merge the bundles of one index image into another (`merge-index-image` of the REST contract).
#[derive(Clone, Debug)]
pub struct MergeRequest {
    /// The index whose database the result begins with.
    pub source: ImageName,
    /// Bundle images to deprecate in the result, as written by the caller.
    pub deprecations: Vec<PullSpec>,
    /// How channels are computed.
    pub graph_update_mode: GraphUpdateMode,
    /// Whether bundles without a label of OCP versions count as made for all; this holds where the configuration allows it.
    pub ignore_bundle_ocp_version: bool,
    /// Who asks; the configuration may allow things to some.
    pub requester: Option<String>,
    /// The target, as the index to start from, from which bundles come that the source lacks, and whose tag is overwritten.
    /// Without one the source is all there is.
    pub index: IndexRequest,
}

/// Make an index image like another one, but without any package (`create-empty-index` of the REST contract).
#[derive(Clone, Debug)]
pub struct EmptyRequest {
    /// Whether the result is file-based, whatever the from-index is. Without it, the from-index must be an SQLite index.
    pub file_based: bool,
    /// Labels of the result, over those that every result has.
    pub labels: BTreeMap<String, String>,
    /// The index.
    pub index: IndexRequest,
}

/// Set what is deprecated of a package in a file-based index image (`add-deprecations` of the REST contract).
#[derive(Clone, Debug)]
pub struct DeprecationsRequest {
    /// The package, one that the index keeps in its hidden database.
    pub package: String,
    /// The blob of the schema `olm.deprecations`, JSON text.
    pub schema: String,
    /// The index, which must be file-based.
    pub index: IndexRequest,
}

/// How the channels of a package are computed when bundles are added.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum GraphUpdateMode {
    /// By what the bundles say they replace and skip.
    #[default]
    Replaces,
    /// By version alone.
    Semver,
    /// By version, each patch release skipping the earlier ones of its minor release.
    SemverSkippatch,
}

/// What gives the result its program and operating system.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BinaryImage {
    /// Nothing: the image carries the catalog alone.
    Scratch,
    /// An image with the catalog server.
    Image(ImageName),
}

/// Whether the from-index's tag is moved to the result.
#[derive(Clone, Debug, Default)]
pub enum Overwrite {
    /// It stays.
    #[default]
    No,
    /// It is moved, with the service's own credentials.
    Yes,
    /// It is moved, with credentials given for that repository alone.
    WithToken(OverwriteToken),
}

/// `user:password` for the from-index's repository. Cannot be printed.
#[derive(Clone)]
pub struct OverwriteToken {
    pub(crate) user: String,
    pub(crate) password: SecretString,
}

/// Why a text is no overwrite token. The text is not repeated: it may be a secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the overwrite token is not of the form `user:password`")]
pub struct ParseTokenError;

/// Where results go: a repository and the tags to set in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Output {
    /// The repository.
    pub repository: OutputRepository,
    /// The request's own tag; the images of each architecture get it followed by a dash and the architecture.
    pub tag: Tag,
    /// Whether `tag` belongs to this request alone, as one with the request's id does: then it may replace whatever it points to.
    /// A tag that people name never loses an architecture.
    pub tag_is_private: bool,
    /// Further tags for the same manifest list.
    pub build_tags: Vec<Tag>,
}

/// A repository that results are written to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OutputRepository {
    /// In a registry.
    Registry(Repository),
    /// An OCI layout directory.
    Layout(PathBuf),
}

impl Output {
    /// The name of the output under `tag`, as the caller would write it to read the result.
    pub fn name(&self, tag: &Tag) -> ImageName {
        match &self.repository {
            OutputRepository::Registry(repository) => {
                ImageName::Registry(repository.with_tag(tag.clone()).into())
            }
            OutputRepository::Layout(path) => ImageName::Layout {
                path: path.clone(),
                reference: Some(Reference::Tag(tag.clone())),
            },
        }
    }
}

impl FromStr for BinaryImage {
    type Err = <ImageName as FromStr>::Err;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "scratch" => Ok(Self::Scratch),
            other => other.parse().map(Self::Image),
        }
    }
}

impl fmt::Display for BinaryImage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Scratch => f.write_str("scratch"),
            Self::Image(name) => name.fmt(f),
        }
    }
}

impl OverwriteToken {
    /// Splits `text` at its first colon.
    ///
    /// # Errors
    /// [`ParseTokenError`] when there is no colon or nothing before it.
    pub fn parse(text: &str) -> Result<Self, ParseTokenError> {
        match text.split_once(':') {
            Some((user, password)) if !user.is_empty() => Ok(Self {
                user: user.to_owned(),
                password: password.to_owned().into(),
            }),
            _ => Err(ParseTokenError),
        }
    }
}

impl fmt::Debug for OverwriteToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OverwriteToken(***)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_split_once_and_never_printed() {
        let token = OverwriteToken::parse("robot:se:cret").unwrap();
        assert_eq!(token.user, "robot");
        let overwrite = Overwrite::WithToken(token);
        assert!(!format!("{overwrite:?}").contains("cret"));
        let error = OverwriteToken::parse("se-cret").unwrap_err();
        assert!(!error.to_string().contains("cret"));
    }
}
