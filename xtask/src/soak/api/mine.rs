//! What a client knows of a request that was accepted.

use anyhow::Context as _;
use serde_json::{Map, Value};

use super::payloads::Wanted;

/// An accepted request.
#[derive(Debug)]
pub(super) struct Mine {
    pub(super) id: i64,
    pub(super) wanted: Wanted,
    pub(super) user: Option<String>,
    /// How it may be now. More than one when the answer to a change was lost.
    known: Vec<Known>,
}

/// The part of a request that changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Known {
    pub(super) state: String,
    pub(super) reason: String,
    /// Null when it was never set, and in types that have none.
    pub(super) index_image: Value,
}

impl Known {
    pub(super) fn of(view: &Value) -> Self {
        let text = |key: &str| view[key].as_str().unwrap_or_default().to_owned();
        Self {
            state: text("state"),
            reason: text("state_reason"),
            index_image: view["index_image"].clone(),
        }
    }

    pub(super) fn is_final(&self) -> bool {
        matches!(self.state.as_str(), "complete" | "failed")
    }
}

impl Mine {
    /// A request as the answer to its submit shows it.
    pub(super) fn accepted(
        view: &Value,
        wanted: Wanted,
        user: Option<String>,
    ) -> anyhow::Result<Self> {
        Ok(Self {
            id: view["id"]
                .as_i64()
                .context("an accepted request has a number")?,
            wanted,
            user,
            known: vec![Known::of(view)],
        })
    }

    /// Its type, as paths have it.
    pub(super) fn kind(&self) -> &str {
        self.wanted.shown["request_type"]
            .as_str()
            .unwrap_or_default()
    }

    /// Whether a request is shown as it was submitted.
    pub(super) fn shows_payload(&self, view: &Value) -> bool {
        view["id"] == self.id && shows(&self.wanted.shown, view)
    }

    /// Whether it is shown as it can be. From then on it is known to be so.
    pub(super) fn sees(&mut self, view: &Value) -> bool {
        let seen = Known::of(view);
        let fits = self.known.contains(&seen);
        if fits {
            self.known = vec![seen];
        }
        fits
    }

    /// Whether the newest state is one of those it can have.
    pub(super) fn may_be(&self, view: &Value) -> bool {
        self.known.contains(&Known::of(view))
    }

    /// How it is, where that is certain.
    pub(super) fn certain(&self) -> Option<&Known> {
        match self.known.as_slice() {
            [known] => Some(known),
            _ => None,
        }
    }

    /// How it may be.
    pub(super) fn known(&self) -> &[Known] {
        &self.known
    }

    pub(super) fn became(&mut self, known: Known) {
        self.known = vec![known];
    }

    /// A change was sent, and nobody knows whether it was made.
    pub(super) fn may_have_become(&mut self, others: Vec<Known>) {
        for other in others {
            if !self.known.contains(&other) {
                self.known.push(other);
            }
        }
    }
}

fn shows(shown: &Map<String, Value>, view: &Value) -> bool {
    shown
        .iter()
        .all(|(key, value)| view.get(key) == Some(value))
}

#[cfg(test)]
mod tests {
    use serde_json::{Map, json};

    use super::{Known, Mine};
    use crate::soak::api::payloads::Wanted;

    #[test]
    fn a_lost_answer_leaves_two_possibilities_until_one_is_seen() {
        let view = |state: &str| json!({"id": 7, "state": state, "state_reason": "r"});
        let wanted = Wanted {
            body: json!({}),
            shown: Map::new(),
            mark: String::new(),
            schema: None,
        };
        let mut mine = Mine::accepted(&view("in_progress"), wanted, None).unwrap();
        mine.may_have_become(vec![Known::of(&view("complete"))]);
        assert!(mine.certain().is_none());
        assert!(!mine.sees(&view("failed")));
        assert!(mine.sees(&view("complete")));
        assert!(mine.certain().unwrap().is_final());
        assert!(!mine.may_be(&view("in_progress")));
    }
}
