//! The first document of a manifest file.

use crate::json::{self, JsonError, Value};
use crate::yaml::{self, Expansion, YamlError};

/// How a file is written; decided by its first byte that is not blank, never by its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format<'a> {
    /// JSON, beginning with `{`; with the text of the value and all that follows it.
    Json(&'a [u8]),
    /// YAML.
    Yaml,
}

/// The first document of a file, as the reference tools read it (index database specification, 2.1 and 2.2).
#[derive(Debug, Clone, PartialEq)]
pub struct Document<'a> {
    value: Value,
    format: Format<'a>,
}

/// Why a file does not hold a document.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DocumentError {
    /// The first document is empty: no text, or comments only.
    #[error(
        "the first document is empty; only the first document of a file is read, so remove the `---` above the content"
    )]
    Empty,
    /// The file begins like JSON but is not.
    #[error("not valid JSON")]
    Json {
        /// The line, counted from 1.
        line: usize,
        /// What is wrong.
        source: JsonError,
    },
    /// The file is not YAML that the reference tools would read.
    #[error("not valid YAML")]
    Yaml(#[from] YamlError),
}

impl DocumentError {
    /// The line the problem is on, counted from 1.
    pub fn line(&self) -> usize {
        match self {
            Self::Empty => 1,
            Self::Json { line, .. } => *line,
            Self::Yaml(error) => error.line(),
        }
    }
}

impl<'a> Document<'a> {
    /// Reads the first document of a file.
    ///
    /// # Errors
    /// [`DocumentError`] if there is none, or if it is not what the reference tools would read.
    pub fn read(bytes: &'a [u8]) -> Result<Self, DocumentError> {
        Self::read_within(bytes, &Expansion::of_size(bytes.len()))
    }

    /// Like [`Document::read`], where aliases may expand as far as the other files that share `expansion` leave it.
    ///
    /// # Errors
    /// Those of [`Document::read`].
    pub fn read_within(bytes: &'a [u8], expansion: &Expansion) -> Result<Self, DocumentError> {
        let start = bytes
            .iter()
            .position(|byte| !byte.is_ascii_whitespace() && *byte != 0x0b);
        if let Some(start) = start.filter(|&start| bytes[start] == b'{') {
            let value = json::parse(bytes).map_err(|source| DocumentError::Json {
                line: bytes[..source.offset.min(bytes.len())]
                    .split(|byte| *byte == b'\n')
                    .count(),
                source,
            })?;
            return Ok(Self {
                value,
                format: Format::Json(&bytes[start..]),
            });
        }
        match yaml::parse_within(first_document(bytes), expansion)? {
            Value::Null => Err(DocumentError::Empty),
            value => Ok(Self {
                value,
                format: Format::Yaml,
            }),
        }
    }

    /// What the document says. Numbers beyond the signed 64 bit range are as written; see [`Document::into_object`].
    pub fn value(&self) -> &Value {
        &self.value
    }

    /// How it is written.
    pub fn format(&self) -> Format<'a> {
        self.format
    }

    /// What the document says as a generic object of the reference tools holds it: whole numbers as signed 64 bit integers,
    /// all others as doubles.
    pub fn into_object(mut self) -> Value {
        // JSON numbers are read in that form already, and a JSON `-0.0` must not become an integer.
        if self.format == Format::Yaml {
            self.value.settle_numbers();
        }
        self.value
    }
}

/// The part of a YAML file before its second separator line, or before the first one if there is text above it.
///
/// The reference tools split the text before they parse it, so a comment block above the first separator is a document
/// of its own, and nothing behind the separator is even looked at.
fn first_document(bytes: &[u8]) -> &[u8] {
    let mut at = 0;
    for line in bytes.split_inclusive(|byte| *byte == b'\n') {
        if at > 0 && is_separator(line) {
            return &bytes[..at];
        }
        at += line.len();
    }
    bytes
}

/// Three dashes at the beginning of a line, followed by nothing but a comment.
fn is_separator(line: &[u8]) -> bool {
    line.strip_prefix(b"---")
        .is_some_and(|rest| matches!(rest.trim_ascii().first(), None | Some(b'#')))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(input: &str, expected: Option<&str>) {
        let read = Document::read(input.as_bytes()).map(Document::into_object);
        assert_eq!(
            read.as_ref().ok().map(json::to_text).as_deref(),
            expected,
            "{input:?} gave {read:?}"
        );
    }

    #[test]
    fn only_the_first_document_is_read() {
        check("a: 1\n---\nb: 2\n", Some(r#"{"a":1}"#));
        check("a: 1\n---\nb: [\n", Some(r#"{"a":1}"#));
        check("---\na: 1\n", Some(r#"{"a":1}"#));
        check("\u{feff}a: 1\r\nb: x\r\n", Some(r#"{"a":1,"b":"x"}"#));
        check("# comment\na: 1\n", Some(r#"{"a":1}"#));
        check("{\"a\": 1} {\"b\": 2}", Some(r#"{"a":1}"#));
    }

    #[test]
    fn a_first_document_without_content_is_not_skipped() {
        for input in [
            "",
            "\n",
            "# only a comment\n",
            "# comment\n---\na: 1\n",
            "---\n---\na: 1\n",
            "null",
        ] {
            check(input, None);
        }
    }

    #[test]
    fn numbers_of_objects_are_signed_integers_or_doubles() {
        check(
            "a: 0xFFFFFFFFFFFFFFFF\nb: -0.0\nc: 1.0\n",
            Some(r#"{"a":18446744073709552000,"b":0,"c":1}"#),
        );
        check(r#"{"b":-0.0, "c":-0}"#, Some(r#"{"b":-0,"c":0}"#));
    }

    #[test]
    fn errors_name_the_line() {
        assert_eq!(
            Document::read(b"a: 1\nb: [1, 2\nc: }\n")
                .unwrap_err()
                .line(),
            3
        );
        assert_eq!(Document::read(b"{\n\"a\": 1,\n}").unwrap_err().line(), 3);
    }
}
