//! Making nodes of what the composer reads.

use indexmap::IndexMap;

use super::{Member, Node, Place, Style, Value, scalar};
use crate::yaml::{self, Tree, Written};

/// A mapping that is still being read.
#[derive(Default)]
pub(crate) struct Members {
    /// What stands under the merge key. It comes first, wherever that key is.
    merged: Option<IndexMap<String, Member>>,
    own: IndexMap<String, Member>,
}

/// The key of a member.
pub(crate) struct Key {
    text: String,
    place: Place,
}

impl Node {
    /// A value whose place is not known yet.
    fn unplaced(value: Value) -> Self {
        Self {
            value,
            place: Place::at(0),
        }
    }

    /// Gives every place other offsets.
    pub(super) fn move_places(&mut self, new: &impl Fn(usize) -> usize) {
        self.place.move_to(new);
        match &mut self.value {
            Value::Sequence(elements) => {
                for node in elements {
                    node.move_places(new);
                }
            }
            Value::Mapping(members) => {
                for member in members.values_mut() {
                    member.key.move_to(new);
                    member.node.move_places(new);
                }
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }
}

impl Place {
    fn move_to(&mut self, new: &impl Fn(usize) -> usize) {
        (self.start, self.end) = (new(self.start), new(self.end));
    }
}

impl Tree for Node {
    type Members = Members;
    type Key = Key;

    const REFUSES_SLASH_ESCAPE: bool = false;

    fn scalar(text: &str, plain: bool, tag: Option<&str>) -> Result<Self, String> {
        scalar::resolve(text, plain, tag).map(Self::unplaced)
    }

    // A collection is one whatever its tag says.
    fn check_sequence_tag(_: &str) -> Result<(), String> {
        Ok(())
    }

    fn check_mapping_tag(_: &str) -> Result<(), String> {
        Ok(())
    }

    fn sequence(elements: Vec<Self>) -> Self {
        Self::unplaced(Value::Sequence(elements))
    }

    fn mapping(members: Members) -> Self {
        let all = match members.merged {
            None => members.own,
            Some(mut merged) => {
                merged.extend(members.own);
                merged
            }
        };
        Self::unplaced(Value::Mapping(all))
    }

    fn key(self) -> Result<Key, String> {
        let text = match self.value {
            Value::String(text) => text,
            Value::Null => "null".to_owned(),
            Value::Bool(bool) => bool.to_string(),
            Value::Number(number) => number.to_string(),
            Value::Sequence(_) | Value::Mapping(_) => {
                return Err(
                    "a list or a mapping cannot be a key; write the key in quotes".to_owned(),
                );
            }
        };
        Ok(Key {
            text,
            place: self.place,
        })
    }

    fn insert(members: &mut Members, key: Key, node: Self) -> Result<(), String> {
        if members.own.contains_key(&key.text) {
            let excerpt: String = key.text.chars().take(40).collect();
            return Err(format!(
                "the key `{excerpt}` is in this mapping twice; remove one of them"
            ));
        }
        let member = Member {
            key: key.place,
            node,
        };
        members.own.insert(key.text, member);
        Ok(())
    }

    fn merge(members: &mut Members, value: Self) -> Result<(), String> {
        let mappings = match value.value {
            Value::Sequence(mappings) => mappings,
            _ => vec![value],
        };
        if members.merged.is_some() {
            return Err(
                "the merge key (`<<`) is in this mapping twice; merge a list of mappings"
                    .to_owned(),
            );
        }
        let merged = members.merged.insert(IndexMap::new());
        // The first mapping of the list wins, so it comes last.
        for mapping in mappings.into_iter().rev() {
            let Value::Mapping(mapping) = mapping.value else {
                return Err("a merge key (`<<`) needs a mapping or a list of mappings".to_owned());
            };
            merged.extend(mapping);
        }
        Ok(())
    }

    fn measure(&self, values: &mut usize, bytes: &mut usize) {
        *values += 1;
        match &self.value {
            Value::String(text) => *bytes += text.len(),
            Value::Sequence(elements) => elements
                .iter()
                .for_each(|element| element.measure(values, bytes)),
            Value::Mapping(members) => {
                for (key, member) in members {
                    *bytes += key.len();
                    member.node.measure(values, bytes);
                }
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }

    fn written(&mut self, written: Written) {
        let style = match written.style {
            yaml::Style::Scalar(style) => Style::from(style),
            yaml::Style::Collection(style) => Style::from(style),
        };
        // The parser counts bytes in every text it is given whole.
        let offset = |marker: granit_parser::Marker| marker.byte_offset().unwrap_or_default();
        self.place = Place {
            start: offset(written.start),
            end: offset(written.end),
            line: written.start.line(),
            style,
        };
    }
}
