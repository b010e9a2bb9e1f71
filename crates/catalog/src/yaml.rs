//! YAML as the reference tools read it: YAML 1.1 scalars, merge keys, last duplicate wins, keys turned into strings.
//!
//! The grammar is the YAML parser's; everything that gives text a meaning is here, because the Go libraries differ from
//! every ready-made reader in what they take for a number, a boolean or a key (index database specification, 2.2).

mod indent;
mod scalar;

use std::collections::{BTreeMap, BTreeSet, HashMap};

use granit_parser::{ErrorKind, Event, Parser, ScalarStyle, ScanError, Span, Tag};

use crate::json::{MAX_DEPTH, Value};

/// How many values and how many bytes anchors and aliases may add to a document beyond what is written in it.
///
/// Without a bound a kilobyte of nested aliases expands to gigabytes.
const ALIAS_VALUES: usize = 400_000;
const ALIAS_BYTES: usize = 32 * 1024 * 1024;

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
/// [`MAX_DEPTH`] or expands aliases without bound. What follows the first document is not looked at.
pub fn parse(bytes: &[u8]) -> Result<Value, YamlError> {
    let text = std::str::from_utf8(bytes).map_err(|error| YamlError::Encoding {
        line: bytes[..error.valid_up_to()]
            .split(|byte| *byte == b'\n')
            .count(),
    })?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    match Composer::new(text, &BTreeSet::new()).document() {
        Ok(value) => Ok(value),
        Err(Stop::Refused(error)) => Err(error),
        Err(Stop::Indentation(error)) => {
            let Some(indented) = indent::indent(text) else {
                return Err(error);
            };
            Composer::new(&indented.text, &indented.lines)
                .document()
                .map_err(|stop| match stop {
                    Stop::Refused(error) | Stop::Indentation(error) => error,
                })
        }
    }
}

/// Why composing ended early.
enum Stop {
    Refused(YamlError),
    /// A quoted scalar is indented less than the parser wants, but as the Go libraries allow.
    Indentation(YamlError),
}

impl From<YamlError> for Stop {
    fn from(error: YamlError) -> Self {
        Self::Refused(error)
    }
}

impl From<ScanError> for Stop {
    fn from(error: ScanError) -> Self {
        let indentation = *error.kind() == ErrorKind::InvalidQuotedScalarIndent;
        if indentation {
            Self::Indentation(error.into())
        } else {
            Self::Refused(error.into())
        }
    }
}

/// A mapping key waiting for its value.
enum Key {
    Plain(String),
    /// `<<`, whose value is merged into the mapping.
    Merge,
}

/// A collection that is still being read.
enum Open {
    Sequence(Vec<Value>),
    Mapping(BTreeMap<String, Value>, Option<Key>),
}

struct Anchored {
    value: Value,
    values: usize,
    bytes: usize,
}

struct Composer<'a> {
    text: &'a str,
    /// Lines indented before parsing, which must not lie in block scalars.
    indented: &'a BTreeSet<usize>,
    open: Vec<(Open, usize)>,
    anchors: HashMap<usize, Anchored>,
    values_left: usize,
    bytes_left: usize,
    slash_escapes: bool,
}

impl<'a> Composer<'a> {
    fn new(text: &'a str, indented: &'a BTreeSet<usize>) -> Self {
        Self {
            text,
            indented,
            open: Vec::new(),
            anchors: HashMap::new(),
            values_left: ALIAS_VALUES,
            bytes_left: ALIAS_BYTES,
            slash_escapes: text.contains("\\/"),
        }
    }

    fn document(mut self) -> Result<Value, Stop> {
        let options = granit_parser::options! {
            emit_comments: false,
            flow_nesting_limit: MAX_DEPTH,
            block_nesting_limit: MAX_DEPTH,
        };
        let mut parser = Parser::new_from_str_with_options(self.text, options);
        while let Some(event) = parser.next_event() {
            let (event, span) = event?;
            if let Some(root) = self.event(event, span)? {
                return Ok(root);
            }
        }
        Ok(Value::Null)
    }

    /// Takes one event in; gives the root value when it is complete.
    fn event(&mut self, event: Event<'_>, span: Span) -> Result<Option<Value>, YamlError> {
        let line = span.start.line();
        match event {
            Event::StreamEnd => Ok(Some(Value::Null)),
            Event::Alias(anchor) => {
                let value = self.expand(anchor, line)?;
                self.complete(value, 0, false, line)
            }
            Event::Scalar(text, style, anchor, tag) => {
                if self.slash_escapes && style == ScalarStyle::DoubleQuoted {
                    refuse_slash_escape(span.slice(self.text).unwrap_or_default(), line)?;
                }
                if matches!(style, ScalarStyle::Literal | ScalarStyle::Folded)
                    && let Some(line) = self.indented.range(line..span.end.line()).next()
                {
                    let reason =
                        "a quoted scalar has lines indented too little; indent them".to_owned();
                    return Err(YamlError::Syntax {
                        line: *line,
                        reason,
                    });
                }
                let tag = tag.as_deref().map(full_tag);
                let plain = style == ScalarStyle::Plain;
                let merge = text == "<<"
                    && (plain && tag.is_none() || tag.as_deref() == Some(scalar::MERGE));
                // The parser spells an omitted value `~`; only its empty span tells it from a written one.
                let omitted = plain && span.start.index() == span.end.index();
                let text = if omitted { "" } else { &text };
                let value = scalar::resolve(text, plain, tag.as_deref())
                    .map_err(|reason| YamlError::NotJson { line, reason })?;
                self.complete(value, anchor, merge, line)
            }
            Event::SequenceStart(_, anchor, _) => {
                self.descend(Open::Sequence(Vec::new()), anchor, line)
            }
            Event::MappingStart(_, anchor, _) => {
                self.descend(Open::Mapping(BTreeMap::new(), None), anchor, line)
            }
            Event::SequenceEnd | Event::MappingEnd => {
                let Some((open, anchor)) = self.open.pop() else {
                    return Ok(None);
                };
                let value = match open {
                    Open::Sequence(elements) => Value::Array(elements),
                    Open::Mapping(members, _) => Value::Object(members),
                };
                self.complete(value, anchor, false, line)
            }
            // Document boundaries and presentation: the root value itself ends the reading.
            _ => Ok(None),
        }
    }

