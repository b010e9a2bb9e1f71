//! Texts of pictures: short enough to be read, and of characters that every format can hold.

use std::fmt::{self, Write as _};

/// The longest text that is written out in a tooltip or an error, in characters.
pub(super) const LONGEST: usize = 200;
/// How many names a list spells out.
const LISTED: usize = 20;

/// A name of at most `longest` characters. Too long a name loses its middle: names differ at their ends.
///
/// Control characters and marks that turn the direction of writing are replaced, as in everything that is drawn.
pub fn shorten(name: &str, longest: usize) -> String {
    if name.chars().nth(longest).is_none() {
        return name.chars().map(plain).collect();
    }
    let kept = longest.saturating_sub(1);
    let tail: Vec<char> = name.chars().rev().take(kept / 2).collect();
    let head = name.chars().take(kept - tail.len());
    (head.chain(['…']).chain(tail.into_iter().rev()))
        .map(plain)
        .collect()
}

/// Prose of at most `longest` characters. Too long a text loses its end.
pub(super) fn cut(text: &str, longest: usize) -> String {
    if text.chars().nth(longest).is_none() {
        return text.chars().map(plain).collect();
    }
    let head = text.chars().take(longest.saturating_sub(1));
    head.chain(['…']).map(plain).collect()
}

/// XML cannot hold control characters, and others would let a text pretend to be a different one.
fn plain(character: char) -> char {
    match character {
        '\n' | '\t' => ' ',
        '\u{061c}'
        | '\u{200b}'..='\u{200f}'
        | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}'
        | '\u{feff}'
        | '\u{fffe}'
        | '\u{ffff}' => '\u{fffd}',
        character if character.is_control() => '\u{fffd}',
        character => character,
    }
}

/// A text as content or attribute of an XML element.
pub fn escape_xml(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '"' => escaped.push_str("&quot;"),
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            character => escaped.push(character),
        }
    }
    escaped
}

/// Appends to a text.
pub(super) fn put(out: &mut String, text: fmt::Arguments<'_>) {
    out.write_fmt(text)
        .expect("a string takes any text, and numbers and texts print without errors");
}

/// Names in backticks, the first of them if there are many.
pub(super) fn listing<T: AsRef<str>>(names: &[T]) -> String {
    if names.is_empty() {
        return "none".to_owned();
    }
    let listed: Vec<String> = (names.iter().take(LISTED))
        .map(|name| format!("`{}`", shorten(name.as_ref(), LONGEST)))
        .collect();
    let mut text = listed.join(", ");
    if names.len() > LISTED {
        put(
            &mut text,
            format_args!(" and {} more", names.len() - LISTED),
        );
    }
    text
}

/// A number of things: `1 bundle`, `2 bundles`.
pub(super) fn count(number: usize, thing: &str) -> String {
    let ending = if number == 1 { "" } else { "s" };
    format!("{number} {thing}{ending}")
}

/// The text of a deprecation.
pub(super) fn deprecated(message: &str) -> String {
    match message {
        "" => "deprecated".to_owned(),
        message => format!("deprecated: {}", cut(message, LONGEST)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_names_lose_their_middle_and_controls_are_replaced() {
        for (text, longest, expected) in [
            ("short", 5, "short"),
            ("operator.v1.2.3", 9, "oper….2.3"),
            ("ab", 1, "…"),
            ("a\u{0}b\u{202e}c\nd", 9, "a\u{fffd}b\u{fffd}c d"),
            ("äöüß", 3, "ä…ß"),
        ] {
            assert_eq!(shorten(text, longest), expected, "{text:?} in {longest}");
        }
    }

    #[test]
    fn long_prose_loses_its_end() {
        assert_eq!(cut("in short", 8), "in short");
        assert_eq!(cut("in\nlonger", 4), "in …");
    }

    #[test]
    fn long_lists_are_cut() {
        assert_eq!(listing::<&str>(&[]), "none");
        assert_eq!(listing(&["a", "b"]), "`a`, `b`");
        let many = vec!["x"; 23];
        assert!(listing(&many).ends_with("`x` and 3 more"));
    }
}
