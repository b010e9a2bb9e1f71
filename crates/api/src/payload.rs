//! A payload of any request type, and the form in which it is kept in the database.

pub(crate) mod add;
pub(crate) mod create_empty;
pub(crate) mod deprecations;
pub(crate) mod fbc;
mod index;
pub(crate) mod merge;
pub(crate) mod recursive;
pub(crate) mod regenerate;
mod registry_auths;
pub(crate) mod rm;

use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

pub use add::AddPayload;
pub use create_empty::CreateEmptyIndexPayload;
pub use deprecations::AddDeprecationsPayload;
pub use fbc::{FbcOperationsPayload, Fragments};
pub use index::IndexParameters;
pub use merge::MergeIndexImagePayload;
pub use recursive::RecursiveRelatedBundlesPayload;
pub use regenerate::RegenerateBundlePayload;
pub use rm::RmPayload;

use crate::kind::{RequestType, Scope};
use crate::refusal::Refusal;
use crate::rules::Rules;

/// What a request asks for, by type.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "request_type", rename_all = "kebab-case")]
pub enum Payload {
    /// `POST builds/add`.
    Add(AddPayload),
    /// `POST builds/rm`.
    Rm(RmPayload),
    /// `POST builds/regenerate-bundle`.
    RegenerateBundle(RegenerateBundlePayload),
    /// `POST builds/merge-index-image`.
    MergeIndexImage(MergeIndexImagePayload),
    /// `POST builds/create-empty-index`.
    CreateEmptyIndex(CreateEmptyIndexPayload),
    /// `POST builds/recursive-related-bundles`.
    RecursiveRelatedBundles(RecursiveRelatedBundlesPayload),
    /// `POST builds/fbc-operations`.
    FbcOperations(FbcOperationsPayload),
    /// `POST builds/add-deprecations`.
    AddDeprecations(AddDeprecationsPayload),
}

/// A secret that comes with a request, by its name on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Secret {
    /// `user:password` for the repository of the from-index.
    OverwriteFromIndexToken,
    /// `user:password` for the repository of the target index.
    OverwriteTargetIndexToken,
    /// A docker configuration.
    RegistryAuths,
}

impl Secret {
    /// Every kind of secret.
    pub const ALL: [Self; 3] = [
        Self::OverwriteFromIndexToken,
        Self::OverwriteTargetIndexToken,
        Self::RegistryAuths,
    ];

    /// The name of the parameter that brings it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::OverwriteFromIndexToken => "overwrite_from_index_token",
            Self::OverwriteTargetIndexToken => "overwrite_target_index_token",
            Self::RegistryAuths => "registry_auths",
        }
    }

    /// The secret with this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|secret| secret.name() == name)
    }
}

/// Why a stored payload cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoredPayloadError {
    /// A later release wrote it.
    #[error(
        "the stored payload has version {found}, but this release reads up to {}; run the release that wrote it",
        Payload::STORED_VERSION
    )]
    TooNew {
        /// Its version.
        found: u32,
    },
    /// It is no payload.
    #[error("the stored payload cannot be read")]
    Malformed(#[source] serde_json::Error),
}

#[derive(Serialize)]
struct Envelope<'a> {
    version: u32,
    body: &'a Payload,
}

#[derive(Deserialize)]
struct VersionOnly {
    version: u32,
}

#[derive(Deserialize)]
struct OwnedEnvelope {
    body: Payload,
}

impl Payload {
    /// The version of the stored form that this release writes. It grows only when older releases could not make sense of what is
    /// written; parameters that may be ignored are added without it.
    pub const STORED_VERSION: u32 = 1;

    /// Reads the body of a submit of this type; none for the type that nobody submits.
    ///
    /// # Errors
    /// A [`Refusal`] with every rule the body breaks: 400, or 403 when it is well formed and only a permission is missing.
    pub fn parse(
        kind: RequestType,
        object: &Map<String, Value>,
        rules: &Rules<'_>,
    ) -> Result<Option<Self>, Refusal> {
        Ok(Some(match kind {
            RequestType::Generic => return Ok(None),
            RequestType::Add => Self::Add(AddPayload::parse(object, rules)?),
            RequestType::Rm => Self::Rm(RmPayload::parse(object, rules)?),
            RequestType::RegenerateBundle => {
                Self::RegenerateBundle(RegenerateBundlePayload::parse(object)?)
            }
            RequestType::MergeIndexImage => {
                Self::MergeIndexImage(MergeIndexImagePayload::parse(object, rules)?)
            }
            RequestType::CreateEmptyIndex => {
                Self::CreateEmptyIndex(CreateEmptyIndexPayload::parse(object, rules)?)
            }
            RequestType::RecursiveRelatedBundles => {
                Self::RecursiveRelatedBundles(RecursiveRelatedBundlesPayload::parse(object)?)
            }
            RequestType::FbcOperations => {
                Self::FbcOperations(FbcOperationsPayload::parse(object, rules)?)
            }
            RequestType::AddDeprecations => {
                Self::AddDeprecations(AddDeprecationsPayload::parse(object, rules)?)
            }
        }))
    }

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

