//! The line breaks of YAML 1.1 that later versions of the standard take for text: U+0085, U+2028 and U+2029.
//!
//! They are replaced by marks before the text is parsed, so that written ones can be told from escaped ones, and folded in the
//! scalars afterwards: blanks around them vanish, U+2028 and U+2029 stay, U+0085 is an ordinary line break.

const BREAKS: [char; 3] = ['\u{85}', '\u{2028}', '\u{2029}'];

/// The characters that stand for the three breaks, in their order.
pub(super) struct Breaks {
    marks: [char; 3],
}

impl Breaks {
    /// Whether a text has such breaks.
    pub(super) fn are_in(text: &str) -> bool {
        // The bytes that the breaks begin with; base64 and most other text has none of them.
        let may_be = |byte: &u8| matches!(byte, 0xc2 | 0xe2);
        text.as_bytes().iter().any(may_be) && text.contains(BREAKS)
    }

    /// Replaces the breaks by characters that the text does not hold; `None` if it has no breaks, or every such character.
    pub(super) fn mark(text: &str) -> Option<(String, Self)> {
        if !Self::are_in(text) {
            return None;
        }
        let used: std::collections::BTreeSet<char> = text
            .chars()
            .filter(|character| *character >= '\u{e000}')
            .collect();
        let mut free = ('\u{e000}'..='\u{f8ff}').filter(|mark| !used.contains(mark));
        let breaks = Self {
            marks: [free.next()?, free.next()?, free.next()?],
        };
        let marked = text.chars().map(|character| {
            match BREAKS.iter().position(|other| *other == character) {
                Some(place) => breaks.marks[place],
                None => character,
            }
        });
        Some((marked.collect(), breaks))
    }

    /// The break a character stands for.
    fn meaning(&self, character: char) -> Option<char> {
        self.marks
            .iter()
            .position(|mark| *mark == character)
            .map(|place| BREAKS[place])
    }

    /// The text of a block scalar whose lines were indented by so many blanks, which are no text behind these breaks either.
    pub(super) fn restore(&self, text: &str, indentation: usize) -> String {
        let mut restored = String::with_capacity(text.len());
        let mut rest = text;
        while let Some(at) = rest.find(self.marks) {
            restored.push_str(&rest[..at]);
            let mut behind = rest[at..].chars();
            let meaning = behind.next().and_then(|mark| self.meaning(mark));
            restored.extend(meaning.map(|other| if other == '\u{85}' { '\n' } else { other }));
            rest = behind.as_str();
            let blanks = rest.len() - rest.trim_start_matches(' ').len();
            rest = &rest[blanks.min(indentation)..];
        }
        restored.push_str(rest);
        restored
    }

    /// The text of a plain or quoted scalar, with the breaks folded.
    pub(super) fn fold(&self, text: &str) -> String {
        let mut folded = String::with_capacity(text.len());
        let mut rest = text;
        while let Some(at) = rest.find(self.marks) {
            folded.push_str(rest[..at].trim_end_matches([' ', '\t']));
            let blank = |character: char| {
                matches!(character, ' ' | '\t') || self.marks.contains(&character)
            };
            let end = rest[at..]
                .find(|character| !blank(character))
                .map_or(rest.len(), |length| at + length);
            let mut breaks = rest[at..end]
                .chars()
                .filter_map(|character| self.meaning(character));
            let first = breaks.next().filter(|first| *first != '\u{85}');
            let further: String = breaks
                .map(|other| if other == '\u{85}' { '\n' } else { other })
                .collect();
            match first {
                Some(first) => folded.push(first),
                None if further.is_empty() => folded.push(' '),
                None => {}
            }
            folded.push_str(&further);
            rest = &rest[end..];
        }
        folded.push_str(rest);
        folded
    }
}
