//! What submits send. What is left out is not sent, so that the service's own defaults apply.

use std::collections::BTreeMap;

use api::{RequestType, Scope};
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Serialize, Serializer};
use serde_json::{Map, Value};

/// The body of a submit, by its type.
#[derive(Clone, Debug, Serialize)]
#[serde(untagged)]
pub enum Submission {
    /// Add bundles to an index image.
    Add(Add),
    /// Remove operators from an index image.
    Rm(Rm),
    /// Rewrite a bundle image.
    RegenerateBundle(RegenerateBundle),
    /// Merge one index image into another.
    MergeIndexImage(MergeIndexImage),
    /// Make an empty index image.
    CreateEmptyIndex(CreateEmptyIndex),
    /// List the bundles a bundle refers to, level by level.
    RecursiveRelatedBundles(RecursiveRelatedBundles),
    /// Put catalog fragments into an index image.
    FbcOperations(FbcOperations),
    /// Put deprecations into an index image.
    AddDeprecations(AddDeprecations),
}

impl Submission {
    /// The type of the request.
    pub const fn request_type(&self) -> RequestType {
        match self {
            Self::Add(_) => RequestType::Add,
            Self::Rm(_) => RequestType::Rm,
            Self::RegenerateBundle(_) => RequestType::RegenerateBundle,
            Self::MergeIndexImage(_) => RequestType::MergeIndexImage,
            Self::CreateEmptyIndex(_) => RequestType::CreateEmptyIndex,
            Self::RecursiveRelatedBundles(_) => RequestType::RecursiveRelatedBundles,
            Self::FbcOperations(_) => RequestType::FbcOperations,
            Self::AddDeprecations(_) => RequestType::AddDeprecations,
        }
    }
}

/// Which index image is worked on, and how the result is published.
#[derive(Clone, Debug, Default, Serialize)]
pub struct IndexOptions {
    /// The index image to start from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from_index: Option<String>,
    /// Architectures to build for beside those of the index image.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub add_arches: Vec<String>,
    /// The image that gives opm and its base.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub binary_image: Option<String>,
    /// Whether the result replaces `from_index`.
    #[serde(skip_serializing_if = "is_false")]
    pub overwrite_from_index: bool,
    /// `user:password` for the repository of `from_index`.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "exposed")]
    pub overwrite_from_index_token: Option<SecretString>,
    /// Who the result is for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub distribution_scope: Option<Scope>,
    /// Extra tags for the result.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub build_tags: Vec<String>,
}

/// The body of `POST builds/add`.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Add {
    /// The bundle images to add.
    pub bundles: Vec<String>,
    /// The index image, and how the result is published.
    #[serde(flatten)]
    pub index: IndexOptions,
    /// How the upgrade graph is updated.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub graph_update_mode: Option<String>,
    /// Whether the images that the bundles refer to are looked for.
    #[serde(skip_serializing_if = "is_false")]
    pub check_related_images: bool,
    /// Bundles to deprecate.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub deprecation_list: Vec<String>,
}

/// The body of `POST builds/rm`.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Rm {
    /// The packages to remove.
    pub operators: Vec<String>,
    /// The index image, and how the result is published.
    #[serde(flatten)]
    pub index: IndexOptions,
}

/// The body of `POST builds/regenerate-bundle`.
#[derive(Clone, Debug, Default, Serialize)]
pub struct RegenerateBundle {
    /// The bundle image to start from.
    pub from_bundle_image: String,
    /// Whose customizations apply.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub organization: Option<String>,
    /// Images to use in place of others.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub bundle_replacements: BTreeMap<String, String>,
    /// The text of a docker configuration with credentials for the images of this request.
    #[serde(
        skip_serializing_if = "Option::is_none",
        serialize_with = "exposed_json"
    )]
    pub registry_auths: Option<SecretString>,
}

/// The body of `POST builds/merge-index-image`.
#[derive(Clone, Debug, Default, Serialize)]
pub struct MergeIndexImage {
    /// The index image that is merged.
    pub source_from_index: String,
    /// The index image it is merged into.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target_index: Option<String>,
    /// The image that gives opm and its base.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub binary_image: Option<String>,
    /// Whether the result replaces `target_index`.
    #[serde(skip_serializing_if = "is_false")]
    pub overwrite_target_index: bool,
    /// `user:password` for the repository of `target_index`.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "exposed")]
    pub overwrite_target_index_token: Option<SecretString>,
    /// Bundles to deprecate.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub deprecation_list: Vec<String>,
    /// Who the result is for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub distribution_scope: Option<Scope>,
    /// Extra tags for the result.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub build_tags: Vec<String>,
    /// How the upgrade graph is updated.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub graph_update_mode: Option<String>,
    /// Whether bundles are taken over whatever OCP version they are for.
    #[serde(skip_serializing_if = "is_false")]
    pub ignore_bundle_ocp_version: bool,
}

/// The body of `POST builds/create-empty-index`.
#[derive(Clone, Debug, Default, Serialize)]
pub struct CreateEmptyIndex {
    /// The index image whose architectures and labels are taken over.
    pub from_index: String,
    /// The image that gives opm and its base.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub binary_image: Option<String>,
    /// Who the result is for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub distribution_scope: Option<Scope>,
    /// Labels of the result.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    /// Whether the result is file-based.
    #[serde(skip_serializing_if = "is_false")]
    pub output_fbc: bool,
}

/// The body of `POST builds/recursive-related-bundles`.
#[derive(Clone, Debug, Default, Serialize)]
pub struct RecursiveRelatedBundles {
    /// The bundle image to start from.
    pub parent_bundle_image: String,
    /// Whose customizations apply.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub organization: Option<String>,
    /// The text of a docker configuration with credentials for the images of this request.
    #[serde(
        skip_serializing_if = "Option::is_none",
        serialize_with = "exposed_json"
    )]
    pub registry_auths: Option<SecretString>,
}

