//! The parameters that most submits on index images share (section 6.2).

use std::collections::BTreeSet;

use secrecy::SecretString;
use serde::{Deserialize, Serialize};

use crate::fields::Fields;
use crate::kind::Scope;
use crate::parameter::{Form, Parameter};
use crate::rules::{Overwriter, Rules};

/// `from_index` of the submits that cannot do without.
pub(super) const FROM_INDEX: Parameter =
    Parameter::required("from_index", Form::Image, "The index image to start from.")
        .example(r#""registry.example/ns/index:v4.19""#);

pub(super) const BINARY_IMAGE: Parameter = Parameter::optional(
    "binary_image",
    Form::Image,
    "The image that gives opm and its base. It may be left out only where the service is configured with its own (400).",
)
.example(r#""registry.example/ns/opm:v4.19""#);

pub(super) const DISTRIBUTION_SCOPE: Parameter = Parameter::optional(
    "distribution_scope",
    Form::Scope,
    "Who the result is for. It must not be wider than the scopes of the images it is made of.",
);

pub(super) const BUILD_TAGS: Parameter = Parameter::optional(
    "build_tags",
    Form::Texts,
    "Extra tags for the result in the service's own repository. Repeats collapse.",
)
.example(r#"["v4.19-2026-05-01"]"#);

/// These parameters, but for `from_index`, which not every submit needs.
pub(crate) const PARAMETERS: [Parameter; 6] = [
    Parameter::optional(
        "add_arches",
        Form::Texts,
        "Architectures to build for beside those of the index image.",
    )
    .example(r#"["amd64", "arm64"]"#),
    BINARY_IMAGE,
    BUILD_TAGS,
    DISTRIBUTION_SCOPE,
    Parameter::optional(
        "overwrite_from_index",
        Form::Flag,
        "Whether the tag of `from_index` is moved to the result.",
    )
    .default("false"),
    Parameter::optional(
        "overwrite_from_index_token",
        Form::Text,
        "`user:password` that may push to the repository of `from_index`. Needs `overwrite_from_index` to be true. A user who \
         overwrites has to bring one (403). Used for that repository alone, sealed while the request runs, then deleted.",
    )
    .example(r#""robot:secret""#)
    .secret(),
];

/// Which index image a request works on, and how its result is published. The stored form leaves the token out.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct IndexParameters {
    /// The index image to start from. Only an addition can do without; it then has `add_arches`.
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
}

impl IndexParameters {
    /// Reads them. Whether `from_index` may be missing is the caller's to say.
    pub(crate) fn read(fields: &mut Fields<'_>, rules: &Rules<'_>) -> Self {
        let asked = fields.flag("overwrite_from_index");
        let token = fields.string("overwrite_from_index_token");
        let from_index = fields.image("from_index");
        // Without an index there is nothing to overwrite, whoever asks.
        let overwrite = asked || (rules.overwrite_forced && from_index.is_some());
        let parameters = Self {
            from_index,
            add_arches: fields.strings("add_arches"),
            binary_image: binary_image(fields, rules),
            overwrite_from_index: overwrite,
            overwrite_from_index_token: token.map(SecretString::from),
            distribution_scope: fields.scope(),
            build_tags: fields.strings("build_tags").into_iter().collect(),
        };
        if token.is_some() && !overwrite {
            fields.findings.invalid(
                "overwrite_from_index_token",
                "needs `overwrite_from_index` to be true",
            );
        }
        if token.is_none() && overwrite && rules.overwriter == Overwriter::User {
            fields.findings.forbidden(
                "overwrite_from_index",
                "needs `overwrite_from_index_token`, a `user:password` that may push there",
            );
        }
        parameters
    }

    /// Notes that `from_index` is missing, for submits that cannot do without.
    pub(crate) fn require_from_index(&self, fields: &mut Fields<'_>) {
        if self.from_index.is_none() {
            fields.require("from_index");
        }
    }

    /// Every image named here.
    pub(crate) fn images(&self) -> impl Iterator<Item = &str> {
        self.from_index
            .iter()
            .chain(&self.binary_image)
            .map(String::as_str)
    }

    pub(crate) fn without_secrets(&self) -> Self {
        Self {
            overwrite_from_index_token: None,
            ..self.clone()
        }
    }
}

/// `binary_image`, which may be left out where the service has its own.
pub(crate) fn binary_image(fields: &mut Fields<'_>, rules: &Rules<'_>) -> Option<String> {
    let image = fields.image("binary_image");
    if image.is_none() && !rules.binary_image_configured && !fields.has_problem("binary_image") {
        fields.findings.invalid(
            "binary_image",
            "must be given, as this service is configured without a default",
        );
    }
    image
}
