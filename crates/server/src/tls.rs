//! TLS with certificates from files, which are followed as they change.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use rustls::RootCertStore;
use rustls::server::WebPkiClientVerifier;
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, pem};
use tokio::sync::watch;
use tokio_rustls::TlsAcceptor;

use crate::live_config::LiveConfig;

/// Where certificate and key are, as PEM files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsFiles {
    /// The certificate, followed by those that vouch for it.
    pub cert: PathBuf,
    /// Its private key.
    pub key: PathBuf,
    /// Authorities whose certificates callers must have. Default none: callers need no certificate.
    pub client_ca: Option<PathBuf>,
    /// How often the files are looked at; a replaced configuration has them looked at once more. Default every 10 seconds.
    pub look_every: Duration,
}

impl TlsFiles {
    /// A certificate and its key, and callers without certificates.
    pub fn new(cert: impl Into<PathBuf>, key: impl Into<PathBuf>) -> Self {
        Self {
            cert: cert.into(),
            key: key.into(),
            client_ca: None,
            look_every: Duration::from_secs(10),
        }
    }

    /// Whether a server could start with these files, now.
    ///
    /// # Errors
    /// What is wrong with them.
    pub async fn check(&self) -> Result<(), TlsError> {
        self.load().await.map(drop)
    }

    async fn load(&self) -> Result<Loaded, TlsError> {
        let cert_pem = read(&self.cert).await?;
        let key_pem = read(&self.key).await?;
        let client_ca_pem = match &self.client_ca {
            Some(path) => Some((path, read(path).await?)),
            None => None,
        };
        let mut hasher = DefaultHasher::new();
        (&cert_pem, &key_pem, &client_ca_pem).hash(&mut hasher);

        let chain = certificates(&self.cert, &cert_pem)?;
        let key = PrivateKeyDer::from_pem_slice(&key_pem).map_err(|source| TlsError::Pem {
            path: self.key.clone(),
            what: "a private key",
            source,
        })?;
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let unfit = |source| TlsError::Unfit {
            cert: self.cert.clone(),
            key: self.key.clone(),
            source,
        };
        let builder = rustls::ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .map_err(unfit)?;
        let builder = match client_ca_pem {
            None => builder.with_no_client_auth(),
            Some((path, pem)) => {
                let roots = roots(path, &pem)?;
                let verifier = WebPkiClientVerifier::builder_with_provider(roots, provider)
                    .build()
                    .map_err(|error| TlsError::Authority {
                        path: path.clone(),
                        source: rustls::Error::General(error.to_string()),
                    })?;
                builder.with_client_cert_verifier(verifier)
            }
        };
        let mut config = builder.with_single_cert(chain, key).map_err(unfit)?;
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Loaded {
            fingerprint: hasher.finish(),
            acceptor: TlsAcceptor::from(Arc::new(config)),
        })
    }
}

/// Why TLS cannot be served.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TlsError {
    /// A file is not readable.
    #[error("the TLS file `{}` cannot be read; check the path and who may read it", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// A file holds something else.
    #[error("the TLS file `{}` does not hold {what} in PEM form", path.display())]
    Pem {
        /// The file.
        path: PathBuf,
        /// What was looked for.
        what: &'static str,
        /// What is wrong.
        #[source]
        source: pem::Error,
    },
    /// Certificate and key cannot be used together.
    #[error("the certificate `{}` and the key `{}` cannot be used; do they belong together?", cert.display(), key.display())]
    Unfit {
        /// The certificate.
        cert: PathBuf,
        /// The key.
        key: PathBuf,
        /// What is wrong.
        #[source]
        source: rustls::Error,
    },
    /// Callers' certificates cannot be judged.
    #[error("the authorities in `{}` cannot be used to judge callers' certificates", path.display())]
    Authority {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        #[source]
        source: rustls::Error,
    },
}

async fn read(path: &Path) -> Result<Vec<u8>, TlsError> {
    tokio::fs::read(path)
        .await
        .map_err(|source| TlsError::Read {
            path: path.to_owned(),
            source,
        })
}

/// All certificates of a file, which has at least one.
fn certificates(path: &Path, text: &[u8]) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(text).collect();
    let chain = chain.and_then(|chain| {
        if chain.is_empty() {
            Err(pem::Error::NoItemsFound)
        } else {
            Ok(chain)
        }
    });
    chain.map_err(|source| TlsError::Pem {
        path: path.to_owned(),
        what: "a certificate",
        source,
    })
}

fn roots(path: &Path, text: &[u8]) -> Result<Arc<RootCertStore>, TlsError> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(path, text)? {
        roots
            .add(certificate)
            .map_err(|source| TlsError::Authority {
                path: path.to_owned(),
                source,
            })?;
    }
    Ok(Arc::new(roots))
}

struct Loaded {
    /// Tells whether the files are still the same.
    fingerprint: u64,
    acceptor: TlsAcceptor,
}

/// The certificate in use.
pub(crate) struct Certificates(ArcSwap<Loaded>);

impl Certificates {
    pub(crate) async fn load(files: &TlsFiles) -> Result<Self, TlsError> {
        Ok(Self(ArcSwap::from_pointee(files.load().await?)))
    }

    /// For the next handshake.
    pub(crate) fn acceptor(&self) -> TlsAcceptor {
        self.0.load().acceptor.clone()
    }

    /// Takes up what the files hold whenever it changes, and keeps what is in use while they are broken. It never ends by itself;
    /// it may be dropped at any time.
    pub(crate) async fn follow(&self, config: &LiveConfig) -> ! {
        let mut replaced = config.subscribe();
        let mut complaint = None;
        loop {
            let Some(files) = config.snapshot().tls.clone() else {
                // A configuration without TLS takes effect at the next start.
                again(&mut replaced).await;
                continue;
            };
            tokio::select! {
                () = tokio::time::sleep(files.look_every) => {}
                () = again(&mut replaced) => {}
            }
            // The configuration may be another one by now.
            let files = config.snapshot().tls.clone().unwrap_or(files);
            match files.load().await {
                Ok(loaded) => {
                    complaint = None;
                    if loaded.fingerprint != self.0.load().fingerprint {
                        self.0.store(Arc::new(loaded));
                        tracing::info!(cert = %files.cert.display(), "the TLS certificate was replaced");
                    }
                }
                Err(error) => {
                    let text = crate::answer::chain(&error);
                    // Said once, not with every look.
                    if complaint.as_ref() != Some(&text) {
                        tracing::error!(
                            error = text,
                            "the new TLS certificate is not used; the old one stays"
                        );
                        complaint = Some(text);
                    }
                }
            }
        }
    }
}

/// Waits until the configuration is replaced. Cancellation safe.
async fn again(replaced: &mut watch::Receiver<()>) {
    if replaced.changed().await.is_err() {
        // Nobody is left who could replace it.
        std::future::pending::<()>().await;
    }
}
