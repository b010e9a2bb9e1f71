//! What people see.

use std::io::Write as _;

/// Prints a line; a closed pipe ends the output, not the check.
pub(crate) fn say(text: &str) {
    // There is nobody left to tell when standard output is closed.
    let _ = writeln!(std::io::stdout().lock(), "{text}");
}
