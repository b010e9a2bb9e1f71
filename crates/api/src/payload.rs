//! A payload of any request type, and the form in which it is kept in the database.

use serde::{Deserialize, Serialize};

use crate::add::AddPayload;
use crate::kind::RequestType;

/// What a request asks for, by type.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "request_type", rename_all = "kebab-case")]
pub enum Payload {
    /// `POST builds/add`.
    Add(AddPayload),
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

    /// The type of the request.
    pub const fn request_type(&self) -> RequestType {
        match self {
            Self::Add(_) => RequestType::Add,
        }
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

#[cfg(test)]
mod tests {
    use super::{Payload, StoredPayloadError};

    #[test]
    fn the_stored_form_reads_back_and_unknown_fields_are_ignored() {
        let text = r#"{"version":1,"later":1,"body":{"request_type":"add","bundles":["r/b:1"],"later":[2],"distribution_scope":"dev"}}"#;
        let payload = Payload::from_stored(text).unwrap();
        let again = Payload::from_stored(&payload.to_stored()).unwrap();
        let Payload::Add(add) = again;
        assert_eq!(add.bundles, ["r/b:1"]);
        assert_eq!(add.distribution_scope, Some(crate::Scope::Dev));
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
