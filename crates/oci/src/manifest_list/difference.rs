//! What changes for those who pull when one list takes the place of another.

use std::collections::BTreeMap;
use std::fmt;

use super::entry::EntryName;
use super::listing::Listing;
use crate::digest::Digest;

/// One row of the comparison of two lists.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// What it is about.
    pub name: EntryName,
    /// What becomes of it.
    pub kind: ChangeKind,
    /// What the earlier list has under the name, in its order.
    pub before: Vec<Digest>,
    /// What the later list has.
    pub after: Vec<Digest>,
}

/// What becomes of an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ChangeKind {
    /// It is new.
    Added,
    /// There is another one in its place.
    Replaced,
    /// It stays as it is.
    Kept,
    /// It is gone.
    Removed,
}

impl fmt::Display for ChangeKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Added => "added",
            Self::Replaced => "replaced",
            Self::Kept => "kept",
            Self::Removed => "removed",
        })
    }
}

/// Compares two lists entry by entry: first what the later one has, in its order, then what is removed.
pub fn difference(before: Option<&Listing>, after: &Listing) -> Vec<Change> {
    let mut rows: Vec<Change> = Vec::new();
    let mut by_name: BTreeMap<EntryName, usize> = BTreeMap::new();
    let mut row = |name: EntryName| {
        let at = *by_name.entry(name.clone()).or_insert(rows.len());
        if at == rows.len() {
            rows.push(Change {
                name,
                kind: ChangeKind::Kept,
                before: Vec::new(),
                after: Vec::new(),
            });
        }
        at
    };
    let after: Vec<(usize, Digest)> = (after.named())
        .map(|(name, descriptor)| (row(name), descriptor.digest.clone()))
        .collect();
    let before: Vec<(usize, Digest)> = (before.iter().flat_map(|list| list.named()))
        .map(|(name, descriptor)| (row(name), descriptor.digest.clone()))
        .collect();
    for (at, digest) in after {
        rows[at].after.push(digest);
    }
    for (at, digest) in before {
        rows[at].before.push(digest);
    }
    for row in &mut rows {
        row.kind = match (row.before.is_empty(), row.after.is_empty()) {
            (true, _) => ChangeKind::Added,
            (false, true) => ChangeKind::Removed,
            (false, false) if same(&row.before, &row.after) => ChangeKind::Kept,
            (false, false) => ChangeKind::Replaced,
        };
    }
    rows
}

fn same(before: &[Digest], after: &[Digest]) -> bool {
    let [mut before, mut after] = [before, after].map(<[Digest]>::to_vec);
    before.sort();
    after.sort();
    before == after
}
