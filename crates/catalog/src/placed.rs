//! Documents with the place of every value in the text, for those who change single values and leave all other bytes as they are.
//!
//! Scalars mean what the core schema of YAML 1.2 says: dates are text, `yes` is text, and so are infinities. Keys that are no text
//! become the text of their JSON form. A key that is in a mapping twice is refused. An alias is the value at its anchor,
//! with the place it has there.
//!
//! ```
//! use catalog::placed::{self, Style, Value};
//!
//! let text = b"image: 'registry.example/demo:1' # pinned later\n";
//! let document = placed::document(text, &placed::Expansion::of_size(text.len())).unwrap();
//! let image = document.get("image").unwrap();
//! assert_eq!(image.value, Value::String("registry.example/demo:1".to_owned()));
//! assert_eq!((image.place.start, image.place.end, image.place.line), (7, 32, 1));
//! assert_eq!(image.place.style, Style::SingleQuoted);
//! ```

mod offsets;
mod scalar;
mod tree;

use granit_parser::{ScalarStyle, StructureStyle};
use indexmap::IndexMap;

use crate::yaml::{self, BYTE_ORDER_MARK, YamlError};
use offsets::Offsets;

pub use crate::yaml::Expansion;

/// A value and where it was written. Two are equal if they say the same, wherever it was written.
#[derive(Debug, Clone)]
pub struct Node {
    /// What it says.
    pub value: Value,
    /// Where it was written; an alias has the place of its anchor.
    pub place: Place,
}

/// What a node says.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// `null`, also where nothing is written.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A finite number.
    Number(f64),
    /// A text.
    String(String),
    /// A sequence.
    Sequence(Vec<Node>),
    /// A mapping, its keys in the order of the text; those under a merge key come first. Equality ignores the order.
    Mapping(IndexMap<String, Member>),
}

/// A member of a mapping.
#[derive(Debug, Clone)]
pub struct Member {
    /// Where its key was written.
    pub key: Place,
    /// Its value.
    pub node: Node,
}

/// Where something is written, in bytes from the beginning of the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The first byte: of the quotation mark or bracket, if there is one; of a block scalar's first line of text, behind its indentation.
    pub start: usize,
    /// The byte behind the last one. It has no meaning for a collection in block style.
    pub end: usize,
    /// The line of the first byte, counted from 1.
    pub line: usize,
    /// How it is written.
    pub style: Style,
}

/// How a value is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Style {
    /// A scalar without quotation marks.
    Plain,
    /// A scalar in `'`.
    SingleQuoted,
    /// A scalar in `"`.
    DoubleQuoted,
    /// A block scalar behind `|`.
    Literal,
    /// A block scalar behind `>`.
    Folded,
    /// A collection by indentation.
    Block,
    /// A collection in brackets.
    Flow,
}

impl PartialEq for Node {
    fn eq(&self, other: &Self) -> bool {
        self.value == other.value
    }
}

impl PartialEq for Member {
    fn eq(&self, other: &Self) -> bool {
        self.node == other.node
    }
}

impl Node {
    /// The member of a mapping under a key.
    pub fn get(&self, key: &str) -> Option<&Self> {
        Some(&self.members()?.get(key)?.node)
    }

    /// What lies at the end of a way of keys.
    pub fn at(&self, keys: &[&str]) -> Option<&Self> {
        keys.iter().try_fold(self, |node, key| node.get(key))
    }

    /// The members of a mapping.
    pub fn members(&self) -> Option<&IndexMap<String, Member>> {
        match &self.value {
            Value::Mapping(members) => Some(members),
            _ => None,
        }
    }

    /// The elements of a sequence.
    pub fn elements(&self) -> Option<&[Self]> {
        match &self.value {
            Value::Sequence(elements) => Some(elements),
            _ => None,
        }
    }

    /// The text of a text.
    pub fn as_str(&self) -> Option<&str> {
        match &self.value {
            Value::String(text) => Some(text),
            _ => None,
        }
    }

    /// The word for what it is, such as `a mapping`.
    pub fn kind(&self) -> &'static str {
        match self.value {
            Value::Null => "null",
            Value::Bool(_) => "a boolean",
            Value::Number(_) => "a number",
            Value::String(_) => "a text",
            Value::Sequence(_) => "a list",
            Value::Mapping(_) => "a mapping",
        }
    }
}

/// Why a file is not one document with places.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PlacedError {
    /// It is no YAML, or nests or expands beyond bounds.
    #[error("not valid YAML")]
    Yaml(#[from] YamlError),
    /// It holds several documents.
    #[error("line {line}: a second document; write one document a file")]
    Several {
        /// The line on which the second document begins.
        line: usize,
    },
}

impl PlacedError {
    /// The line the problem is on, counted from 1.
    pub fn line(&self) -> usize {
        match self {
            Self::Yaml(error) => error.line(),
            Self::Several { line } => *line,
        }
    }
}

