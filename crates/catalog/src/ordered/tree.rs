//! What the parts of a YAML document mean to the replaced service.

use super::write::float_text;
use super::{Mapping, Node, scalar};
use crate::yaml::{PREFIX, Tree};

/// A mapping that is still being read.
#[derive(Default)]
pub(crate) struct Members {
    /// What stands under the merge key. It comes first, wherever that key is.
    merged: Mapping,
    own: Mapping,
}

impl Tree for Node {
    type Members = Members;

    type Key = String;

    const REFUSES_SLASH_ESCAPE: bool = false;

    fn scalar(text: &str, plain: bool, tag: Option<&str>) -> Result<Self, String> {
        scalar::resolve(text, plain, tag)
    }

    fn check_sequence_tag(tag: &str) -> Result<(), String> {
        check_tag(tag, "seq", "a sequence")
    }

    fn check_mapping_tag(tag: &str) -> Result<(), String> {
        check_tag(tag, "map", "a mapping")
    }

    fn sequence(elements: Vec<Self>) -> Self {
        Self::Sequence(elements)
    }

    fn mapping(members: Members) -> Self {
        let mut all = members.merged;
        all.extend(members.own);
        Self::Mapping(all)
    }

    /// The text that `json.dumps` makes of a key.
    fn key(self) -> Result<String, String> {
        match self {
            Self::String(text) => Ok(text),
            Self::Null => Ok("null".to_owned()),
            Self::Bool(bool) => Ok(bool.to_string()),
            Self::Integer(integer) => Ok(integer.to_string()),
            Self::Float(float) => Ok(float_text(float)),
            Self::Sequence(_) | Self::Mapping(_) => {
                Err("a sequence or a mapping cannot be a key; write the key in quotes".to_owned())
            }
        }
    }

    fn insert(members: &mut Members, key: String, value: Self) -> Result<(), String> {
        if members.own.get(&key).is_some() {
            return Err(format!(
                "the key `{}` is in this mapping twice; remove one of them",
                scalar::excerpt(&key)
            ));
        }
        members.own.insert(key, value);
        Ok(())
    }

    fn merge(members: &mut Members, value: Self) -> Result<(), String> {
        if !members.merged.is_empty() {
            return Err(
                "the merge key (`<<`) is in this mapping twice; merge a list of mappings"
                    .to_owned(),
            );
        }
        let mappings = match value {
            Self::Sequence(mappings) => mappings,
            single => vec![single],
        };
        // The first mapping of the list wins, so it comes last.
        for mapping in mappings.into_iter().rev() {
            let Self::Mapping(merged) = mapping else {
                return Err("a merge key (`<<`) needs a mapping or a list of mappings".to_owned());
            };
            members.merged.extend(merged);
        }
        Ok(())
    }

    fn measure(&self, values: &mut usize, bytes: &mut usize) {
        *values += 1;
        match self {
            Self::String(text) => *bytes += text.len(),
            Self::Integer(integer) => *bytes += integer.as_str().len(),
            Self::Sequence(elements) => elements
                .iter()
                .for_each(|element| element.measure(values, bytes)),
            Self::Mapping(members) => {
                for (key, member) in members.iter() {
                    *bytes += key.len();
                    member.measure(values, bytes);
                }
            }
            Self::Null | Self::Bool(_) | Self::Float(_) => {}
        }
    }
}

/// A collection may carry the tag that it has anyway.
fn check_tag(tag: &str, own: &str, what: &str) -> Result<(), String> {
    match tag.strip_prefix(PREFIX) {
        Some(name) if name == own => Ok(()),
        None if tag == "!" => Ok(()),
        _ => Err(format!(
            "{what} with the tag `{}` has no JSON form; remove the tag",
            scalar::excerpt(tag)
        )),
    }
}
