//! Listening, accepting, and ending well.

use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::{JoinError, JoinHandle, JoinSet};
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;

use crate::auth::Door;
use crate::config::{Config, Tls};
use crate::connection::Guarded;
use crate::error::Error;
use crate::faults::Faults;
use crate::log::RequestLog;
use crate::routes::Registry;
use crate::service::{self, Shared};
use crate::storage::{RootLock, Storage};

/// How long a client may take to agree on TLS.
const HANDSHAKE: Duration = Duration::from_secs(10);
/// The pause after the system refuses a connection, most often because file descriptors ran out.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Starts registries.
#[derive(Debug)]
pub struct Server;

impl Server {
    /// Opens the directory, listens, and serves on tasks of the current tokio runtime until told to stop.
    ///
    /// # Errors
    /// When the directory cannot be used or is in use, the address is taken, or the certificate is no good.
    pub async fn start(config: Config) -> Result<Running, Error> {
        let tls = config.tls.as_ref().map(acceptor).transpose()?;
        let (config, opened) = tokio::task::spawn_blocking(move || {
            let opened = Storage::open(&config);
            (config, opened)
        })
        .await
        .map_err(|_| Error::Crashed)?;
        let (storage, lock) = opened?;
        let listening = |source| Error::Listen {
            addr: config.listen,
            source,
        };
        let listener = TcpListener::bind(config.listen).await.map_err(listening)?;
        let addr = listener.local_addr().map_err(listening)?;
        let scheme = if tls.is_some() { "https" } else { "http" };
        let shared = Arc::new(Shared {
            registry: Registry::new(storage, config.max_manifest_bytes),
            door: Door::new(config.auth.clone(), config.token_lifetime, scheme),
            log: RequestLog::default(),
            faults: Faults::default(),
            stop: CancellationToken::new(),
            request_timeout: config.request_timeout,
        });
        let acceptor = Acceptor {
            listener,
            tls,
            shared: Arc::clone(&shared),
            slots: Arc::new(Semaphore::new(config.max_connections)),
            idle_timeout: config.idle_timeout,
            grace: config.shutdown_grace,
            _lock: lock,
        };
        tracing::info!(root = %config.root.display(), "registry listens on {scheme}://{addr}");
        Ok(Running {
            addr,
            scheme,
            shared,
            task: Some(tokio::spawn(acceptor.run())),
        })
    }
}

/// A registry that serves. Dropping it stops it as [`Running::shutdown`] does, without waiting.
#[derive(Debug)]
pub struct Running {
    addr: SocketAddr,
    scheme: &'static str,
    shared: Arc<Shared>,
    /// `None` once it was waited for.
    task: Option<JoinHandle<()>>,
}

impl Running {
    /// The address it listens on, with the real port.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// The address as a URL without a path, such as `http://127.0.0.1:41234`.
    pub fn url(&self) -> String {
        format!("{}://{}", self.scheme, self.addr)
    }

    /// The fault rules in force; none at the start.
    pub fn faults(&self) -> &Faults {
        &self.shared.faults
    }

    /// What was served.
    pub fn log(&self) -> &RequestLog {
        &self.shared.log
    }

    /// Accepts no more connections, lets requests under way finish for at most
    /// [`Config::shutdown_grace`], breaks the others off, and releases the directory.
    ///
    /// # Errors
    /// [`Error::Crashed`] when the serving task had panicked.
    pub async fn shutdown(mut self) -> Result<(), Error> {
        self.shared.stop.cancel();
        match self.task.take() {
            Some(task) => task.await.map_err(|_| Error::Crashed),
            None => Ok(()),
        }
    }

