//! The order of rows and lanes.

use std::cmp::Ordering;
use std::collections::BinaryHeap;
use std::mem;

use crate::Version;

/// Something to put in order.
pub(super) struct Item<'a> {
    pub(super) name: &'a str,
    pub(super) version: Option<&'a Version>,
}

/// The indexes of all items, newest first.
///
/// `edges` are pairs of a newer and an older item, and the newer one comes first. Beyond that versions decide; an item
/// without version comes right behind the last of those that are newer, or at the very front. A cycle is cut above its
/// highest version.
pub(super) fn newest_first(items: &[Item<'_>], edges: &[(usize, usize)]) -> Vec<usize> {
    let mut by_rank: Vec<usize> = (0..items.len()).collect();
    by_rank.sort_by(|a, b| {
        let (a, b) = (&items[*a], &items[*b]);
        (a.version.cmp(&b.version)).then_with(|| natural(a.name, b.name))
    });
    let mut rank = vec![0; items.len()];
    for (place, item) in by_rank.iter().enumerate() {
        rank[*item] = place;
    }
    let mut below = vec![Vec::new(); items.len()];
    let mut newer_left = vec![0_usize; items.len()];
    for (newer, of) in edges.iter().filter(|(newer, of)| newer != of) {
        below[*newer].push(*of);
        newer_left[*of] += 1;
    }
    // The first number decides; without a version it is that of the item which this one comes behind.
    let priority = |item: usize, behind: usize| match items[item].version {
        Some(_) => (rank[item], rank[item]),
        None => (behind, rank[item]),
    };
    let mut ready: BinaryHeap<(usize, usize)> = (0..items.len())
        .filter(|item| newer_left[*item] == 0)
        .map(|item| priority(item, usize::MAX))
        .collect();
    // Where nothing is ready there is a cycle.
    let mut cut = (0..items.len()).rev().map(|place| (place, place));
    let mut is_placed = vec![false; items.len()];
    let mut sorted = Vec::with_capacity(items.len());
    while let Some((behind, place)) = ready.pop().or_else(|| cut.next()) {
        let item = by_rank[place];
        if mem::replace(&mut is_placed[item], true) {
            continue;
        }
        sorted.push(item);
        for of in &below[item] {
            newer_left[*of] -= 1;
            if newer_left[*of] == 0 {
                ready.push(priority(*of, behind));
            }
        }
    }
    sorted
}

/// Compares names as people sort them: numbers in them by size, so that `release-2.9` is below `release-2.10`.
pub(super) fn natural(left: &str, right: &str) -> Ordering {
    let (mut a, mut b) = (left, right);
    while let (Some(first), Some(second)) = (a.chars().next(), b.chars().next()) {
        let (ordering, a_rest, b_rest) = if first.is_ascii_digit() && second.is_ascii_digit() {
            let ((x, a_rest), (y, b_rest)) = (number(a), number(b));
            (x.len().cmp(&y.len()).then(x.cmp(y)), a_rest, b_rest)
        } else {
            let (a_rest, b_rest) = (&a[first.len_utf8()..], &b[second.len_utf8()..]);
            (first.cmp(&second), a_rest, b_rest)
        };
        if ordering.is_ne() {
            return ordering;
        }
        (a, b) = (a_rest, b_rest);
    }
    (a.len().cmp(&b.len())).then_with(|| left.cmp(right))
}

/// The number that a text begins with, without leading zeros, and the rest.
fn number(text: &str) -> (&str, &str) {
    let end = text
        .find(|character: char| !character.is_ascii_digit())
        .unwrap_or(text.len());
    (text[..end].trim_start_matches('0'), &text[end..])
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Items as `name` or `name@version`, edges as `newer>older`.
    fn check(items: &[&str], edges: &[&str], expected: &[&str]) {
        let items: Vec<(&str, Option<Version>)> = items
            .iter()
            .map(|item| match item.split_once('@') {
                Some((name, version)) => (name, Some(version.parse().unwrap())),
                None => (*item, None),
            })
            .collect();
        let items: Vec<Item<'_>> = items
            .iter()
            .map(|(name, version)| Item {
                name,
                version: version.as_ref(),
            })
            .collect();
        let index = |name: &str| items.iter().position(|item| item.name == name).unwrap();
        let edges: Vec<(usize, usize)> = edges
            .iter()
            .map(|edge| edge.split_once('>').unwrap())
            .map(|(newer, older)| (index(newer), index(older)))
            .collect();
        let order = newest_first(&items, &edges);
        let names: Vec<&str> = order.iter().map(|item| items[*item].name).collect();
        assert_eq!(names, expected, "edges {edges:?}");
    }

    #[test]
    fn versions_decide_unless_an_update_says_otherwise() {
        let versions = ["a@1.0.0", "b@1.9.0", "c@1.10.0", "d@2.0.0-rc.1"];
        check(&versions, &[], &["d", "c", "b", "a"]);
        check(&versions, &["d>c", "c>b", "b>a"], &["d", "c", "b", "a"]);
        check(&versions, &["a>d"], &["c", "b", "a", "d"]);
    }

    #[test]
    fn without_version_a_name_comes_behind_what_refers_to_it() {
        let items = ["old", "a@1.0.0", "b@2.0.0", "c@3.0.0"];
        check(&items, &["b>old"], &["c", "b", "old", "a"]);
        check(&items, &["b>old", "a>old"], &["c", "b", "a", "old"]);
        check(&["x", "y", "z"], &["y>x", "x>z"], &["y", "x", "z"]);
        check(&["v9", "v10"], &[], &["v10", "v9"]);
    }

    #[test]
    fn cycles_are_cut_above_their_highest_version() {
        let versions = ["a@1.0.0", "b@2.0.0", "c@3.0.0"];
        check(&versions, &["a>b", "b>c", "c>a"], &["c", "a", "b"]);
        check(&versions, &["a>a"], &["c", "b", "a"]);
        check(&["x", "y"], &["x>y", "y>x"], &["y", "x"]);
    }

    #[test]
    fn names_sort_by_the_numbers_in_them() {
        let sorted = [
            "",
            "alpha",
            "release-2.9",
            "release-2.09",
            "release-2.10",
            "stable",
            "stable-v1",
        ];
        for pair in sorted.windows(2) {
            let ordering = natural(pair[0], pair[1]);
            let equal_numbers = pair[0] == "release-2.9";
            assert!(
                ordering.is_lt() || equal_numbers,
                "{pair:?} are {ordering:?}"
            );
            assert_eq!(natural(pair[1], pair[0]), ordering.reverse());
        }
    }
}
