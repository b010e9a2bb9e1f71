//! Which bytes of a scalar's notation stand for which part of its text.

use std::collections::BTreeMap;
use std::ops::Range;

use catalog::placed::Style;

/// A character of the text, and the bytes that stand for it.
type Unit = (char, Range<usize>);

/// For parts of a scalar's text, which do not overlap, the bytes of its notation that stand for them; relative to the beginning of the notation.
///
/// White space is not compared: folding and indentation change it, and no pull spec has any. `None` where the rest differs, or a part
/// begins or ends with white space.
pub(super) fn align(
    notation: &str,
    style: Style,
    text: &str,
    parts: &[Range<usize>],
) -> Option<Vec<Range<usize>>> {
    let units: Vec<Unit> = match style {
        Style::Plain | Style::Literal | Style::Folded => characters(notation, 0).collect(),
        Style::SingleQuoted => single_quoted(notation)?,
        Style::DoubleQuoted => double_quoted(notation)?,
        Style::Block | Style::Flow => return None,
    };
    let written = units
        .into_iter()
        .filter(|(character, _)| !is_white(*character));
    let mut said = characters(text, 0).filter(|(character, _)| !is_white(*character));
    // The beginnings and ends of the parts, as far as they were met.
    let mut met = vec![(None, None); parts.len()];
    let by = |end: fn(&Range<usize>) -> usize| -> BTreeMap<usize, usize> {
        let ends = parts.iter().enumerate();
        ends.map(|(index, part)| (end(part), index)).collect()
    };
    let (starts, ends) = (by(|part| part.start), by(|part| part.end));
    for (character, bytes) in written {
        let (expected, place) = said.next()?;
        if character != expected {
            return None;
        }
        if let Some(index) = starts.get(&place.start) {
            met[*index].0 = Some(bytes.start);
        }
        if let Some(index) = ends.get(&place.end) {
            met[*index].1 = Some(bytes.end);
        }
    }
    if said.next().is_some() {
        return None;
    }
    let ranges = met.into_iter().map(|(start, end)| Some(start?..end?));
    ranges.collect()
}

fn is_white(character: char) -> bool {
    matches!(
        character,
        ' ' | '\t' | '\r' | '\n' | '\u{85}' | '\u{2028}' | '\u{2029}'
    )
}

fn characters(text: &str, from: usize) -> impl Iterator<Item = Unit> + '_ {
    text.char_indices().map(move |(offset, character)| {
        let start = from + offset;
        (character, start..start + character.len_utf8())
    })
}

fn single_quoted(notation: &str) -> Option<Vec<Unit>> {
    let inner = notation.strip_prefix('\'')?.strip_suffix('\'')?;
    let mut units = Vec::with_capacity(inner.len());
    let mut characters = characters(inner, 1);
    while let Some((character, mut bytes)) = characters.next() {
        if character == '\'' {
            bytes.end = characters.next()?.1.end;
        }
        units.push((character, bytes));
    }
    Some(units)
}

fn double_quoted(notation: &str) -> Option<Vec<Unit>> {
    let inner = notation.strip_prefix('"')?.strip_suffix('"')?;
    let mut units = Vec::with_capacity(inner.len());
    let mut characters = characters(inner, 1);
    while let Some((mut character, mut bytes)) = characters.next() {
        if character == '\\' {
            let (escape, place) = characters.next()?;
            bytes.end = place.end;
            let digits = match escape {
                'x' => 2,
                'u' => 4,
                'U' => 8,
                _ => 0,
            };
            character = match escape {
                '0' => '\0',
                'a' => '\u{7}',
                'b' => '\u{8}',
                'v' => '\u{b}',
                'f' => '\u{c}',
                'e' => '\u{1b}',
                'N' => '\u{85}',
                '_' => '\u{a0}',
                'L' => '\u{2028}',
                'P' => '\u{2029}',
                't' | 'n' | 'r' => ' ',
                'x' | 'u' | 'U' => {
                    let mut code = 0;
                    for _ in 0..digits {
                        let (digit, place) = characters.next()?;
                        code = code * 16 + digit.to_digit(16)?;
                        bytes.end = place.end;
                    }
                    char::from_u32(code)?
                }
                // The slash, the quotation mark, the backslash, and white space, which line ends are.
                other => other,
            };
        }
        units.push((character, bytes));
    }
    Some(units)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The bytes that stand for the one `part` of the text.
    fn check(notation: &str, style: Style, text: &str, part: &str, expected: Option<&str>) {
        let start = text.find(part).unwrap();
        let place = start..start + part.len();
        let found = align(notation, style, text, std::slice::from_ref(&place));
        let found = found.map(|ranges| &notation[ranges[0].clone()]);
        assert_eq!(found, expected, "{notation:?}");
    }

    #[test]
    fn parts_are_found_in_every_notation() {
        check(
            "see a/b:1 now",
            Style::Plain,
            "see a/b:1 now",
            "a/b:1",
            Some("a/b:1"),
        );
        check(
            "see\n   a/b:1",
            Style::Plain,
            "see a/b:1",
            "a/b:1",
            Some("a/b:1"),
        );
        check(
            "'it''s a/b:1'",
            Style::SingleQuoted,
            "it's a/b:1",
            "a/b:1",
            Some("a/b:1"),
        );
        check(
            r#""\"a\/b\u003a1\"""#,
            Style::DoubleQuoted,
            "\"a/b:1\"",
            "a/b:1",
            Some(r"a\/b\u003a1"),
        );
        check(
            "\"a/\\\n  b:1\\n\"",
            Style::DoubleQuoted,
            "a/b:1\n",
            "a/b:1",
            Some("a/\\\n  b:1"),
        );
        check(
            "x\n    a/b:1\n",
            Style::Literal,
            "x\na/b:1\n",
            "a/b:1",
            Some("a/b:1"),
        );
        check(
            "a/b:1\n  a/b:1",
            Style::Folded,
            "a/b:1 a/b:1",
            "a/b:1",
            Some("a/b:1"),
        );
        check(
            r#""\U0001F600a""#,
            Style::DoubleQuoted,
            "😀a",
            "a",
            Some("a"),
        );
    }

    #[test]
    fn what_does_not_say_the_text_has_no_parts() {
        check("a/c:1", Style::Plain, "a/b:1", "a/b:1", None);
        check("a/b:1 x", Style::Plain, "a/b:1", "a/b:1", None);
        check("a/b:", Style::Plain, "a/b:1", "a/b:1", None);
        check("{a}", Style::Flow, "a", "a", None);
        check(r#""\ud83d""#, Style::DoubleQuoted, "a", "a", None);
    }
}
