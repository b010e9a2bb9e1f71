//! Updates drawn beside the boxes of a lane: a vertical line, and a branch for each bundle that it joins.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use super::super::{Edge, EdgeKind, Lane};

/// So many lines stand side by side; where more would, those that begin further down are told in words, if they can be.
const SIDE_BY_SIDE: usize = 6;

/// A line that stands for one or many updates: from each of its older bundles to each of its newer ones.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Rail {
    pub(super) kind: EdgeKind,
    /// The rows of the newer bundles, sorted.
    pub(super) newer: Vec<usize>,
    /// The rows of the older bundles, sorted.
    pub(super) older: Vec<usize>,
    /// Its place among the lines at that side; 0 is the outermost.
    pub(super) slot: usize,
}

/// How the updates of a lane are drawn.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Rails {
    /// `replaces` between neighbours: the newer and the older row.
    pub(super) straight: Vec<(usize, usize)>,
    /// Other `replaces`.
    pub(super) left: Vec<Rail>,
    /// `skips` and `skipRange`.
    pub(super) right: Vec<Rail>,
    /// By row, how many bundles it skips by edges that are not drawn.
    pub(super) untold: BTreeMap<usize, usize>,
}

impl Rails {
    pub(super) fn new(lane: &Lane<'_>) -> Self {
        let mut rails = Self::default();
        let below: BTreeMap<usize, usize> = lane
            .nodes
            .windows(2)
            .map(|pair| (pair[0].row, pair[1].row))
            .collect();
        let is_straight = |edge: &Edge| below.get(&edge.newer) == Some(&edge.older);
        let mut replaced: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
        let mut skipped: BTreeMap<(EdgeKind, usize), Vec<usize>> = BTreeMap::new();
        for edge in &lane.edges {
            match edge.kind {
                EdgeKind::Replaces if is_straight(edge) => {
                    rails.straight.push((edge.newer, edge.older));
                }
                EdgeKind::Replaces => replaced.entry(edge.older).or_default().push(edge.newer),
                kind => skipped
                    .entry((kind, edge.newer))
                    .or_default()
                    .push(edge.older),
            }
        }
        let left = replaced
            .into_iter()
            .map(|(older, newer)| Rail::new(EdgeKind::Replaces, sorted(newer), vec![older]));
        rails.left = left.collect();
        // What skips the same bundles shares a line.
        let mut same: BTreeMap<(EdgeKind, Vec<usize>), Vec<usize>> = BTreeMap::new();
        for ((kind, newer), older) in skipped {
            same.entry((kind, sorted(older))).or_default().push(newer);
        }
        let right = same
            .into_iter()
            .map(|((kind, older), newer)| Rail::new(kind, newer, older));
        rails.right = right.collect();
        place(&mut rails.left);
        place(&mut rails.right);
        // There is always a way to say how much a bundle skips; what it replaces has to be seen.
        for rail in &mut rails.left {
            rail.slot = rail.slot.min(SIDE_BY_SIDE - 1);
        }
        let crowded = rails.right.iter().filter(|rail| rail.slot >= SIDE_BY_SIDE);
        for rail in crowded.filter(|rail| rail.kind == EdgeKind::Skips) {
            for newer in &rail.newer {
                rails.untold.insert(*newer, rail.older.len());
            }
        }
        rails.right.retain(|rail| rail.slot < SIDE_BY_SIDE);
        rails
    }
}

impl Rail {
    fn new(kind: EdgeKind, newer: Vec<usize>, older: Vec<usize>) -> Self {
        Self {
            kind,
            newer,
            older,
            slot: 0,
        }
    }

    /// The topmost and the lowest row it joins.
    fn span(&self) -> (usize, usize) {
        let (first, last) = (self.newer.first(), self.newer.last());
        let top = first.into_iter().chain(self.older.first()).min();
        let bottom = last.into_iter().chain(self.older.last()).max();
        (top.copied().unwrap_or(0), bottom.copied().unwrap_or(0))
    }
}

fn sorted(mut rows: Vec<usize>) -> Vec<usize> {
    rows.sort_unstable();
    rows
}

/// How many slots are taken.
pub(super) fn slots(rails: &[Rail]) -> usize {
    rails.iter().map(|rail| rail.slot + 1).max().unwrap_or(0)
}

