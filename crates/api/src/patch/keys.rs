//! The keys that workers may change, by type of request (section 8.1).

use crate::kind::RequestType;
use crate::parameter::{Form, Parameter};

/// The keys every type of request lets a worker change.
pub(crate) const COMMON: [Parameter; 3] = [
    Parameter::strict(
        "state",
        Form::State,
        "The state to be in. Goes together with `state_reason`; a final state is never left.",
    )
    .example(r#""complete""#),
    Parameter::strict("state_reason", Form::Text, "Why it is in that state.")
        .example(r#""The operator bundle(s) were successfully added to the index image""#),
    Parameter::strict(
        "arches",
        Form::Texts,
        "Architectures of the built image; added to those known.",
    )
    .example(r#"["amd64", "arm64"]"#),
];

const fn image(name: &'static str, about: &'static str) -> Parameter {
    Parameter::strict(name, Form::Image, about)
}

const BINARY_IMAGE: Parameter = image("binary_image", "The binary image that was picked.");
const BINARY_IMAGE_RESOLVED: Parameter =
    image("binary_image_resolved", "The binary image by digest.");
const DISTRIBUTION_SCOPE: Parameter = Parameter::strict(
    "distribution_scope",
    Form::Scope,
    "The distribution scope in effect.",
);
const FROM_INDEX_RESOLVED: Parameter = image("from_index_resolved", "The from-index by digest.");
const INDEX_IMAGE: Parameter = image("index_image", "The built index image.");
const INDEX_IMAGE_RESOLVED: Parameter =
    image("index_image_resolved", "The built index image by digest.");
const INTERNAL_COPY: Parameter = image(
    "internal_index_image_copy",
    "The copy of the built image in the service's own repository.",
);
const INTERNAL_COPY_RESOLVED: Parameter =
    image("internal_index_image_copy_resolved", "That copy by digest.");
const FROM_BUNDLE_IMAGE_RESOLVED: Parameter = image(
    "from_bundle_image_resolved",
    "The bundle image that was rewritten, by digest.",
);

const ADD: [Parameter; 10] = [
    BINARY_IMAGE,
    BINARY_IMAGE_RESOLVED,
    Parameter::strict(
        "bundle_mapping",
        Form::ImagesByName,
        "Operator name to the bundle images that hold it.",
    ),
    DISTRIBUTION_SCOPE,
    FROM_INDEX_RESOLVED,
    INDEX_IMAGE,
    INDEX_IMAGE_RESOLVED,
    INTERNAL_COPY,
    INTERNAL_COPY_RESOLVED,
    Parameter::strict(
        "omps_operator_version",
        Form::JsonText,
        "Versions by operator of a retired registry: the text of a JSON document.",
    ),
];

const FBC_OPERATIONS: [Parameter; 11] = [
    BINARY_IMAGE,
    BINARY_IMAGE_RESOLVED,
    DISTRIBUTION_SCOPE,
    image(
        "fbc_fragment",
        "The fragment of the older form, where it is another than the submitter's.",
    ),
    image(
        "fbc_fragment_resolved",
        "The fragment of the older form by digest.",
    ),
    Parameter::strict(
        "fbc_fragments_resolved",
        Form::Images,
        "The fragments by digest, in the order of the request; replaces what is known.",
    ),
    FROM_INDEX_RESOLVED,
    INDEX_IMAGE,
    INDEX_IMAGE_RESOLVED,
    INTERNAL_COPY,
    INTERNAL_COPY_RESOLVED,
];

/// The keys a type of request has beside [`COMMON`].
pub(crate) const fn mutable_keys(kind: RequestType) -> &'static [Parameter] {
    match kind {
        RequestType::Add => &ADD,
        RequestType::Rm | RequestType::AddDeprecations => {
            const {
                &[
                    BINARY_IMAGE,
                    BINARY_IMAGE_RESOLVED,
                    DISTRIBUTION_SCOPE,
                    FROM_INDEX_RESOLVED,
                    INDEX_IMAGE,
                    INDEX_IMAGE_RESOLVED,
                    INTERNAL_COPY,
                    INTERNAL_COPY_RESOLVED,
                ]
            }
        }
        RequestType::FbcOperations => &FBC_OPERATIONS,
        RequestType::CreateEmptyIndex => {
            const {
                &[
                    BINARY_IMAGE,
                    BINARY_IMAGE_RESOLVED,
                    DISTRIBUTION_SCOPE,
                    FROM_INDEX_RESOLVED,
                    INDEX_IMAGE,
                    INDEX_IMAGE_RESOLVED,
                    Parameter::strict("labels", Form::TextByName, "Labels of the result."),
                ]
            }
        }
        RequestType::MergeIndexImage => {
            const {
                &[
                    BINARY_IMAGE,
                    BINARY_IMAGE_RESOLVED,
                    DISTRIBUTION_SCOPE,
                    INDEX_IMAGE,
                    image(
                        "source_from_index_resolved",
                        "The index image that was merged, by digest.",
                    ),
                    image(
                        "target_index_resolved",
                        "The index image it was merged into, by digest.",
                    ),
                ]
            }
        }
        RequestType::RegenerateBundle => {
            const {
                &[
                    image("bundle_image", "The rewritten bundle image."),
                    FROM_BUNDLE_IMAGE_RESOLVED,
                ]
            }
        }
        RequestType::RecursiveRelatedBundles => {
            const {
                &[image(
                    "parent_bundle_image_resolved",
                    "The bundle image that the traversal began at, by digest.",
                )]
            }
        }
        RequestType::Generic => &[],
    }
}

/// Keys that workers of the reference may send, and that change nothing there either (section 8.1, notes 1 to 3).
pub(crate) const fn without_effect(kind: RequestType) -> &'static [Parameter] {
    const NO_EFFECT: &str = "Checked and without effect.";
    const RESOLVED: Parameter = image(FROM_BUNDLE_IMAGE_RESOLVED.name, NO_EFFECT).deprecated();
    const fn text(name: &'static str) -> Parameter {
        Parameter::strict(name, Form::Text, NO_EFFECT).deprecated()
    }
    match kind {
        RequestType::Add => const { &[text("bundles"), RESOLVED] },
        RequestType::Rm | RequestType::AddDeprecations => const { &[RESOLVED] },
        RequestType::FbcOperations => const { &[text("fbc_fragments"), RESOLVED] },
        RequestType::RegenerateBundle => {
            const {
                &[
                    Parameter::strict("bundle_replacements", Form::TextByName, NO_EFFECT)
                        .deprecated(),
                ]
            }
        }
        RequestType::CreateEmptyIndex
        | RequestType::MergeIndexImage
        | RequestType::RecursiveRelatedBundles
        | RequestType::Generic => &[],
    }
}