/// The one document of a YAML text, with the places of all that is in it; a text without content is null.
///
/// Its aliases expand as far as the other documents of the same input leave it.
///
/// # Errors
/// [`PlacedError`] if the text is malformed, has a key twice in a mapping, nests deeper than [`MAX_DEPTH`](crate::json::MAX_DEPTH), expands
/// aliases without bound, or holds a second document.
pub fn document(bytes: &[u8], expansion: &Expansion) -> Result<Node, PlacedError> {
    let composed = yaml::compose::<Node>(bytes, expansion, 2)?;
    let mut documents = composed.documents.into_iter();
    let Some(mut root) = documents.next() else {
        return Ok(Node {
            value: Value::Null,
            place: Place::at(bytes.len()),
        });
    };
    if let Some(second) = documents.next() {
        return Err(PlacedError::Several {
            line: second.place.line,
        });
    }
    let mark = BYTE_ORDER_MARK.len_utf8();
    let text = std::str::from_utf8(bytes).unwrap_or_default();
    let (text, skipped) = match text.strip_prefix(BYTE_ORDER_MARK) {
        Some(text) => (text, mark),
        None => (text, 0),
    };
    let prepared = composed.prepared.as_deref();
    if skipped > 0 || prepared.is_some() {
        let offsets = Offsets::new(text, prepared, skipped);
        root.move_places(&|offset| offsets.original(offset));
    }
    Ok(root)
}

impl Place {
    /// A place without extent.
    fn at(offset: usize) -> Self {
        Self {
            start: offset,
            end: offset,
            line: 1,
            style: Style::Plain,
        }
    }
}

impl From<ScalarStyle> for Style {
    fn from(style: ScalarStyle) -> Self {
        match style {
            ScalarStyle::Plain => Self::Plain,
            ScalarStyle::SingleQuoted => Self::SingleQuoted,
            ScalarStyle::DoubleQuoted => Self::DoubleQuoted,
            ScalarStyle::Literal => Self::Literal,
            ScalarStyle::Folded => Self::Folded,
        }
    }
}

impl From<StructureStyle> for Style {
    fn from(style: StructureStyle) -> Self {
        match style {
            StructureStyle::Block => Self::Block,
            StructureStyle::Flow => Self::Flow,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Node, PlacedError> {
        document(text.as_bytes(), &Expansion::of_size(text.len()))
    }

    /// What is written at the place of a value.
    fn check(text: &str, keys: &[&str], written: &str) {
        let root = read(text).unwrap();
        let place = root.at(keys).unwrap().place;
        assert_eq!(&text[place.start..place.end], written, "{text:?}");
        let line = text[..place.start].matches('\n').count() + 1;
        assert_eq!(place.line, line, "{text:?}");
    }

    #[test]
    fn places_are_those_of_the_file() {
        check("a: b # c\n", &["a"], "b");
        check("a: &x b\nc: *x\n", &["c"], "b");
        check("a: !!str &x 'b'\n", &["a"], "'b'");
        check("ü: 'ä'\nb: ö\n", &["b"], "ö");
        check("\u{feff}a: b\n", &["a"], "b");
        check("a: \"x \u{2028} y\"\nb: c\u{85}d\nc: e\n", &["c"], "e");
        check("a:\r\n  b: c\r\n", &["a", "b"], "c");
        check("a: |\n  b\n  c\n", &["a"], "b\n  c\n");
        check("{\"a\": {\"b\": [c]}}", &["a"], "{\"b\": [c]}");
        check("a:\n  b: 'x\n  y'\n  c: z\n", &["a", "c"], "z");
        check("a:\n  b: 'x\n  y'\n  c: z\n", &["a", "b"], "'x\n  y'");
        check("a:\n  - &m\n    b: c\n", &["a"], "- &m\n    b: c\n");
    }

    #[test]
    fn scalars_mean_what_the_core_schema_says() {
        let string = |text: &str| Value::String(text.to_owned());
        for (text, value) in [
            ("yes", string("yes")),
            ("2020-01-02", string("2020-01-02")),
            ("1_000", string("1_000")),
            (".inf", string(".inf")),
            ("0x1F", Value::Number(31.0)),
            ("0o17", Value::Number(15.0)),
            ("017", Value::Number(17.0)),
            ("-1.5e3", Value::Number(-1500.0)),
            (".5", Value::Number(0.5)),
            ("1.", Value::Number(1.0)),
            (".", string(".")),
            ("1.2.3", string("1.2.3")),
            ("e3", string("e3")),
            ("~", Value::Null),
            ("", Value::Null),
            ("True", Value::Bool(true)),
            ("'1'", string("1")),
            ("!!str 1", string("1")),
            ("!!int '7'", Value::Number(7.0)),
        ] {
            assert_eq!(read(text).map(|node| node.value), Ok(value), "{text:?}");
        }
    }

    #[test]
    fn what_is_no_single_document_is_refused_with_its_line() {
        for (text, line) in [
            ("a: 1\n---\nb: 1\n", 3),
            ("a: 1\nb: 2\na: 3\n", 3),
            ("a: [1\nb: c: d\n", 2),
            ("a: &a [*a]\n", 1),
            ("!!int x\n", 1),
        ] {
            assert_eq!(read(text).unwrap_err().line(), line, "{text:?}");
        }
        assert!(read("").is_ok_and(|node| node.value == Value::Null));
        assert!(read("---\na: 1\n...\n# end\n").is_ok());
    }

    #[test]
    fn own_members_win_over_merged_ones() {
        let node = read("a: &x {b: 1, c: 2}\nd: {<<: *x, c: 3}\n").unwrap();
        assert_eq!(node.get("d"), read("{b: 1, c: 3}").ok().as_ref());
        let merged = node.at(&["d", "b"]).unwrap().place;
        assert_eq!(merged, node.at(&["a", "b"]).unwrap().place);
    }
}
