//! Scenarios whose recorded result ours cannot have as they are, and that do not say so themselves.

use serde_json::Value;

use super::scenario::{Ours, Part, Scenario, State};

/// Changes a scenario to what ours must do; the reason, if it is such a scenario.
pub(super) fn apply(name: &str, scenario: &mut Scenario) -> Option<&'static str> {
    let ours = |state, ignore: &[Part]| Ours {
        state: Some(state),
        ignore: ignore.iter().copied().collect(),
        skip: None,
    };
    match name {
        "add-output-registry" => {
            scenario.ours = Some(ours(State::Complete, &[Part::Updates, Part::Error]));
            Some("the result is not looked up again in the registry that is only shown (4.6)")
        }
        "add-semver-skippatch" => {
            if let Some(Value::Array(bundles)) = scenario.args.get_mut("bundles") {
                bundles.reverse();
            }
            // They name the bundles in the order of the request.
            scenario.ours = Some(ours(State::Complete, &[Part::Updates]));
            Some(
                "replayed with the bundles in reverse: the reference tool takes them in random order, \
                 and in the request's own order the graph is refused (index-db 5.3)",
            )
        }
        _ => None,
    }
}
