//! Labels that say yes or no.

use std::collections::BTreeMap;

use catalog::placed::{self, Expansion, Value};

/// Whether the text of a label says yes: it is read as YAML, of which `false`, `null`, zero and nothing say no, and all else yes.
///
/// ```
/// use bundle::source::is_truthy;
///
/// assert!(is_truthy("true") && is_truthy("no") && is_truthy("\"false\""));
/// assert!(!is_truthy("false") && !is_truthy("") && !is_truthy("0") && !is_truthy("null"));
/// ```
pub fn is_truthy(label: &str) -> bool {
    match placed::document(label.as_bytes(), &Expansion::of_size(label.len())) {
        // What cannot be read is text like any other.
        Err(_) => true,
        Ok(node) => match node.value {
            Value::Null => false,
            Value::Bool(bool) => bool,
            Value::Number(number) => number != 0.0,
            Value::String(text) => !text.is_empty(),
            Value::Sequence(elements) => !elements.is_empty(),
            Value::Mapping(members) => !members.is_empty(),
        },
    }
}

/// The label that says that an image is a bundle.
const IS_BUNDLE_LABEL: &str = "com.redhat.delivery.operator.bundle";

/// Whether the labels of an image say that it is a bundle.
pub fn is_bundle(labels: &BTreeMap<String, String>) -> bool {
    let label = labels.get(IS_BUNDLE_LABEL);
    label.is_some_and(|label| is_truthy(label))
}
