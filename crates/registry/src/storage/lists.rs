//! What there is: repositories, and the tags of one.

use std::io;
use std::path::Path;

use super::{Storage, names_in};
use crate::name::RepositoryName;

/// The directories that make a directory a repository.
const PARTS: [&str; 3] = ["_blobs", "_manifests", "_tags"];

impl Storage {
    /// The tags of a repository, sorted by bytes; `None` when there is no such repository.
    pub(crate) fn list_tags(&self, repository: &RepositoryName) -> io::Result<Option<Vec<String>>> {
        if !is_repository(&names_in(&self.repository(repository))?) {
            return Ok(None);
        }
        names_in(&self.tags(repository)).map(Some)
    }

    /// All repositories, sorted by bytes.
    pub(crate) fn list_repositories(&self) -> io::Result<Vec<String>> {
        let mut found = Vec::new();
        collect(&self.root.join("repositories"), "", &mut found)?;
        // Walking gives `a/b` before `a-b`; the order of the names is the other way round.
        found.sort_unstable();
        Ok(found)
    }
}

fn is_repository(names: &[String]) -> bool {
    names.iter().any(|name| PARTS.contains(&name.as_str()))
}

fn collect(directory: &Path, name: &str, found: &mut Vec<String>) -> io::Result<()> {
    let names = names_in(directory)?;
    if is_repository(&names) {
        found.push(name.to_owned());
    }
    for child in names.iter().filter(|child| !child.starts_with('_')) {
        let path = if name.is_empty() {
            child.clone()
        } else {
            format!("{name}/{child}")
        };
        collect(&directory.join(child), &path, found)?;
    }
    Ok(())
}
