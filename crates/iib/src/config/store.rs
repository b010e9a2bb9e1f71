//! `[store]`: where the state of requests is kept.

use secrecy::SecretString;
use serde::Deserialize;

/// `[store]`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct StoreSection {
    /// The database: `sqlite:PATH` or `postgres://…`. Default: a file in the data directory. It may hold a password.
    pub(crate) database: Option<SecretString>,
}
