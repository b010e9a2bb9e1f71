//! `[server.tls]`: certificate and key of the REST API.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use server::TlsFiles;

/// `[server.tls]`: certificate and key of the REST API, as PEM files.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct TlsSection {
    /// The certificate, followed by those that vouch for it.
    pub(crate) cert: PathBuf,
    /// Its private key.
    pub(crate) key: PathBuf,
    /// Authorities whose certificates callers must have.
    #[serde(default)]
    pub(crate) client_ca: Option<PathBuf>,
}

impl TlsSection {
    /// The same in the server's words.
    pub(crate) fn files(&self) -> TlsFiles {
        TlsFiles {
            client_ca: self.client_ca.clone(),
            ..TlsFiles::new(&self.cert, &self.key)
        }
    }
}
