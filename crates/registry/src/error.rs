//! Why the registry could not start or did not end well.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

/// Why the registry could not start or did not end well. What a client did wrong is answered over HTTP instead.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The address cannot be listened on.
    #[error("cannot listen on `{addr}`; choose a free port, or port 0 to be given one")]
    Listen {
        /// The address asked for.
        addr: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
    /// The directory cannot be used.
    #[error("cannot use `{}` to store images; it must be a writable directory", root.display())]
    Storage {
        /// The directory asked for.
        root: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Another process has the directory.
    #[error("`{}` is in use by another registry; stop that one or choose another directory", root.display())]
    InUse {
        /// The directory asked for.
        root: PathBuf,
    },
    /// The PEM text is no PEM text, or has no certificate or key.
    #[error("cannot read the {what} for TLS; it must be PEM text")]
    Pem {
        /// Which of the two texts.
        what: &'static str,
        /// What the reader found.
        source: rustls_pki_types::pem::Error,
    },
    /// Certificate and key do not fit together, or are of an unsupported kind.
    #[error("cannot serve TLS with this certificate and key; check that they belong together")]
    Certificate {
        /// What the TLS library found.
        source: rustls::Error,
    },
    /// The serving task ended by a panic.
    #[error("the registry stopped by a panic; the log has the place")]
    Crashed,
}
