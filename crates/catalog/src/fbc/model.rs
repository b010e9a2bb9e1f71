//! A catalog as packages, channels and the upgrade graph (file-based catalog specification, 2.1).

use std::collections::{BTreeMap, BTreeSet};

use super::{Bundle, Catalog, Channel, Entry, Package, property};
use crate::Profile;

/// The packages of a catalog by name; borrows all texts from the catalog.
#[derive(Debug, Clone, Default)]
pub struct Model<'a> {
    /// Whose rules judge it.
    pub profile: Profile,
    /// The packages.
    pub packages: BTreeMap<&'a str, PackageModel<'a>>,
}

/// A package with its channels.
#[derive(Debug, Clone)]
pub struct PackageModel<'a> {
    /// The blob.
    pub package: &'a Package,
    /// The channels by name; a default channel that has no blob is here as an empty one.
    pub channels: BTreeMap<&'a str, Graph<'a>>,
    /// What users are told if the package is deprecated.
    pub deprecation: Option<&'a str>,
}

/// A channel with its upgrade graph.
#[derive(Debug, Clone, Default)]
pub struct Graph<'a> {
    /// The blob; `None` for a default channel that has none.
    pub channel: Option<&'a Channel>,
    /// The entries by name.
    pub members: BTreeMap<&'a str, Member<'a>>,
    /// What users are told if the channel is deprecated.
    pub deprecation: Option<&'a str>,
}

/// A bundle in a channel.
#[derive(Debug, Clone)]
pub struct Member<'a> {
    /// Its edges in this channel.
    pub entry: &'a Entry,
    /// The bundle's blob; `None` if the catalog lacks it.
    pub bundle: Option<&'a Bundle>,
    /// The bundle's version; `None` if the catalog lacks its blob.
    pub version: Option<Version>,
    /// What users are told if the bundle is deprecated.
    pub deprecation: Option<&'a str>,
}

/// The version of a bundle as its `olm.package` property says it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Version {
    /// The version; may carry build metadata.
    pub version: String,
    /// The release; empty if there is none.
    pub release: String,
}

impl Version {
    /// Of the value of an `olm.package` property.
    pub(super) fn said_by(identity: &str) -> Self {
        Self {
            version: property::text(identity, "version"),
            release: property::text(identity, "release"),
        }
    }
}

impl<'a> Model<'a> {
    /// The model of a catalog that was made of an index database: nothing is checked but what [`Model::check`] checks.
    ///
    /// `version` gives the version of a bundle by its name; there are no releases in databases.
    pub fn of_database(catalog: &'a Catalog, version: impl Fn(&str) -> Option<String>) -> Self {
        let mut model = Self::default();
        for package in &catalog.packages {
            model
                .packages
                .insert(&package.name, PackageModel::new(package));
        }
        let bundles: BTreeMap<(&str, &str), &Bundle> = catalog
            .bundles
            .iter()
            .map(|bundle| ((bundle.package.as_str(), bundle.name.as_str()), bundle))
            .collect();
        for channel in &catalog.channels {
            let Some(package) = model.packages.get_mut(channel.package.as_str()) else {
                continue;
            };
            let mut graph = Graph::new(channel);
            for entry in channel.entries.iter().flatten() {
                let bundle = bundles
                    .get(&(channel.package.as_str(), entry.name.as_str()))
                    .copied();
                graph.members.insert(
                    &entry.name,
                    Member {
                        entry,
                        bundle,
                        version: version(&entry.name).map(|version| Version {
                            version,
                            release: String::new(),
                        }),
                        deprecation: None,
                    },
                );
            }
            package.channels.insert(&channel.name, graph);
        }
        for package in model.packages.values_mut() {
            package.add_default_channel();
        }
        model
    }
}

impl<'a> PackageModel<'a> {
    pub(super) fn new(package: &'a Package) -> Self {
        Self {
            package,
            channels: BTreeMap::new(),
            deprecation: None,
        }
    }

    /// A default channel without blob is an empty channel, which validation refuses.
    pub(super) fn add_default_channel(&mut self) {
        if !self.package.default_channel.is_empty() {
            self.channels
                .entry(&self.package.default_channel)
                .or_default();
        }
    }
}

impl<'a> Graph<'a> {
    pub(super) fn new(channel: &'a Channel) -> Self {
        Self {
            channel: Some(channel),
            ..Self::default()
        }
    }

    /// The entries that no other entry replaces or skips, by name. A channel that is valid has exactly one.
    pub fn heads(&self) -> Vec<&'a str> {
        let mut incoming = BTreeSet::new();
        for member in self.members.values() {
            incoming.insert(member.entry.replaces.as_str());
            incoming.extend(member.entry.skips.iter().map(String::as_str));
        }
        let is_head = |name: &&str| name.is_empty() || !incoming.contains(*name);
        // An absent `replaces` is an empty text here, and no edge to an entry without name.
        self.members.keys().copied().filter(is_head).collect()
    }

    /// The names that any entry skips.
    pub fn skipped(&self) -> BTreeSet<&'a str> {
        let skips = self.members.values().flat_map(|member| &member.entry.skips);
        skips.map(String::as_str).collect()
    }
}
