//! YAML as the reference tools read it: YAML 1.1 scalars, merge keys, last duplicate wins, keys turned into strings.
//!
//! The grammar is the YAML parser's; everything that gives text a meaning is here, because the Go libraries differ from
//! every ready-made reader in what they take for a number, a boolean or a key (index database specification, 2.2).

mod breaks;
mod compose;
mod expansion;
mod indent;
mod normal;
mod scalar;
mod value;
mod write;

use std::collections::BTreeSet;

use granit_parser::ScanError;

use crate::json::Value;

pub(crate) use compose::{Style, Tree, Written};
pub use expansion::Expansion;
pub(crate) use normal::normal;
pub(crate) use scalar::{PREFIX, days_in};
pub use write::write;

use breaks::Breaks;
use compose::{Composer, Stop};

/// What a text may begin with, and no reader sees.
pub(crate) const BYTE_ORDER_MARK: char = '\u{feff}';

/// Why a text is not YAML that the reference tools would read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum YamlError {
    /// The text breaks the grammar.
    #[error("line {line}: {reason}")]
    Syntax {
        /// The line, counted from 1.
        line: usize,
        /// What the parser expected.
        reason: String,
    },
    /// A value or key has no JSON form.
    #[error("line {line}: {reason}")]
    NotJson {
        /// The line, counted from 1.
        line: usize,
        /// What it is and why that is refused.
        reason: String,
    },
    /// Aliases expand to more than a manifest ever needs, or an alias names an anchor it is part of.
    #[error("line {line}: the aliases of this file expand without reasonable bound")]
    Aliases {
        /// The line of the alias that went too far, counted from 1.
        line: usize,
    },
    /// The text is not UTF-8.
    #[error("line {line}: the text is not UTF-8")]
    Encoding {
        /// The line, counted from 1.
        line: usize,
    },
}

impl YamlError {
    /// The line the problem is on, counted from 1.
    pub fn line(&self) -> usize {
        match self {
            Self::Syntax { line, .. }
            | Self::NotJson { line, .. }
            | Self::Aliases { line }
            | Self::Encoding { line } => *line,
        }
    }
}

impl From<ScanError> for YamlError {
    fn from(error: ScanError) -> Self {
        Self::Syntax {
            line: error.marker().line(),
            reason: error.info(),
        }
    }
}

/// Reads the first document of a YAML text; a text without content is [`Value::Null`].
///
/// # Errors
/// [`YamlError`] if the document is malformed, has no JSON form (infinities, sequences as keys), nests deeper than
/// [`MAX_DEPTH`](crate::json::MAX_DEPTH) or expands aliases without bound. What follows the first document is not looked at.
pub fn parse(bytes: &[u8]) -> Result<Value, YamlError> {
    parse_within(bytes, &Expansion::of_size(bytes.len()))
}

/// Like [`parse`], where aliases may expand as far as the other documents of an input leave it.
///
/// # Errors
/// Those of [`parse`].
pub(crate) fn parse_within(bytes: &[u8], expansion: &Expansion) -> Result<Value, YamlError> {
    let first = compose(bytes, expansion, 1)?.documents.pop();
    Ok(first.unwrap_or(Value::Null))
}

/// All documents of a YAML text, composed to trees of one's own; anchors belong to the document they are in.
///
/// # Errors
/// Those of [`parse`], for any of the documents.
pub(crate) fn documents<T: Tree>(bytes: &[u8], expansion: &Expansion) -> Result<Vec<T>, YamlError> {
    Ok(compose(bytes, expansion, usize::MAX)?.documents)
}

/// Documents of a text.
pub(crate) struct Composed<T> {
    pub(crate) documents: Vec<T>,
    /// The text as the parser was given it, where that is not the text itself.
    pub(crate) prepared: Option<String>,
}