/// The body of `POST builds/fbc-operations`.
#[derive(Clone, Debug, Default, Serialize)]
pub struct FbcOperations {
    /// The images with the fragments.
    pub fbc_fragments: Vec<String>,
    /// The index image, and how the result is published.
    #[serde(flatten)]
    pub index: IndexOptions,
}

/// The body of `POST builds/add-deprecations`.
#[derive(Clone, Debug, Default, Serialize)]
pub struct AddDeprecations {
    /// The package the deprecations are of.
    pub operator_package: String,
    /// The text of a JSON document.
    pub deprecation_schema: String,
    /// The index image, and how the result is published.
    #[serde(flatten)]
    pub index: IndexOptions,
}

/// The body of a batch submit; the service says what is wrong with its items.
#[derive(Clone, Debug, Serialize)]
pub struct Batch {
    /// The requests.
    pub build_requests: Vec<Value>,
    /// Notes on the batch.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub annotations: Option<Map<String, Value>>,
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde hands references over"
)]
const fn is_false(flag: &bool) -> bool {
    !*flag
}

/// The service has to be told; nothing else is made of these bodies.
fn exposed<S: Serializer>(secret: &Option<SecretString>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_some(&secret.as_ref().map(|secret| secret.expose_secret()))
}

/// As [`exposed`], for a secret that is the text of a JSON document.
fn exposed_json<S: Serializer>(
    secret: &Option<SecretString>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    let document: Option<Value> = secret
        .as_ref()
        .map(|secret| serde_json::from_str(secret.expose_secret()))
        .transpose()
        // The parser's own words could quote the secret.
        .map_err(|_| serde::ser::Error::custom("the credentials are not JSON"))?;
    document.serialize(serializer)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use api::schema;
    use serde_json::Value;

    use super::*;

    fn text() -> String {
        "registry.example/ns/name:1".into()
    }

    fn secret() -> Option<SecretString> {
        Some("{\"user\": \"password\"}".into())
    }

    fn index() -> IndexOptions {
        IndexOptions {
            from_index: Some(text()),
            add_arches: vec![text()],
            binary_image: Some(text()),
            overwrite_from_index: true,
            overwrite_from_index_token: secret(),
            distribution_scope: Some(Scope::Dev),
            build_tags: vec![text()],
        }
    }

    fn all() -> Vec<Submission> {
        let map = || BTreeMap::from([("a".to_owned(), "b".to_owned())]);
        vec![
            Submission::Add(Add {
                bundles: vec![text()],
                index: index(),
                graph_update_mode: Some(text()),
                check_related_images: true,
                deprecation_list: vec![text()],
            }),
            Submission::Rm(Rm {
                operators: vec![text()],
                index: index(),
            }),
            Submission::RegenerateBundle(RegenerateBundle {
                from_bundle_image: text(),
                organization: Some(text()),
                bundle_replacements: map(),
                registry_auths: secret(),
            }),
            Submission::MergeIndexImage(MergeIndexImage {
                source_from_index: text(),
                target_index: Some(text()),
                binary_image: Some(text()),
                overwrite_target_index: true,
                overwrite_target_index_token: secret(),
                deprecation_list: vec![text()],
                distribution_scope: Some(Scope::Prod),
                build_tags: vec![text()],
                graph_update_mode: Some(text()),
                ignore_bundle_ocp_version: true,
            }),
            Submission::CreateEmptyIndex(CreateEmptyIndex {
                from_index: text(),
                binary_image: Some(text()),
                distribution_scope: Some(Scope::Stage),
                labels: map(),
                output_fbc: true,
            }),
            Submission::RecursiveRelatedBundles(RecursiveRelatedBundles {
                parent_bundle_image: text(),
                organization: Some(text()),
                registry_auths: secret(),
            }),
            Submission::FbcOperations(FbcOperations {
                fbc_fragments: vec![text()],
                index: index(),
            }),
            Submission::AddDeprecations(AddDeprecations {
                operator_package: text(),
                deprecation_schema: text(),
                index: index(),
            }),
        ]
    }

    /// A parameter that the service gets and the client lacks would be out of reach of its users.
    #[test]
    fn every_parameter_that_is_not_deprecated_can_be_sent() {
        let components = schema::components();
        for submission in all() {
            let name = schema::payload(submission.request_type()).unwrap();
            let described: BTreeSet<String> = components[name]["properties"]
                .as_object()
                .unwrap()
                .iter()
                .filter(|(_, property)| property["deprecated"] != true)
                // Of an addition it is one, of the others it is without effect.
                .map(|(name, _)| name.clone())
                .collect();
            let body = serde_json::to_value(&submission).unwrap();
            let sent: BTreeSet<String> = body.as_object().unwrap().keys().cloned().collect();
            assert_eq!(sent, described, "{name}");
        }
        assert_eq!(all().len(), schema::submitted().count());
    }

    #[test]
    fn what_is_left_out_is_not_sent_and_secrets_are_not_printed() {
        let least = serde_json::to_value(Submission::Add(Add::default())).unwrap();
        assert_eq!(least, serde_json::json!({"bundles": []}));
        for submission in all() {
            assert!(!format!("{submission:?}").contains("password"));
        }
        let wrong = RecursiveRelatedBundles {
            registry_auths: Some("hunter2 {".into()),
            ..RecursiveRelatedBundles::default()
        };
        let error = serde_json::to_value(wrong).unwrap_err().to_string();
        assert!(!error.contains("hunter2"), "{error}");
        let auths = serde_json::to_value(all().remove(2)).unwrap();
        assert_eq!(auths["registry_auths"]["user"], Value::from("password"));
    }
}
