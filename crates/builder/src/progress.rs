//! How a running request tells what it does, and what a restarted one needs to know.

use std::collections::BTreeMap;
use std::fmt;

use async_trait::async_trait;
use oci::{Arch, Digest, ImageName};
use serde::{Deserialize, Serialize};

use crate::scope::Scope;

/// A step of a request that its caller is told of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Bundles are looked up.
    ResolvingBundles,
    /// The bundle to make anew is looked up.
    ResolvingFromBundle,
    /// The bundle is changed, and images are made of it for these architectures.
    Regenerating(Vec<Arch>),
    /// The bundle whose related bundles are looked for is looked up.
    ResolvingParentBundle,
    /// The related bundles of a bundle are looked for.
    FindingRelatedBundles(String),
    /// The related bundles are written to a file.
    WritingRelatedBundles,
    /// Catalog fragments are looked up.
    ResolvingFragments,
    /// Indexes and the binary image are looked up.
    ResolvingImages,
    /// Everything is known; the build for these architectures starts.
    Building(Vec<Arch>),
    /// The from-index is searched for the bundles.
    CheckingPresentBundles,
    /// The packages of so many fragments are read.
    ReadingFragments(usize),
    /// The packages of one of the fragments go into the catalog.
    AddingFragment {
        /// Which one, from 1.
        number: usize,
        /// Of how many.
        count: usize,
    },
    /// The index is searched for the packages to remove.
    CheckingPackages,
    /// Packages are taken out of the index.
    RemovingPackages,
    /// The labels of the result are set.
    UpdatingLabels,
    /// The deprecations are checked against the index.
    ReadingDeprecations,
    /// The deprecations go into the catalog.
    AddingDeprecations,
    /// The bundles of source and target are listed.
    ListingBundles,
    /// Bundles that the source lacks are added.
    AddingMissingBundles,
    /// Bundles are deprecated.
    DeprecatingBundles,
    /// Images are pushed.
    CreatingManifestList,
    /// The from-index's tag is about to be moved.
    Overwriting,
    /// The from-index's tag was moved by another request: the work begins anew upon what it is now.
    Rebasing,
}

impl Phase {
    /// The name of the kind of step, the same for every request: a label to count by.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::ResolvingBundles => "resolving-bundles",
            Self::ResolvingFromBundle => "resolving-from-bundle",
            Self::Regenerating(_) => "regenerating",
            Self::ResolvingParentBundle => "resolving-parent-bundle",
            Self::FindingRelatedBundles(_) => "finding-related-bundles",
            Self::WritingRelatedBundles => "writing-related-bundles",
            Self::ResolvingFragments => "resolving-fragments",
            Self::ResolvingImages => "resolving-images",
            Self::Building(_) => "building",
            Self::CheckingPresentBundles => "checking-present-bundles",
            Self::ReadingFragments(_) => "reading-fragments",
            Self::AddingFragment { .. } => "adding-fragment",
            Self::CheckingPackages => "checking-packages",
            Self::RemovingPackages => "removing-packages",
            Self::UpdatingLabels => "updating-labels",
            Self::ReadingDeprecations => "reading-deprecations",
            Self::AddingDeprecations => "adding-deprecations",
            Self::ListingBundles => "listing-bundles",
            Self::AddingMissingBundles => "adding-missing-bundles",
            Self::DeprecatingBundles => "deprecating-bundles",
            Self::CreatingManifestList => "publishing",
            Self::Overwriting => "overwriting",
            Self::Rebasing => "rebasing",
        }
    }
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ResolvingBundles => f.write_str("Resolving the bundles"),
            Self::ResolvingFragments => f.write_str("Resolving the fbc fragments"),
            Self::ResolvingImages => f.write_str("Resolving the container images"),
            Self::ResolvingFromBundle => f.write_str("Resolving from_bundle_image"),
            Self::Regenerating(arches) => {
                f.write_str("Regenerating the bundle image for the following arches: ")?;
                write_arches(f, arches)
            }
            Self::ResolvingParentBundle => f.write_str("Resolving parent_bundle_image"),
            Self::FindingRelatedBundles(bundle) => write!(
                f,
                "Finding recursive related bundles for the bundle: {bundle}"
            ),
            Self::WritingRelatedBundles => {
                f.write_str("Writing recursive related bundles to a file")
            }
            Self::Building(arches) => {
                f.write_str("Building the index image for the following arches: ")?;
                write_arches(f, arches)
            }
            Self::CheckingPresentBundles => {
                f.write_str("Checking if bundles are already present in the index image")
            }
            Self::ReadingFragments(count) => {
                write!(f, "Extracting operator packages from {count} fragment(s)")
            }
            Self::AddingFragment { number, count } => {
                write!(f, "Adding operators of fbc fragment {number}/{count}")
            }
            Self::CheckingPackages => {
                f.write_str("Checking if operators are present in index image")
            }
            Self::RemovingPackages => f.write_str("Removing operators from index image"),
            Self::UpdatingLabels => f.write_str("Updating labels of the index image"),
            Self::ReadingDeprecations => {
                f.write_str("Reading deprecations from the deprecation schema")
            }
            Self::AddingDeprecations => f.write_str("Adding deprecations to the index image"),
            Self::ListingBundles => f.write_str("Getting bundles present in the index images"),
            Self::AddingMissingBundles => {
                f.write_str("Adding bundles missing in source index image")
            }
            Self::DeprecatingBundles => f.write_str("Deprecating bundles in the deprecation list"),
            Self::CreatingManifestList => f.write_str("Creating the manifest list"),
            Self::Overwriting => f.write_str("Overwriting the index image with the new one"),
            Self::Rebasing => f.write_str(
                "Another request changed the index image meanwhile: starting again from the new one",
            ),
        }
    }
}

