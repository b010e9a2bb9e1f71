//! `POST builds/rm` (section 7.2).

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::index::{self, IndexParameters};
use super::without_repeats;
use crate::fields::Fields;
use crate::parameter::{Form, Parameter};
use crate::refusal::Refusal;
use crate::rules::Rules;

/// What this submit takes.
pub(crate) const PARAMETERS: [&[Parameter]; 2] = [
    &[
        Parameter::required(
            "operators",
            Form::Texts,
            "The packages to remove. Repeats are dropped.",
        )
        .example(r#"["my-operator"]"#),
        index::FROM_INDEX,
    ],
    &index::PARAMETERS,
];

/// A request to remove operators from an index image.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct RmPayload {
    /// The index image, which is always given, and how the result is published.
    pub index: IndexParameters,
    /// The packages to remove, in the order given, without repeats.
    pub operators: Vec<String>,
}

impl RmPayload {
    /// Reads the body of `POST builds/rm`.
    ///
    /// # Errors
    /// As for [`super::AddPayload::parse`].
    pub fn parse(object: &Map<String, Value>, rules: &Rules<'_>) -> Result<Self, Refusal> {
        let mut fields = Fields::new(object);
        fields.allow_only(&PARAMETERS);
        let operators = without_repeats(fields.strings("operators"));
        if operators.is_empty() {
            fields.require("operators");
        }
        let index = IndexParameters::read(&mut fields, rules);
        index.require_from_index(&mut fields);
        fields.findings.accept(Self { index, operators })
    }
}
