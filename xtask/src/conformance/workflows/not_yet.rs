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
    let parameter = PARAMETERS
        .iter()
        .find(|(parameter, _)| scenario.asks_for(parameter));
    if let Some((_, reason)) = parameter {
        return Some((*reason).to_owned());
    }
    let images = scenario.args.get("binary_image_config");
    if images.is_some_and(|images| images.to_string().contains("\"scratch\"")) {
        return Some("needs file-based indexes without a binary image (2.6)".to_owned());
    }
    if !scenario.needs_max_version_property.is_empty() {
        return Some("needs the property with the highest OCP version (3.6)".to_owned());
    }
    None
}

/// The reason where the builder says that it cannot edit a catalog in YAML.
pub(super) const YAML: &str = "needs bundles to be added to a catalog with YAML files (3.7)";

/// The requests that the builder does.
const HANDLERS: [&str; 2] = ["add", "fbc_operations"];

/// Parameters it does not know, with what they need; the numbers are those of the specification.
const PARAMETERS: [(&str, &str); 2] = [
    ("deprecation_list", "needs the deprecation of bundles (3.3)"),
    (
        "check_related_images",
        "needs the check of related images (2.3)",
    ),
];
