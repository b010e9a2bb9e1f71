//! What the builder cannot do yet: scenarios that need it are counted, by reason.

use super::scenario::Scenario;

/// Why a scenario cannot be replayed yet, if it cannot.
pub(super) fn reason(scenario: &Scenario) -> Option<String> {
    let skipped = scenario.ours.as_ref().and_then(|ours| ours.skip.as_ref());
    if let Some(reason) = skipped {
        return Some(reason.clone());
    }
    let handler = scenario.handler.as_str();
    if !HANDLERS.contains(&handler) {
        return Some(format!("needs requests of the kind `{handler}`"));
    }
    None
}

/// The requests that the builder does.
const HANDLERS: [&str; 8] = [
    "add",
    "add_deprecations",
    "create_empty_index",
    "fbc_operations",
    "merge",
    "recursive_related_bundles",
    "regenerate_bundle",
    "rm",
];
