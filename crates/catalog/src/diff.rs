//! What changed between two catalogs, and what that means for the clusters that follow their channels.
//!
//! [`Diff::between`] compares two catalogs; neither needs to be valid. A diff borrows its texts from both of them and is
//! printed as text ([`Diff::to_text`]), as Markdown ([`Diff::to_markdown`]) or, with serde, as JSON.
//! [`Diff::apply`] makes the second catalog of the first.
//!
//! ```
//! use catalog::{diff::Diff, fbc};
//!
//! let package = "schema: olm.package\nname: etcd\ndefaultChannel: stable\n";
//! let channel = "---\nschema: olm.channel\npackage: etcd\nname: stable\nentries:\n- name: etcd.v1\n";
//! let old = fbc::read(format!("{package}{channel}").as_bytes()).unwrap();
//! let new = fbc::read(format!("{package}{channel}- name: etcd.v2\n  replaces: etcd.v1\n").as_bytes()).unwrap();
//! let diff = Diff::between(&old, &new);
//! assert!(diff.to_text().contains("clusters on `etcd.v1` are offered `etcd.v2`"));
//! assert_eq!(diff.summary.heads, 1);
//! ```
//!
//! # JSON
//! The fields are those of the types here, under the same names; lists that are empty and values that did not change are
//! left out, and nothing is shortened. `version` is [`VERSION`]: it grows when a field changes its meaning or goes.
//!
//! ```json
//! {
//!   "version": 1,
//!   "summary": {"packages": {"added": 0, "removed": 0, "changed": 1}, "heads": 1, "attention": 0, …},
//!   "packages": [{
//!     "name": "etcd",
//!     "change": "changed",
//!     "channels": [{
//!       "name": "stable",
//!       "change": "changed",
//!       "heads": {"before": ["etcd.v1"], "after": ["etcd.v2"]},
//!       "entries": [{"name": "etcd.v2", "change": "added", "replaces": {"before": null, "after": "etcd.v1"}}],
//!       "effects": [{
//!         "kind": "new_head", "before": "etcd.v1", "after": "etcd.v2", "steps": 1, "older": false,
//!         "attention": false, "text": "clusters on `etcd.v1` are offered `etcd.v2`"
//!       }]
//!     }]
//!   }],
//!   "blobs": []
//! }
//! ```

mod compare;
mod effect;
mod markdown;
mod patch;
mod report;
mod text;
mod updates;
mod words;

use serde::Serialize;

pub use effect::Effect;
pub use patch::PackagePatch;
pub use report::{
    BlobDiff, BundleDiff, Change, ChannelDiff, Counts, DeprecationDiff, EntryDiff, Heads, Image,
    Lists, PackageDiff, PropertyValue, Summary, Values,
};

use crate::fbc::{Catalog, Other};

/// The version of the JSON form.
pub const VERSION: u32 = 1;

/// What changed between two catalogs.
///
/// Channels, bundles and deprecations without a package are never written, and are not compared either.
#[derive(Debug, Serialize)]
#[non_exhaustive]
pub struct Diff<'a> {
    /// [`VERSION`].
    pub version: u32,
    /// How much changed.
    pub summary: Summary,
    /// The packages that differ, by name.
    pub packages: Vec<PackageDiff<'a>>,
    /// The blobs of other schemas that belong to no package, by schema and name.
    pub blobs: Vec<BlobDiff<'a>>,
    /// All blobs of no package, if they differ in anything, be it their order.
    #[serde(skip)]
    pub(crate) loose: Option<Vec<&'a Other>>,
}

impl<'a> Diff<'a> {
    /// Compares two catalogs.
    ///
    /// Packages are compared on the threads of the pool that this runs on. What did not change is compared once and copied
    /// never; the cost of the rest is in proportion to it.
    pub fn between(old: &'a Catalog, new: &'a Catalog) -> Self {
        let packages = compare::packages(old, new);
        let (blobs, loose) = compare::loose(old, new);
        Self {
            version: VERSION,
            summary: Summary::of(&packages, &blobs),
            packages,
            blobs,
            loose,
        }
    }

    /// Whether both catalogs are written the same way.
    pub fn is_empty(&self) -> bool {
        self.packages.is_empty() && self.loose.is_none()
    }
}