/// Gives lines that overlap slots of their own, from the top, the longer first; [`SIDE_BY_SIDE`] where none is free.
fn place(rails: &mut [Rail]) {
    rails.sort_by_key(|rail| {
        let (top, bottom) = rail.span();
        (top, Reverse(bottom), rail.kind)
    });
    let mut ends: [Option<usize>; SIDE_BY_SIDE] = [None; SIDE_BY_SIDE];
    for rail in rails {
        let (top, bottom) = rail.span();
        let is_free = |end: &Option<usize>| end.is_none_or(|end| end < top);
        rail.slot = ends.iter().position(is_free).unwrap_or(SIDE_BY_SIDE);
        if let Some(end) = ends.get_mut(rail.slot) {
            *end = Some(bottom);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::{Node, Standing};
    use super::*;

    /// The lines of a lane with entries in `rows` and edges as (newer, older), each line as its newer rows, its older
    /// rows and its slot.
    fn check(
        rows: usize,
        edges: &[(usize, usize, EdgeKind)],
        straight: &[(usize, usize)],
        left: &[(&[usize], &[usize], usize)],
        right: &[(&[usize], &[usize], usize)],
    ) {
        let rails = Rails::new(&lane(rows, edges));
        let seen = |rails: &[Rail]| -> Vec<(Vec<usize>, Vec<usize>, usize)> {
            (rails.iter())
                .map(|rail| (rail.newer.clone(), rail.older.clone(), rail.slot))
                .collect()
        };
        let expected =
            |rails: &[(&[usize], &[usize], usize)]| -> Vec<(Vec<usize>, Vec<usize>, usize)> {
                (rails.iter())
                    .map(|(newer, older, slot)| (newer.to_vec(), older.to_vec(), *slot))
                    .collect()
            };
        assert_eq!(rails.straight, straight, "straight of {edges:?}");
        assert_eq!(seen(&rails.left), expected(left), "left of {edges:?}");
        assert_eq!(seen(&rails.right), expected(right), "right of {edges:?}");
    }

    fn lane(rows: usize, edges: &[(usize, usize, EdgeKind)]) -> Lane<'static> {
        let node = |row| Node {
            row,
            standing: Standing::Entry,
            skip_ranges: Vec::new(),
            skips_outside: Vec::new(),
        };
        let edge = |(newer, older, kind): &(usize, usize, EdgeKind)| Edge {
            newer: *newer,
            older: *older,
            kind: *kind,
        };
        Lane {
            name: "stable",
            is_default: true,
            deprecation: None,
            nodes: (0..rows).map(node).collect(),
            edges: edges.iter().map(edge).collect(),
        }
    }

    use EdgeKind::{Replaces, SkipRange, Skips};

    #[test]
    fn neighbours_are_joined_directly_and_others_past_the_boxes_between_them() {
        check(
            3,
            &[(0, 1, Replaces), (1, 2, Replaces)],
            &[(0, 1), (1, 2)],
            &[],
            &[],
        );
        check(3, &[(0, 2, Replaces)], &[], &[(&[0], &[2], 0)], &[]);
        // Upwards, to itself, and twice from one.
        check(2, &[(1, 0, Replaces)], &[], &[(&[1], &[0], 0)], &[]);
        check(1, &[(0, 0, Replaces)], &[], &[(&[0], &[0], 0)], &[]);
        let both = [(0, 3, Replaces), (1, 3, Replaces)];
        check(4, &both, &[], &[(&[0, 1], &[3], 0)], &[]);
    }

    #[test]
    fn what_skips_the_same_shares_a_line_and_lines_do_not_overlap() {
        let same = [(0, 2, Skips), (0, 3, Skips), (1, 2, Skips), (1, 3, Skips)];
        check(4, &same, &[], &[], &[(&[0, 1], &[2, 3], 0)]);
        let nested = [
            (0, 1, Skips),
            (0, 3, Skips),
            (1, 3, Skips),
            (2, 3, SkipRange),
        ];
        let lines: [(&[usize], &[usize], usize); 3] =
            [(&[0], &[1, 3], 0), (&[1], &[3], 1), (&[2], &[3], 2)];
        check(4, &nested, &[], &[], &lines);
        let apart = [(0, 1, Skips), (2, 3, Skips)];
        check(4, &apart, &[], &[], &[(&[0], &[1], 0), (&[2], &[3], 0)]);
    }

    #[test]
    fn where_it_gets_too_crowded_the_lower_lines_become_words() {
        let count = SIDE_BY_SIDE + 2;
        let edges: Vec<(usize, usize, EdgeKind)> =
            (0..count).map(|newer| (newer, count, Skips)).collect();
        // Each skips one more of its own, so that no line is shared.
        let own = (0..count).map(|newer| (newer, newer + 1, Skips));
        let edges: Vec<_> = edges.into_iter().chain(own).collect();
        let rails = Rails::new(&lane(count + 1, &edges));
        assert_eq!(slots(&rails.right), SIDE_BY_SIDE);
        assert_eq!(rails.right.len() + rails.untold.len(), count);
        assert_eq!(rails.untold.get(&(count - 2)), Some(&2));
        assert!(!rails.untold.contains_key(&0), "the head keeps its line");
    }
}
