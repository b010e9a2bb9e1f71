//! Upgrade graphs of packages, as pictures: which bundles are in which channels, and what a cluster can update to.
//!
//! [`select`] takes packages out of a catalog; [`mermaid`](fn@mermaid), [`dot`](fn@dot) and [`svg`](fn@svg) draw them.
//! Catalogs that do not validate are drawn as they are: names that nothing stands behind are ghosts, channels may have
//! several heads or none, and cycles are cut where rows are put in order.
//!
//! The same catalog gives the same bytes. Time and memory grow with the number of entries, `replaces` and `skips`.

mod build;
mod dot;
mod mermaid;
mod order;
mod sketch;
mod svg;
mod text;

pub use build::select;
pub use dot::dot;
pub use mermaid::mermaid;
pub use svg::svg;
pub use text::{escape_xml, shorten};

use text::listing;

/// A package's upgrade graph: one row for each bundle, one lane for each channel.
///
/// Rows are in upgrade order, the newest first: what a bundle replaces or skips is below it unless that is a cycle, and
/// between bundles that no update ties together the higher version is above.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PackageGraph<'a> {
    /// The package's name.
    pub name: &'a str,
    /// The channel that is followed when none is named; empty if there is none.
    pub default_channel: &'a str,
    /// Whether the catalog has that channel.
    pub has_default_channel: bool,
    /// What users are told if the package is deprecated.
    pub deprecation: Option<&'a str>,
    /// The bundles, newest first.
    pub rows: Vec<Row<'a>>,
    /// The channels: the one with the newest head first, the default channel before others with the same head.
    pub lanes: Vec<Lane<'a>>,
}

/// A bundle, or a name that stands for one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row<'a> {
    /// The bundle's name.
    pub name: &'a str,
    /// Its version: what the bundle says, or else what its name ends with.
    pub version: Option<String>,
    /// What the catalog knows of it.
    pub presence: Presence,
    /// What users are told if the bundle is deprecated; may be empty.
    pub deprecation: Option<&'a str>,
}

/// What a catalog knows of a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Presence {
    /// It is an entry of a channel.
    InChannel,
    /// There is a bundle of that name, in no channel.
    InNoChannel,
    /// It is neither entry nor bundle of the package; entries replace or skip it.
    Missing,
}

/// A channel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lane<'a> {
    /// The channel's name.
    pub name: &'a str,
    /// Whether it is the package's default channel.
    pub is_default: bool,
    /// What users are told if the channel is deprecated.
    pub deprecation: Option<&'a str>,
    /// Its entries and ghosts by row, topmost first, each row once.
    pub nodes: Vec<Node<'a>>,
    /// The updates it offers, each once, sorted.
    pub edges: Vec<Edge>,
}

/// A bundle's place in a channel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node<'a> {
    /// Its index in [`PackageGraph::rows`].
    pub row: usize,
    /// What it is to the channel.
    pub standing: Standing,
    /// The ranges of versions that it skips; several only where the channel lists the bundle twice.
    pub skip_ranges: Vec<&'a str>,
    /// What it skips beside its edges: names outside the channel, too many to be drawn.
    pub skips_outside: Vec<&'a str>,
}

/// What a node is to its channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// An entry that no other replaces or skips. A channel that is valid has exactly one.
    Head,
    /// Any other entry.
    Entry,
    /// No entry: a name that entries of the channel replace or skip.
    Ghost,
}

/// An update that a channel offers: from the older bundle to the newer one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Edge {
    /// The row of the bundle that is updated to.
    pub newer: usize,
    /// The row of the bundle that is updated from.
    pub older: usize,
    /// What allows the update.
    pub kind: EdgeKind,
}

/// What allows an update.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum EdgeKind {
    /// The newer bundle `replaces` the older one.
    Replaces,
    /// The newer bundle `skips` the older one.
    Skips,
    /// The older bundle's version is in the newer one's `skipRange`. Heads only have such edges: the ranges of the
    /// others are in [`Node::skip_ranges`].
    SkipRange,
}

/// Why a graph cannot be drawn.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum GraphError {
    /// The catalog holds nothing.
    #[error("there is no package in the catalog")]
    Empty,
    /// No package is named, and there are several.
    #[error("the catalog has {} packages; name those to draw: {}", known.len(), listing(known))]
    Several {
        /// The packages there are.
        known: Vec<String>,
    },
    /// A package that is named does not exist.
    #[error(
        "there is no package `{package}` in the catalog; it has {}",
        listing(known)
    )]
    NoPackage {
        /// The package that is named.
        package: String,
        /// The packages there are.
        known: Vec<String>,
    },
    /// A channel that is named does not exist.
    #[error(
        "package `{package}` has no channel `{channel}`; it has {}",
        listing(known)
    )]
    NoChannel {
        /// The package.
        package: String,
        /// The channel that is named.
        channel: String,
        /// The channels there are.
        known: Vec<String>,
    },
}

impl PackageGraph<'_> {
    /// What a picture says of a node beside its name, a line each.
    fn remarks(&self, node: &Node<'_>) -> Vec<String> {
        let row = &self.rows[node.row];
        let mut remarks = row.remarks();
        if node.standing == Standing::Ghost && row.presence == Presence::InChannel {
            remarks.push("not in this channel".to_owned());
        }
        remarks.extend(node.remarks());
        remarks
    }
}

impl Row<'_> {
    /// What holds of the bundle in every channel.
    fn remarks(&self) -> Vec<String> {
        let mut remarks = Vec::new();
        match self.presence {
            Presence::InChannel => {}
            Presence::InNoChannel => remarks.push("in no channel".to_owned()),
            Presence::Missing => remarks.push("not in the catalog".to_owned()),
        }
        remarks.extend(self.deprecation.map(text::deprecated));
        remarks
    }
}

impl Node<'_> {
    /// What holds of the bundle in this channel.
    fn remarks(&self) -> Vec<String> {
        let mut remarks: Vec<String> = (self.skip_ranges.iter())
            .map(|range| format!("skipRange {}", text::shorten(range, text::LONGEST)))
            .collect();
        if !self.skips_outside.is_empty() {
            let number = text::count(self.skips_outside.len(), "bundle");
            remarks.push(format!("skips {number} outside the channel"));
        }
        remarks
    }
}

impl Lane<'_> {
    /// What a picture says of the channel beside its name; empty if there is nothing to say.
    fn remark(&self) -> String {
        let heads = self.nodes.iter();
        let heads = heads.filter(|node| node.standing == Standing::Head).count();
        let mut remarks = Vec::new();
        if self.is_default {
            remarks.push("default".to_owned());
        }
        if self.deprecation.is_some() {
            remarks.push("deprecated".to_owned());
        }
        match heads {
            1 => {}
            0 if self.nodes.is_empty() => remarks.push("empty".to_owned()),
            0 => remarks.push("no head".to_owned()),
            heads => remarks.push(format!("{heads} heads")),
        }
        remarks.join(", ")
    }
}
