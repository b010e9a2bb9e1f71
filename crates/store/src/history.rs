//! The states a request was in, as the column that keeps them: a JSON list of state, time and reason, oldest first.

use api::StateEntry;

use crate::error::Error;
use crate::read;

type Stored = (i32, i64, String);

fn stored(entry: &StateEntry) -> Stored {
    (
        entry.state.number(),
        entry.updated.as_microsecond(),
        entry.state_reason.clone(),
    )
}

fn written(entries: &[Stored]) -> String {
    serde_json::to_string(entries).expect("numbers and texts serialize without failing")
}

/// A history of one entry.
pub(crate) fn begin(entry: &StateEntry) -> String {
    written(&[stored(entry)])
}

/// The history with one more entry. A damaged one begins anew.
pub(crate) fn append(history: &str, entry: &StateEntry) -> String {
    let mut entries: Vec<Stored> = serde_json::from_str(history).unwrap_or_default();
    entries.push(stored(entry));
    written(&entries)
}

/// The entries, newest first.
pub(crate) fn read(request_id: i64, history: &str) -> Result<Vec<StateEntry>, Error> {
    let entries: Vec<Stored> = read::parse(request_id, "its history", history)?;
    entries
        .into_iter()
        .rev()
        .map(|(state, updated, state_reason)| {
            Ok(StateEntry {
                state: read::state(request_id, state)?,
                state_reason,
                updated: read::time(request_id, updated)?,
            })
        })
        .collect()
}
