//! `POST builds/add` (sections 6.1 to 6.3 and 7.1).

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::index::{self, IndexParameters};
use crate::fields::Fields;
use crate::parameter::{Form, Parameter};
use crate::refusal::Refusal;
use crate::rules::Rules;

/// What this submit takes.
pub(crate) const PARAMETERS: [&[Parameter]; 2] = [&OWN, &index::PARAMETERS];

const OWN: [Parameter; 8] = [
    Parameter::strict(
        "bundles",
        Form::Images,
        "The bundle images to add, in this order. Repeats are dropped. Without `from_index` it must not be empty.",
    )
    .default("[]")
    .example(r#"["registry.example/ns/operator-bundle:v1.0.0"]"#),
    Parameter::optional(
        "from_index",
        Form::Image,
        "The index image to start from. Without it `add_arches` must be given, and a new index is made.",
    )
    .example(r#""registry.example/ns/index:v4.19""#),
    GRAPH_UPDATE_MODE,
    Parameter::strict(
        "check_related_images",
        Form::Flag,
        "Whether the images that the bundles refer to are looked for. True needs `bundles`.",
    ),
    DEPRECATION_LIST,
    Parameter::strict(
        "organization",
        Form::Text,
        "Without effect; shown in answers.",
    )
    .deprecated(),
    Parameter::strict("force_backport", Form::Flag, "Without effect.")
        .default("false")
        .deprecated(),
    Parameter::strict("cnr_token", Form::Text, "Without effect; forgotten at once.")
        .deprecated()
        .secret(),
];

const GRAPH_UPDATE_MODE: Parameter = Parameter::strict(
    "graph_update_mode",
    Form::Text,
    "How the upgrade graph is updated: one of the modes the service is configured with (400), for an index it allows it for (403).",
)
.example(r#""replaces""#);

pub(super) const DEPRECATION_LIST: Parameter = Parameter::strict(
    "deprecation_list",
    Form::Images,
    "Bundle images to deprecate. Repeats are dropped.",
)
.default("[]")
.example(r#"["registry.example/ns/operator-bundle:v0.9.0"]"#);

/// A request to add bundles to an index image, with every rule of the contract already checked.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct AddPayload {
    /// The index image, and how the result is published. Without a from-index, `add_arches` is not empty.
    pub index: IndexParameters,
    /// The bundle images to add, in the order given, without repeats.
    pub bundles: Vec<String>,
    /// Deprecated and without effect; shown in answers.
    pub organization: Option<String>,
    /// Deprecated and without effect; the worker warns about it.
    pub force_backport: bool,
    /// How the upgrade graph is updated; without it the default of the index applies.
    pub graph_update_mode: Option<String>,
    /// Whether the images the bundles refer to are checked; none when the caller did not say.
    pub check_related_images: Option<bool>,
    /// Bundles to deprecate, without repeats.
    pub deprecation_list: Vec<String>,
}

impl AddPayload {
    /// Reads the body of `POST builds/add`.
    ///
    /// # Errors
    /// A [`Refusal`] with every rule the body breaks: 400, or 403 when it is well formed and only a permission is missing.
    pub fn parse(object: &Map<String, Value>, rules: &Rules<'_>) -> Result<Self, Refusal> {
        let mut fields = Fields::new(object);
        fields.allow_only(&PARAMETERS);
        // The reference hands this token to a retired registry. Ours has no use for it, so it is checked and forgotten here.
        fields.strict_string("cnr_token");
        let payload = Self {
            bundles: fields.strict_images("bundles"),
            index: IndexParameters::read(&mut fields, rules),
            organization: fields.strict_string("organization").map(ToOwned::to_owned),
            force_backport: fields.strict_flag("force_backport").unwrap_or(false),
            graph_update_mode: fields
                .strict_string("graph_update_mode")
                .map(ToOwned::to_owned),
            check_related_images: fields.strict_flag("check_related_images"),
            deprecation_list: fields.strict_images("deprecation_list"),
        };
        payload.check_together(rules, &mut fields);
        fields.findings.accept(payload)
    }

    /// The rules that concern more than one parameter.
    fn check_together(&self, rules: &Rules<'_>, fields: &mut Fields<'_>) {
        let findings = &mut fields.findings;
        if self.index.from_index.is_none() && self.index.add_arches.is_empty() {
            findings.invalid("from_index", "or `add_arches` must be given");
        }
        if self.bundles.is_empty() && self.index.from_index.is_none() {
            findings.invalid("bundles", "must not be empty without `from_index`");
        }
        if self.bundles.is_empty() && self.check_related_images == Some(true) {
            findings.invalid("check_related_images", "must not be true without `bundles`");
        }
        rules.check_graph_mode(
            self.graph_update_mode.as_deref(),
            "from_index",
            self.index.from_index.as_deref(),
            findings,
        );
    }

    pub(super) fn images(&self) -> impl Iterator<Item = &str> {
        let listed = self.bundles.iter().chain(&self.deprecation_list);
        listed.map(String::as_str).chain(self.index.images())
    }
}

#[cfg(test)]
mod tests;
