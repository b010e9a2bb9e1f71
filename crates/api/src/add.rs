//! `POST builds/add` (sections 6.1 to 6.3 and 7.1).

use std::collections::BTreeSet;

use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::fields::Fields;
use crate::kind::Scope;
use crate::refusal::Refusal;

const NAMES: [&str; 14] = [
    "add_arches",
    "binary_image",
    "build_tags",
    "bundles",
    "check_related_images",
    "cnr_token",
    "deprecation_list",
    "distribution_scope",
    "force_backport",
    "from_index",
    "graph_update_mode",
    "organization",
    "overwrite_from_index",
    "overwrite_from_index_token",
];

/// What the rules of [`AddPayload::parse`] need to know of the service and the caller.
#[derive(Clone, Copy, Debug, Default)]
pub struct AddRules<'a> {
    /// Whether the service picks a binary image when the payload names none (`IIB_BINARY_IMAGE_CONFIG` is not empty).
    pub binary_image_configured: bool,
    /// The values `graph_update_mode` may take (`IIB_GRAPH_MODE_OPTIONS`).
    pub graph_mode_options: &'a [String],
    /// The indexes whose `graph_update_mode` may be chosen, in full or up to the first colon (`IIB_GRAPH_MODE_INDEX_ALLOW_LIST`).
    pub graph_mode_index_allow_list: &'a [String],
    /// Whether a user sent the request; users overwrite an index only with a token.
    pub user_given: bool,
}

/// A request to add bundles to an index image, with every rule of the contract already checked.
///
/// Its serialized form is the stored one and leaves the token out.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct AddPayload {
    /// The bundle images to add, in the order given, without repeats.
    pub bundles: Vec<String>,
    /// The index image to start from; without it, `add_arches` is not empty.
    pub from_index: Option<String>,
    /// Architectures to build for beside those of the index image.
    pub add_arches: Vec<String>,
    /// The image that gives opm and its base; without it the service picks one by its configuration.
    pub binary_image: Option<String>,
    /// Whether the result replaces `from_index`.
    pub overwrite_from_index: bool,
    /// `user:password` for the repository of `from_index`; given only together with `overwrite_from_index`.
    #[serde(skip)]
    pub overwrite_from_index_token: Option<SecretString>,
    /// Who the result is for; without it the binary image configuration's default applies.
    pub distribution_scope: Option<Scope>,
    /// Extra tags for the result, by name.
    pub build_tags: BTreeSet<String>,
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
    pub fn parse(object: &Map<String, Value>, rules: &AddRules<'_>) -> Result<Self, Refusal> {
        let mut fields = Fields::new(object);
        fields.allow_only(&NAMES);
        // The reference hands this token to a retired registry. Ours has no use for it, so it is checked and forgotten here.
        fields.strict_string("cnr_token");
        let payload = Self {
            bundles: fields.strict_images("bundles"),
            from_index: fields.image("from_index"),
            add_arches: fields.strings("add_arches"),
            binary_image: fields.image("binary_image"),
            overwrite_from_index: fields.flag("overwrite_from_index"),
            overwrite_from_index_token: fields
                .string("overwrite_from_index_token")
                .map(SecretString::from),
            distribution_scope: scope(&mut fields),
            build_tags: fields.strings("build_tags").into_iter().collect(),
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

    /// A copy that can be kept and shown for as long as one likes.
    #[must_use]
    pub fn without_secrets(&self) -> Self {
        Self {
            overwrite_from_index_token: None,
            ..self.clone()
        }
    }

    /// The rules that concern more than one parameter, the service or the caller.
    fn check_together(&self, rules: &AddRules<'_>, fields: &mut Fields<'_>) {
        let findings = &mut fields.findings;
        if self.from_index.is_none() && self.add_arches.is_empty() {
            findings.invalid("from_index", "or `add_arches` must be given");
        }
        if self.bundles.is_empty() && self.from_index.is_none() {
            findings.invalid("bundles", "must not be empty without `from_index`");
        }
        if self.bundles.is_empty() && self.check_related_images == Some(true) {
            findings.invalid("check_related_images", "must not be true without `bundles`");
        }
        if self.binary_image.is_none() && !rules.binary_image_configured {
            findings.invalid(
                "binary_image",
                "must be given, as this service is configured without a default",
            );
        }
        match (self.overwrite_from_index, &self.overwrite_from_index_token) {
            (false, Some(_)) => findings.invalid(
                "overwrite_from_index_token",
                "needs `overwrite_from_index` to be true",
            ),
            (true, None) if rules.user_given => {
                findings.forbidden(
                    "overwrite_from_index",
                    "needs `overwrite_from_index_token`, a `user:password` that may push there",
                );
            }
            (true, None | Some(_)) | (false, None) => {}
        }
        if let Some(mode) = &self.graph_update_mode {
            if !rules.graph_mode_options.contains(mode) {
                findings.invalid(
                    "graph_update_mode",
                    format!("must be one of: {}", rules.graph_mode_options.join(", ")),
                );
            } else if !allows_graph_mode(
                rules.graph_mode_index_allow_list,
                self.from_index.as_deref(),
            ) {
                findings.forbidden(
                    "graph_update_mode",
                    "may not be chosen for this `from_index`; leave it out, or have the service's operator allow it for the index",
                );
            }
        }
    }
}

fn scope(fields: &mut Fields<'_>) -> Option<Scope> {
    let name = fields.string("distribution_scope")?;
    let scope = Scope::from_name(name);
    if scope.is_none() {
        fields
            .findings
            .invalid("distribution_scope", "must be one of: prod, stage, dev");
    }
    scope
}

/// The list names indexes in full or by what precedes the first colon, which is why a digest matches only in full (section 6.3).
fn allows_graph_mode(allow_list: &[String], from_index: Option<&str>) -> bool {
    from_index.is_some_and(|index| {
        let before_colon = index.split(':').next().unwrap_or(index);
        allow_list
            .iter()
            .any(|allowed| allowed == index || allowed == before_colon)
    })
}

#[cfg(test)]
mod tests;
