//! From blobs to graphs. Nothing is taken for granted that validation would check.

use std::collections::{BTreeMap, BTreeSet};

use super::order::{Item, natural, newest_first};
use super::sketch::Sketch;
use super::{Edge, EdgeKind, GraphError, Lane, Node, PackageGraph, Presence, Row, Standing};
use crate::fbc::{BUNDLE, Bundle, CHANNEL, Catalog, Channel, PACKAGE};
use crate::{Version, VersionRange};

/// So many heads of a channel have edges for their `skipRange`; a channel that is valid has one head.
const HEADS_WITH_RANGES: usize = 4;
/// The type of the property that says that a bundle of an index database is deprecated.
const DEPRECATED: &str = "olm.deprecated";

/// What a catalog says of one package.
#[derive(Default)]
struct Blobs<'a> {
    default_channel: &'a str,
    channels: Vec<&'a Channel>,
    bundles: BTreeMap<&'a str, &'a Bundle>,
    /// Messages by schema and name.
    deprecations: BTreeMap<(&'a str, &'a str), &'a str>,
}

/// A bundle's version, and how it is written.
struct Known {
    version: Version,
    text: String,
}

/// The graphs of some packages, in the order in which they are named; without names that of the only package.
///
/// If channels are named, every package is drawn with those alone.
///
/// # Errors
/// A package or channel that is named does not exist, or no package is named and there is not exactly one.
pub fn select<'a>(
    catalog: &'a Catalog,
    packages: &[String],
    channels: &[String],
) -> Result<Vec<PackageGraph<'a>>, GraphError> {
    let blobs = by_package(catalog);
    let known = || blobs.keys().map(|name| (*name).to_owned()).collect();
    let mut names: Vec<&str> = packages.iter().map(String::as_str).collect();
    if names.is_empty() {
        match blobs.len() {
            0 => return Err(GraphError::Empty),
            1 => names.extend(blobs.keys()),
            _ => return Err(GraphError::Several { known: known() }),
        }
    }
    let mut seen = BTreeSet::new();
    names.retain(|name| seen.insert(*name));
    let graph = |name: &str| match blobs.get_key_value(name) {
        Some((name, blobs)) => blobs.graph(name, channels),
        None => Err(GraphError::NoPackage {
            package: name.to_owned(),
            known: known(),
        }),
    };
    names.into_iter().map(graph).collect()
}

/// Every package that a package, channel or bundle blob names.
fn by_package(catalog: &Catalog) -> BTreeMap<&str, Blobs<'_>> {
    let mut packages: BTreeMap<&str, Blobs<'_>> = BTreeMap::new();
    for package in &catalog.packages {
        packages.entry(&package.name).or_default().default_channel = &package.default_channel;
    }
    for channel in &catalog.channels {
        let blobs = packages.entry(&channel.package).or_default();
        blobs.channels.push(channel);
    }
    for bundle in &catalog.bundles {
        let blobs = packages.entry(&bundle.package).or_default();
        blobs.bundles.insert(&bundle.name, bundle);
    }
    for deprecations in &catalog.deprecations {
        let Some(blobs) = packages.get_mut(deprecations.package.as_str()) else {
            continue;
        };
        for entry in deprecations.entries.iter().flatten() {
            let key = (entry.schema.as_str(), entry.name.as_str());
            blobs.deprecations.insert(key, &entry.message);
        }
    }
    packages
}

impl<'a> Blobs<'a> {
    fn graph(&self, name: &'a str, channels: &[String]) -> Result<PackageGraph<'a>, GraphError> {
        let sketches: Vec<Sketch<'a>> = (self.drawn(name, channels)?.into_iter())
            .map(Sketch::new)
            .collect();
        let mut names: BTreeSet<&str> = sketches.iter().flat_map(Sketch::names).collect();
        if channels.is_empty() {
            names.extend(self.bundles.keys());
        }
        let names: Vec<&str> = names.into_iter().collect();
        let known: Vec<Option<Known>> = names.iter().map(|name| self.known(name)).collect();
        let index: BTreeMap<&str, usize> = names.iter().copied().zip(0..).collect();
        let items: Vec<Item<'_>> = (names.iter().zip(&known))
            .map(|(name, known)| Item {
                name,
                version: known.as_ref().map(|known| &known.version),
            })
            .collect();
        let edges: Vec<(usize, usize)> = (sketches.iter().flat_map(|sketch| &sketch.edges))
            .map(|(newer, older, _)| (index[newer], index[older]))
            .collect();
        let order = newest_first(&items, &edges);
        let row_of: BTreeMap<&str, usize> =
            order.iter().map(|item| names[*item]).zip(0..).collect();
        let versions: Vec<Option<&Version>> =
            order.iter().map(|item| items[*item].version).collect();
        let mut lanes: Vec<Lane<'a>> = sketches
            .iter()
            .map(|sketch| self.lane(sketch, &row_of, &versions))
            .collect();
        lanes.sort_by(|a, b| {
            (newest(a).cmp(&newest(b)))
                .then(b.is_default.cmp(&a.is_default))
                .then_with(|| natural(b.name, a.name))
        });
        Ok(PackageGraph {
            name,
            default_channel: self.default_channel,
            has_default_channel: (self.channels.iter())
                .any(|channel| channel.name == self.default_channel),
            deprecation: self.deprecations.get(&(PACKAGE, "")).copied(),
            rows: self.rows(
                order
                    .iter()
                    .map(|item| (names[*item], known[*item].as_ref())),
            ),
            lanes,
        })
    }

    /// The channels to draw.
    fn drawn(&self, package: &str, names: &[String]) -> Result<Vec<&'a Channel>, GraphError> {
        let mut drawn = self.channels.clone();
        if names.is_empty() {
            return Ok(drawn);
        }
        let known: BTreeSet<&str> = drawn.iter().map(|channel| channel.name.as_str()).collect();
        if let Some(unknown) = names.iter().find(|name| !known.contains(name.as_str())) {
            return Err(GraphError::NoChannel {
                package: package.to_owned(),
                channel: unknown.clone(),
                known: known.into_iter().map(str::to_owned).collect(),
            });
        }
        drawn.retain(|channel| names.contains(&channel.name));
        Ok(drawn)
    }

