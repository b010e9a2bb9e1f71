//! How texts are written as YAML scalars, and put in the place of others.

use std::ops::Range;

use catalog::json;
use catalog::placed::{self, Expansion, Place, Style, Value};
use catalog::yaml;

use super::align::align;
use super::edit::Patch;

/// A part of a text, in bytes, and what takes its place.
pub(super) type Part = (Range<usize>, String);

/// A text with some parts replaced, which are in order and do not overlap.
pub(super) fn with_parts(text: &str, parts: &[Part]) -> String {
    let (mut new, mut at) = (String::with_capacity(text.len()), 0);
    for (range, part) in parts {
        new.push_str(&text[at..range.start]);
        new.push_str(part);
        at = range.end;
    }
    new.push_str(&text[at..]);
    new
}

/// The patches that replace parts of a scalar, or all of it, in the file `source`. Its style stays, unless the new text cannot be written in it.
///
/// `None` if the notation cannot be understood; whether the result says what was meant is for the caller to check.
pub(super) fn rewrite(
    source: &str,
    place: Place,
    text: &str,
    parts: &[Part],
) -> Option<Vec<Patch>> {
    let notation = source.get(place.start..place.end)?;
    if let [(range, new)] = parts
        && *range == (0..text.len())
    {
        return Some(vec![whole(source, notation, place, text, new)?]);
    }
    let ranges: Vec<Range<usize>> = parts.iter().map(|(range, _)| range.clone()).collect();
    let found = align(notation, place.style, text, &ranges)?;
    let patch = |(range, (_, new)): (Range<usize>, &Part)| {
        let text = match place.style {
            Style::SingleQuoted => new.replace('\'', "''"),
            Style::DoubleQuoted => escaped(new),
            _ => new.clone(),
        };
        let range = place.start + range.start..place.start + range.end;
        Patch { range, text }
    };
    Some(found.into_iter().zip(parts).map(patch).collect())
}

/// The patch that replaces all of a scalar.
fn whole(source: &str, notation: &str, place: Place, text: &str, new: &str) -> Option<Patch> {
    let all = place.start..place.end;
    let patch = |range, text| Some(Patch { range, text });
    match place.style {
        Style::Plain if is_plain(new) => patch(all, new.to_owned()),
        Style::SingleQuoted if new.chars().all(|character| !character.is_control()) => {
            patch(all, format!("'{}'", new.replace('\'', "''")))
        }
        Style::Plain | Style::SingleQuoted | Style::DoubleQuoted => patch(all, quoted(new)),
        Style::Literal | Style::Folded => {
            let content = align(
                notation,
                place.style,
                text,
                std::slice::from_ref(&(0..text.len())),
            );
            match content.as_deref() {
                Some([range]) if is_plain(new) => patch(
                    place.start + range.start..place.start + range.end,
                    new.to_owned(),
                ),
                _ => {
                    let end = place.start + notation.trim_end().len();
                    patch(header(source, place.start)?..end, quoted(new))
                }
            }
        }
        Style::Block | Style::Flow => None,
    }
}

/// Where the header of a block scalar begins whose text begins here.
fn header(source: &str, content: usize) -> Option<usize> {
    let line_start = source.get(..content)?.rfind('\n')? + 1;
    let before = source[..line_start].trim_end();
    let line = before.rfind('\n').map_or(0, |line_end| line_end + 1);
    // A comment may follow the header, and hold anything.
    let mut candidates = before[line..].match_indices(['|', '>']);
    let (offset, _) = candidates.find(|(offset, _)| {
        let rest = before[line + offset + 1..]
            .trim_start_matches(['+', '-', '0', '1', '2', '3', '4', '5', '6', '7', '8', '9']);
        rest.is_empty() || rest.starts_with([' ', '\t'])
    })?;
    Some(line + offset)
}

/// Text as a scalar on one line: plain where every reader takes that for a text, else in quotation marks.
pub(super) fn scalar(text: &str) -> String {
    if is_plain(text) {
        text.to_owned()
    } else {
        quoted(text)
    }
}

/// Text in quotation marks, as JSON has them.
pub(super) fn quoted(text: &str) -> String {
    json::to_text(&json::Value::String(text.to_owned()))
}

fn escaped(text: &str) -> String {
    let quoted = quoted(text);
    quoted[1..quoted.len() - 1].to_owned()
}

/// Whether every reader takes this for a text, in a block as well as within brackets.
fn is_plain(text: &str) -> bool {
    let usual = |byte: u8| {
        byte.is_ascii_alphanumeric() || matches!(byte, b'/' | b'-' | b'.' | b'_' | b'@' | b':')
    };
    // Old readers take `12:30` for a number.
    let has_letter = text.bytes().any(|byte| byte.is_ascii_alphabetic());
    text.bytes().all(usual)
        && has_letter
        && text.starts_with(|first: char| first.is_ascii_alphanumeric())
        && !text.ends_with(':')
        && matches!(yaml::parse(text.as_bytes()), Ok(json::Value::String(same)) if same == text)
        && placed::document(text.as_bytes(), &Expansion::of_size(0))
            .is_ok_and(|node| node.value == Value::String(text.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_plain_where_no_reader_takes_them_for_something_else() {
        for plain in [
            "quay.io/a/b:1",
            "a@sha256:00",
            "v1",
            "demo-cmp",
            "localhost:5000/x",
        ] {
            assert_eq!(scalar(plain), plain);
        }
        for other in [
            "",
            "yes",
            "1",
            "12:30",
            "1e3",
            "0x1F",
            "null",
            "a b",
            "a:",
            "-a",
            "2020-01-02",
            "a#b",
            "{a}",
            "é",
        ] {
            assert!(scalar(other).starts_with('"'), "{other}");
        }
    }

    /// The file after the whole of the value under `a` was replaced.
    fn check(source: &str, new: &str, expected: &str) {
        let root = placed::document(source.as_bytes(), &Expansion::of_size(0)).unwrap();
        let node = root.get("a").unwrap();
        let text = node.as_str().unwrap();
        let patches =
            rewrite(source, node.place, text, &[(0..text.len(), new.to_owned())]).unwrap();
        let (bytes, _) = super::super::edit::apply(source.as_bytes(), patches).unwrap();
        assert_eq!(std::str::from_utf8(&bytes), Ok(expected));
        let root = placed::document(&bytes, &Expansion::of_size(0)).unwrap();
        assert_eq!(root.get("a").unwrap().as_str(), Some(new));
    }

    #[test]
    fn whole_scalars_keep_their_style_where_they_can() {
        check("a: x/y # c\n", "u/v:1", "a: u/v:1 # c\n");
        check("a: x/y # c\n", "1", "a: \"1\" # c\n");
        check("a: 'x/y'\n", "it's", "a: 'it''s'\n");
        check("a: 'x'\n", "p\nq", "a: \"p\\nq\"\n");
        check("a: \"x\"\n", "u", "a: \"u\"\n");
        check("a: |-\n  x/y\nb: 1\n", "u/v", "a: |-\n  u/v\nb: 1\n");
        check(
            "a: >- # c | d\n  x/y\nb: 1\n",
            "u/v",
            "a: >- # c | d\n  u/v\nb: 1\n",
        );
        check("a: | # c\n  x/y\n\nb: 1\n", "u/v", "a: \"u/v\"\n\nb: 1\n");
        check("a: !!str x\n", "u", "a: !!str u\n");
        check("a: &b x\nc: *b\n", "u", "a: &b u\nc: *b\n");
        check(
            "[{a: x}]\n".trim_start_matches('[').trim_end_matches("]\n"),
            "u:1",
            "{a: u:1}",
        );
    }
}
