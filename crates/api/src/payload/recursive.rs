//! `POST builds/recursive-related-bundles` (section 7.6).

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
        "parent_bundle_image",
        Form::Image,
        "The bundle image to start from.",
    )
    .example(r#""registry.example/ns/operator-bundle:v1.0.0""#),
    ORGANIZATION,
    REGISTRY_AUTHS,
]];

/// A request to list the bundles a bundle refers to, level by level. The stored form leaves the credentials out.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct RecursiveRelatedBundlesPayload {
    /// The bundle image to start from.
    pub parent_bundle_image: String,
    /// Whose customizations apply.
    pub organization: Option<String>,
    /// The text of a docker configuration with credentials for the images of this request.
    #[serde(skip)]
    pub registry_auths: Option<SecretString>,
}

impl RecursiveRelatedBundlesPayload {
    /// Reads the body of `POST builds/recursive-related-bundles`.
    ///
    /// # Errors
    /// A [`Refusal`] with every rule the body breaks: 400.
    pub fn parse(object: &Map<String, Value>) -> Result<Self, Refusal> {
        let mut fields = Fields::new(object);
        fields.allow_only(&PARAMETERS);
        let payload = Self {
            parent_bundle_image: fields.required_image("parent_bundle_image"),
            organization: fields.string("organization").map(ToOwned::to_owned),
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