    /// The parameters on its index image, for the types that have all of them.
    pub const fn index(&self) -> Option<&IndexParameters> {
        match self {
            Self::Add(payload) => Some(&payload.index),
            Self::Rm(payload) => Some(&payload.index),
            Self::FbcOperations(payload) => Some(&payload.index),
            Self::AddDeprecations(payload) => Some(&payload.index),
            Self::RegenerateBundle(_)
            | Self::MergeIndexImage(_)
            | Self::CreateEmptyIndex(_)
            | Self::RecursiveRelatedBundles(_) => None,
        }
    }

    /// The index image that `from_index` shows.
    pub fn from_index(&self) -> Option<&str> {
        match self {
            Self::CreateEmptyIndex(payload) => Some(&payload.from_index),
            _ => self.index()?.from_index.as_deref(),
        }
    }

    /// The binary image that was asked for.
    pub fn binary_image(&self) -> Option<&str> {
        match self {
            Self::MergeIndexImage(payload) => payload.binary_image.as_deref(),
            Self::CreateEmptyIndex(payload) => payload.binary_image.as_deref(),
            _ => self.index()?.binary_image.as_deref(),
        }
    }

    /// The distribution scope that was asked for.
    pub fn distribution_scope(&self) -> Option<Scope> {
        match self {
            Self::MergeIndexImage(payload) => payload.distribution_scope,
            Self::CreateEmptyIndex(payload) => payload.distribution_scope,
            _ => self.index()?.distribution_scope,
        }
    }

    /// The organization it is for; none for types without.
    pub fn organization(&self) -> Option<&str> {
        match self {
            Self::Add(payload) => payload.organization.as_deref(),
            Self::RegenerateBundle(payload) => payload.organization.as_deref(),
            Self::RecursiveRelatedBundles(payload) => payload.organization.as_deref(),
            Self::Rm(_)
            | Self::MergeIndexImage(_)
            | Self::CreateEmptyIndex(_)
            | Self::FbcOperations(_)
            | Self::AddDeprecations(_) => None,
        }
    }

    /// The index image by which lists find it (section 5.2); none for types that are not found so.
    pub fn listed_from_index(&self) -> Option<&str> {
        match self {
            Self::AddDeprecations(_) => None,
            _ => self.from_index(),
        }
    }

    /// Whether lists find it by the image it built (section 5.2).
    pub const fn listed_by_index_image(&self) -> bool {
        match self {
            Self::Add(_)
            | Self::Rm(_)
            | Self::MergeIndexImage(_)
            | Self::CreateEmptyIndex(_)
            | Self::FbcOperations(_) => true,
            Self::RegenerateBundle(_)
            | Self::RecursiveRelatedBundles(_)
            | Self::AddDeprecations(_) => false,
        }
    }

    /// The index image that is overwritten, whose requests must not run beside each other.
    pub fn overwritten_index(&self) -> Option<&str> {
        match self {
            Self::MergeIndexImage(payload) if payload.overwrite_target_index => {
                payload.target_index.as_deref()
            }
            _ => {
                let index = self.index()?;
                index
                    .from_index
                    .as_deref()
                    .filter(|_| index.overwrite_from_index)
            }
        }
    }

    /// Whether it overwrites its index, which decides its queue (section 9).
    pub const fn overwrites(&self) -> bool {
        match self {
            Self::MergeIndexImage(payload) => payload.overwrite_target_index,
            _ => match self.index() {
                Some(index) => index.overwrite_from_index,
                None => false,
            },
        }
    }

    /// The bundles whose operators `bundle_mapping` shows.
    pub fn bundles(&self) -> &[String] {
        match self {
            Self::Add(payload) => &payload.bundles,
            _ => &[],
        }
    }

