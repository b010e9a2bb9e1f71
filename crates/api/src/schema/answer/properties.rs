//! What answers hold, property by property. Tests hold these tables to the serializers.

use serde_json::{Value, json};

use crate::kind::RequestType;
use crate::schema::reference;

/// A property of an answer: its name, its schema, what it means.
pub(super) type Property = (&'static str, Shape, &'static str);

/// What a property holds.
#[derive(Clone, Copy)]
pub(super) enum Shape {
    Number,
    Text,
    TextOrNull,
    Time,
    Texts,
    TextByName,
    TextByNameOrNull,
    ListsByName,
    Anything,
    ObjectOrNull,
    FlagOrNull,
    State,
    History,
    Artefact,
    Url,
    UrlOrNull,
}

impl Shape {
    pub(super) fn schema(self) -> Value {
        match self {
            Self::Number => json!({"type": "integer", "format": "int64"}),
            Self::Text => json!({"type": "string"}),
            Self::TextOrNull => json!({"type": ["string", "null"]}),
            Self::Time => json!({"type": "string", "format": "date-time"}),
            Self::Texts => json!({"type": "array", "items": {"type": "string"}}),
            Self::TextByName => {
                json!({"type": "object", "additionalProperties": {"type": "string"}})
            }
            Self::TextByNameOrNull => {
                json!({"type": ["object", "null"], "additionalProperties": {"type": "string"}})
            }
            Self::ListsByName => {
                json!({"type": "object", "additionalProperties": {"type": "array", "items": {"type": "string"}}})
            }
            Self::Anything => json!({}),
            Self::ObjectOrNull => json!({"type": ["object", "null"]}),
            Self::FlagOrNull => json!({"type": ["boolean", "null"]}),
            Self::State => reference("State"),
            Self::History => json!({"type": "array", "items": reference("StateEntry")}),
            Self::Artefact => reference("Artefact"),
            Self::Url => json!({"type": "string", "format": "uri"}),
            Self::UrlOrNull => json!({"type": ["string", "null"], "format": "uri"}),
        }
    }
}

pub(super) const COMMON: [Property; 9] = [
    ("id", Shape::Number, "The number of the request."),
    (
        "arches",
        Shape::Texts,
        "Architectures of the built image, by name.",
    ),
    (
        "batch",
        Shape::Number,
        "The batch it belongs to; every request has one.",
    ),
    ("request_type", Shape::Text, "What kind of request it is."),
    ("user", Shape::TextOrNull, "Who submitted it."),
    ("state", Shape::State, "The newest state."),
    (
        "state_reason",
        Shape::Text,
        "Why it is in that state; for a failed request what went wrong.",
    ),
    ("updated", Shape::Time, "When it entered that state."),
    (
        "batch_annotations",
        Shape::ObjectOrNull,
        "What the submitter noted on the batch. Verbose form only.",
    ),
];

pub(super) const VERBOSE: [Property; 2] = [
    (
        "state_history",
        Shape::History,
        "Every state entry, newest first. Verbose form only.",
    ),
    (
        "logs",
        Shape::Artefact,
        "What was logged. Verbose form only, where logs are kept.",
    ),
];

/// The properties that are missing from the short form, or where the service does not keep such files.
pub(super) const NOT_ALWAYS: [&str; 4] = [
    "batch_annotations",
    "state_history",
    "logs",
    "related_bundles",
];

const BINARY_IMAGE: [Property; 2] = [
    (
        "binary_image",
        Shape::TextOrNull,
        "The binary image asked for, or picked by the service.",
    ),
    (
        "binary_image_resolved",
        Shape::TextOrNull,
        "The binary image by digest.",
    ),
];
const INDEX: [Property; 4] = [
    (
        "from_index",
        Shape::TextOrNull,
        "The index image it starts from.",
    ),
    (
        "from_index_resolved",
        Shape::TextOrNull,
        "The from-index by digest.",
    ),
    (
        "index_image",
        Shape::TextOrNull,
        "The built index image; null until it is published.",
    ),
    (
        "index_image_resolved",
        Shape::TextOrNull,
        "The built index image by digest.",
    ),
];
const INDEX_COPY: [Property; 2] = [
    (
        "internal_index_image_copy",
        Shape::TextOrNull,
        "The copy of the built image in the service's own repository.",
    ),
    (
        "internal_index_image_copy_resolved",
        Shape::TextOrNull,
        "That copy by digest.",
    ),
];
const SCOPE: [Property; 1] = [(
    "distribution_scope",
    Shape::TextOrNull,
    "The distribution scope asked for, or in effect.",
)];
const CONTENTS: [Property; 5] = [
    ORGANIZATION,
    (
        "bundles",
        Shape::Texts,
        "The bundles to add, in the order given.",
    ),
    (
        "bundle_mapping",
        Shape::ListsByName,
        "Operator name to the bundles of this request that hold it.",
    ),
    DEPRECATION_LIST,
    (
        "removed_operators",
        Shape::Texts,
        "The packages to remove, in the order given.",
    ),
];
const ORGANIZATION: Property = (
    "organization",
    Shape::TextOrNull,
    "Whose customizations apply.",
);
const DEPRECATION_LIST: Property = ("deprecation_list", Shape::Texts, "Bundles to deprecate.");
const GRAPH_UPDATE_MODE: Property = (
    "graph_update_mode",
    Shape::TextOrNull,
    "How the upgrade graph is updated.",
);
const BUILD_TAGS: Property = (
    "build_tags",
    Shape::Texts,
    "Extra tags of the result, by name.",
);

