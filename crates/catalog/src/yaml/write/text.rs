//! What the characters of a text allow.

use crate::json::run_of;

/// How a text is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Style {
    Plain,
    Single,
    Double,
    Literal,
}

/// Which styles the characters of a text allow.
#[derive(Debug, Clone, Copy)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "independent answers about one text"
)]
pub(super) struct Traits {
    pub(super) multiline: bool,
    plain: bool,
    single: bool,
    literal: bool,
    empty: bool,
}

impl Traits {
    pub(super) fn of(text: &str) -> Self {
        if !text.is_empty() && run_of(text.as_bytes(), quiet) == text.len() {
            return Self {
                multiline: false,
                plain: true,
                single: true,
                literal: true,
                empty: false,
            };
        }
        Self::of_characters(text)
    }

    fn of_characters(text: &str) -> Self {
        let mut indicators = text.starts_with("---") || text.starts_with("...");
        let (mut breaks, mut special) = (false, false);
        let (mut blank_then_break, mut break_then_blank) = (false, false);
        // Later YAML takes old line breaks for text: where they begin a line of a block it lacks its indentation, where they end
        // the block it lacks its end. The reference tool writes such blocks nonetheless.
        let mut old_break_at_edge = false;
        let mut previous = None;
        let mut characters = text.chars().peekable();
        while let Some(character) = characters.next() {
            let next_is_blank = characters
                .peek()
                .is_none_or(|next| matches!(next, ' ' | '\t'));
            let after_blank =
                previous.is_none_or(|before| matches!(before, ' ' | '\t') || is_break(before));
            let first = previous.is_none();
            indicators |= match character {
                '#' => after_blank,
                ',' | '[' | ']' | '{' | '}' | '&' | '*' | '!' | '|' | '>' | '\'' | '"' | '%'
                | '@' | '`' => first,
                '-' | '?' => first && next_is_blank,
                ':' => next_is_blank,
                _ => false,
            };
            special |= !is_printable(character);
            if is_break(character) {
                breaks = true;
                blank_then_break |= previous == Some(' ');
                old_break_at_edge |= character != '\n'
                    && (previous.is_none_or(is_break) || characters.peek().is_none());
            } else if character == ' ' {
                break_then_blank |= previous.is_some_and(is_break);
            }
            previous = Some(character);
        }
        let edge = |character: Option<char>| {
            character.is_some_and(|character| character == ' ' || is_break(character))
        };
        let edges = edge(text.chars().next()) || edge(previous);
        let none = blank_then_break || special;
        Self {
            multiline: breaks,
            plain: !(edges || break_then_blank || none || breaks || indicators),
            single: !(break_then_blank || none),
            literal: !(previous == Some(' ') || none || old_break_at_edge || text.is_empty()),
            empty: text.is_empty(),
        }
    }

    /// The style that is used where `wanted` is asked for; `key` on the line of its value.
    pub(super) fn style(self, wanted: Style, key: bool) -> Style {
        match wanted {
            Style::Plain if self.plain && !(self.empty && key) => Style::Plain,
            Style::Plain | Style::Single if self.single => Style::Single,
            Style::Literal if self.literal && !key => Style::Literal,
            Style::Plain | Style::Single | Style::Double | Style::Literal => Style::Double,
        }
    }
}

/// What makes a character one that allows every style wherever it stands; base64 has no others.
fn quiet(byte: u8) -> [bool; 5] {
    let is_letter = (byte | 0x20).wrapping_sub(b'a') < 26;
    // The slash stands in front of the digits.
    let is_digit = byte.wrapping_sub(b'/') < 11;
    [
        is_letter,
        is_digit,
        byte == b'+',
        byte == b'=',
        byte == b'_',
    ]
}

pub(super) fn is_break(character: char) -> bool {
    matches!(character, '\n' | '\r' | '\u{85}' | '\u{2028}' | '\u{2029}')
}

/// What is written as it is; characters beyond the basic plane are not.
fn is_printable(character: char) -> bool {
    matches!(character, '\n' | ' '..='~' | '\u{a0}'..='\u{d7ff}' | '\u{e000}'..='\u{fefe}' | '\u{ff00}'..='\u{fffd}')
}

/// How a character is written between double quotes, if not as it is.
pub(super) fn escape(character: char) -> Option<String> {
    let short = match character {
        '\0' => "\\0",
        '\u{7}' => "\\a",
        '\u{8}' => "\\b",
        '\t' => "\\t",
        '\n' => "\\n",
        '\u{b}' => "\\v",
        '\u{c}' => "\\f",
        '\r' => "\\r",
        '\u{1b}' => "\\e",
        '"' => "\\\"",
        '\\' => "\\\\",
        '\u{85}' => "\\N",
        '\u{2028}' => "\\L",
        '\u{2029}' => "\\P",
        _ if is_printable(character) => return None,
        _ => {
            let code = u32::from(character);
            return Some(match code {
                0..=0xff => format!("\\x{code:02X}"),
                0x100..=0xffff => format!("\\u{code:04X}"),
                _ => format!("\\U{code:08X}"),
            });
        }
    };
    Some(short.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::Value;

    #[test]
    fn quiet_characters_allow_every_style() {
        for byte in 0..=u8::MAX {
            let text = format!("{0}{0}", char::from(byte));
            if quiet(byte).contains(&true) {
                let traits = Traits::of_characters(&text);
                assert!(byte.is_ascii() && !traits.multiline, "{text}");
                assert!(traits.plain && traits.single && traits.literal, "{text}");
            }
        }
        assert!(
            b"azAZ09+/=_"
                .iter()
                .all(|byte| quiet(*byte).contains(&true))
        );
    }

    #[test]
    fn what_is_written_is_read_whatever_breaks_its_lines() {
        for text in [
            "\n\u{2028}\nx",
            "\u{2029}x\ny",
            "a\n\u{2028}b",
            "a\u{2028}b\nc",
            "a\n b\u{2028}\u{2029}c",
            "a\u{2028}\n\nb\n",
            "a\n\u{85}b",
            "a\nb\u{2028}",
        ] {
            let value = Value::Object([("k".to_owned(), Value::String(text.to_owned()))].into());
            let mut yaml = String::new();
            crate::yaml::write(&mut yaml, &value);
            assert_eq!(crate::yaml::parse(yaml.as_bytes()), Ok(value), "{yaml:?}");
        }
    }
}