    /// Waits until the registry ends, which it does only by a panic. Cancellation safe.
    pub async fn wait(&mut self) {
        if let Some(task) = &mut self.task {
            if let Err(e) = task.await {
                tracing::error!("the registry stopped: {e}");
            }
            self.task = None;
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.shared.stop.cancel();
    }
}

fn acceptor(tls: &Tls) -> Result<TlsAcceptor, Error> {
    let certificates = CertificateDer::pem_slice_iter(tls.cert_chain_pem.as_bytes())
        .collect::<Result<Vec<_>, _>>()
        .map_err(|source| Error::Pem {
            what: "certificate chain",
            source,
        })?;
    let key =
        PrivateKeyDer::from_pem_slice(tls.key_pem.as_bytes()).map_err(|source| Error::Pem {
            what: "private key",
            source,
        })?;
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .and_then(|builder| {
            builder
                .with_no_client_auth()
                .with_single_cert(certificates, key)
        })
        .map_err(|source| Error::Certificate { source })?;
    Ok(TlsAcceptor::from(Arc::new(config)))
}

/// The task that accepts connections and owns theirs.
struct Acceptor {
    listener: TcpListener,
    tls: Option<TlsAcceptor>,
    shared: Arc<Shared>,
    slots: Arc<Semaphore>,
    idle_timeout: Duration,
    grace: Duration,
    /// Released last, when no connection can write any more.
    _lock: RootLock,
}

impl Acceptor {
    async fn run(self) {
        let mut connections = JoinSet::new();
        loop {
            // All three can be cancelled without losing a connection, a permit or a finished task.
            tokio::select! {
                () = self.shared.stop.cancelled() => break,
                Some(ended) = connections.join_next(), if !connections.is_empty() => report(ended),
                accepted = self.accept() => match accepted {
                    Ok((stream, slot)) => {
                        connections.spawn(self.connection(stream, slot));
                    }
                    Err(e) => {
                        tracing::warn!("cannot accept a connection: {e}");
                        sleep(ACCEPT_PAUSE).await;
                    }
                },
            }
        }
        drop(self.listener);
        let ended = timeout(self.grace, async {
            while let Some(ended) = connections.join_next().await {
                report(ended);
            }
        });
        if ended.await.is_err() {
            tracing::warn!(
                "{} connections did not end in time and are broken off",
                connections.len()
            );
        }
        connections.shutdown().await;
    }

    async fn accept(&self) -> io::Result<(TcpStream, Option<OwnedSemaphorePermit>)> {
        // The semaphore is never closed; were it, serving without a bound beats not serving.
        let slot = Arc::clone(&self.slots).acquire_owned().await.ok();
        let (stream, _) = self.listener.accept().await?;
        stream.set_nodelay(true)?;
        Ok((stream, slot))
    }

    fn connection(
        &self,
        stream: TcpStream,
        slot: Option<OwnedSemaphorePermit>,
    ) -> impl Future<Output = ()> + Send + 'static {
        let (tls, shared, idle) = (
            self.tls.clone(),
            Arc::clone(&self.shared),
            self.idle_timeout,
        );
        async move {
            match tls {
                None => serve_connection(stream, shared, idle).await,
                Some(tls) => match timeout(HANDSHAKE, tls.accept(stream)).await {
                    Ok(Ok(stream)) => serve_connection(stream, shared, idle).await,
                    Ok(Err(e)) => tracing::debug!("a client did not agree on TLS: {e}"),
                    Err(_) => tracing::debug!("a client took too long to agree on TLS"),
                },
            }
            drop(slot);
        }
    }
}

async fn serve_connection<S>(stream: S, shared: Arc<Shared>, idle: Duration)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let stop = shared.stop.clone();
    let service = service_fn(move |request| service::serve(Arc::clone(&shared), request));
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(idle)
        .serve_connection(TokioIo::new(Guarded::new(stream, idle)), service);
    let mut connection = pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = stop.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(e) = ended {
        tracing::debug!("a connection broke: {e}");
    }
}

fn report(ended: Result<(), JoinError>) {
    if let Err(e) = ended {
        tracing::error!("serving a connection failed: {e}");
    }
}
