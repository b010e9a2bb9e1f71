//! Several layers as one file tree, asked from the top.

use std::collections::{BTreeMap, BTreeSet};

use super::layer_tree::{Answer, LayerTree, MAX_LINKS, Node, join};

/// The layers of an image, lowest first; those not looked at yet are `None`.
#[derive(Debug)]
pub(super) struct Overlay {
    layers: Vec<Option<LayerTree>>,
}

/// Where a file's content is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    /// The layer, counted from the bottom.
    pub(super) layer: usize,
    /// The number of its entry.
    pub(super) ordinal: u64,
}

/// What a path leads to when links are followed.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// A regular file.
    File(Place),
    /// A directory, and its path without links.
    Directory(String),
    /// Something that is no file to read: its name for people.
    Other(&'static str),
    /// Nothing.
    Nothing,
    /// That is decided by a layer not looked at yet; if it has the file, then under `guess`.
    NeedLayer { layer: usize, guess: String },
}

/// Links lead in a circle.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct LinkLoop;

/// What a name below a directory is, if it is no directory itself.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Leaf {
    /// A regular file, or a link to one.
    File(Place),
    /// A link to a directory.
    Directory,
    /// A link that leads nowhere.
    Broken,
    /// A link that leads in a circle.
    Loop,
    /// A file stored in a way we do not read, or a link to what is no file: its name for people.
    Other(&'static str),
    /// A link into layers not looked at yet.
    Unread,
}

/// What one step of a path is.
enum Step<'a> {
    Node(&'a Node, usize),
    Nothing,
    /// Another name of a file that no layer below has.
    Broken,
    NeedLayer(usize),
}

impl Overlay {
    pub(super) fn new(layers: usize) -> Self {
        Self {
            layers: (0..layers).map(|_| None).collect(),
        }
    }

    /// Fills in a layer.
    pub(super) fn set(&mut self, layer: usize, tree: LayerTree) {
        self.layers[layer] = Some(tree);
    }

    /// Follows `path` from the root, links included.
    pub(super) fn resolve(&self, path: &str) -> Result<Found, LinkLoop> {
        let mut links = 0;
        let mut done = String::new();
        let mut pending: Vec<String> = Vec::new();
        push_names(&mut pending, path);
        while let Some(name) = pending.pop() {
            if name == ".." {
                done.truncate(done.rfind('/').unwrap_or(0));
                continue;
            }
            let candidate = join(&done, &name);
            let (node, layer) = match self.lookup(&candidate, self.layers.len()) {
                Step::Node(node, layer) => (node, layer),
                Step::Nothing | Step::Broken => return Ok(Found::Nothing),
                Step::NeedLayer(layer) => {
                    let mut guess = candidate;
                    while let Some(name) = pending.pop() {
                        guess = join(&guess, &name);
                    }
                    return Ok(Found::NeedLayer { layer, guess });
                }
            };
            match node {
                Node::Directory => done = candidate,
                Node::Symlink(target) => {
                    links += 1;
                    if links > MAX_LINKS {
                        return Err(LinkLoop);
                    }
                    if target.starts_with('/') {
                        done.clear();
                    }
                    push_names(&mut pending, target);
                }
                _ if !pending.is_empty() => return Ok(Found::Nothing),
                Node::File { ordinal } => {
                    return Ok(Found::File(Place {
                        layer,
                        ordinal: *ordinal,
                    }));
                }
                // `lookup` follows these to their end.
                Node::LinkBelow(_) => return Ok(Found::Nothing),
                Node::Sparse => return Ok(Found::Other("a sparse file")),
                Node::Special => return Ok(Found::Other("a device or pipe")),
            }
        }
        Ok(Found::Directory(done))
    }

    /// Whether layers not looked at yet cannot add to `directory`, a path without links.
    pub(super) fn is_whole(&self, directory: &str) -> bool {
        // What would be asked of the layers below about a name that none of them has.
        let unheard_of = join(directory, "\0");
        matches!(
            self.lookup(&unheard_of, self.layers.len()),
            Step::Nothing | Step::Broken
        )
    }

    /// The files and links below `directory`, a path without links, by their path in it. Links are followed to see what
    /// they are; devices and pipes are left out.
    pub(super) fn leaves_below(&self, directory: &str) -> BTreeMap<String, Leaf> {
        let mut leaves = BTreeMap::new();
        let candidates: BTreeSet<&str> = self
            .layers
            .iter()
            .flatten()
            .flat_map(|layer| layer.below(directory))
            .collect();
        for path in candidates {
            let leaf = match self.lookup(path, self.layers.len()) {
                Step::Node(Node::Symlink(_), _) => match self.resolve(path) {
                    Ok(Found::File(place)) => Leaf::File(place),
                    Ok(Found::Directory(_)) => Leaf::Directory,
                    Ok(Found::Other(what)) => Leaf::Other(what),
                    Ok(Found::Nothing) => Leaf::Broken,
                    Ok(Found::NeedLayer { .. }) => Leaf::Unread,
                    Err(LinkLoop) => Leaf::Loop,
                },
                Step::Node(Node::File { ordinal }, layer) => Leaf::File(Place {
                    layer,
                    ordinal: *ordinal,
                }),
                Step::Broken | Step::Node(Node::LinkBelow(_), _) => Leaf::Broken,
                Step::Node(Node::Sparse, _) => Leaf::Other("a sparse file"),
                Step::NeedLayer(_) => Leaf::Unread,
                Step::Node(Node::Directory | Node::Special, _) | Step::Nothing => continue,
            };
            let inside = path[directory.len()..].trim_start_matches('/');
            leaves.insert(inside.to_owned(), leaf);
        }
        leaves
    }

    /// What the layers under number `below` have at `path`, taken literally.
    fn lookup(&self, path: &str, below: usize) -> Step<'_> {
        let mut path = path.to_owned();
        let mut below = below;
        let mut nothing = Step::Nothing;
        loop {
            let Some(layer) = below.checked_sub(1) else {
                return nothing;
            };
            let Some(tree) = &self.layers[layer] else {
                return Step::NeedLayer(layer);
            };
            below = layer;
            match tree.answer(&path) {
                // Another name of a file further down: go on with that name.
                Answer::Has(Node::LinkBelow(target)) => {
                    path = target.to_string();
                    nothing = Step::Broken;
                }
                Answer::Has(node) => return Step::Node(node, layer),
                Answer::Hides => return nothing,
                Answer::Silent => {}
            }
        }
    }
}

/// Puts the names of `path` on the stack, the first one on top.
fn push_names(stack: &mut Vec<String>, path: &str) {
    let names = path.split('/').filter(|name| !matches!(*name, "" | "."));
    stack.extend(names.rev().map(str::to_owned));
}
