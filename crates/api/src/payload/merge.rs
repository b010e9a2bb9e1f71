//! `POST builds/merge-index-image` (section 7.4).

use std::collections::BTreeSet;

use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::add::DEPRECATION_LIST;
use super::index::{BINARY_IMAGE, BUILD_TAGS, DISTRIBUTION_SCOPE, binary_image};
use crate::fields::Fields;
use crate::kind::Scope;
use crate::parameter::{Form, Parameter, Presence};
use crate::refusal::Refusal;
use crate::rules::{Overwriter, Rules};

/// What this submit takes.
pub(crate) const PARAMETERS: [&[Parameter]; 1] = [&[
    Parameter::required(
        "source_from_index",
        Form::Image,
        "The index image that is merged.",
    )
    .example(r#""registry.example/ns/index:v4.18""#),
    Parameter::optional(
        "target_index",
        Form::Image,
        "The index image it is merged into. Without it the result holds the source alone.",
    )
    .example(r#""registry.example/ns/index:v4.19""#),
    BINARY_IMAGE,
    Parameter {
        presence: Presence::Strict,
        ..BUILD_TAGS
    },
    DEPRECATION_LIST,
    DISTRIBUTION_SCOPE,
    Parameter::optional(
        "graph_update_mode",
        Form::Text,
        "How the upgrade graph is updated: one of the modes the service is configured with (400), for a `target_index` it allows it for (403).",
    )
    .example(r#""replaces""#),
    Parameter::nullable(
        "ignore_bundle_ocp_version",
        Form::Flag,
        "Whether bundles are taken over whatever OCP version they are for.",
    ),
    Parameter::strict(
        OVERWRITE,
        Form::Flag,
        "Whether the tag of `target_index` is moved to the result. True needs `overwrite_target_index_token`; without `target_index` the request fails.",
    )
    .default("false"),
    Parameter::optional(
        TOKEN,
        Form::Text,
        "`user:password` that may push to the repository of `target_index`. Needs `overwrite_target_index` to be true. Used for that \
         repository alone, sealed while the request runs, then deleted.",
    )
    .example(r#""robot:secret""#)
    .secret(),
]];

const OVERWRITE: &str = "overwrite_target_index";
const TOKEN: &str = "overwrite_target_index_token";

/// A request to merge one index image into another. The stored form leaves the token out.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct MergeIndexImagePayload {
    /// The index image that is merged.
    pub source_from_index: String,
    /// The index image it is merged into; without it the result holds the source alone.
    pub target_index: Option<String>,
    /// Whether the result replaces `target_index`.
    pub overwrite_target_index: bool,
    /// `user:password` for the repository of `target_index`; given together with `overwrite_target_index`.
    #[serde(skip)]
    pub overwrite_target_index_token: Option<SecretString>,
    /// The image that gives opm and its base; without it the service picks one by its configuration.
    pub binary_image: Option<String>,
    /// Bundles to deprecate, without repeats.
    pub deprecation_list: Vec<String>,
    /// Who the result is for.
    pub distribution_scope: Option<Scope>,
    /// Extra tags for the result, by name.
    pub build_tags: BTreeSet<String>,
    /// How the upgrade graph is updated.
    pub graph_update_mode: Option<String>,
    /// Whether bundles are taken over whatever OCP version they are for; none when the caller did not say.
    pub ignore_bundle_ocp_version: Option<bool>,
}

impl MergeIndexImagePayload {
    /// Reads the body of `POST builds/merge-index-image`.
    ///
    /// # Errors
    /// As for [`super::AddPayload::parse`].
    pub fn parse(object: &Map<String, Value>, rules: &Rules<'_>) -> Result<Self, Refusal> {
        let mut fields = Fields::new(object);
        fields.allow_only(&PARAMETERS);
        let target_index = fields.image("target_index");
        let asked = fields.strict_flag(OVERWRITE).unwrap_or(false);
        let overwrite = asked || (rules.overwrite_forced && target_index.is_some());
        let token = fields.string(TOKEN);
        match (overwrite, token.is_some()) {
            // Unlike for the other submits, nobody but privileged users may leave it out, and it is a mistake rather than a missing right.
            (true, false) if rules.overwriter != Overwriter::Privileged => {
                fields
                    .findings
                    .invalid(TOKEN, format!("must be given with `{OVERWRITE}`"));
            }
            (false, true) => fields
                .findings
                .invalid(TOKEN, format!("needs `{OVERWRITE}` to be true")),
            (true | false, _) => {}
        }
        let payload = Self {
            source_from_index: fields.required_image("source_from_index"),
            target_index,
            overwrite_target_index: overwrite,
            overwrite_target_index_token: token.map(SecretString::from),
            binary_image: binary_image(&mut fields, rules),
            deprecation_list: fields.strict_images("deprecation_list"),
            distribution_scope: fields.scope(),
            build_tags: fields.strict_strings("build_tags").into_iter().collect(),
            graph_update_mode: graph_update_mode(&mut fields),
            ignore_bundle_ocp_version: fields.optional_flag("ignore_bundle_ocp_version"),
        };
        rules.check_graph_mode(
            payload
                .graph_update_mode
                .as_deref()
                .filter(|mode| !mode.is_empty()),
            "target_index",
            payload.target_index.as_deref(),
            &mut fields.findings,
        );
        fields.findings.accept(payload)
    }

    pub(super) fn images(&self) -> impl Iterator<Item = &str> {
        std::iter::once(&self.source_from_index)
            .chain(&self.target_index)
            .chain(&self.binary_image)
            .chain(&self.deprecation_list)
            .map(String::as_str)
    }

    pub(super) fn without_secrets(&self) -> Self {
        Self {
            overwrite_target_index_token: None,
            ..self.clone()
        }
    }
}

/// An empty mode is none, and yet shown as it was given, as the recorded answers have it.
fn graph_update_mode(fields: &mut Fields<'_>) -> Option<String> {
    const NAME: &str = "graph_update_mode";
    if fields.present(NAME).and_then(Value::as_str) == Some("") {
        return Some(String::new());
    }
    fields.string(NAME).map(ToOwned::to_owned)
}
