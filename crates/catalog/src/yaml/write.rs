//! YAML as the reference tools write it: block style, keys in a natural order, long lines folded.
//!
//! Which style a text gets and where it is folded follows the Go library that writes it there, because catalogs are
//! compared byte for byte.

mod keys;
mod text;

use std::collections::BTreeMap;

use memchr::{memchr, memchr2};

use super::scalar::is_plain_text;
use crate::json::{Number, Value, run_until};
use text::{Style, Traits};

/// How far a level is indented.
const STEP: usize = 2;
/// The column behind which lines are folded where they can.
const WIDTH: usize = 80;
/// Longer keys are written after a question mark.
const LONGEST_KEY: usize = 128;

/// Appends a value as a YAML document that ends with a line break.
pub fn write(text: &mut String, value: &Value) {
    let mut emitter = Emitter { text, column: 0 };
    emitter.value(value, Place::Root, 0);
    emitter.end_line();
}

/// Where a value stands, which decides whether a collection begins on the same line.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Root,
    /// Behind `key:`.
    Mapping,
    /// Behind a dash.
    Sequence,
}

struct Emitter<'a> {
    text: &'a mut String,
    /// Characters on the current line.
    column: usize,
}

impl Emitter<'_> {
    fn push(&mut self, character: char) {
        self.text.push(character);
        self.column = if character == '\n' {
            0
        } else {
            self.column + 1
        };
    }

    /// Appends text without line break.
    fn push_str(&mut self, text: &str) {
        self.text.push_str(text);
        self.column += text.chars().count();
    }

    fn end_line(&mut self) {
        if self.column > 0 {
            self.push('\n');
        }
    }

    /// Begins a line that is indented to a column.
    fn line(&mut self, column: usize) {
        self.end_line();
        self.indent(column);
    }

    /// A blank between an indicator and what follows on its line.
    fn gap(&mut self, place: Place) {
        if place != Place::Root {
            self.push(' ');
        }
    }

    /// Writes a value whose parent's items stand at `column`.
    fn value(&mut self, value: &Value, place: Place, column: usize) {
        match value {
            Value::Array(elements) if elements.is_empty() => {
                self.gap(place);
                self.push_str("[]");
            }
            Value::Object(members) if members.is_empty() => {
                self.gap(place);
                self.push_str("{}");
            }
            Value::Array(elements) => self.sequence(elements, place, column),
            Value::Object(members) => self.mapping(members, place, column),
            Value::String(text) => {
                let inner = if place == Place::Root {
                    0
                } else {
                    column + STEP
                };
                self.string(text, place, inner);
            }
            Value::Null => self.plain_word("null", place),
            Value::Bool(true) => self.plain_word("true", place),
            Value::Bool(false) => self.plain_word("false", place),
            Value::Number(number) => self.plain_word(&number_text(*number), place),
        }
    }

    fn plain_word(&mut self, word: &str, place: Place) {
        self.gap(place);
        self.push_str(word);
    }

    fn sequence(&mut self, elements: &[Value], place: Place, column: usize) {
        // The dashes of a list below a key stand at the column of the key.
        let inner = if place == Place::Sequence {
            column + STEP
        } else {
            column
        };
        for (index, element) in elements.iter().enumerate() {
            if index == 0 && place == Place::Sequence {
                self.push(' ');
            } else {
                self.line(inner);
            }
            self.push('-');
            self.value(element, Place::Sequence, inner);
        }
    }

    fn mapping(&mut self, members: &BTreeMap<String, Value>, place: Place, column: usize) {
        let inner = if place == Place::Root {
            column
        } else {
            column + STEP
        };
        let mut sorted: Vec<(&String, &Value)> = members.iter().collect();
        sorted.sort_by(|(a, _), (b, _)| keys::compare(a, b));
        for (index, (key, member)) in sorted.into_iter().enumerate() {
            if index == 0 && place == Place::Sequence {
                self.push(' ');
            } else {
                self.line(inner);
            }
            self.key(key, inner);
            self.value(member, Place::Mapping, inner);
        }
    }

    fn key(&mut self, key: &str, column: usize) {
        let traits = Traits::of(key);
        if key.len() <= LONGEST_KEY && !traits.multiline {
            let style = traits.style(wanted(key), true);
            self.scalar(key, style, false, column);
        } else {
            self.push('?');
            self.string(key, Place::Mapping, column + STEP);
            self.line(column);
        }
        self.push(':');
    }

    /// Writes a text; further lines are indented to `column`.
    fn string(&mut self, string: &str, place: Place, column: usize) {
        let style = Traits::of(string).style(wanted(string), false);
        self.gap(place);
        self.scalar(string, style, true, column);
    }

    fn scalar(&mut self, string: &str, style: Style, fold: bool, column: usize) {
        match style {
            Style::Plain => self.plain(string, fold, column),
            Style::Single => self.single(string, fold, column),
            Style::Double => self.double(string, fold, column),
            Style::Literal => self.literal(string, column),
        }
    }

    /// Whether a blank can become a line break here.
    fn folds(&self, fold: bool, after_blank: bool) -> bool {
        fold && !after_blank && self.column > WIDTH
    }

    fn plain(&mut self, string: &str, fold: bool, column: usize) {
        let (mut rest, mut after_blank) = (string, false);
        while let Some(at) = memchr(b' ', rest.as_bytes()) {
            self.push_str(&rest[..at]);
            after_blank &= at == 0;
            rest = &rest[at + 1..];
            if self.folds(fold, after_blank) && !rest.starts_with(' ') {
                self.line(column);
            } else {
                self.push(' ');
            }
            after_blank = true;
        }
        self.push_str(rest);
    }

    fn single(&mut self, string: &str, fold: bool, column: usize) {
        self.push('\'');
        let (mut rest, mut after_blank, mut first) = (string, false, true);
        while let Some(at) = memchr2(b' ', b'\'', rest.as_bytes()) {
            self.push_str(&rest[..at]);
            after_blank &= at == 0;
            first &= at == 0;
            let is_blank = rest[at..].starts_with(' ');
            rest = &rest[at + 1..];
            if !is_blank {
                self.push_str("''");
            } else if !(first || rest.is_empty() || rest.starts_with(' '))
                && self.folds(fold, after_blank)
            {
                self.line(column);
            } else {
                self.push(' ');
            }
            (after_blank, first) = (is_blank, false);
        }
        self.push_str(rest);
        self.push('\'');
    }

    fn double(&mut self, string: &str, fold: bool, column: usize) {
        self.push('"');
        let (mut rest, mut after_blank, mut first) = (string, false, true);
        loop {
            let ordinary = run_until(rest.as_bytes(), |byte| {
                [byte <= b' ', byte == b'"', byte == b'\\', byte > b'~']
            });
            self.push_str(&rest[..ordinary]);
            after_blank &= ordinary == 0;
            first &= ordinary == 0;
            rest = &rest[ordinary..];
            let Some(character) = rest.chars().next() else {
                break;
            };
            rest = &rest[character.len_utf8()..];
            if let Some(escape) = text::escape(character) {
                self.push_str(&escape);
            } else if character != ' ' {
                self.push(character);
            } else if !rest.is_empty() && !first && self.folds(fold, after_blank) {
                self.line(column);
                if rest.starts_with(' ') {
                    self.push('\\');
                }
            } else {
                self.push(' ');
            }
            (after_blank, first) = (character == ' ', false);
        }
        self.push('"');
    }

    fn literal(&mut self, string: &str, column: usize) {
        self.push('|');
        if string.starts_with([' ', '\n', '\r', '\u{85}', '\u{2028}', '\u{2029}']) {
            self.push_str("2");
        }
        let mut backwards = string.chars().rev();
        match (
            backwards.next().map(text::is_break),
            backwards.next().map(text::is_break),
        ) {
            (Some(false), _) => self.push('-'),
            (Some(true), None | Some(true)) => self.push('+'),
            _ => {}
        }
        self.push('\n');
        let (mut rest, mut at_start) = (string, true);
        while let Some(character) = rest.chars().next() {
            let mut end = character.len_utf8();
            if text::is_break(character) {
                self.push(character);
                at_start = true;
            } else {
                if at_start {
                    self.indent(column);
                }
                // What every line break begins with.
                end += run_until(&rest.as_bytes()[end..], |byte| {
                    [byte == b'\n', byte == b'\r', byte == 0xc2, byte == 0xe2]
                });
                self.push_str(&rest[..end]);
                at_start = false;
            }
            rest = &rest[end..];
        }
    }

    fn indent(&mut self, column: usize) {
        self.text.extend(std::iter::repeat_n(' ', column));
        self.column += column;
    }
}

