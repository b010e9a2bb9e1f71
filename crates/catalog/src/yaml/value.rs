//! What the parts of a document mean to the Go libraries: YAML 1.1, the last of several equal keys.

use std::collections::BTreeMap;

use super::compose::Tree;
use super::scalar;
use crate::json::Value;

impl Tree for Value {
    type Members = BTreeMap<String, Self>;

    type Key = String;

    const REFUSES_SLASH_ESCAPE: bool = true;

    fn scalar(text: &str, plain: bool, tag: Option<&str>) -> Result<Self, String> {
        scalar::resolve(text, plain, tag)
    }

    // The Go libraries do not look at the tags of collections.
    fn check_sequence_tag(_: &str) -> Result<(), String> {
        Ok(())
    }

    fn check_mapping_tag(_: &str) -> Result<(), String> {
        Ok(())
    }

    fn sequence(elements: Vec<Self>) -> Self {
        Self::Array(elements)
    }

    fn mapping(members: Self::Members) -> Self {
        Self::Object(members)
    }

    /// The string a key becomes: `y` is the boolean true, so its text is `true`.
    fn key(self) -> Result<String, String> {
        match self {
            Self::String(text) => Ok(text),
            Self::Bool(bool) => Ok(bool.to_string()),
            Self::Number(number) => Ok(number.to_key()),
            Self::Null | Self::Array(_) | Self::Object(_) => Err(format!(
                "{} cannot be a key; write the key in quotes",
                self.kind()
            )),
        }
    }

    fn insert(members: &mut Self::Members, key: String, value: Self) -> Result<(), String> {
        members.insert(key, value);
        Ok(())
    }

    /// `<<: value`. Members written above the merge are overwritten by it, as the Go library does; the first mapping of a
    /// list wins over later ones.
    fn merge(members: &mut Self::Members, value: Self) -> Result<(), String> {
        let mappings = match value {
            Self::Array(mappings) => mappings,
            single => vec![single],
        };
        for mapping in mappings.into_iter().rev() {
            let Self::Object(merged) = mapping else {
                return Err("a merge key (`<<`) needs a mapping or a list of mappings".to_owned());
            };
            members.extend(merged);
        }
        Ok(())
    }

    fn measure(&self, values: &mut usize, bytes: &mut usize) {
        *values += 1;
        match self {
            Self::String(text) => *bytes += text.len(),
            Self::Array(elements) => elements
                .iter()
                .for_each(|element| element.measure(values, bytes)),
            Self::Object(members) => {
                for (key, member) in members {
                    *bytes += key.len();
                    member.measure(values, bytes);
                }
            }
            Self::Null | Self::Bool(_) | Self::Number(_) => {}
        }
    }
}
