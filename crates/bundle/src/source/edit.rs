//! Changes of bytes, and the way back.

use std::ops::Range;

/// One change: some bytes of a file become others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edit {
    /// Where the first byte is, in the file before the change.
    pub offset: usize,
    /// The bytes that were there.
    pub old: Vec<u8>,
    /// Those that are there now.
    pub new: Vec<u8>,
}

/// One change, as people see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LineEdit {
    /// The line, from 1, that it begins on, in the file before the change.
    pub line: usize,
    /// The text that was there.
    pub old: String,
    /// The text that is there now.
    pub new: String,
}

/// Everything that was done to a file, so that it can be undone.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EditLog(Vec<Vec<Edit>>);

/// The bytes are not those that the changes led to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "byte {offset} is not what the log of changes left there; undo it on the file as it was written"
)]
pub struct UndoError {
    /// Where the difference is.
    pub offset: usize,
}

impl EditLog {
    /// The changes, in groups that were made at once, each in the order of the file.
    pub fn groups(&self) -> &[Vec<Edit>] {
        &self.0
    }

    /// The changes of a file with their lines; of one made after others, the line in the file that these left.
    pub fn lines(&self, before: &[u8]) -> Vec<LineEdit> {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let (mut bytes, mut lines) = (before.to_vec(), Vec::new());
        for group in &self.0 {
            let (mut after, mut at, mut line) = (Vec::with_capacity(bytes.len()), 0, 1);
            for Edit { offset, old, new } in group {
                let kept = bytes.get(at..*offset).unwrap_or_default();
                line += line_ends(kept);
                lines.push(LineEdit {
                    line,
                    old: text(old),
                    new: text(new),
                });
                line += line_ends(old);
                after.extend_from_slice(kept);
                after.extend_from_slice(new);
                at = offset + old.len();
            }
            after.extend_from_slice(bytes.get(at..).unwrap_or_default());
            bytes = after;
        }
        lines
    }

    /// Whether nothing was changed.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn push(&mut self, group: Vec<Edit>) {
        self.0.push(group);
    }

    /// The bytes before all changes.
    ///
    /// # Errors
    /// [`UndoError`] if the bytes are not those after them.
    pub fn undo(&self, bytes: &[u8]) -> Result<Vec<u8>, UndoError> {
        let mut bytes = bytes.to_vec();
        for group in self.0.iter().rev() {
            let (mut before, mut at) = (Vec::with_capacity(bytes.len()), 0);
            for edit in group {
                // What lies between two changes is as long before as after them.
                let kept = edit.offset.saturating_sub(before.len());
                let rest = bytes.get(at..).unwrap_or_default();
                let Some(rest) = rest.get(kept..).filter(|rest| rest.starts_with(&edit.new)) else {
                    return Err(UndoError { offset: at });
                };
                before.extend_from_slice(&bytes[at..at + kept]);
                before.extend_from_slice(&edit.old);
                at = bytes.len() - rest.len() + edit.new.len();
            }
            before.extend_from_slice(&bytes[at..]);
            bytes = before;
        }
        Ok(bytes)
    }
}

fn line_ends(bytes: &[u8]) -> usize {
    bytes.split(|byte| *byte == b'\n').count() - 1
}

/// What shall become of some bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Patch {
    pub(super) range: Range<usize>,
    pub(super) text: String,
}

/// Applies patches, which may not overlap; insertions at one place come in the order given. `None` if they do overlap.
pub(super) fn apply(bytes: &[u8], mut patches: Vec<Patch>) -> Option<(Vec<u8>, Vec<Edit>)> {
    patches.sort_by_key(|patch| (patch.range.start, patch.range.end));
    let (mut changed, mut edits, mut at) = (Vec::with_capacity(bytes.len()), Vec::new(), 0);
    for patch in patches {
        let old = bytes.get(patch.range.clone())?;
        changed.extend_from_slice(bytes.get(at..patch.range.start)?);
        changed.extend_from_slice(patch.text.as_bytes());
        at = patch.range.end;
        edits.push(Edit {
            offset: patch.range.start,
            old: old.to_vec(),
            new: patch.text.into_bytes(),
        });
    }
    changed.extend_from_slice(bytes.get(at..)?);
    Some((changed, edits))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn patch(range: Range<usize>, text: &str) -> Patch {
        let text = text.to_owned();
        Patch { range, text }
    }

    #[test]
    fn what_was_done_can_be_undone() {
        let mut log = EditLog::default();
        let (first, edits) = apply(
            b"0123456789",
            vec![patch(8..9, ""), patch(0..0, "ab"), patch(2..4, "xyz")],
        )
        .unwrap();
        assert_eq!(first, b"ab01xyz45679");
        log.push(edits);
        let (second, edits) = apply(&first, vec![patch(1..3, "-"), patch(12..12, "!")]).unwrap();
        assert_eq!(second, b"a-1xyz45679!");
        log.push(edits);
        assert_eq!(log.undo(&second).unwrap(), b"0123456789");
        assert!(log.undo(b"a+1xyz45679!").is_err());
        assert!(log.undo(b"a").is_err());
    }

    #[test]
    fn changes_are_told_with_their_lines() {
        let mut log = EditLog::default();
        let before = b"one\ntwo\nthree\n";
        let (second, edits) = apply(before, vec![patch(4..7, "2\n2"), patch(8..13, "3")]).unwrap();
        log.push(edits);
        let (_, edits) = apply(&second, vec![patch(8..9, "III")]).unwrap();
        log.push(edits);
        let told = log.lines(before).into_iter();
        let told: Vec<_> = told.map(|edit| (edit.line, edit.old, edit.new)).collect();
        let edit = |line, old: &str, new: &str| (line, old.to_owned(), new.to_owned());
        assert_eq!(
            told,
            [
                edit(2, "two", "2\n2"),
                edit(3, "three", "3"),
                edit(4, "3", "III")
            ]
        );
    }

    #[test]
    fn patches_that_overlap_are_refused() {
        assert_eq!(apply(b"0123", vec![patch(0..2, ""), patch(1..3, "")]), None);
        assert_eq!(apply(b"0123", vec![patch(3..5, "")]), None);
    }
}
