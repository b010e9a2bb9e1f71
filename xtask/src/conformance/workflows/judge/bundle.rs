//! Bundles made anew: what is text for people is compared by what it says, all else in bytes.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use catalog::ordered;

use super::super::scenario::{Bundle, Scenario};
use super::super::tree::FileTree;
use super::Differences;

/// Compares every file below the two directories of a bundle.
pub(super) fn compare(
    scenario: &Scenario,
    recorded: &Bundle,
    ours: &FileTree,
) -> anyhow::Result<Differences> {
    let theirs = golden::archived_files(&scenario.folder.join(&recorded.tree))?;
    let is_file = |path: &Path| ours.get(path).is_some_and(|node| node.kind == "file");
    let names: BTreeSet<PathBuf> = ours
        .keys()
        .filter(|path| is_file(path))
        .filter_map(|path| path.strip_prefix("/").ok())
        .map(Path::to_owned)
        .chain(theirs.keys().cloned())
        .collect();
    let mut differences = Differences::new();
    for name in names {
        let shown = name.display();
        let found = ours.get(&Path::new("/").join(&name));
        match (found, theirs.get(&name)) {
            (Some(node), Some(recorded)) => {
                if (node.mode, node.uid, node.gid) != (0o644, 0, 0) {
                    differences.push(format!("`{shown}` has other rights"));
                }
                if !says_the_same(&node.content, recorded) {
                    let difference = golden::shown(&node.content, recorded);
                    differences.push(format!("`{shown}` says something else:\n{difference}"));
                }
            }
            (None, _) => differences.push(format!("`{shown}` is missing")),
            (Some(_), None) => differences.push(format!("`{shown}` is there")),
        }
    }
    Ok(differences)
}

/// Whether two files are equal, or documents that are, with their keys in the same order.
fn says_the_same(ours: &[u8], theirs: &[u8]) -> bool {
    if ours == theirs {
        return true;
    }
    match (ordered::documents(ours), ordered::documents(theirs)) {
        (Ok(ours), Ok(theirs)) => ours == theirs,
        _ => false,
    }
}
