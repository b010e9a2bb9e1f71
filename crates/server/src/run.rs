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
use hyper_util::server::graceful::GracefulShutdown;
use store::Store;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt as _;

use crate::auth::{AuthError, Authenticator};
use crate::caller::Peer;
use crate::config::ServerConfig;
use crate::live_config::LiveConfig;
use crate::router::{AppState, router};
use crate::unread::CutWhenUnread;

/// How long to leave a system alone that has no file descriptors or memory left for a connection.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Why the server stopped.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The socket is not usable.
    #[error("the listening socket does not tell its address; was it closed?")]
    Listener(#[source] std::io::Error),
    /// Callers could not prove who they are.
    #[error("callers could not prove who they are")]
    Auth(#[from] AuthError),
}

/// Answers HTTP/1.1 on `listener` until `shutdown` is cancelled. Then no connection is accepted any more, idle ones are closed, and
/// running requests have [`ServerConfig::drain_timeout`] to end.
///
/// # Errors
/// [`Error::Listener`] when the socket is unusable from the start, [`Error::Auth`] when what is configured about callers is. Trouble with
/// single connections is logged and survived.
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
    let app = router(Arc::new(AppState {
        config: config.clone(),
        auth,
        store,
        local,
    }));
    let graceful = GracefulShutdown::new();
    let mut connections = JoinSet::new();
    tracing::info!(listen = %local, "serving on {local}");
    while let Some((stream, peer, permit)) = next_connection(&listener, &limit, &shutdown).await {
        let watcher = graceful.watcher();
        let connection = connection(stream, peer, app.clone(), &config.snapshot());
        connections.spawn(async move {
            if let Err(error) = watcher.watch(connection).await {
                tracing::debug!(%peer, %error, "a connection ended early");
            }
            drop(permit);
        });
        // Ended connections are forgotten as new ones come; a panic in one was reported by the panic hook.
        while connections.try_join_next().is_some() {}
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

fn connection(
    stream: TcpStream,
    peer: SocketAddr,
    app: Router,
    config: &ServerConfig,
) -> impl hyper_util::server::graceful::GracefulConnection<Error = hyper::Error> + use<> {
    // Answers are written in one go; waiting for more of them only delays.
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%peer, %error, "the connection keeps its delay");
    }
    let service = service_fn(move |request: http::Request<Incoming>| {
        let app = app.clone();
        async move {
            let mut request = request.map(Body::new);
            request.extensions_mut().insert(Peer(peer.ip()));
            Ok::<_, Infallible>(
                app.oneshot(request)
                    .await
                    .unwrap_or_else(|never| match never {}),
            )
        }
    });
    http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(config.header_timeout)
        .serve_connection(
            TokioIo::new(CutWhenUnread::new(stream, config.write_timeout)),
            service,
        )
}