    /// Every image named in it, in no particular order and with repeats.
    pub fn image_references(&self) -> Vec<&str> {
        match self {
            Self::Add(payload) => payload.images().collect(),
            Self::Rm(payload) => payload.index.images().collect(),
            Self::RegenerateBundle(payload) => vec![&payload.from_bundle_image],
            Self::MergeIndexImage(payload) => payload.images().collect(),
            Self::CreateEmptyIndex(payload) => {
                let binary_image = payload.binary_image.as_deref();
                binary_image
                    .into_iter()
                    .chain([payload.from_index.as_str()])
                    .collect()
            }
            Self::RecursiveRelatedBundles(payload) => vec![&payload.parent_bundle_image],
            Self::FbcOperations(payload) => payload.images().collect(),
            Self::AddDeprecations(payload) => payload.index.images().collect(),
        }
    }

    /// The secrets that came with it.
    pub fn secrets(&self) -> Option<(Secret, &SecretString)> {
        match self {
            Self::RegenerateBundle(payload) => {
                Some((Secret::RegistryAuths, payload.registry_auths.as_ref()?))
            }
            Self::RecursiveRelatedBundles(payload) => {
                Some((Secret::RegistryAuths, payload.registry_auths.as_ref()?))
            }
            Self::MergeIndexImage(payload) => Some((
                Secret::OverwriteTargetIndexToken,
                payload.overwrite_target_index_token.as_ref()?,
            )),
            _ => Some((
                Secret::OverwriteFromIndexToken,
                self.index()?.overwrite_from_index_token.as_ref()?,
            )),
        }
    }

    /// A copy that can be kept and shown for as long as one likes.
    #[must_use]
    pub fn without_secrets(&self) -> Self {
        let mut copy = self.clone();
        match &mut copy {
            Self::Add(payload) => payload.index = payload.index.without_secrets(),
            Self::Rm(payload) => payload.index = payload.index.without_secrets(),
            Self::FbcOperations(payload) => payload.index = payload.index.without_secrets(),
            Self::AddDeprecations(payload) => payload.index = payload.index.without_secrets(),
            Self::RegenerateBundle(payload) => *payload = payload.without_secrets(),
            Self::RecursiveRelatedBundles(payload) => *payload = payload.without_secrets(),
            Self::MergeIndexImage(payload) => *payload = payload.without_secrets(),
            Self::CreateEmptyIndex(_) => {}
        }
        copy
    }

    /// The stored form: JSON text with a version, without secrets.
    #[expect(
        clippy::missing_panics_doc,
        reason = "serializing these types cannot fail"
    )]
    pub fn to_stored(&self) -> String {
        let envelope = Envelope {
            version: Self::STORED_VERSION,
            body: self,
        };
        serde_json::to_string(&envelope)
            .expect("payloads have string keys only and serialize without failing")
    }

    /// Reads the stored form; fields it does not know are ignored.
    ///
    /// # Errors
    /// [`StoredPayloadError`] when a later release wrote it or it is damaged.
    pub fn from_stored(text: &str) -> Result<Self, StoredPayloadError> {
        let VersionOnly { version } =
            serde_json::from_str(text).map_err(StoredPayloadError::Malformed)?;
        if version > Self::STORED_VERSION {
            return Err(StoredPayloadError::TooNew { found: version });
        }
        let envelope: OwnedEnvelope =
            serde_json::from_str(text).map_err(StoredPayloadError::Malformed)?;
        Ok(envelope.body)
    }
}

/// The texts in the order given, each once.
fn without_repeats(texts: Vec<String>) -> Vec<String> {
    let mut seen = std::collections::HashSet::new();
    texts
        .into_iter()
        .filter(|text| seen.insert(text.clone()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::{Payload, StoredPayloadError};

    #[test]
    fn the_stored_form_reads_back_and_unknown_fields_are_ignored() {
        let text = r#"{"version":1,"later":1,"body":{"request_type":"add","bundles":["r/b:1"],"later":[2],"index":{"distribution_scope":"dev"}}}"#;
        let payload = Payload::from_stored(text).unwrap();
        let Payload::Add(add) = Payload::from_stored(&payload.to_stored()).unwrap() else {
            panic!("an addition reads back as one")
        };
        assert_eq!(add.bundles, ["r/b:1"]);
        assert_eq!(add.index.distribution_scope, Some(crate::Scope::Dev));
    }

    #[test]
    fn a_later_version_is_refused_rather_than_guessed_at() {
        let text = r#"{"version":2,"body":{"request_type":"who-knows"}}"#;
        assert!(matches!(
            Payload::from_stored(text),
            Err(StoredPayloadError::TooNew { found: 2 })
        ));
        assert!(matches!(
            Payload::from_stored("{}"),
            Err(StoredPayloadError::Malformed(_))
        ));
    }
}
