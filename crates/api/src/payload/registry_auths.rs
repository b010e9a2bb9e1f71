//! Credentials that come with a request on bundles (section 6.4).

use secrecy::SecretString;
use serde_json::Value;

use crate::fields::Fields;
use crate::parameter::{Form, Parameter};

const NAME: &str = "registry_auths";

pub(super) const REGISTRY_AUTHS: Parameter = Parameter::optional(
    NAME,
    Form::DockerConfig,
    "Credentials for the images of this request. Sealed while the request runs, then deleted.",
)
.example(r#"{"auths": {"registry.example": {"auth": "cm9ib3Q6c2VjcmV0"}}}"#)
.secret();

pub(super) const ORGANIZATION: Parameter =
    Parameter::optional("organization", Form::Text, "Whose customizations apply.")
        .example(r#""acme""#);

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
