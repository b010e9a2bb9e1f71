//! Documents in their own order, and the JSON text that the replaced service makes of them.
//!
//! That service, written in Python, turns the YAML files of a catalog into JSON, and writes deprecations as JSON
//! (workflow specification, 3.7 and 5.6). Unlike [`json::Value`](crate::json::Value), a [`Node`] keeps the keys in the order of the file and
//! tells `1` from `1.0`; its YAML is version 1.2, in which `yes` is text and `010` is ten.
//!
//! ```
//! use catalog::ordered::{documents, from_json, to_text};
//!
//! let documents = documents(b"schema: demo\nname: yes\nsize: 1.50\n---\n---\nday: 2020-01-02\n").unwrap();
//! let text: String = documents.iter().map(to_text).collect();
//! assert_eq!(text, r#"{"schema": "demo", "name": "yes", "size": 1.5}{"day": "2020-01-02"}"#);
//!
//! let node = from_json(r#"{"b": "gr\u00fc\u00dfe", "a": 1e3}"#).unwrap();
//! assert_eq!(to_text(&node), r#"{"b": "gr\u00fc\u00dfe", "a": 1000.0}"#);
//! ```

mod integer;
mod json;
mod mapping;
mod scalar;
mod timestamp;
mod tree;
mod write;

use crate::json::JsonError;
use crate::yaml::{self, Expansion, YamlError};

pub use integer::Integer;
pub use mapping::Mapping;
pub use write::{to_text, write};

/// A value of a document.
#[derive(Debug, Clone, PartialEq)]
pub enum Node {
    /// `null`.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A whole number.
    Integer(Integer),
    /// Any other number; YAML has infinities and "not a number" as well.
    Float(f64),
    /// A text; dates and times are their ISO text.
    String(String),
    /// A sequence.
    Sequence(Vec<Node>),
    /// A mapping, its keys in the order of the file.
    Mapping(Mapping),
}

/// Why a file holds no documents that could be written as JSON.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DocumentsError {
    /// The file has no bytes.
    #[error("the file is empty; delete it, or write a document into it")]
    EmptyFile,
    /// All documents are empty: comments and separators only.
    #[error("the file holds no document with content; delete it, or write a document into it")]
    NoContent,
    /// The file is not YAML with a JSON form.
    #[error("not valid YAML")]
    Yaml(#[from] YamlError),
}

impl DocumentsError {
    /// The line the problem is on, counted from 1.
    pub fn line(&self) -> usize {
        match self {
            Self::EmptyFile | Self::NoContent => 1,
            Self::Yaml(error) => error.line(),
        }
    }
}

/// All documents of a YAML text but the empty ones, which say `null` or nothing; each is to be written by [`to_text`].
///
/// Read as the replaced service does, with these exceptions, all of them rare:
/// - refused here: keys that differ in their type only (`1` and `"1"`), repeated keys beside a merge key (`<<`), the tags `!!omap` and
///   `!!pairs`, white space in a number with a tag, and integers of more than [`Integer::MAX_DIGITS`] digits;
/// - refused there: the plain values `=` and `<<`, read as text here; dates as keys, which become their text; `1` beside `true` or `1.0` as keys.
///
/// # Errors
/// [`DocumentsError`] if there is no document with content, or if one is malformed, has a key twice, has no JSON form, nests deeper
/// than [`MAX_DEPTH`](crate::json::MAX_DEPTH), or expands aliases without bound.
pub fn documents(bytes: &[u8]) -> Result<Vec<Node>, DocumentsError> {
    if bytes.is_empty() {
        return Err(DocumentsError::EmptyFile);
    }
    let mut documents: Vec<Node> = yaml::documents(bytes, &Expansion::of_size(bytes.len()))?;
    documents.retain(|document| *document != Node::Null);
    if documents.is_empty() {
        return Err(DocumentsError::NoContent);
    }
    Ok(documents)
}

/// The one document of a JSON text. Of equal keys the last value counts, in the place of the first.
///
/// Half a surrogate pair becomes U+FFFD, as it would when the catalog is read.
///
/// # Errors
/// [`JsonError`] where the text is not JSON (`NaN` and infinities are none), anything follows the document, a number is out of
/// range, or it nests deeper than [`MAX_DEPTH`](crate::json::MAX_DEPTH).
pub fn from_json(text: &str) -> Result<Node, JsonError> {
    json::read(text)
}
