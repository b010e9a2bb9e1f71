//! Credentials that come with a request on bundles (section 6.4).

use secrecy::SecretString;
use serde_json::Value;

use crate::fields::Fields;

const NAME: &str = "registry_auths";

/// The parameter as the text of a docker configuration; absent or falsy is none. What is wrong is told without repeating any of it.
pub(super) fn registry_auths(fields: &mut Fields<'_>) -> Option<SecretString> {
    let value = fields.truthy_or_boolean(NAME)?;
    if !is_docker_config(value) {
        fields.findings.invalid(
            NAME,
            "must be an object with the one key `auths`, an object that is not empty and maps registries to objects with the one key `auth`, a string",
        );
        return None;
    }
    Some(SecretString::from(value.to_string()))
}

fn is_docker_config(value: &Value) -> bool {
    let only = |value: &Value, name: &str| -> Option<Value> {
        let object = value.as_object().filter(|object| object.len() == 1)?;
        object.get(name).cloned()
    };
    let Some(Value::Object(auths)) = only(value, "auths") else {
        return false;
    };
    !auths.is_empty()
        && auths
            .values()
            .all(|entry| only(entry, "auth").is_some_and(|auth| auth.is_string()))
}
