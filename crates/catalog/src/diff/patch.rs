//! From the old catalog to the new one.

use std::collections::BTreeMap;

use super::Diff;
use crate::fbc::{Bundle, Catalog, Channel, Deprecations, Other, Package};

/// The blobs that take the place of those of a package, borrowed from the new catalog.
///
/// Blobs that share a name stay together, so that catalogs with duplicates are made as they are. An empty list removes.
#[derive(Debug, Default)]
pub struct PackagePatch<'a> {
    pub(super) packages: Option<Vec<&'a Package>>,
    /// By name.
    pub(super) channels: BTreeMap<&'a str, Vec<&'a Channel>>,
    /// By name.
    pub(super) bundles: BTreeMap<&'a str, Vec<&'a Bundle>>,
    pub(super) deprecations: Option<Vec<&'a Deprecations>>,
    /// By schema: the order within a schema is kept when catalogs are written.
    pub(super) others: BTreeMap<&'a str, Vec<&'a Other>>,
}

impl Diff<'_> {
    /// Makes the new catalog of the old one: both are written the same way.
    ///
    /// The catalog must be the old one, or equal to it; it is taken by value since what did not change stays in it.
    pub fn apply(&self, mut catalog: Catalog) -> Catalog {
        let patches: BTreeMap<&str, &PackagePatch<'_>> = (self.packages.iter())
            .map(|package| (package.name, &package.patch))
            .collect();
        let patch = |package: &str| patches.get(package).copied();
        catalog
            .packages
            .retain(|package| patch(&package.name).is_none_or(|patch| patch.packages.is_none()));
        catalog.channels.retain(|channel| {
            patch(&channel.package)
                .is_none_or(|patch| !patch.channels.contains_key(channel.name.as_str()))
        });
        catalog.bundles.retain(|bundle| {
            patch(&bundle.package)
                .is_none_or(|patch| !patch.bundles.contains_key(bundle.name.as_str()))
        });
        catalog.deprecations.retain(|deprecations| {
            patch(&deprecations.package).is_none_or(|patch| patch.deprecations.is_none())
        });
        catalog.others.retain(|other| {
            if other.package.is_empty() {
                return self.loose.is_none();
            }
            patch(&other.package)
                .is_none_or(|patch| !patch.others.contains_key(other.schema.as_str()))
        });
        for patch in patches.into_values() {
            let Catalog {
                packages,
                channels,
                bundles,
                deprecations,
                others,
            } = &mut catalog;
            packages.extend(patch.packages.iter().flatten().copied().cloned());
            channels.extend(patch.channels.values().flatten().copied().cloned());
            bundles.extend(patch.bundles.values().flatten().copied().cloned());
            deprecations.extend(patch.deprecations.iter().flatten().copied().cloned());
            others.extend(patch.others.values().flatten().copied().cloned());
        }
        let loose = self.loose.iter().flatten().copied().cloned();
        catalog.others.extend(loose);
        catalog
    }
}

impl PackagePatch<'_> {
    pub(super) fn is_empty(&self) -> bool {
        self.packages.is_none()
            && self.channels.is_empty()
            && self.bundles.is_empty()
            && self.deprecations.is_none()
            && self.others.is_empty()
    }
}
