//! Accepting connections, and stopping without cutting anybody off.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use store::Store;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt as _;

use crate::auth::{AuthError, Authenticator};
use crate::caller::{Peer, Secure};
use crate::config::ServerConfig;
use crate::live_config::LiveConfig;
use crate::measure::UnderWay;
use crate::rate::Rates;
use crate::router::{AppState, router};
use crate::scrape::Scrape;
use crate::tls::{Certificates, TlsError};
use crate::unread::CutWhenUnread;

/// How long to leave a system alone that has no file descriptors or memory left for a connection.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// How many clients may follow requests at the same time; each holds a connection and asks the store once a second.
const EVENT_STREAMS: usize = 256;

/// Why the server stopped.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The socket is not usable.
    #[error("the listening socket does not tell its address; was it closed?")]
    Listener(#[source] std::io::Error),
    /// TLS is configured and cannot be served.
    #[error("TLS cannot be served")]
    Tls(#[from] TlsError),
    /// Callers could not prove who they are.
    #[error("callers could not prove who they are")]
    Auth(#[from] AuthError),
}

/// Answers HTTP/1.1, over TLS where that is configured, on `listener` until `shutdown` is cancelled. Then no connection is accepted any more, idle ones are closed, and
/// running requests have [`ServerConfig::drain_timeout`] to end.
///
/// # Errors
/// [`Error::Listener`] when the socket is unusable, [`Error::Tls`] when the certificate is, and [`Error::Auth`] when what is configured
/// about callers is, from the start. Trouble with single connections is logged and survived.
pub async fn serve(
    listener: TcpListener,
    config: impl Into<LiveConfig>,
    store: Store,
    shutdown: CancellationToken,
) -> Result<(), Error> {
    let local = listener.local_addr().map_err(Error::Listener)?;
    let config = config.into();
    let auth = Authenticator::new(&config.snapshot().auth).await?;
    let limit = Arc::new(Semaphore::new(
        config
            .snapshot()
            .max_connections
            .clamp(1, Semaphore::MAX_PERMITS),
    ));
    let certificates = match &config.snapshot().tls {
        Some(files) => Some(Arc::new(Certificates::load(files).await?)),
        None => None,
    };
    let scheme = if certificates.is_some() {
        "https"
    } else {
        "http"
    };
    let app = router(Arc::new(AppState {
        config: config.clone(),
        auth,
        scrape: config
            .snapshot()
            .metrics
            .clone()
            .map(|metrics| Scrape::new(metrics, store.clone())),
        store,
        rates: Rates::default(),
        local,
        event_streams: Arc::new(Semaphore::new(EVENT_STREAMS)),
        stopping: shutdown.clone(),
    }));
    let host = Host {
        app,
        config: config.clone(),
        certificates: certificates.clone(),
        shutdown: shutdown.clone(),
    };
    let graceful = GracefulShutdown::new();
    let mut connections = JoinSet::new();
    tracing::info!(listen = %local, "serving on {scheme}://{local}");
    let accepting = async {
        while let Some((stream, peer, permit)) = next_connection(&listener, &limit, &shutdown).await
        {
            let connection = connection(stream, peer, host.clone(), graceful.watcher());
            connections.spawn(async move {
                let _open = UnderWay::connection();
                connection.await;
                drop(permit);
            });
            // Ended connections are forgotten as new ones come; a panic in one was reported by the panic hook.
            while connections.try_join_next().is_some() {}
        }
    };
    match &certificates {
        None => accepting.await,
        Some(certificates) => tokio::select! {
            () = accepting => {}
            never = certificates.follow(&config) => never,
        },
    }
    drop(listener);
    if tokio::time::timeout(config.snapshot().drain_timeout, graceful.shutdown())
        .await
        .is_err()
    {
        tracing::warn!(
            connections = connections.len(),
            "requests were still running after the time to end; they are cut off"
        );
    }
    connections.shutdown().await;
    Ok(())
}

/// Waits for a place and then for a caller; none once the shutdown began. Both waits may be dropped without losing anything.
async fn next_connection(
    listener: &TcpListener,
    limit: &Arc<Semaphore>,
    shutdown: &CancellationToken,
) -> Option<(TcpStream, SocketAddr, OwnedSemaphorePermit)> {
    let permit = tokio::select! {
        () = shutdown.cancelled() => return None,
        permit = Arc::clone(limit).acquire_owned() => permit.expect("nobody closes the semaphore"),
    };
    loop {
        let accepted = tokio::select! {
            () = shutdown.cancelled() => return None,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, peer)) => return Some((stream, peer, permit)),
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

/// What is the same for all connections.
#[derive(Clone)]
struct Host {
    app: Router,
    config: LiveConfig,
    certificates: Option<Arc<Certificates>>,
    shutdown: CancellationToken,
}

/// Serves one connection to its end.
async fn connection(stream: TcpStream, peer: SocketAddr, host: Host, watcher: Watcher) {
    // Answers are written in one go; waiting for more of them only delays.
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%peer, %error, "the connection keeps its delay");
    }
    let config = host.config.snapshot();
    let stream = CutWhenUnread::new(stream, config.write_timeout);
    let Some(certificates) = &host.certificates else {
        return exchange(stream, peer, None, host.app, &config, watcher).await;
    };
    let handshake = certificates.acceptor().accept(stream);
    let agreed = tokio::select! {
        () = host.shutdown.cancelled() => return,
        agreed = tokio::time::timeout(config.handshake_timeout, handshake) => agreed,
    };
    match agreed {
        Ok(Ok(stream)) => exchange(stream, peer, Some(Secure), host.app, &config, watcher).await,
        Ok(Err(error)) => tracing::debug!(%peer, %error, "a caller did not agree on TLS"),
        Err(_) => tracing::debug!(%peer, "a caller took too long to agree on TLS"),
    }
}

/// Answers the requests of one connection.
async fn exchange<S: AsyncRead + AsyncWrite + Unpin + Send + 'static>(
    stream: S,
    peer: SocketAddr,
    secure: Option<Secure>,
    app: Router,
    config: &ServerConfig,
    watcher: Watcher,
) {
    let service = service_fn(move |request: http::Request<Incoming>| {
        let app = app.clone();
        async move {
            let mut request = request.map(Body::new);
            request.extensions_mut().insert(Peer(peer.ip()));
            if let Some(secure) = secure {
                request.extensions_mut().insert(secure);
            }
            Ok::<_, Infallible>(
                app.oneshot(request)
                    .await
                    .unwrap_or_else(|never| match never {}),
            )
        }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(config.header_timeout)
        .serve_connection(TokioIo::new(stream), service);
    if let Err(error) = watcher.watch(connection).await {
        tracing::debug!(%peer, %error, "a connection ended early");
    }
}