    /// The version that a bundle has or, if there is none, that its name ends with.
    fn known(&self, name: &str) -> Option<Known> {
        let said = self.bundles.get(name).and_then(|bundle| bundle.version());
        if let Some(said) = said
            && let Ok(version) = said.version.parse()
        {
            let text = match said.release.as_str() {
                "" => said.version,
                release => format!("{}-{release}", said.version),
            };
            return Some(Known { version, text });
        }
        let (_, rest) = name.split_once('.')?;
        let text = rest.strip_prefix('v').unwrap_or(rest);
        let version = text.parse().ok()?;
        Some(Known {
            version,
            text: text.to_owned(),
        })
    }

    fn rows<'k>(&self, names: impl Iterator<Item = (&'a str, Option<&'k Known>)>) -> Vec<Row<'a>> {
        let in_channel: BTreeSet<&str> = (self.channels.iter())
            .flat_map(|channel| channel.entries.iter().flatten())
            .map(|entry| entry.name.as_str())
            .collect();
        names
            .map(|(name, known)| Row {
                name,
                version: known.map(|known| known.text.clone()),
                presence: if in_channel.contains(name) {
                    Presence::InChannel
                } else if self.bundles.contains_key(name) {
                    Presence::InNoChannel
                } else {
                    Presence::Missing
                },
                deprecation: self.bundle_deprecation(name),
            })
            .collect()
    }

    fn bundle_deprecation(&self, name: &'a str) -> Option<&'a str> {
        let message = self.deprecations.get(&(BUNDLE, name)).copied();
        let is_marked = |bundle: &&Bundle| {
            let mut properties = bundle.properties.iter();
            properties.any(|property| property.type_ == DEPRECATED)
        };
        message.or_else(|| {
            self.bundles
                .get(name)
                .copied()
                .filter(is_marked)
                .map(|_| "")
        })
    }

    fn lane(
        &self,
        sketch: &Sketch<'a>,
        row_of: &BTreeMap<&str, usize>,
        versions: &[Option<&Version>],
    ) -> Lane<'a> {
        let mut edges: Vec<Edge> = (sketch.edges.iter())
            .map(|(newer, older, kind)| Edge {
                newer: row_of[newer],
                older: row_of[older],
                kind: *kind,
            })
            .collect();
        let updated: BTreeSet<usize> = edges.iter().map(|edge| edge.older).collect();
        let mut nodes: BTreeMap<usize, Node<'a>> = BTreeMap::new();
        for name in sketch.names() {
            let row = row_of[name];
            let entry = sketch.entries.get(name);
            nodes.insert(
                row,
                Node {
                    row,
                    standing: match entry {
                        None => Standing::Ghost,
                        Some(_) if updated.contains(&row) => Standing::Entry,
                        Some(_) => Standing::Head,
                    },
                    skip_ranges: entry.map_or_else(Vec::new, |entry| entry.skip_ranges.clone()),
                    skips_outside: entry.map_or_else(Vec::new, |entry| entry.skips_outside.clone()),
                },
            );
        }
        let nodes: Vec<Node<'a>> = nodes.into_values().collect();
        let heads = nodes.iter().filter(|node| node.standing == Standing::Head);
        for head in heads.take(HEADS_WITH_RANGES) {
            let ranges = head.skip_ranges.iter();
            for range in ranges.filter_map(|range| range.parse::<VersionRange>().ok()) {
                let covered = nodes.iter().filter(|node| {
                    node.row != head.row
                        && node.standing != Standing::Ghost
                        && versions[node.row].is_some_and(|version| range.contains(version))
                });
                edges.extend(covered.map(|node| Edge {
                    newer: head.row,
                    older: node.row,
                    kind: EdgeKind::SkipRange,
                }));
            }
        }
        edges.sort_unstable();
        edges.dedup();
        let name = sketch.name;
        Lane {
            name,
            is_default: name == self.default_channel,
            deprecation: self.deprecations.get(&(CHANNEL, name)).copied(),
            nodes,
            edges,
        }
    }
}

/// The row of the topmost head, or of the topmost entry where there is none.
fn newest(lane: &Lane<'_>) -> usize {
    let heads = lane.nodes.iter();
    heads
        .clone()
        .find(|node| node.standing == Standing::Head)
        .or_else(|| heads.clone().next())
        .map_or(usize::MAX, |node| node.row)
}
