//! Quoted scalars whose further lines are not indented.
//!
//! The Go libraries read them, and real bundles have them; the YAML parser holds to the later standard and refuses them.
//! White space at the beginning of such lines means nothing, so they can be indented before the text is parsed again.

use std::collections::BTreeSet;

/// How many blanks may be added beyond the size of the text.
const ALLOWANCE: usize = 1024 * 1024;

/// A text with every further line of quoted scalars indented, and the numbers of these lines, counted from 1.
pub(super) struct Indented {
    pub(super) text: String,
    pub(super) lines: BTreeSet<usize>,
}

/// What a line leaves open for the next one.
#[derive(Clone, Copy)]
enum Open {
    Nothing,
    /// A quoted scalar: its quotation mark, and the column its further lines must start at.
    Quoted(u8, usize),
    /// A block scalar below a node at this column.
    Block(usize),
}

/// Indents the further lines of quoted scalars; `None` if that takes too much space.
///
/// Lines are judged by their looks. The caller must check that none of the lines lies in a block scalar, where blanks matter;
/// everywhere else they do not.
pub(super) fn indent(text: &str) -> Option<Indented> {
    let mut indented = Indented {
        text: String::with_capacity(text.len()),
        lines: BTreeSet::new(),
    };
    let mut open = Open::Nothing;
    let mut allowance = text.len().saturating_add(ALLOWANCE);
    for (index, line) in text.split_inclusive('\n').enumerate() {
        let blank = line.trim().is_empty();
        match open {
            Open::Quoted(quote, column) => {
                if !blank {
                    allowance = allowance.checked_sub(column)?;
                    indented.text.extend(std::iter::repeat_n(' ', column));
                    indented.lines.insert(index + 1);
                }
                if closing(line.as_bytes(), quote).is_some() {
                    open = Open::Nothing;
                }
            }
            Open::Block(column) if blank || leading_blanks(line) > column => {}
            Open::Block(_) | Open::Nothing => open = left_open(line),
        }
        indented.text.push_str(line);
    }
    Some(indented)
}

fn leading_blanks(line: &str) -> usize {
    line.len() - line.trim_start_matches(' ').len()
}

/// What an ordinary line leaves open.
fn left_open(line: &str) -> Open {
    let mut rest = line.trim_start_matches(' ');
    let mut parent = 0;
    while let Some(item) = rest.strip_prefix("- ") {
        parent = line.len() - rest.len();
        rest = item.trim_start_matches(' ');
    }
    let column = line.len() - rest.len();
    if let Some(open) = value_open(rest, parent, column) {
        return open;
    }
    let value = match rest.as_bytes().first() {
        Some(&quote @ (b'\'' | b'"')) => match closing(&rest.as_bytes()[1..], quote) {
            // A quoted key, whose value follows the colon.
            Some(end) => rest
                .get(end + 1..)
                .and_then(|rest| rest.trim_start().strip_prefix(": ")),
            None => None,
        },
        _ => rest.split_once(": ").map(|(_, value)| value),
    };
    value
        .and_then(|value| value_open(value.trim_start(), column, column))
        .unwrap_or(Open::Nothing)
}

/// What a value leaves open; `None` if it does not begin a scalar that can.
fn value_open(value: &str, parent: usize, column: usize) -> Option<Open> {
    let mut value = value;
    while value.starts_with(['&', '!']) {
        value = value.split_once(' ')?.1.trim_start();
    }
    match *value.as_bytes().first()? {
        b'|' | b'>' => Some(Open::Block(parent)),
        quote @ (b'\'' | b'"') if closing(&value.as_bytes()[1..], quote).is_none() => {
            Some(Open::Quoted(quote, column + 1))
        }
        _ => None,
    }
}

/// The place behind the closing quotation mark of a scalar whose text these bytes are, if it is closed.
fn closing(text: &[u8], quote: u8) -> Option<usize> {
    let mut at = 0;
    while let Some(&byte) = text.get(at) {
        if byte == b'\\' && quote == b'"' {
            at += 1;
        } else if byte == quote {
            if quote == b'\'' && text.get(at + 1) == Some(&quote) {
                at += 1;
            } else {
                return Some(at + 1);
            }
        }
        at += 1;
    }
    None
}
