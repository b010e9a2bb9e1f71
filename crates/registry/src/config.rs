//! What the caller decides: addresses, places, doors and limits.

use std::collections::BTreeMap;
use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use sha2::{Digest as _, Sha256};

/// How the registry listens and stores.
///
/// [`Config::new`] gives the defaults; every field may be changed afterwards.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where to listen; port 0 picks a free one, see [`Running::addr`](crate::Running::addr).
    pub listen: SocketAddr,
    /// The directory that holds everything; created when missing. One process at a time may use it.
    pub root: PathBuf,
    /// Who may enter; default: everybody, with every right.
    pub auth: Option<Auth>,
    /// Serve HTTPS with this certificate; default: plain HTTP.
    pub tls: Option<Tls>,
    /// Largest accepted manifest in bytes; default 4 MiB, the least the specification lets clients expect.
    pub max_manifest_bytes: usize,
    /// How long an issued token is good; default 60 s. Only for [`Auth::Token`].
    pub token_lifetime: Duration,
    /// A connection on which nothing moves for so long is closed; default 60 s.
    pub idle_timeout: Duration,
    /// How long one request may take until its answer starts, its upload included; default 1 h.
    pub request_timeout: Duration,
    /// How long [`Running::shutdown`](crate::Running::shutdown) waits for requests under way; default 5 s.
    pub shutdown_grace: Duration,
    /// Uploads untouched for so long are removed at start; default 24 h.
    pub stale_upload_age: Duration,
    /// Connections served at once, further ones wait; default 256.
    pub max_connections: usize,
    /// Sync files and directories to the disk before they count; default true.
    ///
    /// Without it a killed process still loses nothing, a power cut may.
    pub fsync: bool,
}

impl Config {
    /// An open registry over plain HTTP with the default limits.
    pub fn new(listen: SocketAddr, root: impl Into<PathBuf>) -> Self {
        Self {
            listen,
            root: root.into(),
            auth: None,
            tls: None,
            max_manifest_bytes: 4 << 20,
            token_lifetime: Duration::from_mins(1),
            idle_timeout: Duration::from_mins(1),
            request_timeout: Duration::from_hours(1),
            shutdown_grace: Duration::from_secs(5),
            stale_upload_age: Duration::from_hours(24),
            max_connections: 256,
            fsync: true,
        }
    }
}

/// Who may enter, and by which protocol they say so. Maps user names to passwords.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Auth {
    /// HTTP basic authentication on every request (RFC 7617).
    Basic(BTreeMap<String, Password>),
    /// Bearer tokens, which the registry itself issues at `/token` against basic authentication, as the
    /// [distribution token specification](https://distribution.github.io/distribution/spec/auth/token/) describes.
    Token(BTreeMap<String, Password>),
}

/// A password; neither `Debug` nor anything else prints it.
#[derive(Clone)]
pub struct Password(String);

impl Password {
    /// Wraps a password.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// Compares digests, so that the time taken tells nothing about the text.
    pub(crate) fn is(&self, text: &str) -> bool {
        Sha256::digest(&self.0) == Sha256::digest(text)
    }
}

impl From<&str> for Password {
    fn from(text: &str) -> Self {
        Self::new(text)
    }
}

impl From<String> for Password {
    fn from(text: String) -> Self {
        Self::new(text)
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(***)")
    }
}

/// The certificate of the server and its key, in PEM. `Debug` does not print the key.
#[derive(Clone)]
pub struct Tls {
    /// The server's certificate first, then those that lead to the authority.
    pub cert_chain_pem: String,
    /// The private key: PKCS #8, PKCS #1 or SEC 1.
    pub key_pem: String,
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tls")
            .field("cert_chain_pem", &self.cert_chain_pem)
            .field("key_pem", &"***")
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_not_printed() {
        let mut config = Config::new(([127, 0, 0, 1], 0).into(), "/nowhere");
        config.auth = Some(Auth::Basic([("jane".to_owned(), "hunter2".into())].into()));
        config.tls = Some(Tls {
            cert_chain_pem: "public".to_owned(),
            key_pem: "hunter2".to_owned(),
        });
        let printed = format!("{config:?}");
        assert!(
            printed.contains("jane") && !printed.contains("hunter2"),
            "{printed}"
        );
    }
}
