//! Which bundle is related to which.

use std::collections::{BTreeMap, BTreeSet};

/// Bundles in the order in which they were found, and who names whom.
pub(super) struct Graph {
    /// As they are shown.
    bundles: Vec<String>,
    /// Their places, by what tells them from others.
    places: BTreeMap<String, usize>,
    edges: BTreeSet<(usize, usize)>,
}

impl Graph {
    pub(super) fn new(root: &str, shown: &str) -> Self {
        Self {
            bundles: vec![shown.to_owned()],
            places: BTreeMap::from([(root.to_owned(), 0)]),
            edges: BTreeSet::new(),
        }
    }

    /// Notes that a bundle names another one; says whether that one was not known.
    pub(super) fn relate(&mut self, bundle: &str, child: &str, shown: &str) -> bool {
        let next = self.bundles.len();
        let place = *self.places.entry(child.to_owned()).or_insert(next);
        if let Some(bundle) = self.places.get(bundle) {
            self.edges.insert((*bundle, place));
        }
        if place == next {
            self.bundles.push(shown.to_owned());
        }
        place == next
    }

    /// How many bundles there are beside the first.
    pub(super) fn children(&self) -> usize {
        self.bundles.len() - 1
    }

    /// The bundles of a circle, the first of them at both ends, if there is one. There are few bundles.
    pub(super) fn cycle(&self) -> Option<Vec<String>> {
        let mut path = Vec::new();
        let mut done = BTreeSet::new();
        let circle = self.circle_from(0, &mut path, &mut done)?;
        let shown = circle.into_iter().map(|place| self.bundles[place].clone());
        Some(shown.collect())
    }

    fn circle_from(
        &self,
        place: usize,
        path: &mut Vec<usize>,
        done: &mut BTreeSet<usize>,
    ) -> Option<Vec<usize>> {
        if let Some(start) = path.iter().position(|other| *other == place) {
            let mut circle = path[start..].to_vec();
            circle.push(place);
            return Some(circle);
        }
        if !done.insert(place) {
            return None;
        }
        path.push(place);
        let children = self.edges.range((place, 0)..=(place, usize::MAX));
        for (_, child) in children {
            let circle = self.circle_from(*child, path, done);
            if circle.is_some() {
                return circle;
            }
        }
        path.pop();
        None
    }

    /// The bundles, the last found first, and who names whom among them.
    pub(super) fn reversed(self) -> (Vec<String>, BTreeSet<(usize, usize)>) {
        let last = self.bundles.len() - 1;
        let edges = self.edges.into_iter();
        let edges = edges.map(|(bundle, child)| (last - bundle, last - child));
        let edges = edges.collect();
        (self.bundles.into_iter().rev().collect(), edges)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_circle_is_found_wherever_it_is() {
        let mut graph = Graph::new("a", "A");
        assert!(graph.relate("a", "b", "B"));
        assert!(graph.relate("a", "c", "C"));
        assert!(!graph.relate("c", "b", "B"));
        assert_eq!(graph.cycle(), None);
        assert!(!graph.relate("b", "c", "C"));
        assert_eq!(graph.cycle().unwrap(), ["B", "C", "B"]);
        let mut own = Graph::new("a", "A");
        assert!(!own.relate("a", "a", "A"));
        assert_eq!(own.cycle().unwrap(), ["A", "A"]);
    }

    #[test]
    fn the_deepest_come_first() {
        let mut graph = Graph::new("a", "A");
        graph.relate("a", "b", "B");
        graph.relate("b", "c", "C");
        assert_eq!(graph.children(), 2);
        let (bundles, edges) = graph.reversed();
        assert_eq!(bundles, ["C", "B", "A"]);
        assert_eq!(edges, BTreeSet::from([(1, 0), (2, 1)]));
    }
}
