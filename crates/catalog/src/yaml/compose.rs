//! Composing values from the parser's events.

use std::borrow::Cow;
use std::collections::{BTreeSet, HashMap};

use granit_parser::{
    ErrorKind, Event, Marker, Parser, ScalarStyle, ScanError, Span, StructureStyle, Tag,
};

use super::breaks::Breaks;
use super::{Expansion, YamlError, scalar};
use crate::json::MAX_DEPTH;

/// What a document is composed to: the meaning of its parts, which depends on who reads it.
///
/// What a part cannot mean is refused with a reason, to which the composer adds the line.
pub(crate) trait Tree: Clone {
    /// A mapping that is still being read.
    type Members: Default;
    /// What a value becomes where it is a key.
    type Key;

    /// Whether the escape `\/`, which came with later versions of YAML, is refused.
    const REFUSES_SLASH_ESCAPE: bool;

    /// The value of a scalar; `plain` is one without quotes.
    fn scalar(text: &str, plain: bool, tag: Option<&str>) -> Result<Self, String>;
    /// Judges the tag of a sequence.
    fn check_sequence_tag(tag: &str) -> Result<(), String>;
    /// Judges the tag of a mapping.
    fn check_mapping_tag(tag: &str) -> Result<(), String>;
    /// The value of a sequence.
    fn sequence(elements: Vec<Self>) -> Self;
    /// The value of a mapping that is complete.
    fn mapping(members: Self::Members) -> Self;
    /// What a value becomes where it is a key.
    fn key(self) -> Result<Self::Key, String>;
    /// Adds a member.
    fn insert(members: &mut Self::Members, key: Self::Key, value: Self) -> Result<(), String>;
    /// Adds what stands under a merge key.
    fn merge(members: &mut Self::Members, value: Self) -> Result<(), String>;
    /// Adds the number of values in this one, itself included, and the bytes of its texts.
    fn measure(&self, values: &mut usize, bytes: &mut usize);
    /// Takes note of where the value was written, as the parser was given the text.
    fn written(&mut self, _: Written) {}
}

/// How a value was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Style {
    Scalar(ScalarStyle),
    Collection(StructureStyle),
}

/// Where a value was written, and how; a block scalar begins behind its header and the indentation of its first line.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Written {
    pub(crate) start: Marker,
    pub(crate) end: Marker,
    pub(crate) style: Style,
}

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
enum Key<K> {
    Plain(K),
    /// `<<`, whose value is merged into the mapping.
    Merge,
}

/// A collection that is still being read.
enum Open<T: Tree> {
    Sequence(Vec<T>),
    Mapping(T::Members, Option<Key<T::Key>>),
}

/// A collection that is still being read, with its anchor and its beginning.
struct Level<T: Tree> {
    open: Open<T>,
    anchor: usize,
    start: Marker,
    style: StructureStyle,
}

struct Anchored<T> {
    value: T,
    values: usize,
    bytes: usize,
}

pub(super) struct Composer<'a, T: Tree> {
    text: &'a str,
    breaks: Option<&'a Breaks>,
    /// Lines indented before parsing, which must not lie in block scalars.
    indented: &'a BTreeSet<usize>,
    open: Vec<Level<T>>,
    anchors: HashMap<usize, Anchored<T>>,
    expansion: &'a Expansion,
    slash_escapes: bool,
}

