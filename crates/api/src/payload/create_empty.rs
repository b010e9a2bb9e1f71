//! `POST builds/create-empty-index` (section 7.5).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::index::{BINARY_IMAGE, DISTRIBUTION_SCOPE, FROM_INDEX, binary_image};
use crate::fields::Fields;
use crate::kind::Scope;
use crate::parameter::{Form, Parameter};
use crate::refusal::Refusal;
use crate::rules::Rules;

/// What this submit takes.
pub(crate) const PARAMETERS: [&[Parameter]; 1] = [&[
    FROM_INDEX,
    BINARY_IMAGE,
    DISTRIBUTION_SCOPE,
    Parameter::nullable("labels", Form::TextByName, "Labels of the result.")
        .example(r#"{"com.example.release": "4.19"}"#),
    Parameter::optional(
        "output_fbc",
        Form::Flag,
        "Whether the result is file-based. Not shown in answers.",
    )
    .default("false"),
]];

/// A request to make an empty index image.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct CreateEmptyIndexPayload {
    /// The index image whose architectures and labels are taken over.
    pub from_index: String,
    /// The image that gives opm and its base; without it the service picks one by its configuration.
    pub binary_image: Option<String>,
    /// Who the result is for.
    pub distribution_scope: Option<Scope>,
    /// Labels of the result; never empty.
    pub labels: Option<BTreeMap<String, String>>,
    /// Whether the result is file-based. Not shown in answers.
    pub output_fbc: bool,
}

impl CreateEmptyIndexPayload {
    /// Reads the body of `POST builds/create-empty-index`.
    ///
    /// # Errors
    /// As for [`super::AddPayload::parse`].
    pub fn parse(object: &Map<String, Value>, rules: &Rules<'_>) -> Result<Self, Refusal> {
        let mut fields = Fields::new(object);
        fields.allow_only(&PARAMETERS);
        let payload = Self {
            from_index: fields.required_image("from_index"),
            binary_image: binary_image(&mut fields, rules),
            distribution_scope: fields.scope(),
            labels: fields
                .strict_texts_by_name("labels")
                .filter(|labels| !labels.is_empty()),
            output_fbc: fields.flag("output_fbc"),
        };
        fields.findings.accept(payload)
    }
}
