//! The file system that the layers of an image make, with everything that a container would see of it.
//!
//! Written for this comparison alone, on another library than the program's own reader, so that both do not err alike.

use std::collections::BTreeMap;
use std::io::{Read as _, Result};
use std::path::{Path, PathBuf};

use flate2::read::MultiGzDecoder;
use tar::EntryType;

const WHITEOUT: &str = ".wh.";
const OPAQUE: &str = ".wh..wh..opq";

/// Everything below the root, by absolute path.
pub(super) type FileTree = BTreeMap<PathBuf, Node>;

/// A file or directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Node {
    /// As recorded: `dir`, `file`, or the number of anything else.
    pub(super) kind: String,
    pub(super) mode: u32,
    pub(super) uid: u64,
    pub(super) gid: u64,
    /// Where a link leads; empty for all else.
    pub(super) link: PathBuf,
    pub(super) content: Vec<u8>,
}

impl Node {
    /// A directory that no layer has an entry for, as container engines make it.
    pub(super) fn implied() -> Self {
        Self {
            kind: "dir".to_owned(),
            mode: 0o755,
            uid: 0,
            gid: 0,
            link: PathBuf::new(),
            content: Vec::new(),
        }
    }
}

/// A path of an archive from the root, without `.` and a slash at its end.
fn absolute(path: &Path) -> PathBuf {
    Path::new("/").join(path).components().collect()
}

/// Lays an archive, compressed by gzip, over what is there.
pub(super) fn lay(tree: &mut FileTree, layer: &[u8]) -> Result<()> {
    let below = std::mem::take(tree);
    let mut above = FileTree::new();
    let mut hidden: Vec<PathBuf> = Vec::new();
    let mut emptied: Vec<PathBuf> = Vec::new();
    let mut archive = tar::Archive::new(MultiGzDecoder::new(layer));
    for entry in archive.entries()? {
        let mut entry = entry?;
        let path = absolute(&entry.path()?);
        let (parent, name) = (path.parent(), path.file_name());
        let (Some(parent), Some(name)) = (parent, name.and_then(|name| name.to_str())) else {
            continue;
        };
        if name == OPAQUE {
            emptied.push(parent.to_owned());
            continue;
        }
        if let Some(name) = name.strip_prefix(WHITEOUT) {
            hidden.push(parent.join(name));
            continue;
        }
        let header = entry.header();
        let mut node = Node {
            kind: match header.entry_type() {
                EntryType::Directory => "dir".to_owned(),
                EntryType::Regular | EntryType::Link => "file".to_owned(),
                other => format!("{:?}", other.as_byte()),
            },
            mode: header.mode()?,
            uid: header.uid()?,
            gid: header.gid()?,
            link: entry.link_name()?.unwrap_or_default().into_owned(),
            content: Vec::new(),
        };
        if header.entry_type() == EntryType::Link {
            let target = absolute(&node.link);
            let named = above.get(&target).or_else(|| below.get(&target));
            node = named.cloned().ok_or_else(|| {
                std::io::Error::other(format!(
                    "a link to `{}`, which is not there",
                    target.display()
                ))
            })?;
        } else {
            entry.read_to_end(&mut node.content)?;
        }
        above.insert(path, node);
    }
    let is_gone = |path: &Path| {
        let is_hidden = hidden.iter().any(|hidden| path.starts_with(hidden));
        let is_emptied = |emptied: &PathBuf| path.starts_with(emptied) && path != emptied;
        // What is a file above has nothing below it.
        let is_covered = path.ancestors().skip(1).any(|ancestor| {
            above
                .get(ancestor)
                .is_some_and(|node| node.kind != Node::implied().kind)
        });
        is_hidden || is_covered || emptied.iter().any(is_emptied)
    };
    *tree = below
        .into_iter()
        .filter(|(path, _)| !is_gone(path))
        .collect();
    tree.extend(above);
    let parents: Vec<PathBuf> = tree
        .keys()
        .flat_map(|path| path.ancestors().skip(1))
        .filter(|path| path.parent().is_some())
        .map(Path::to_owned)
        .collect();
    for parent in parents {
        tree.entry(parent).or_insert_with(Node::implied);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    fn layer(entries: &[(&str, EntryType, u32)]) -> Vec<u8> {
        let mut archive = tar::Builder::new(Vec::new());
        for (path, kind, mode) in entries {
            let content = if kind.is_file() { path.as_bytes() } else { b"" };
            let mut header = tar::Header::new_gnu();
            header.set_entry_type(*kind);
            header.set_mode(*mode);
            header.set_uid(7);
            header.set_gid(0);
            header.set_size(content.len().try_into().unwrap());
            archive.append_data(&mut header, path, content).unwrap();
        }
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        gzip.write_all(&archive.into_inner().unwrap()).unwrap();
        gzip.finish().unwrap()
    }

    #[test]
    fn upper_layers_add_replace_and_hide() {
        const FILE: EntryType = EntryType::Regular;
        let mut tree = FileTree::new();
        let lower = [
            ("tmp/", EntryType::Directory, 0o1777),
            ("a/kept", FILE, 0o644),
            ("a/gone", FILE, 0o644),
            ("b/c/d", FILE, 0o644),
            ("e/f", FILE, 0o644),
        ];
        lay(&mut tree, &layer(&lower)).unwrap();
        let upper = [
            ("a/.wh.gone", FILE, 0),
            ("b/.wh..wh..opq", FILE, 0),
            ("b/new", FILE, 0o600),
            ("e", FILE, 0o644),
            ("tmp/x", FILE, 0o644),
        ];
        lay(&mut tree, &layer(&upper)).unwrap();
        let shown: Vec<String> = tree
            .iter()
            .map(|(path, node)| {
                let content = String::from_utf8_lossy(&node.content);
                let Node {
                    kind, mode, uid, ..
                } = node;
                format!("{} {kind} {mode:o} {uid} {content}", path.display())
            })
            .collect();
        assert_eq!(
            shown,
            [
                "/a dir 755 0 ",
                "/a/kept file 644 7 a/kept",
                "/b dir 755 0 ",
                "/b/new file 600 7 b/new",
                "/e file 644 7 e",
                "/tmp dir 1777 7 ",
                "/tmp/x file 644 7 tmp/x",
            ]
        );
    }
}