impl<'a, T: Tree> Composer<'a, T> {
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
            slash_escapes: T::REFUSES_SLASH_ESCAPE && text.contains("\\/"),
        }
    }

    /// The documents, up to so many; what follows the last of them is not looked at.
    pub(super) fn documents(mut self, limit: usize) -> Result<Vec<T>, Stop> {
        let options = granit_parser::options! {
            emit_comments: false,
            flow_nesting_limit: MAX_DEPTH,
            block_nesting_limit: MAX_DEPTH,
        };
        let mut parser = Parser::new_from_str_with_options(self.text, options);
        let mut documents = Vec::new();
        while documents.len() < limit
            && let Some(event) = parser.next_event()
        {
            let (event, span) = event?;
            if let Some(root) = self.event(event, span)? {
                documents.push(root);
                // Anchors belong to their document.
                self.anchors.clear();
            }
        }
        Ok(documents)
    }

    /// Takes one event in; gives the root value when it is complete.
    fn event(&mut self, event: Event<'_>, span: Span) -> Result<Option<T>, YamlError> {
        let line = span.start.line();
        match event {
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
                let mut value = T::scalar(&text, plain, tag.as_deref()).map_err(refused(line))?;
                value.written(Written {
                    start: span.start,
                    end: span.end,
                    style: Style::Scalar(style),
                });
                self.complete(value, anchor, merge, line)
            }
            Event::SequenceStart(style, anchor, tag) => {
                if let Some(tag) = tag {
                    T::check_sequence_tag(&full_tag(&tag)).map_err(refused(line))?;
                }
                self.descend(Open::Sequence(Vec::new()), anchor, span.start, style)
            }
            Event::MappingStart(style, anchor, tag) => {
                if let Some(tag) = tag {
                    T::check_mapping_tag(&full_tag(&tag)).map_err(refused(line))?;
                }
                let open = Open::Mapping(T::Members::default(), None);
                self.descend(open, anchor, span.start, style)
            }
            Event::SequenceEnd | Event::MappingEnd => {
                let Some(level) = self.open.pop() else {
                    return Ok(None);
                };
                let mut value = match level.open {
                    Open::Sequence(elements) => T::sequence(elements),
                    Open::Mapping(members, _) => T::mapping(members),
                };
                value.written(Written {
                    start: level.start,
                    end: span.end,
                    style: Style::Collection(level.style),
                });
                self.complete(value, level.anchor, false, line)
            }
            // Boundaries and presentation: the root value itself ends a document.
            _ => Ok(None),
        }
    }

    fn descend(
        &mut self,
        open: Open<T>,
        anchor: usize,
        start: Marker,
        style: StructureStyle,
    ) -> Result<Option<T>, YamlError> {
        if self.open.len() >= MAX_DEPTH {
            let line = start.line();
            let reason = format!("nested deeper than {MAX_DEPTH} levels");
            return Err(YamlError::NotJson { line, reason });
        }
        self.open.push(Level {
            open,
            anchor,
            start,
            style,
        });
        Ok(None)
    }

    /// Puts a complete value where it belongs: an element, a key, a member, or the root.
    fn complete(
        &mut self,
        value: T,
        anchor: usize,
        merge: bool,
        line: usize,
    ) -> Result<Option<T>, YamlError> {
        if anchor != 0 {
            self.define(anchor, &value, line)?;
        }
        match self.open.last_mut().map(|level| &mut level.open) {
            None => return Ok(Some(value)),
            Some(Open::Sequence(elements)) => elements.push(value),
            Some(Open::Mapping(members, pending)) => match pending.take() {
                None if merge => *pending = Some(Key::Merge),
                None => *pending = Some(Key::Plain(value.key().map_err(refused(line))?)),
                Some(Key::Plain(key)) => T::insert(members, key, value).map_err(refused(line))?,
                Some(Key::Merge) => T::merge(members, value).map_err(refused(line))?,
            },
        }
        Ok(None)
    }

    fn define(&mut self, anchor: usize, value: &T, line: usize) -> Result<(), YamlError> {
        let (mut values, mut bytes) = (0, 0);
        value.measure(&mut values, &mut bytes);
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

    fn expand(&mut self, anchor: usize, line: usize) -> Result<T, YamlError> {
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

/// The error of what has no JSON form, on this line.
fn refused(line: usize) -> impl FnOnce(String) -> YamlError {
    move |reason| YamlError::NotJson { line, reason }
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