const ADD: [Property; 3] = [
    (
        "omps_operator_version",
        Shape::Anything,
        "Versions by operator of a retired registry: an object, unless a worker reported something else.",
    ),
    GRAPH_UPDATE_MODE,
    (
        "check_related_images",
        Shape::FlagOrNull,
        "Whether the images that the bundles refer to are looked for; null when the submitter did not say.",
    ),
];
const REGENERATE: [Property; 6] = [
    (
        "bundle_image",
        Shape::TextOrNull,
        "The rewritten bundle image; null until it is published.",
    ),
    (
        "from_bundle_image",
        Shape::Text,
        "The bundle image it starts from.",
    ),
    (
        "from_bundle_image_resolved",
        Shape::TextOrNull,
        "That image by digest.",
    ),
    ORGANIZATION,
    (
        "bundle_replacements",
        Shape::TextByName,
        "Images to use in place of others.",
    ),
    (
        "related_bundles",
        Shape::Artefact,
        "The bundles that the bundle refers to. Only where such files are kept.",
    ),
];
const MERGE: [Property; 9] = [
    DEPRECATION_LIST,
    GRAPH_UPDATE_MODE,
    (
        "ignore_bundle_ocp_version",
        Shape::FlagOrNull,
        "Whether bundles are taken over whatever OCP version they are for; null when the submitter did not say.",
    ),
    INDEX[2],
    (
        "source_from_index",
        Shape::Text,
        "The index image that is merged.",
    ),
    (
        "source_from_index_resolved",
        Shape::TextOrNull,
        "That image by digest.",
    ),
    (
        "target_index",
        Shape::TextOrNull,
        "The index image it is merged into.",
    ),
    (
        "target_index_resolved",
        Shape::TextOrNull,
        "That image by digest.",
    ),
    BUILD_TAGS,
];
const EMPTY: [Property; 1] = [("labels", Shape::TextByNameOrNull, "Labels of the result.")];
const RECURSIVE: [Property; 4] = [
    (
        "parent_bundle_image",
        Shape::Text,
        "The bundle image the traversal begins at.",
    ),
    (
        "parent_bundle_image_resolved",
        Shape::TextOrNull,
        "That image by digest.",
    ),
    ORGANIZATION,
    (
        "nested_bundles",
        Shape::Artefact,
        "The bundles found, the deepest level first.",
    ),
];
const FRAGMENTS: [Property; 4] = [
    (
        "fbc_fragment",
        Shape::TextOrNull,
        "The fragment, where the submitter used the older form.",
    ),
    (
        "fbc_fragment_resolved",
        Shape::TextOrNull,
        "That fragment by digest.",
    ),
    (
        "fbc_fragments",
        Shape::Texts,
        "The fragments, in the order given.",
    ),
    (
        "fbc_fragments_resolved",
        Shape::Texts,
        "The fragments by digest.",
    ),
];
const DEPRECATIONS: [Property; 2] = [
    (
        "operator_package",
        Shape::Text,
        "The package the deprecations are of.",
    ),
    (
        "deprecation_schema_url",
        Shape::Url,
        "Where the deprecations are, as submitted.",
    ),
];

/// The properties that each type adds (section 4.3 of the contract).
pub(super) fn details(kind: RequestType) -> Vec<&'static [Property]> {
    match kind {
        RequestType::Generic => Vec::new(),
        RequestType::Add => vec![
            &BINARY_IMAGE,
            &INDEX,
            &INDEX_COPY,
            &SCOPE,
            &CONTENTS,
            &[BUILD_TAGS],
            &ADD,
        ],
        RequestType::Rm => vec![
            &BINARY_IMAGE,
            &INDEX,
            &INDEX_COPY,
            &SCOPE,
            &CONTENTS,
            &[BUILD_TAGS],
        ],
        RequestType::RegenerateBundle => vec![&REGENERATE],
        RequestType::MergeIndexImage => vec![&BINARY_IMAGE, &MERGE, &SCOPE],
        RequestType::CreateEmptyIndex => vec![&BINARY_IMAGE, &INDEX, &SCOPE, &EMPTY],
        RequestType::RecursiveRelatedBundles => vec![&RECURSIVE],
        RequestType::FbcOperations => {
            vec![
                &BINARY_IMAGE,
                &INDEX,
                &INDEX_COPY,
                &SCOPE,
                &[BUILD_TAGS],
                &FRAGMENTS,
            ]
        }
        RequestType::AddDeprecations => vec![
            &BINARY_IMAGE,
            &INDEX,
            &INDEX_COPY,
            &[BUILD_TAGS],
            &DEPRECATIONS,
        ],
    }
}

pub(super) const META: [Property; 8] = [
    ("first", Shape::Url, "The first page."),
    (
        "last",
        Shape::Url,
        "The last page; page 0 of an empty result.",
    ),
    ("next", Shape::UrlOrNull, "The next page."),
    ("page", Shape::Number, "The number of this page, from 1."),
    (
        "pages",
        Shape::Number,
        "How many pages there are; 0 for an empty result.",
    ),
    (
        "per_page",
        Shape::Number,
        "How many items a page holds at most, after the service's limit.",
    ),
    ("previous", Shape::UrlOrNull, "The previous page."),
    (
        "total",
        Shape::Number,
        "How many items there are on all pages.",
    ),
];
