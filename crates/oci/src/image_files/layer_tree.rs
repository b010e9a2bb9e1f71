//! One layer as a change set: what it adds, replaces and deletes.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::tar_reader::{TarEntry, TarKind};
use crate::layer::ancestors;
use crate::size;

/// How many links are followed on one path, as in Linux.
pub(super) const MAX_LINKS: usize = 40;

/// How long a path may be, as in Linux.
pub(super) const MAX_PATH_BYTES: usize = 4096;

/// What a layer has at a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Node {
    /// A directory.
    Directory,
    /// A regular file: the content of the layer's entry with that number.
    File { ordinal: u64 },
    /// A symbolic link.
    Symlink(Arc<str>),
    /// Another name of a file that is not in this layer, but may be in one below.
    LinkBelow(Arc<str>),
    /// A regular file stored in a way we do not read.
    Sparse,
    /// A device, a pipe or something newer.
    Special,
}

/// What a layer says about a path.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Answer<'a> {
    /// It has this.
    Has(&'a Node),
    /// It deletes what is below, or has something else in the way.
    Hides,
    /// Nothing: the layer below decides.
    Silent,
}

/// The names in one layer. Paths have no leading slash; the root is the empty path.
#[derive(Debug, Default)]
pub(super) struct LayerTree {
    nodes: BTreeMap<String, Node>,
    whiteouts: BTreeSet<String>,
    opaque: BTreeSet<String>,
    name_bytes: u64,
}

/// Where an entry of the archive came to be.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Placed {
    /// The normal path.
    pub(super) path: String,
    /// Whether it is a file with a content of its own.
    pub(super) is_content: bool,
}

/// An entry's path that leaves the image's root, becomes too long, or passes links that lead in a circle.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Unplaceable;

impl LayerTree {
    /// Adds the archive's entry with the number `ordinal`, as unpacking would; `None` if it puts nothing anywhere, as deletions do.
    pub(super) fn add(
        &mut self,
        entry: TarEntry,
        ordinal: u64,
    ) -> Result<Option<Placed>, Unplaceable> {
        let path = self.place(&clean(&entry.path)?)?;
        self.name_bytes += size::of(path.len());
        let (parent, name) = path.rsplit_once('/').unwrap_or(("", &path));
        if name == ".wh..wh..opq" {
            self.opaque.insert(parent.to_owned());
            return Ok(None);
        }
        if let Some(deleted) = name.strip_prefix(".wh.") {
            // Other names that begin with `.wh..wh.` are reserved for the storage of old engines.
            if !deleted.starts_with(".wh.") && !deleted.is_empty() {
                self.whiteouts.insert(join(parent, deleted));
            }
            return Ok(None);
        }
        if path.is_empty() {
            return Ok(None);
        }
        let node = match entry.kind {
            TarKind::Directory => Node::Directory,
            TarKind::File { .. } => Node::File { ordinal },
            TarKind::Symlink { target } => {
                self.name_bytes += size::of(target.len());
                Node::Symlink(target.into())
            }
            TarKind::HardLink { target } => {
                let target = self.place(&clean(&target)?)?;
                if let Some(node) = self.nodes.get(&target) {
                    node.clone()
                } else {
                    self.name_bytes += size::of(target.len());
                    Node::LinkBelow(target.into())
                }
            }
            TarKind::Sparse => Node::Sparse,
            TarKind::Special => Node::Special,
        };
        let is_content = matches!(node, Node::File { ordinal: own } if own == ordinal);
        if node != Node::Directory {
            self.remove_below(&path);
        }
        self.nodes.insert(path.clone(), node);
        Ok(Some(Placed { path, is_content }))
    }

    /// What the layer has, sorted by path.
    pub(super) fn nodes(&self) -> impl Iterator<Item = (&str, &Node)> {
        self.nodes.iter().map(|(path, node)| (path.as_str(), node))
    }

    /// The paths that the layer deletes, sorted.
    pub(super) fn whiteouts(&self) -> impl Iterator<Item = &str> {
        self.whiteouts.iter().map(String::as_str)
    }

