//! How differences are shown.

use std::fmt::Write as _;

use similar::{ChangeTag, TextDiff};

/// How many differing lines are shown, and how much of each.
const MAX_LINES: usize = 20;
const MAX_CHARS: usize = 240;
/// How many lines from the first difference on are compared.
const WINDOW: usize = 400;
/// How many equal characters are shown in front of the first difference of a long line.
const LEAD: usize = 60;

/// The first differing lines of two texts, `-` for what was recorded and `+` for ours; the texts must differ.
pub fn shown(ours: &[u8], recorded: &[u8]) -> String {
    let [ours, recorded] = [ours, recorded].map(String::from_utf8_lossy);
    let (ours, recorded): (Vec<&str>, Vec<&str>) =
        (ours.lines().collect(), recorded.lines().collect());
    let equal = ours
        .iter()
        .zip(&recorded)
        .take_while(|(a, b)| a == b)
        .count();
    let [ours_window, recorded_window] = [&ours, &recorded].map(|lines| {
        let end = lines.len().min(equal + WINDOW);
        &lines[equal..end]
    });
    if ours_window.is_empty() && recorded_window.is_empty() {
        return "  only line breaks differ".to_owned();
    }
    let diff = TextDiff::from_slices(recorded_window, ours_window);
    let changes: Vec<(char, &str)> = diff
        .iter_all_changes()
        .filter_map(|change| match change.tag() {
            ChangeTag::Equal => None,
            ChangeTag::Delete => Some(('-', change.value())),
            ChangeTag::Insert => Some(('+', change.value())),
        })
        .collect();
    // Long lines often differ far behind what fits on a screen.
    let skip = skipped(&changes);
    let mut text = format!(
        "  from line {} on (- recorded, {} lines; + ours, {} lines){}",
        equal + 1,
        recorded.len(),
        ours.len(),
        if skip > 0 {
            format!(", from character {} on", skip + 1)
        } else {
            String::new()
        }
    );
    for (mark, line) in changes.iter().take(MAX_LINES) {
        let part: String = line.chars().skip(skip).take(MAX_CHARS).collect();
        let _ = write!(text, "\n  {mark}{part}"); // Writing to a string does not fail.
    }
    if changes.len() > MAX_LINES {
        text.push_str("\n  …");
    }
    text
}

/// How many characters of every line are left out, so that the first difference is seen.
fn skipped(changes: &[(char, &str)]) -> usize {
    let first = |mark| changes.iter().find(|(of, _)| *of == mark);
    let (Some((_, a)), Some((_, b))) = (first('-'), first('+')) else {
        return 0;
    };
    let equal = a.chars().zip(b.chars()).take_while(|(a, b)| a == b).count();
    if equal + LEAD < MAX_CHARS {
        0
    } else {
        equal - LEAD
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn differing_lines_are_shown_with_their_place() {
        let text = shown(b"a\nb\nX\nd\n", b"a\nb\nc\nd\n");
        assert_eq!(
            text,
            "  from line 3 on (- recorded, 4 lines; + ours, 4 lines)\n  -c\n  +X"
        );
    }

    #[test]
    fn much_is_cut() {
        let ours: Vec<String> = (0..10_000).map(|number| format!("x{number}")).collect();
        let text = shown(ours.join("\n").as_bytes(), b"");
        assert_eq!(text.lines().count(), 1 + MAX_LINES + 1);
    }

    #[test]
    fn a_late_difference_of_a_long_line_is_seen() {
        let long = "é".repeat(100_000);
        let text = shown(format!("{long}1").as_bytes(), format!("{long}2").as_bytes());
        assert!(
            text.contains("\n  -é") && text.contains("é2\n  +é"),
            "{text}"
        );
        assert!(text.len() < 1000);
    }

    #[test]
    fn line_breaks_alone_are_named() {
        assert_eq!(shown(b"a\n", b"a"), "  only line breaks differ");
    }
}
