//! What the characters of a text allow.

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
        let characters: Vec<char> = text.chars().collect();
        let mut indicators = text.starts_with("---") || text.starts_with("...");
        let (mut breaks, mut special) = (false, false);
        let (mut blank_then_break, mut break_then_blank) = (false, false);
        let mut previous = None;
        for (index, &character) in characters.iter().enumerate() {
            let next_is_blank = characters
                .get(index + 1)
                .is_none_or(|next| matches!(next, ' ' | '\t'));
            let after_blank =
                previous.is_none_or(|before| matches!(before, ' ' | '\t') || is_break(before));
            indicators |= match character {
                '#' => after_blank,
                ',' | '[' | ']' | '{' | '}' | '&' | '*' | '!' | '|' | '>' | '\'' | '"' | '%'
                | '@' | '`' => index == 0,
                '-' | '?' => index == 0 && next_is_blank,
                ':' => next_is_blank,
                _ => false,
            };
            special |= !is_printable(character);
            if is_break(character) {
                breaks = true;
                blank_then_break |= previous == Some(' ');
            } else if character == ' ' {
                break_then_blank |= previous.is_some_and(is_break);
            }
            previous = Some(character);
        }
        let edge = |character: Option<&char>| {
            character.is_some_and(|character| *character == ' ' || is_break(*character))
        };
        let edges = edge(characters.first()) || edge(characters.last());
        let none = blank_then_break || special;
        Self {
            multiline: breaks,
            plain: !(edges || break_then_blank || none || breaks || indicators),
            single: !(break_then_blank || none),
            literal: !(characters.last() == Some(&' ') || none || characters.is_empty()),
            empty: characters.is_empty(),
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
