//! What a request made, as programs read it.

use std::collections::{BTreeMap, BTreeSet};

use catalog::diff::Diff;
use oci::{Arch, Digest, Usage};
use serde::Serialize;

use crate::catalog_change::CatalogChange;
use crate::level::MigrateLevel;
use crate::regenerate::{ChangedFile, Regenerated};
use crate::related::Related;
use crate::run::Built;
use crate::stages::blobs::BlobCounts;
use crate::stages::guard::Kept;

/// A [`Built`] image for serde; the fields are documented there.
#[derive(Debug, Serialize)]
pub struct Summary<'b> {
    index_image: Option<&'b str>,
    index_image_resolved: Option<&'b str>,
    internal_index_image_copy: Option<&'b str>,
    internal_index_image_copy_resolved: Option<&'b str>,
    dry_run: bool,
    same_catalog: bool,
    digest: &'b Digest,
    /// By architecture.
    images: BTreeMap<String, &'b Digest>,
    /// What tags kept, by tag.
    kept: BTreeMap<String, Vec<String>>,
    layers: Vec<LayerSummary<'b>>,
    migrate_level: Option<&'static str>,
    serve_cache_seconds: Option<f64>,
    catalog: Option<Diff<'b>>,
    blobs: BlobCounts,
    network: Network,
}

#[derive(Debug, Serialize)]
struct LayerSummary<'b> {
    kind: String,
    digest: &'b Digest,
    bytes: u64,
    new: bool,
}

#[derive(Debug, Serialize)]
struct Network {
    requests: u64,
    bytes_read: u64,
    bytes_written: u64,
}

impl<'b> Summary<'b> {
    /// What changed in the catalog, where that is known.
    pub fn catalog(&self) -> Option<&Diff<'b>> {
        self.catalog.as_ref()
    }
}

impl Built {
    /// The form for programs.
    pub fn summary(&self) -> Summary<'_> {
        let facts = &self.facts;
        Summary {
            index_image: facts.index_image.as_deref(),
            index_image_resolved: facts.index_image_resolved.as_deref(),
            internal_index_image_copy: facts.internal_index_image_copy.as_deref(),
            internal_index_image_copy_resolved: facts.internal_index_image_copy_resolved.as_deref(),
            dry_run: self.dry_run,
            same_catalog: self.is_same_catalog,
            digest: &self.digest,
            images: by_arch(&self.images),
            kept: self
                .kept
                .iter()
                .map(|kept| (kept.target.to_string(), kept.entry_names()))
                .collect(),
            layers: self
                .layers
                .iter()
                .map(|layer| LayerSummary {
                    kind: layer.kind.to_string(),
                    digest: &layer.digest,
                    bytes: layer.bytes,
                    new: layer.is_new,
                })
                .collect(),
            migrate_level: self.migrate_level.map(MigrateLevel::as_str),
            serve_cache_seconds: self.serve_cache.map(|time| time.as_secs_f64()),
            catalog: self.catalog.as_ref().map(CatalogChange::diff),
            blobs: self.blobs,
            network: self.usage.into(),
        }
    }
}

/// A [`Regenerated`] bundle for serde; the fields are documented there.
#[derive(Debug, Serialize)]
pub struct BundleSummary<'b> {
    bundle_image: Option<&'b str>,
    digest: &'b Digest,
    /// By architecture.
    images: BTreeMap<String, &'b Digest>,
    /// By path.
    files: BTreeMap<&'b str, Vec<EditSummary<'b>>>,
    labels: &'b BTreeMap<String, String>,
    related_bundles: Option<&'b BTreeSet<String>>,
    blobs: BlobCounts,
    network: Network,
}

#[derive(Debug, Serialize)]
struct EditSummary<'b> {
    line: usize,
    before: &'b str,
    after: &'b str,
}

impl Regenerated {
    /// The form for programs.
    pub fn summary(&self) -> BundleSummary<'_> {
        let files = self.changes.files.iter();
        BundleSummary {
            bundle_image: self.facts.bundle_image.as_deref(),
            digest: &self.digest,
            images: by_arch(&self.images),
            files: files
                .map(|(path, file)| (path.as_str(), file.summary()))
                .collect(),
            labels: &self.changes.labels,
            related_bundles: self.changes.related_bundles.as_ref(),
            blobs: self.blobs,
            network: self.usage.into(),
        }
    }
}

impl ChangedFile {
    fn summary(&self) -> Vec<EditSummary<'_>> {
        let edits = self.edits.iter().map(|edit| EditSummary {
            line: edit.line,
            before: &edit.old,
            after: &edit.new,
        });
        edits.collect()
    }
}

/// [`Related`] bundles for serde; the fields are documented there.
#[derive(Debug, Serialize)]
pub struct RelatedSummary<'b> {
    nested_bundles: &'b [String],
    /// Which names which, by their places in the list.
    edges: &'b BTreeSet<(usize, usize)>,
    network: Network,
}

impl Related {
    /// The form for programs.
    pub fn summary(&self) -> RelatedSummary<'_> {
        RelatedSummary {
            nested_bundles: &self.bundles,
            edges: &self.edges,
            network: self.usage.into(),
        }
    }
}

impl From<Usage> for Network {
    fn from(usage: Usage) -> Self {
        Self {
            requests: usage.requests,
            bytes_read: usage.bytes_read,
            bytes_written: usage.bytes_written,
        }
    }
}

fn by_arch(images: &BTreeMap<Arch, Digest>) -> BTreeMap<String, &Digest> {
    let images = images.iter();
    images
        .map(|(arch, digest)| (arch.to_string(), digest))
        .collect()
}

impl Kept {
    /// The names of what was kept.
    pub fn entry_names(&self) -> Vec<String> {
        self.entries.iter().map(ToString::to_string).collect()
    }
}