    fn descend(
        &mut self,
        open: Open,
        anchor: usize,
        line: usize,
    ) -> Result<Option<Value>, YamlError> {
        if self.open.len() >= MAX_DEPTH {
            return Err(YamlError::NotJson {
                line,
                reason: format!("nested deeper than {MAX_DEPTH} levels"),
            });
        }
        self.open.push((open, anchor));
        Ok(None)
    }

    /// Puts a complete value where it belongs: an element, a key, a member, or the root.
    fn complete(
        &mut self,
        value: Value,
        anchor: usize,
        merge: bool,
        line: usize,
    ) -> Result<Option<Value>, YamlError> {
        if anchor != 0 {
            self.define(anchor, &value, line)?;
        }
        match self.open.last_mut() {
            None => return Ok(Some(value)),
            Some((Open::Sequence(elements), _)) => elements.push(value),
            Some((Open::Mapping(members, pending), _)) => match pending.take() {
                None if merge => *pending = Some(Key::Merge),
                None => *pending = Some(Key::Plain(key_text(value, line)?)),
                Some(Key::Plain(key)) => {
                    members.insert(key, value);
                }
                Some(Key::Merge) => merge_into(members, value, line)?,
            },
        }
        Ok(None)
    }

    fn define(&mut self, anchor: usize, value: &Value, line: usize) -> Result<(), YamlError> {
        let (mut values, mut bytes) = (0, 0);
        measure(value, &mut values, &mut bytes);
        self.charge(values, bytes, line)?;
        self.anchors.insert(
            anchor,
            Anchored {
                value: value.clone(),
                values,
                bytes,
            },
        );
        Ok(())
    }

    fn expand(&mut self, anchor: usize, line: usize) -> Result<Value, YamlError> {
        // An anchor that is not complete yet contains this alias.
        let Some(anchored) = self.anchors.get(&anchor) else {
            return Err(YamlError::Aliases { line });
        };
        let (values, bytes) = (anchored.values, anchored.bytes);
        self.charge(values, bytes, line)?;
        Ok(self.anchors[&anchor].value.clone())
    }

    fn charge(&mut self, values: usize, bytes: usize, line: usize) -> Result<(), YamlError> {
        match (
            self.values_left.checked_sub(values),
            self.bytes_left.checked_sub(bytes),
        ) {
            (Some(values_left), Some(bytes_left)) => {
                (self.values_left, self.bytes_left) = (values_left, bytes_left);
                Ok(())
            }
            _ => Err(YamlError::Aliases { line }),
        }
    }
}

fn measure(value: &Value, values: &mut usize, bytes: &mut usize) {
    *values += 1;
    match value {
        Value::String(text) => *bytes += text.len(),
        Value::Array(elements) => elements
            .iter()
            .for_each(|element| measure(element, values, bytes)),
        Value::Object(members) => {
            for (key, member) in members {
                *bytes += key.len();
                measure(member, values, bytes);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// The string a key becomes: `y` is the boolean true, so its text is `true`.
fn key_text(key: Value, line: usize) -> Result<String, YamlError> {
    match key {
        Value::String(text) => Ok(text),
        Value::Bool(bool) => Ok(bool.to_string()),
        Value::Number(number) => Ok(number.to_key()),
        Value::Null | Value::Array(_) | Value::Object(_) => {
            let reason = format!("{} cannot be a key; write the key in quotes", key.kind());
            Err(YamlError::NotJson { line, reason })
        }
    }
}

/// `<<: value`. Members written above the merge are overwritten by it, as the Go library does; the first mapping of a
/// list wins over later ones.
fn merge_into(
    members: &mut BTreeMap<String, Value>,
    value: Value,
    line: usize,
) -> Result<(), YamlError> {
    let mappings = match value {
        Value::Array(mappings) => mappings,
        single => vec![single],
    };
    for mapping in mappings.into_iter().rev() {
        let Value::Object(merged) = mapping else {
            let reason = "a merge key (`<<`) needs a mapping or a list of mappings".to_owned();
            return Err(YamlError::NotJson { line, reason });
        };
        members.extend(merged);
    }
    Ok(())
}

fn full_tag(tag: &Tag) -> String {
    format!("{}{}", tag.handle(), tag.suffix())
}

/// The Go library refuses the escape `\/`, which later YAML versions know.
fn refuse_slash_escape(source: &str, line: usize) -> Result<(), YamlError> {
    let mut bytes = source.bytes();
    while let Some(byte) = bytes.next() {
        if byte == b'\\' && bytes.next() == Some(b'/') {
            let reason = "the escape `\\/` is unknown to YAML 1.1; write `/`".to_owned();
            return Err(YamlError::Syntax { line, reason });
        }
    }
    Ok(())
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
            laughs.push_str(&format!(
                "a{level}: &a{level} [{}]\n",
                [alias.as_str(); 9].join(", ")
            ));
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