/// Composes up to so many documents of a text, with what the parser of a later standard does not read made readable to it.
pub(crate) fn compose<T: Tree>(
    bytes: &[u8],
    expansion: &Expansion,
    limit: usize,
) -> Result<Composed<T>, YamlError> {
    let text = std::str::from_utf8(bytes).map_err(|error| YamlError::Encoding {
        line: bytes[..error.valid_up_to()]
            .split(|byte| *byte == b'\n')
            .count(),
    })?;
    let text = text.strip_prefix(BYTE_ORDER_MARK).unwrap_or(text);
    let (marked, breaks) = match Breaks::mark(text) {
        Some((marked, breaks)) => (Some(marked), Some(breaks)),
        None => (None, None),
    };
    let (text, breaks) = (marked.as_deref().unwrap_or(text), breaks.as_ref());
    match Composer::new(text, breaks, &BTreeSet::new(), expansion).documents(limit) {
        Ok(documents) => Ok(Composed {
            documents,
            prepared: marked,
        }),
        Err(Stop::Refused(error)) => Err(error),
        Err(Stop::Indentation(error)) => {
            let Some(indented) = indent::indent(text) else {
                return Err(error);
            };
            let composer = Composer::new(&indented.text, breaks, &indented.lines, expansion);
            let documents = composer.documents(limit).map_err(|stop| match stop {
                Stop::Refused(error) | Stop::Indentation(error) => error,
            })?;
            Ok(Composed {
                documents,
                prepared: Some(indented.text),
            })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::to_text;

    fn check(input: &str, expected: &str) {
        let value = parse(input.as_bytes());
        assert_eq!(
            value.as_ref().map(to_text).as_deref(),
            Ok(expected),
            "{input:?}"
        );
    }

    #[test]
    fn scalars_mean_what_yaml_1_1_says() {
        for (input, expected) in [
            ("1.0", "1"),
            ("1.", "1"),
            ("1e3", "1000"),
            ("1.0e+2", "100"),
            ("017", "15"),
            ("0o17", "15"),
            ("0x1F", "31"),
            ("0b11", "3"),
            ("-014", "-12"),
            ("+12", "12"),
            ("12345678901234567890", "12345678901234567890"),
            ("18446744073709551616", "18446744073709552000"),
            ("0777", "511"),
            ("08", "8"),
            ("089", "89"),
            ("1_000", "1000"),
            ("1_0.5", "10.5"),
            ("-0", "0"),
            ("0.000001", "0.000001"),
            ("0.0000001", "1e-7"),
            (".5", "0.5"),
            ("y", "true"),
            ("N", "false"),
            ("Yes", "true"),
            ("no", "false"),
            ("on", "true"),
            ("OFF", "false"),
            ("TRUE", "true"),
            ("yEs", "\"yEs\""),
            ("~", "null"),
            ("NULL", "null"),
            ("2020-01-02", "\"2020-01-02\""),
            ("1:30", "\"1:30\""),
            ("=", "\"=\""),
            ("0o8", "\"0o8\""),
            ("!!binary aGVsbG8=", "\"hello\""),
            ("!!str 12", "\"12\""),
            ("!!int '12'", "12"),
            ("!!float 3", "3"),
            ("! 12", "\"12\""),
            ("!custom 12", "\"12\""),
            ("'12'", "\"12\""),
            ("\"yes\"", "\"yes\""),
            ("!!str", "\"\""),
            ("1e999", "\"1e999\""),
            ("-", "[null]"),
            ("'~'", "\"~\""),
            ("0x", "\"0x\""),
            ("1__0", "10"),
        ] {
            check(input, expected);
        }
    }

    #[test]
    fn keys_become_strings_after_their_meaning() {
        check("y: 1\n", r#"{"true":1}"#);
        check("on: 1\nn: 2\n", r#"{"false":2,"true":1}"#);
        check(
            "1.50: a\n0x10: b\n1e6: c\n'1.50': d\n",
            r#"{"1.5":"a","1.50":"d","16":"b","1e+06":"c"}"#,
        );
        check("a: 1\na: 2\n", r#"{"a":2}"#);
    }

    #[test]
    fn merges_and_aliases_work_in_order() {
        check(
            "a: &x {b: 1, c: 2}\nd:\n  <<: *x\n  c: 3\n",
            r#"{"a":{"b":1,"c":2},"d":{"b":1,"c":3}}"#,
        );
        check(
            "a: &x {b: 1}\nd: {<<: [*x, {b: 2, e: 3}]}\nf: *x\n",
            r#"{"a":{"b":1},"d":{"b":1,"e":3},"f":{"b":1}}"#,
        );
        check("a: &k foo\n*k : 1\n", r#"{"a":"foo","foo":1}"#);
        check("\"<<\": 1\n", r#"{"\u003c\u003c":1}"#);
    }

    #[test]
    fn what_has_no_json_form_is_refused() {
        for input in [
            "a: .inf",
            "a: -.INF",
            "a: .nan",
            "? [a]\n: 1",
            "~: 1",
            "a: \"x\\/y\"",
            "a: &a [*a]",
            "a: *b",
            "{a: 1",
            "a: b: c",
            "!!int foo",
            "<<: 1",
            "!!binary '*'",
            "a:\n\tb: 1",
        ] {
            assert!(
                parse(input.as_bytes()).is_err(),
                "{input:?} gave {:?}",
                parse(input.as_bytes())
            );
        }
        assert_eq!(
            parse(b"a: 1\nb: \xff\n"),
            Err(YamlError::Encoding { line: 2 })
        );
    }

    #[test]
    fn hostile_files_are_refused_in_little_time() {
        let mut laughs = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n".to_owned();
        for level in 1..12 {
            let alias = format!("*a{}", level - 1);
            laughs.extend([
                format!("a{level}: &a{level} ["),
                [alias.as_str(); 9].join(", "),
                "]\n".to_owned(),
            ]);
        }
        assert!(matches!(
            parse(laughs.as_bytes()),
            Err(YamlError::Aliases { .. })
        ));
        let long = format!(
            "a: &a '{}'\nb: [{}]\n",
            "x".repeat(1 << 20),
            "*a, ".repeat(200)
        );
        assert!(matches!(
            parse(long.as_bytes()),
            Err(YamlError::Aliases { line: 2 })
        ));
        assert!(parse("[".repeat(1_000_000).as_bytes()).is_err());
        assert!(parse("- ".repeat(1_000_000).as_bytes()).is_err());
        assert!(parse("{a: ".repeat(100_000).as_bytes()).is_err());
    }

    #[test]
    fn the_line_breaks_of_yaml_1_1_are_folded() {
        check(
            "a: \"x \u{2028} y\\u2028 z\"\n",
            r#"{"a":"x\u2028y\u2028 z"}"#,
        );
        check("a: x\u{85}y \u{85} \u{85}z\n", r#"{"a":"x y\nz"}"#);
        check("a: |\n  x \u{2029}  y\n", r#"{"a":"x \u2029y\n"}"#);
        check(
            "a:\n  b: |-\n\n     x\u{2028}      y\n     z\u{2029}     \n",
            r#"{"a":{"b":"\nx\u2028 y\nz\u2029"}}"#,
        );
        check("a: |2\n   x\u{85}   y\n", r#"{"a":" x\n y\n"}"#);
    }

    #[test]
    fn quoted_scalars_need_no_indentation() {
        check(
            "a:\n  b: 'x\n  it''s\n\n  z'\n  c: 1\n",
            r#"{"a":{"b":"x it's\nz","c":1}}"#,
        );
        check(
            "a: \"x \\\" \ny\"\nb:\n- k: 'one\n  two'\n- 'three\nfour'\n",
            r#"{"a":"x \" y","b":[{"k":"one two"},"three four"]}"#,
        );
        check(
            "a: |\n  b: 'x\n  y\nc: 'z\nz'\n",
            r#"{"a":"b: 'x\ny\n","c":"z z"}"#,
        );
        check(
            "- k: |\n    q: 'x\n  c: 'z\n  z'\n",
            r#"[{"c":"z z","k":"q: 'x\n"}]"#,
        );
        assert!(parse(b"a: 'x\ny\n").is_err());
    }

    #[test]
    fn block_scalars_keep_their_text() {
        check(
            "a: |\n  x\n    y\nb: >-\n  one\n  two\n\n  three\nc: |+\n  k\n\n",
            r#"{"a":"x\n  y\n","b":"one two\nthree","c":"k\n\n"}"#,
        );
    }
}
