//! Composing values from the parser's events.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashMap};

use granit_parser::{ErrorKind, Event, Parser, ScalarStyle, ScanError, Span, Tag};

use super::breaks::Breaks;
use super::{Expansion, YamlError, scalar};
use crate::json::{MAX_DEPTH, Value};

/// Why composing ended early.
pub(super) enum Stop {
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

pub(super) struct Composer<'a> {
    text: &'a str,
    breaks: Option<&'a Breaks>,
    /// Lines indented before parsing, which must not lie in block scalars.
    indented: &'a BTreeSet<usize>,
    open: Vec<(Open, usize)>,
    anchors: HashMap<usize, Anchored>,
    expansion: &'a Expansion,
    slash_escapes: bool,
}

impl<'a> Composer<'a> {
    pub(super) fn new(
        text: &'a str,
        breaks: Option<&'a Breaks>,
        indented: &'a BTreeSet<usize>,
        expansion: &'a Expansion,
    ) -> Self {
        Self {
            text,
            breaks,
            indented,
            open: Vec::new(),
            anchors: HashMap::new(),
            expansion,
            slash_escapes: text.contains("\\/"),
        }
    }

    pub(super) fn document(mut self) -> Result<Value, Stop> {
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
                let block = matches!(style, ScalarStyle::Literal | ScalarStyle::Folded);
                if block && let Some(line) = self.indented.range(line..span.end.line()).next() {
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
                let text = match self.breaks {
                    _ if omitted => Cow::Borrowed(""),
                    None => text,
                    // The span begins behind the indentation of the first line.
                    Some(breaks) if block => Cow::Owned(breaks.restore(&text, span.start.col())),
                    Some(breaks) => Cow::Owned(breaks.fold(&text)),
                };
                let value = scalar::resolve(&text, plain, tag.as_deref())
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

    fn charge(&self, values: usize, bytes: usize, line: usize) -> Result<(), YamlError> {
        if self.expansion.take(values, bytes) {
            Ok(())
        } else {
            Err(YamlError::Aliases { line })
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
