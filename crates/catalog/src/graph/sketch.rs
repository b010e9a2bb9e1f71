//! A channel's entries and edges by name, before rows have an order.

use std::collections::{BTreeMap, BTreeSet};

use super::EdgeKind;
use crate::fbc::Channel;

/// Up to so many names outside its channel that an entry skips are drawn; more are told in words.
const GHOSTS_DRAWN: usize = 3;

pub(super) struct Sketch<'a> {
    /// The channel's name.
    pub(super) name: &'a str,
    pub(super) entries: BTreeMap<&'a str, Sketched<'a>>,
    /// Newer, older and what allows the update.
    pub(super) edges: Vec<(&'a str, &'a str, EdgeKind)>,
}

/// An entry, of all places where the channel lists it.
#[derive(Default)]
pub(super) struct Sketched<'a> {
    pub(super) skip_ranges: Vec<&'a str>,
    /// Names outside the channel that are too many to be drawn.
    pub(super) skips_outside: Vec<&'a str>,
}

impl<'a> Sketch<'a> {
    pub(super) fn new(channel: &'a Channel) -> Self {
        let listed = || channel.entries.iter().flatten();
        let mut sketch = Self {
            name: &channel.name,
            entries: listed()
                .map(|entry| (entry.name.as_str(), Sketched::default()))
                .collect(),
            edges: Vec::new(),
        };
        let mut drawn: BTreeSet<&str> = sketch.entries.keys().copied().collect();
        drawn.extend(listed().map(|entry| entry.replaces.as_str()));
        for entry in listed() {
            let newer = entry.name.as_str();
            if !entry.replaces.is_empty() {
                sketch
                    .edges
                    .push((newer, &entry.replaces, EdgeKind::Replaces));
            }
            let skips: BTreeSet<&str> = (entry.skips.iter())
                .map(String::as_str)
                .filter(|skip| !skip.is_empty())
                .collect();
            let (mut inside, mut outside): (Vec<&str>, Vec<&str>) =
                skips.into_iter().partition(|skip| drawn.contains(skip));
            if outside.len() <= GHOSTS_DRAWN {
                inside.append(&mut outside);
            }
            let skips = inside
                .into_iter()
                .map(|older| (newer, older, EdgeKind::Skips));
            sketch.edges.extend(skips);
            let sketched = sketch.entries.entry(newer).or_default();
            sketched.skips_outside.extend(outside);
            if !entry.skip_range.is_empty() {
                sketched.skip_ranges.push(&entry.skip_range);
            }
        }
        sketch
    }

    /// The names of all entries and of what they replace or skip; names may come again.
    pub(super) fn names(&self) -> impl Iterator<Item = &'a str> {
        let older = self.edges.iter().map(|(_, older, _)| *older);
        self.entries.keys().copied().chain(older)
    }
}