fn write_arches(f: &mut fmt::Formatter<'_>, arches: &[Arch]) -> fmt::Result {
    for (position, arch) in arches.iter().enumerate() {
        let separator = if position == 0 { "" } else { ", " };
        write!(f, "{separator}{arch}")?;
    }
    Ok(())
}

/// Results of a request as they become known (spec workflows 1.2). `None` is "not known yet".
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    /// The architectures of the result, sorted.
    pub arches: Option<Vec<Arch>>,
    /// The binary image as given or configured.
    pub binary_image: Option<String>,
    /// The binary image by digest.
    pub binary_image_resolved: Option<String>,
    /// The scope of the result.
    pub distribution_scope: Option<Scope>,
    /// The from-index by digest.
    pub from_index_resolved: Option<String>,
    /// The source of a merge by digest.
    pub source_from_index_resolved: Option<String>,
    /// The target of a merge by digest.
    pub target_index_resolved: Option<String>,
    /// The catalog fragments of the request by digest.
    pub fbc_fragments_resolved: Option<Vec<String>>,
    /// The bundles of the request by package.
    pub bundle_mapping: Option<BTreeMap<String, Vec<String>>>,
    /// The bundle to make anew by digest.
    pub from_bundle_image_resolved: Option<String>,
    /// The bundle whose related bundles are looked for by digest.
    pub parent_bundle_image_resolved: Option<String>,
    /// The bundle made anew, as clients shall name it.
    pub bundle_image: Option<String>,
    /// The result as clients shall name it.
    pub index_image: Option<String>,
    /// The same by digest.
    pub index_image_resolved: Option<String>,
    /// The result in the output repository.
    pub internal_index_image_copy: Option<String>,
    /// The same by digest.
    pub internal_index_image_copy_resolved: Option<String>,
}

impl Facts {
    /// The name of the result and nothing else of where it lies.
    pub(crate) fn only_index_image(self) -> Self {
        Self {
            index_image_resolved: None,
            internal_index_image_copy: None,
            internal_index_image_copy_resolved: None,
            ..self
        }
    }
}

/// What a restarted request needs to end as it would have without the restart: everything is read again by these digests,
/// so tags that moved meanwhile do not mix inputs, and a tag that was already moved is recognised.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checkpoint {
    /// The resolved inputs, once known.
    #[serde(default)]
    pub inputs: Option<ResolvedInputs>,
    /// The overwrite that was about to happen, once the result is pushed.
    #[serde(default)]
    pub overwriting: Option<PlannedOverwrite>,
}

impl Checkpoint {
    /// Has the index to overwrite looked up anew; the other inputs stay.
    pub(crate) fn forget_index(&mut self) {
        self.overwriting = None;
        if let Some(inputs) = &mut self.inputs {
            inputs.from_index = None;
        }
    }
}

/// The digests a request was prepared with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResolvedInputs {
    /// One per bundle or fragment of the request, in its order.
    #[serde(alias = "bundles")]
    pub images: Vec<Digest>,
    /// The from-index, or what takes its place.
    pub from_index: Option<Digest>,
    /// The index whose bundles come too.
    #[serde(default)]
    pub source: Option<Digest>,
    /// The binary image; `None` for a binaryless index.
    pub binary_image: Option<Digest>,
}

/// A move of the from-index's tag.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlannedOverwrite {
    /// What the tag pointed to when the request was prepared.
    pub from: Digest,
    /// What it is moved to.
    pub to: Digest,
}

/// The request is no longer ours to work on: it was ended by somebody, or another worker holds it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("work on the request was stopped: {reason}")]
pub struct Stopped {
    /// Why.
    pub reason: String,
}

/// Who is told how a request goes on: the service's store, or a person at a terminal.
#[async_trait]
pub trait Reporter: Send + Sync {
    /// Tells that `phase` begins and which results are known by now.
    ///
    /// # Errors
    /// [`Stopped`] when the request must not be worked on any more.
    async fn phase(&self, phase: &Phase, facts: &Facts) -> Result<(), Stopped>;

    /// Keeps `checkpoint` for a restart. It is durable when this returns.
    ///
    /// # Errors
    /// [`Stopped`] when the request must not be worked on any more.
    async fn checkpoint(&self, checkpoint: &Checkpoint) -> Result<(), Stopped>;

    /// Asks, right before something becomes visible to others, whether the request is still ours.
    ///
    /// # Errors
    /// [`Stopped`] when it is not.
    async fn confirm(&self) -> Result<(), Stopped>;

    /// Asks whether another of our requests has moved the tag `index` to `digest`. Where nobody keeps account of that, it was a stranger.
    ///
    /// # Errors
    /// [`Stopped`] when that cannot be told.
    async fn is_ours(&self, _index: &ImageName, _digest: &Digest) -> Result<bool, Stopped> {
        Ok(false)
    }

    /// Asks whether another of our requests has moved the tag `index` on from `digest`, building upon what it was.
    ///
    /// # Errors
    /// [`Stopped`] when that cannot be told.
    async fn is_built_upon(&self, _index: &ImageName, _digest: &Digest) -> Result<bool, Stopped> {
        Ok(false)
    }
}
