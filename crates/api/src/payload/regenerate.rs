//! `POST builds/regenerate-bundle` (section 7.3).

use std::collections::BTreeMap;

use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::registry_auths::{ORGANIZATION, REGISTRY_AUTHS, registry_auths};
use crate::fields::Fields;
use crate::parameter::{Form, Parameter};
use crate::refusal::Refusal;

/// What this submit takes.
pub(crate) const PARAMETERS: [&[Parameter]; 1] = [&[
    Parameter::required(
        "from_bundle_image",
        Form::Image,
        "The bundle image to start from.",
    )
    .example(r#""registry.example/ns/operator-bundle:v1.0.0""#),
    ORGANIZATION,
    Parameter::optional(
        "bundle_replacements",
        Form::TextByName,
        "Images to use in place of others: old reference to new one.",
    )
    .example(r#"{"registry.example/old/image@sha256:ab": "registry.example/new/image@sha256:cd"}"#),
    REGISTRY_AUTHS,
]];

/// A request to rewrite a bundle image for an organization. The stored form leaves the credentials out.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct RegenerateBundlePayload {
    /// The bundle image to start from.
    pub from_bundle_image: String,
    /// Whose customizations apply.
    pub organization: Option<String>,
    /// Images to use in place of others: old reference to new one.
    pub bundle_replacements: BTreeMap<String, String>,
    /// The text of a docker configuration with credentials for the images of this request.
    #[serde(skip)]
    pub registry_auths: Option<SecretString>,
}

impl RegenerateBundlePayload {
    /// Reads the body of `POST builds/regenerate-bundle`.
    ///
    /// # Errors
    /// A [`Refusal`] with every rule the body breaks: 400.
    pub fn parse(object: &Map<String, Value>) -> Result<Self, Refusal> {
        let mut fields = Fields::new(object);
        fields.allow_only(&PARAMETERS);
        let payload = Self {
            from_bundle_image: fields.required_image("from_bundle_image"),
            organization: fields.string("organization").map(ToOwned::to_owned),
            bundle_replacements: fields
                .texts_by_name("bundle_replacements")
                .unwrap_or_default(),
            registry_auths: registry_auths(&mut fields),
        };
        fields.findings.accept(payload)
    }

    pub(super) fn without_secrets(&self) -> Self {
        Self {
            registry_auths: None,
            ..self.clone()
        }
    }
}
