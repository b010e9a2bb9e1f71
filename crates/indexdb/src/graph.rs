//! A package's upgrade graph as readers of the database see it (index database specification, 5.1).

use std::collections::{BTreeMap, BTreeSet};

use rusqlite::Connection;

use crate::entries::Entry;
use crate::error::Error;
use crate::lookup::{self, Facts};

/// The channels of a package.
#[derive(Debug, Clone, Default)]
pub(crate) struct Graph {
    pub(crate) default_channel: Option<String>,
    pub(crate) channels: BTreeMap<String, Channel>,
}

/// A channel: real bundles, and edges to what each replaces or skips, real or not.
#[derive(Debug, Clone, Default)]
pub(crate) struct Channel {
    pub(crate) head: String,
    pub(crate) nodes: BTreeMap<String, Facts>,
    pub(crate) edges: BTreeMap<String, BTreeSet<String>>,
}

impl Graph {
    /// Makes the graph of a package of its entries; empty if the package has no default channel.
    pub(crate) fn load(
        connection: &Connection,
        package: &str,
        entries: &[Entry],
    ) -> Result<Self, Error> {
        let default_channel = lookup::default_channel(connection, package)?;
        if default_channel.is_none() {
            return Ok(Self::default());
        }
        let names: BTreeMap<i64, &str> = entries
            .iter()
            .map(|entry| (entry.id, entry.bundle.as_str()))
            .collect();
        let mut facts: BTreeMap<&str, Option<Facts>> = BTreeMap::new();
        let mut channels: BTreeMap<String, Channel> = BTreeMap::new();
        for entry in entries {
            let channel = channels.entry(entry.channel.clone()).or_default();
            if !facts.contains_key(entry.bundle.as_str()) {
                facts.insert(&entry.bundle, lookup::facts(connection, &entry.bundle)?);
            }
            if let Some(Some(facts)) = facts.get(entry.bundle.as_str()) {
                channel
                    .nodes
                    .entry(entry.bundle.clone())
                    .or_insert_with(|| facts.clone());
            }
            if let Some(target) = entry.replaces.and_then(|id| names.get(&id)) {
                channel
                    .edges
                    .entry(entry.bundle.clone())
                    .or_default()
                    .insert((*target).to_owned());
            }
        }
        for (name, channel) in &mut channels {
            channel.head = channel.find_head(package, name)?;
        }
        Ok(Self {
            default_channel,
            channels,
        })
    }
}

impl Channel {
    fn find_head(&self, package: &str, channel: &str) -> Result<String, Error> {
        let below: BTreeSet<&String> = self.edges.values().flatten().collect();
        let mut heads: Vec<&String> = self
            .nodes
            .keys()
            .filter(|name| !below.contains(name))
            .collect();
        let (package, channel) = (package.to_owned(), channel.to_owned());
        match (heads.pop(), heads.is_empty()) {
            (None, _) => Err(Error::NoHead { package, channel }),
            (Some(head), true) => Ok(head.clone()),
            (Some(_), false) => {
                let heads = self
                    .nodes
                    .keys()
                    .filter(|name| !below.contains(name))
                    .cloned()
                    .collect();
                Err(Error::SeveralHeads {
                    package,
                    channel,
                    heads,
                })
            }
        }
    }

    /// What a bundle replaces and skips.
    pub(crate) fn below(&self, bundle: &str) -> Vec<String> {
        self.edges
            .get(bundle)
            .into_iter()
            .flatten()
            .cloned()
            .collect()
    }

    /// The images of the bundles that lie on some way down from the head.
    pub(crate) fn reachable_paths(&self) -> BTreeSet<&str> {
        let (mut paths, mut seen) = (BTreeSet::new(), BTreeSet::new());
        let mut ahead = vec![self.head.as_str()];
        while let Some(name) = ahead.pop() {
            if seen.insert(name) {
                paths.extend(self.nodes.get(name).map(|facts| facts.path.as_str()));
                ahead.extend(
                    self.edges
                        .get(name)
                        .into_iter()
                        .flatten()
                        .map(String::as_str),
                );
            }
        }
        paths
    }
}
