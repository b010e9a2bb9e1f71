//! Other pull specs in the place of those a CSV names, and annotations of it.

use std::collections::BTreeMap;

use catalog::placed::{Node, Place, Value};

use super::found::{self, Found, Origin};
use super::path::Step;
use super::scalar::{self, Part};
use super::{Csv, JsonPath, PullSpec, SourceError, insert, related};

/// The new text of a value.
struct Change {
    path: JsonPath,
    old: String,
    new: String,
    parts: Vec<Part>,
}

impl Csv {
    /// Replaces pull specs by others wherever they are named, and lists the related images if the CSV does not (workflow specification,
    /// 6.7 and 6.8).
    ///
    /// # Errors
    /// [`SourceError::Conflicts`] if the list would have one name for different images, [`SourceError::NotEditable`] if the text cannot be
    /// changed as meant, and those of [`Csv::found`]. The file is as it was then.
    pub fn replace(&mut self, new: &BTreeMap<PullSpec, PullSpec>) -> Result<(), SourceError> {
        let mut meant = self.file.document().clone();
        let changes = self.changes(&mut meant, new)?;
        let mut patches = self.patches(changes)?;
        if related::are_missing(&meant) {
            let images = related::generate(found::found(&self.file, &meant)?)?;
            if !images.is_empty() {
                patches.extend(insert::related_images(&self.file, &mut meant, &images)?);
            }
        }
        self.file.change(&meant, patches)
    }

    /// Sets annotations of the CSV itself.
    ///
    /// # Errors
    /// [`SourceError::NotEditable`] if the text cannot be changed as meant. The file is as it was then.
    pub fn annotate(&mut self, annotations: &BTreeMap<String, String>) -> Result<(), SourceError> {
        let mut meant = self.file.document().clone();
        let (mut changes, mut missing) = (Vec::new(), BTreeMap::new());
        let mut patches = Vec::new();
        for (key, new) in annotations {
            let path = JsonPath::of(&["metadata", "annotations", key]);
            let Some(node) = node_mut(&mut meant, path.steps()) else {
                missing.insert(key.clone(), new.clone());
                continue;
            };
            let place = node.place;
            let old = std::mem::replace(&mut node.value, Value::String(new.clone()));
            match old {
                Value::String(old) => changes.push(Change {
                    path,
                    parts: vec![(0..old.len(), new.clone())],
                    old,
                    new: new.clone(),
                }),
                // Anything else on one line is written anew.
                Value::Null | Value::Bool(_) | Value::Number(_) if place.start < place.end => {
                    patches.push(insert::in_place_of(place, scalar::scalar(new)));
                }
                _ => return Err(self.file.not_editable(&path, self.file.document())),
            }
        }
        patches.extend(self.patches(changes)?);
        if !missing.is_empty() {
            patches.extend(insert::annotations(&self.file, &mut meant, &missing)?);
        }
        self.file.change(&meant, patches)
    }

    /// Makes the changes in the document; says which values they are.
    fn changes(
        &self,
        meant: &mut Node,
        new: &BTreeMap<PullSpec, PullSpec>,
    ) -> Result<Vec<Change>, SourceError> {
        let named = self.found()?;
        let mut changes = Vec::new();
        replace_values(meant, false, new, &mut JsonPath::default(), &mut changes);
        // All parts of an annotation are replaced at once.
        let mut by_path: BTreeMap<JsonPath, Vec<Part>> = BTreeMap::new();
        for Found {
            spec,
            origin,
            path,
            part,
            ..
        } in named
        {
            if let (Origin::Annotation(_), Some(new)) = (origin, new.get(&spec)) {
                let parts = by_path.entry(path).or_default();
                parts.push((part, new.to_string()));
            }
        }
        for (path, mut parts) in by_path {
            parts.sort_by_key(|(range, _)| range.start);
            if let Some(Node {
                value: Value::String(text),
                ..
            }) = node_mut(meant, path.steps())
            {
                let new = scalar::with_parts(text, &parts);
                let old = std::mem::replace(text, new.clone());
                changes.push(Change {
                    path,
                    old,
                    new,
                    parts,
                });
            }
        }
        Ok(changes)
    }

    /// The patches that make these changes. A value that several aliases stand for is changed once.
    fn patches(&self, changes: Vec<Change>) -> Result<Vec<super::edit::Patch>, SourceError> {
        let mut patches = Vec::new();
        let mut done: BTreeMap<Place, String> = BTreeMap::new();
        for change in changes {
            let Change {
                path,
                old,
                new,
                parts,
            } = change;
            let node = node_at(self.file.document(), path.steps());
            let Some(node) = node else { continue };
            match done.get(&node.place) {
                Some(same) if *same == new => continue,
                Some(_) => return Err(self.file.not_editable(&path, node)),
                None => {}
            }
            let rewritten = scalar::rewrite(self.file.text(), node.place, &old, &parts);
            let Some(rewritten) = rewritten else {
                return Err(self.file.not_editable(&path, node));
            };
            patches.extend(rewritten);
            done.insert(node.place, new);
        }
        Ok(patches)
    }
}

/// Replaces every text that as a whole is one of the pull specs, but none in the annotations of a `metadata`.
fn replace_values(
    node: &mut Node,
    is_metadata: bool,
    new: &BTreeMap<PullSpec, PullSpec>,
    path: &mut JsonPath,
    changes: &mut Vec<Change>,
) {
    match &mut node.value {
        Value::Mapping(members) => {
            for (key, member) in members {
                if is_metadata && key == "annotations" {
                    continue;
                }
                path.push_key(key);
                replace_values(&mut member.node, key == "metadata", new, path, changes);
                path.pop();
            }
        }
        Value::Sequence(elements) => {
            for (index, element) in elements.iter_mut().enumerate() {
                path.push_index(index);
                replace_values(element, false, new, path, changes);
                path.pop();
            }
        }
        Value::String(text) => {
            let spec = text.parse::<PullSpec>().ok();
            if let Some(spec) = spec.and_then(|spec| new.get(&spec)) {
                let spec = spec.to_string();
                let old = std::mem::replace(text, spec.clone());
                changes.push(Change {
                    path: path.clone(),
                    parts: vec![(0..old.len(), spec.clone())],
                    old,
                    new: spec,
                });
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// The value at the end of a way.
fn node_at<'a>(root: &'a Node, steps: &[Step]) -> Option<&'a Node> {
    steps.iter().try_fold(root, |node, step| match step {
        Step::Key(key) => node.get(key),
        Step::Index(index) => node.elements()?.get(*index),
    })
}

/// The same, to be changed.
pub(super) fn node_mut<'a>(root: &'a mut Node, steps: &[Step]) -> Option<&'a mut Node> {
    steps
        .iter()
        .try_fold(root, |node, step| match (&mut node.value, step) {
            (Value::Mapping(members), Step::Key(key)) => {
                members.get_mut(key).map(|member| &mut member.node)
            }
            (Value::Sequence(elements), Step::Index(index)) => elements.get_mut(*index),
            _ => None,
        })
}
