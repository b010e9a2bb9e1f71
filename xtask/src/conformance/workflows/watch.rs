//! Somebody who watches a request: what it tells, and when; and who does what happens meanwhile.

use std::collections::BTreeSet;
use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use builder::{Checkpoint, Facts, Phase, Reporter, Stopped};
use serde_json::{Map, Value, json};

use super::inputs::Stage;
use super::scenario::Hook;

pub(super) struct Watch<'stage> {
    stage: &'stage Stage,
    hooks: &'stage [Hook],
    seen: Mutex<Seen>,
}

/// What was told.
#[derive(Default)]
pub(super) struct Seen {
    /// All fields known by now.
    pub(super) fields: Map<String, Value>,
    /// The fields known when the build began, if it did.
    pub(super) at_building: Option<Map<String, Value>>,
    /// The hooks that were done.
    fired: BTreeSet<usize>,
    /// What went wrong with hooks.
    problems: Vec<String>,
}

impl<'stage> Watch<'stage> {
    pub(super) fn new(stage: &'stage Stage, hooks: &'stage [Hook]) -> Self {
        Self {
            stage,
            hooks,
            seen: Mutex::default(),
        }
    }

    /// What was told, or why nobody can say.
    pub(super) fn end(self) -> anyhow::Result<Seen> {
        let count = self.hooks.len();
        let seen = self
            .seen
            .into_inner()
            .unwrap_or_else(PoisonError::into_inner);
        anyhow::ensure!(seen.problems.is_empty(), "{}", seen.problems.join("; "));
        anyhow::ensure!(
            seen.fired.len() == count,
            "the phase of a hook was never entered"
        );
        Ok(seen)
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        // Nothing is left half done under this lock.
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Reporter for Watch<'_> {
    async fn phase(&self, phase: &Phase, facts: &Facts) -> Result<(), Stopped> {
        {
            let mut seen = self.seen();
            seen.fields.extend(fields(facts));
            if matches!(phase, Phase::Building(_)) {
                seen.at_building = Some(seen.fields.clone());
            }
        }
        let text = phase.to_string();
        for (number, hook) in self.hooks.iter().enumerate() {
            if text.contains(&hook.at_reason) && self.seen().fired.insert(number) {
                let fired = self.stage.fire(hook).await;
                if let Err(error) = fired {
                    let problem = format!("a hook cannot be done: {error:#}");
                    self.seen().problems.push(problem);
                }
            }
        }
        Ok(())
    }

    async fn checkpoint(&self, _checkpoint: &Checkpoint) -> Result<(), Stopped> {
        Ok(())
    }

    async fn confirm(&self) -> Result<(), Stopped> {
        Ok(())
    }
}

/// The known facts as the fields of the API that show them.
pub(super) fn fields(facts: &Facts) -> Map<String, Value> {
    let scope = facts.distribution_scope.map(builder::Scope::as_str);
    let members = [
        ("arches", json!(facts.arches)),
        ("binary_image", json!(facts.binary_image)),
        ("binary_image_resolved", json!(facts.binary_image_resolved)),
        ("distribution_scope", json!(scope)),
        ("from_index_resolved", json!(facts.from_index_resolved)),
        (
            "source_from_index_resolved",
            json!(facts.source_from_index_resolved),
        ),
        ("target_index_resolved", json!(facts.target_index_resolved)),
        (
            "fbc_fragments_resolved",
            json!(facts.fbc_fragments_resolved),
        ),
        ("bundle_mapping", json!(facts.bundle_mapping)),
        (
            "from_bundle_image_resolved",
            json!(facts.from_bundle_image_resolved),
        ),
        (
            "parent_bundle_image_resolved",
            json!(facts.parent_bundle_image_resolved),
        ),
        ("bundle_image", json!(facts.bundle_image)),
        ("index_image", json!(facts.index_image)),
        ("index_image_resolved", json!(facts.index_image_resolved)),
        (
            "internal_index_image_copy",
            json!(facts.internal_index_image_copy),
        ),
        (
            "internal_index_image_copy_resolved",
            json!(facts.internal_index_image_copy_resolved),
        ),
    ];
    members
        .into_iter()
        .filter(|(_, value)| !value.is_null())
        .map(|(name, value)| (name.to_owned(), value))
        .collect()
}
