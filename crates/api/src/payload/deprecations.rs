//! `POST builds/add-deprecations` (section 7.8).

use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::index::{self, IndexParameters};
use crate::fields::Fields;
use crate::parameter::{Form, Parameter};
use crate::refusal::Refusal;
use crate::rules::Rules;

/// What this submit takes.
pub(crate) const PARAMETERS: [&[Parameter]; 2] = [
    &[
        Parameter::required(
            "operator_package",
            Form::Text,
            "The package the deprecations are of.",
        )
        .example(r#""my-operator""#),
        Parameter::required(
            "deprecation_schema",
            Form::JsonText,
            "The deprecations: the text of a JSON document, kept byte for byte.",
        )
        .example(r#""{\"schema\": \"olm.deprecations\", \"package\": \"my-operator\", \"entries\": []}""#),
        index::FROM_INDEX,
    ],
    &index::PARAMETERS,
];

/// A request to put deprecations of a package into an index image.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct AddDeprecationsPayload {
    /// The index image, which is always given, and how the result is published.
    pub index: IndexParameters,
    /// The package the deprecations are of.
    pub operator_package: String,
    /// The deprecations: JSON, byte for byte as submitted.
    pub deprecation_schema: String,
}

impl AddDeprecationsPayload {
    /// Reads the body of `POST builds/add-deprecations`.
    ///
    /// # Errors
    /// As for [`super::AddPayload::parse`].
    pub fn parse(object: &Map<String, Value>, rules: &Rules<'_>) -> Result<Self, Refusal> {
        const SCHEMA: &str = "deprecation_schema";
        let mut fields = Fields::new(object);
        fields.allow_only(&PARAMETERS);
        let operator_package = fields.required_string("operator_package");
        let deprecation_schema = fields.required_string(SCHEMA);
        if !fields.has_problem(SCHEMA)
            && let Err(error) = serde_json::from_str::<IgnoredAny>(&deprecation_schema)
        {
            fields.findings.invalid(
                SCHEMA,
                format!("must be the text of a JSON document: {error}"),
            );
        }
        let index = IndexParameters::read(&mut fields, rules);
        index.require_from_index(&mut fields);
        fields.findings.accept(Self {
            index,
            operator_package,
            deprecation_schema,
        })
    }
}