/// The style a text is meant to have before its characters are looked at.
fn wanted(string: &str) -> Style {
    if string.contains('\n') {
        Style::Literal
    } else if is_plain_text(string) {
        Style::Plain
    } else {
        Style::Double
    }
}

fn number_text(number: Number) -> String {
    number.to_plain_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(json: &str, expected: &str) {
        let value = crate::json::parse(json.as_bytes()).unwrap();
        let mut text = String::new();
        write(&mut text, &value);
        assert_eq!(text, expected, "{json}");
    }

    #[test]
    fn collections_are_written_in_blocks() {
        check(
            r#"{"a":[{"b":1,"c":[2,[3,4],{}]}],"d":{"e":{}},"f":[]}"#,
            "a:\n- b: 1\n  c:\n  - 2\n  - - 3\n    - 4\n  - {}\nd:\n  e: {}\nf: []\n",
        );
    }

    #[test]
    fn texts_that_mean_something_else_are_quoted() {
        for (text, expected) in [
            ("yes", "\"yes\""),
            ("1.0", "\"1.0\""),
            ("null", "\"null\""),
            ("", "\"\""),
            ("~", "\"~\""),
            ("2020-01-01", "\"2020-01-01\""),
            ("2020-01-01T10:20:30Z", "\"2020-01-01T10:20:30Z\""),
            ("2020-01-01T10:20:30", "2020-01-01T10:20:30"),
            ("2020-1-1 1:2:3.4", "\"2020-1-1 1:2:3.4\""),
            ("2020-13-01", "2020-13-01"),
            ("190:20", "\"190:20\""),
            ("a: b", "'a: b'"),
            ("- x", "'- x'"),
            ("#c", "'#c'"),
            ("@x", "'@x'"),
            ("%", "'%'"),
            (" lead", "' lead'"),
            ("it's", "it's"),
            ("x\ty", "\"x\\ty\""),
            ("\u{1f600}", "\"\\U0001F600\""),
            ("é", "é"),
            ("1.2.3", "1.2.3"),
            (">=1.0", "'>=1.0'"),
        ] {
            let json = format!(
                "[{}]",
                crate::json::to_text(&Value::String(text.to_owned()))
            );
            check(&json, &format!("- {expected}\n"));
        }
    }

    #[test]
    fn lines_are_blocks_where_they_can_be() {
        check(r#"{"a":"x\ny\n"}"#, "a: |\n  x\n  y\n");
        check(r#"{"a":"x\n\n y"}"#, "a: |-\n  x\n\n   y\n");
        check(r#"{"a":["x\n\n"]}"#, "a:\n- |+\n  x\n\n");
        check(r#"{"a":"x \ny"}"#, "a: \"x \\ny\"\n");
    }
}
