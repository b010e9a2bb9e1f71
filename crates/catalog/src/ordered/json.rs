//! Reading JSON in its own order.

use super::{Integer, Mapping, Node};
use crate::json::{JsonError, Reader};

/// The one document of a text.
pub(super) fn read(text: &str) -> Result<Node, JsonError> {
    let mut reader = Reader::new(text.as_bytes());
    let document = node(&mut reader)?;
    match reader.peek() {
        None => Ok(document),
        Some(_) => reader.error("the text goes on behind its first document"),
    }
}

fn node(reader: &mut Reader<'_>) -> Result<Node, JsonError> {
    match reader.peek() {
        Some(b'{') => {
            let mut members = Mapping::default();
            reader.object(|reader, key| {
                members.insert(key.text().into_owned(), node(reader)?);
                Ok(())
            })?;
            Ok(Node::Mapping(members))
        }
        Some(b'[') => {
            let mut elements = Vec::new();
            reader.array(|reader| {
                elements.push(node(reader)?);
                Ok(())
            })?;
            Ok(Node::Sequence(elements))
        }
        Some(b'"') => Ok(Node::String(reader.text()?.into_owned())),
        _ => match reader.raw()? {
            b"null" => Ok(Node::Null),
            b"true" => Ok(Node::Bool(true)),
            b"false" => Ok(Node::Bool(false)),
            number => match std::str::from_utf8(number).ok().and_then(self::number) {
                Some(number) => Ok(number),
                None => reader.error("the number is too large"),
            },
        },
    }
}

/// A number whose grammar was checked: whole if it has neither point nor exponent.
fn number(text: &str) -> Option<Node> {
    if text.contains(['.', 'e', 'E']) {
        return text.parse().ok().map(Node::Float);
    }
    let digits = text.strip_prefix('-').unwrap_or(text);
    Integer::new(digits.len() < text.len(), digits, 10).map(Node::Integer)
}