    /// The directories of which the layer deletes what is below, sorted.
    pub(super) fn opaque_directories(&self) -> impl Iterator<Item = &str> {
        self.opaque.iter().map(String::as_str)
    }

    /// The bytes of all names taken in so far.
    pub(super) fn name_bytes(&self) -> u64 {
        self.name_bytes
    }

    /// What this layer says about `path`, taken literally: links on the way are in the way.
    pub(super) fn answer(&self, path: &str) -> Answer<'_> {
        let mut deleted = self.opaque.contains("");
        for ancestor in ancestors(path) {
            match self.nodes.get(ancestor) {
                Some(Node::Directory) | None => {}
                Some(_) => return Answer::Hides,
            }
            deleted |= self.whiteouts.contains(ancestor) || self.opaque.contains(ancestor);
        }
        if let Some(node) = self.nodes.get(path) {
            return Answer::Has(node);
        }
        if self.is_parent(path) {
            return Answer::Has(&Node::Directory);
        }
        if deleted || self.whiteouts.contains(path) {
            return Answer::Hides;
        }
        Answer::Silent
    }

    /// Every path in this layer below the directory `path`.
    pub(super) fn below(&self, path: &str) -> impl Iterator<Item = &str> {
        let prefix = if path.is_empty() {
            String::new()
        } else {
            format!("{path}/")
        };
        self.nodes
            .range(prefix.clone()..)
            .map(|(path, _)| path.as_str())
            .take_while(move |path| path.starts_with(&prefix))
    }

    /// Whether the layer has something in `path`, if only a deletion: unpacking makes the directory for it.
    fn is_parent(&self, path: &str) -> bool {
        let prefix = format!("{path}/");
        let has_deletion = |deletions: &BTreeSet<String>| {
            let next = deletions.range(prefix.clone()..).next();
            next.is_some_and(|deleted| deleted.starts_with(&prefix))
        };
        self.below(path).next().is_some()
            || self.opaque.contains(path)
            || has_deletion(&self.opaque)
            || has_deletion(&self.whiteouts)
    }

    fn remove_below(&mut self, path: &str) {
        let below: Vec<String> = self.below(path).map(str::to_owned).collect();
        for path in below {
            self.nodes.remove(&path);
        }
    }

    /// Where unpacking this layer alone would put `path`: links of the same layer are followed in its parents.
    fn place(&self, path: &str) -> Result<String, Unplaceable> {
        let mut path = path.to_owned();
        for _ in 0..MAX_LINKS {
            let link = ancestors(&path).find_map(|ancestor| match self.nodes.get(ancestor) {
                Some(Node::Symlink(target)) => Some((ancestor, target)),
                _ => None,
            });
            let Some((ancestor, target)) = link else {
                return Ok(path);
            };
            let rest = &path[ancestor.len() + 1..];
            let (parent, _) = ancestor.rsplit_once('/').unwrap_or(("", ancestor));
            path = join(&follow(parent, target), rest);
            if path.len() > MAX_PATH_BYTES {
                return Err(Unplaceable);
            }
        }
        Err(Unplaceable)
    }
}

/// `target` of a link in the directory `parent`; `..` stops at the root, as in a container.
fn follow(parent: &str, target: &str) -> String {
    let mut names: Vec<&str> = if target.starts_with('/') {
        Vec::new()
    } else {
        parent.split('/').filter(|name| !name.is_empty()).collect()
    };
    for name in target.split('/') {
        match name {
            "" | "." => {}
            ".." => drop(names.pop()),
            name => names.push(name),
        }
    }
    names.join("/")
}

/// An entry's path without slashes at its ends, without `.`, and with `..` taken back.
pub(super) fn clean(path: &str) -> Result<String, Unplaceable> {
    let mut names = Vec::new();
    for name in path.split('/') {
        match name {
            "" | "." => {}
            ".." => drop(names.pop().ok_or(Unplaceable)?),
            name => names.push(name),
        }
    }
    Ok(names.join("/"))
}

pub(super) fn join(parent: &str, name: &str) -> String {
    if parent.is_empty() {
        name.to_owned()
    } else {
        format!("{parent}/{name}")
    }
}
