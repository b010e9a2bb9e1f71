//! `POST builds/fbc-operations` (section 7.7).

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
        Parameter::strict(
            LIST,
            Form::Images,
            "The images with the catalog fragments, in this order. Repeats are dropped. Either this or `fbc_fragment` is given.",
        )
        .example(r#"["registry.example/ns/my-operator-catalog:v4.19"]"#),
        Parameter::strict(
            SINGLE,
            Form::Image,
            "The older form of `fbc_fragments`: one image.",
        )
        .example(r#""registry.example/ns/my-operator-catalog:v4.19""#)
        .deprecated(),
        index::FROM_INDEX,
    ],
    &index::PARAMETERS,
];

const LIST: &str = "fbc_fragments";
const SINGLE: &str = "fbc_fragment";

/// The fragments of a request, in the form in which they were given, which is the form in which they are shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fragments {
    /// `fbc_fragment`, the older form.
    Single(String),
    /// `fbc_fragments`: at least one, without repeats.
    List(Vec<String>),
}

impl Fragments {
    /// The fragments, in order.
    pub fn as_slice(&self) -> &[String] {
        match self {
            Self::Single(fragment) => std::slice::from_ref(fragment),
            Self::List(fragments) => fragments,
        }
    }
}

impl Default for Fragments {
    fn default() -> Self {
        Self::List(Vec::new())
    }
}

/// A request to put catalog fragments into an index image.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct FbcOperationsPayload {
    /// The index image, which is always given, and how the result is published.
    pub index: IndexParameters,
    /// The images with the fragments.
    pub fragments: Fragments,
}

impl FbcOperationsPayload {
    /// Reads the body of `POST builds/fbc-operations`.
    ///
    /// # Errors
    /// As for [`super::AddPayload::parse`].
    pub fn parse(object: &Map<String, Value>, rules: &Rules<'_>) -> Result<Self, Refusal> {
        let mut fields = Fields::new(object);
        fields.allow_only(&PARAMETERS);
        let given = |name: &str| object.get(name).is_some_and(|value| !value.is_null());
        if given(LIST) && given(SINGLE) {
            fields
                .findings
                .invalid(SINGLE, format!("must not be given beside `{LIST}`"));
        } else if given(LIST) && object.contains_key(SINGLE) {
            fields
                .findings
                .invalid(SINGLE, format!("must be left out beside `{LIST}`"));
        } else if !given(LIST) && !given(SINGLE) {
            fields.findings.invalid(
                LIST,
                format!("must be given (or `{SINGLE}`, the older form)"),
            );
        }
        let fragments = if given(LIST) {
            let listed = fields.strict_images(LIST);
            if listed.is_empty() && !fields.has_problem(LIST) {
                fields.findings.invalid(LIST, "must not be empty");
            }
            Fragments::List(listed)
        } else {
            let single = fields.image(SINGLE);
            if single.is_none() && given(SINGLE) {
                fields.require(SINGLE);
            }
            Fragments::Single(single.unwrap_or_default())
        };
        let index = IndexParameters::read(&mut fields, rules);
        index.require_from_index(&mut fields);
        fields.findings.accept(Self { index, fragments })
    }

    pub(super) fn images(&self) -> impl Iterator<Item = &str> {
        let fragments = self.fragments.as_slice().iter().map(String::as_str);
        fragments.chain(self.index.images())
    }
}
