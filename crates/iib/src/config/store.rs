//! `[store]`: where the state of requests is kept.

use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize, Serializer};

use super::words::without_password;

/// `[store]`.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct StoreSection {
    /// The database: `sqlite:PATH` or `postgres://…`. Default: a file in the data directory. It may hold a password.
    #[serde(serialize_with = "hidden")]
    pub(crate) database: Option<SecretString>,
}

impl StoreSection {
    /// Whether both name the same database in the same way.
    pub(crate) fn is(&self, other: &Self) -> bool {
        let text = |section: &Self| {
            let address = section.database.as_ref();
            address.map(|address| address.expose_secret().to_owned())
        };
        text(self) == text(other)
    }
}

#[expect(clippy::ref_option, reason = "serde hands fields over by reference")]
pub(super) fn hidden<S: Serializer>(
    address: &Option<SecretString>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    match address {
        None => serializer.serialize_none(),
        Some(address) => serializer.serialize_str(&without_password(address.expose_secret())),
    }
}
