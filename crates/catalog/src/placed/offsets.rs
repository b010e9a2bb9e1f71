//! Where in a file the parser was, if it was given a prepared text: blanks were added at the beginning of lines, and characters
//! replaced by others of another length.

/// Offsets in a prepared text, as offsets in the file.
pub(super) struct Offsets {
    /// Where the two begin to run apart differently: first in the prepared text, then in the original one.
    turns: Vec<(usize, usize)>,
    /// Bytes of the file before the original text.
    skipped: usize,
}

impl Offsets {
    /// Compares a text with what was made of it: the same text if nothing was.
    pub(super) fn new(original: &str, prepared: Option<&str>, skipped: usize) -> Self {
        let mut turns = vec![(0, 0)];
        let Some(prepared) = prepared else {
            return Self { turns, skipped };
        };
        let (mut before, mut after) = (0, 0);
        let lines = original.split_inclusive('\n');
        for (old, new) in lines.zip(prepared.split_inclusive('\n')) {
            // Blanks are one byte each.
            let added = new.chars().count().saturating_sub(old.chars().count());
            if added > 0 {
                turns.extend([(after, before), (after + added, before)]);
                after += added;
            }
            for (old, new) in old.chars().zip(new.chars().skip(added)) {
                before += old.len_utf8();
                after += new.len_utf8();
                if old.len_utf8() != new.len_utf8() {
                    turns.push((after, before));
                }
            }
        }
        Self { turns, skipped }
    }

    /// The place in the file; of an added blank, that of what follows it.
    pub(super) fn original(&self, prepared: usize) -> usize {
        let next = self.turns.partition_point(|(after, _)| *after <= prepared);
        let (after, before) = self.turns[next.saturating_sub(1)];
        let moved = before + (prepared - after);
        let end = self.turns.get(next).map_or(usize::MAX, |turn| turn.1);
        moved.min(end) + self.skipped
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn added_blanks_and_longer_characters_are_taken_off() {
        let offsets = Offsets::new("a\u{85}b\nc\nd\n", Some("a\u{e000}b\n  c\nd\n"), 3);
        for (prepared, original) in [
            (0, 3),
            (1, 4),
            (4, 6),
            (5, 7),
            (6, 8),
            (7, 8),
            (8, 8),
            (9, 9),
            (10, 10),
        ] {
            assert_eq!(offsets.original(prepared), original, "{prepared}");
        }
    }
}
