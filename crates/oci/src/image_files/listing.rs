//! What is in a layer, and where: for those who keep the uncompressed layer and read single files out of it.

use std::collections::BTreeMap;
use std::io::{self, Read};

use serde::{Deserialize, Serialize};

use super::archive_copy::ArchiveCopy;
use super::error::{ImageFilesError, LimitKind};
use super::keep::{EntryFacts, Keeper};
use super::layer_tree::{LayerTree, Node};
use super::limits::{Budget, Limits};
use super::scan::{ScanError, explain, scan};
use crate::digest::{Algorithm, Digest, Hasher};
use crate::error::Error;
use crate::layer::Owner;
use crate::size;

/// What a layer adds or deletes at a path.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LayerEntry {
    /// The path from the image's root, without a leading slash; links of the same layer in its parents are followed.
    pub path: String,
    /// Who owns it; root for deletions.
    pub owner: Owner,
    /// The permission bits, those for set-id and sticky included; 0 for deletions.
    pub mode: u32,
    /// What it is.
    pub kind: EntryKind,
}

/// What an entry of a layer is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EntryKind {
    /// A regular file, or another name of one in the same layer.
    File {
        /// Where its content begins in the uncompressed archive, in bytes.
        offset: u64,
        /// How long it is, in bytes.
        size: u64,
        /// The digest of its content.
        digest: Digest,
    },
    /// A directory.
    Directory,
    /// A symbolic link.
    Symlink {
        /// Where it leads, as written.
        target: String,
    },
    /// Another name of a file that is not in this layer, but may be in one below.
    HardLink {
        /// The other name, a path like the entry's own.
        target: String,
    },
    /// The path is deleted from the layers below.
    Whiteout,
    /// What the layers below have in this directory is deleted.
    OpaqueDirectory,
    /// A device, a pipe, a file stored without its holes, or something newer.
    Other,
}

/// How much there is in a layer: what [`Limits`] are about.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Measures {
    /// The entries of the archive.
    pub(crate) entries: u64,
    /// The bytes of their names.
    pub(crate) name_bytes: u64,
    /// The size of the largest file.
    pub(crate) largest_file_bytes: u64,
}

impl Measures {
    /// Refuses a layer, with an archive of `archive_bytes`, that would have been refused when it was read.
    pub(crate) fn check(
        &self,
        archive_bytes: u64,
        limits: &Limits,
        image: &str,
        layer: &Digest,
    ) -> Result<(), ImageFilesError> {
        for (measured, kind) in [
            (archive_bytes, LimitKind::Total),
            (self.entries, LimitKind::Entries),
            (self.name_bytes, LimitKind::Names),
            (self.largest_file_bytes, LimitKind::File),
        ] {
            let limit = kind.value(limits);
            if measured > limit {
                return Err(ImageFilesError::LimitExceeded {
                    image: image.to_owned(),
                    layer: layer.clone(),
                    limit,
                    kind,
                });
            }
        }
        Ok(())
    }
}

/// What is in a layer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct LayerListing {
    /// Sorted by path. A path has at most one entry that is no deletion, and that comes last.
    pub(crate) entries: Vec<LayerEntry>,
    /// How much there is.
    pub(crate) measures: Measures,
}

/// Reads the compressed layer `layer` of an image in `image` to its end, and copies the uncompressed archive to `copy`.
/// Of `limits`, those for one layer are heeded.
pub(crate) fn list_layer(
    compressed: impl Read,
    copy: &mut ArchiveCopy,
    limits: &Limits,
    image: &str,
    layer: &Digest,
) -> Result<LayerListing, Error> {
    let mut lister = Lister::default();
    let budget = Budget::new(limits);
    let tree = scan(compressed, Some(copy), &mut lister, limits, &budget)
        .map_err(|problem| explain(problem, image.to_owned(), layer, limits))?;
    let measures = Measures {
        entries: limits.max_entries - budget.entries_left(),
        name_bytes: tree.name_bytes(),
        largest_file_bytes: lister.largest_file_bytes,
    };
    Ok(LayerListing {
        entries: lister.into_entries(&tree),
        measures,
    })
}

/// Remembers of each entry who owns it, and of each file where its content is.
#[derive(Default)]
struct Lister {
    /// By path, the last one of each.
    facts: BTreeMap<String, EntryFacts>,
    /// By the entry's number.
    files: BTreeMap<u64, (EntryFacts, EntryKind)>,
    last: EntryFacts,
    largest_file_bytes: u64,
}

impl Keeper for Lister {
    fn see(&mut self, path: &str, facts: EntryFacts) {
        self.facts.insert(path.to_owned(), facts);
        self.last = facts;
    }

    fn wants(&self, _: &str, _: u64) -> bool {
        true
    }

    fn keep(&mut self, ordinal: u64, _: u64, content: &mut dyn Read) -> Result<(), ScanError> {
        let mut hasher = Hasher::new(Algorithm::Sha256);
        let mut buffer = vec![0; 64 * 1024];
        let mut size_bytes = 0;
        loop {
            match content.read(&mut buffer) {
                Ok(0) => break,
                Ok(count) => {
                    hasher.update(&buffer[..count]);
                    size_bytes += size::of(count);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(ScanError::Read(error)),
            }
        }
        self.largest_file_bytes = self.largest_file_bytes.max(size_bytes);
        let file = EntryKind::File {
            offset: self.last.offset,
            size: size_bytes,
            digest: hasher.finish(),
        };
        self.files.insert(ordinal, (self.last, file));
        Ok(())
    }
}

impl Lister {
    fn into_entries(self, tree: &LayerTree) -> Vec<LayerEntry> {
        let whiteouts = tree.whiteouts().map(|path| (path, EntryKind::Whiteout));
        let opaque = tree
            .opaque_directories()
            .map(|path| (path, EntryKind::OpaqueDirectory));
        let deletions = whiteouts
            .chain(opaque)
            .map(|(path, kind)| entry(path, EntryFacts::default(), kind));
        let nodes = tree.nodes().map(|(path, node)| {
            let facts = self.facts.get(path).copied().unwrap_or_default();
            let (facts, kind) = match node {
                Node::File { ordinal } => match self.files.get(ordinal) {
                    Some((facts, file)) => (*facts, file.clone()),
                    // Every file was wanted, so each has its content; one without could not be read.
                    None => (facts, EntryKind::Other),
                },
                Node::Directory => (facts, EntryKind::Directory),
                Node::Symlink(target) => {
                    let target = target.to_string();
                    (facts, EntryKind::Symlink { target })
                }
                Node::LinkBelow(target) => {
                    let target = target.to_string();
                    (facts, EntryKind::HardLink { target })
                }
                Node::Sparse | Node::Special => (facts, EntryKind::Other),
            };
            entry(path, facts, kind)
        });
        let mut entries: Vec<LayerEntry> = deletions.chain(nodes).collect();
        // Stable: what a path has stays behind its deletion.
        entries.sort_by(|one, other| one.path.cmp(&other.path));
        entries
    }
}

fn entry(path: &str, facts: EntryFacts, kind: EntryKind) -> LayerEntry {
    LayerEntry {
        path: path.to_owned(),
        owner: facts.owner,
        mode: facts.mode,
        kind,
    }
}
