//! A file that is read, changed and read again.

use catalog::placed::{self, Expansion, Node, Value};

use super::edit::{self, EditLog, Patch};
use super::{JsonPath, SourceError};

/// A YAML file of a bundle, with what was changed in it.
#[derive(Debug, Clone)]
pub struct SourceFile {
    path: String,
    bytes: Vec<u8>,
    document: Node,
    log: EditLog,
}

impl SourceFile {
    pub(super) fn read(
        path: &str,
        bytes: &[u8],
        expansion: &Expansion,
    ) -> Result<Self, SourceError> {
        let document = placed::document(bytes, expansion).map_err(|source| SourceError::Yaml {
            file: path.to_owned(),
            source,
        })?;
        Ok(Self {
            path: path.to_owned(),
            bytes: bytes.to_vec(),
            document,
            log: EditLog::default(),
        })
    }

    /// Where the file is in the image, such as `manifests/demo.clusterserviceversion.yaml`.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The file as it is by now.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// What the file says by now.
    pub fn document(&self) -> &Node {
        &self.document
    }

    /// What was changed since the file was read.
    pub fn log(&self) -> &EditLog {
        &self.log
    }

    /// The text, which was read as YAML, so it is UTF-8.
    pub(super) fn text(&self) -> &str {
        std::str::from_utf8(&self.bytes).unwrap_or_default()
    }

    /// Patches the file, provided that it says what is meant afterwards.
    pub(super) fn change(
        &mut self,
        meant: &Node,
        mut patches: Vec<Patch>,
    ) -> Result<(), SourceError> {
        patches.retain(|patch| self.text().get(patch.range.clone()) != Some(&patch.text));
        let Some((bytes, edits)) = edit::apply(&self.bytes, patches) else {
            return Err(self.not_editable(&JsonPath::default(), meant));
        };
        if edits.is_empty() {
            return match difference(meant, &self.document) {
                None => Ok(()),
                Some((path, node)) => Err(self.not_editable(&path, node)),
            };
        }
        let Ok(document) = placed::document(&bytes, &Expansion::of_size(bytes.len())) else {
            let line = self.line_of(edits[0].offset);
            return Err(SourceError::NotEditable {
                file: self.path.clone(),
                line,
                path: JsonPath::default(),
            });
        };
        if let Some((path, node)) = difference(meant, &document) {
            return Err(self.not_editable(&path, node));
        }
        (self.bytes, self.document) = (bytes, document);
        self.log.push(edits);
        Ok(())
    }

    pub(super) fn not_editable(&self, path: &JsonPath, node: &Node) -> SourceError {
        SourceError::NotEditable {
            file: self.path.clone(),
            line: node.place.line,
            path: path.clone(),
        }
    }

    /// The line of a byte, counted from 1.
    pub(super) fn line_of(&self, offset: usize) -> usize {
        let before = self.bytes.get(..offset).unwrap_or(&self.bytes);
        before.split(|byte| *byte == b'\n').count()
    }
}

/// Where one document says something else than the other, which is not looked at any further; with the value that was meant.
fn difference<'a>(meant: &'a Node, other: &Node) -> Option<(JsonPath, &'a Node)> {
    fn find<'a>(meant: &'a Node, other: &Node, path: &mut JsonPath) -> Option<&'a Node> {
        match (&meant.value, &other.value) {
            (Value::Mapping(wanted), Value::Mapping(found)) if wanted.len() == found.len() => {
                for (key, member) in wanted {
                    path.push_key(key);
                    let Some(other) = found.get(key) else {
                        return Some(&member.node);
                    };
                    if let Some(node) = find(&member.node, &other.node, path) {
                        return Some(node);
                    }
                    path.pop();
                }
                None
            }
            (Value::Sequence(wanted), Value::Sequence(found)) if wanted.len() == found.len() => {
                for (index, (node, other)) in wanted.iter().zip(found).enumerate() {
                    path.push_index(index);
                    if let Some(node) = find(node, other, path) {
                        return Some(node);
                    }
                    path.pop();
                }
                None
            }
            (wanted, found) => (wanted != found).then_some(meant),
        }
    }
    let mut path = JsonPath::default();
    let node = find(meant, other, &mut path)?;
    Some((path, node))
}
