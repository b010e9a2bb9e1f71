//! Where can a test have the process die?
//!
//! Right before and right after everything that others can see: a write to a registry, a transaction of the store. Code that has such an effect
//! calls [`before`] and [`after`] around it; a process that was [`arm`]ed writes down every point it comes to, in order, and dies at one of them as
//! `kill -9` would have it: without a word, and without anything that would be done on the way out.
//!
//! Nobody arms a process but for tests, and programs built for release cannot be armed: there a point costs nothing.
//!
//! It knows nothing of what the effects are.

use std::collections::HashMap;
use std::fmt;
use std::fs::File;
use std::io::Write as _;
use std::path::Path;
use std::sync::{Mutex, OnceLock, PoisonError};

static ARMED: OnceLock<Armed> = OnceLock::new();

/// Whether processes of this build can be armed.
pub const CAN_BE_ARMED: bool = cfg!(debug_assertions);

struct Armed {
    /// Where to die, as the trace names it.
    die_at: Option<String>,
    reached: Mutex<Reached>,
}

struct Reached {
    times: HashMap<String, u64>,
    trace: Option<File>,
}

/// Which side of an effect.
#[derive(Clone, Copy)]
enum Side {
    Before,
    After,
}

impl fmt::Display for Side {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Before => "before",
            Self::After => "after",
        })
    }
}

/// Has the process write the points it reaches to the file `trace`, one line each, and die at the point that is called `die_at` there: `before NAME#3` is right
/// before the third effect of that name. Only the first call counts.
///
/// # Errors
/// An I/O error when the file cannot be made.
pub fn arm(trace: Option<&Path>, die_at: Option<String>) -> std::io::Result<()> {
    if !CAN_BE_ARMED {
        return Ok(());
    }
    let trace = trace.map(File::create).transpose()?;
    let times = HashMap::new();
    // The first call counts.
    let _ = ARMED.set(Armed {
        die_at,
        reached: Mutex::new(Reached { times, trace }),
    });
    Ok(())
}

/// The effect called `name` is about to happen.
pub fn before(name: &str) {
    reached(Side::Before, name);
}

/// The effect called `name` has happened.
pub fn after(name: &str) {
    reached(Side::After, name);
}

fn reached(side: Side, name: &str) {
    if !CAN_BE_ARMED {
        return;
    }
    let Some(armed) = ARMED.get() else {
        return;
    };
    if armed.is_fatal(side, name) {
        std::process::abort();
    }
}

impl Armed {
    fn is_fatal(&self, side: Side, name: &str) -> bool {
        let mut reached = self.reached.lock().unwrap_or_else(PoisonError::into_inner);
        let times = reached.times.entry(format!("{side} {name}")).or_insert(0);
        *times += 1;
        let point = format!("{side} {name}#{times}");
        if let Some(trace) = &mut reached.trace {
            // A trace that cannot be written shows up as points that are missing.
            let _ = writeln!(trace, "{point}");
        }
        self.die_at.as_ref() == Some(&point)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn points_are_counted_by_side_and_name_and_one_is_fatal() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("trace");
        let trace = Some(File::create(&path).unwrap());
        let armed = Armed {
            die_at: Some("after put#2".to_owned()),
            reached: Mutex::new(Reached {
                times: HashMap::new(),
                trace,
            }),
        };
        let steps = [
            (Side::Before, "put"),
            (Side::After, "put"),
            (Side::After, "post"),
            (Side::Before, "put"),
            (Side::After, "put"),
            (Side::After, "put"),
        ];
        let fatal = steps.map(|(side, name)| armed.is_fatal(side, name));
        assert_eq!(fatal, [false, false, false, false, true, false]);
        let lines = std::fs::read_to_string(path).unwrap();
        let expected =
            "before put#1\nafter put#1\nafter post#1\nbefore put#2\nafter put#2\nafter put#3\n";
        assert_eq!(lines, expected);
    }

    #[test]
    fn a_process_that_was_not_armed_lives() {
        before("anything");
        after("anything");
    }
}
