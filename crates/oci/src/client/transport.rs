//! Transport: one request and its answer, with limits, time-outs, redirects and counting. Knows nothing of tokens.

use std::convert::Infallible;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use futures::stream;
use http::header::{AUTHORIZATION, CONTENT_LENGTH, LOCATION};
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, timeout_at};
use tracing::Instrument as _;
use url::Url;

use super::clients::HttpClients;
use super::config::ClientConfig;
use super::operation::Operation;
use super::reply::Reply;
use super::retry::Budget;
use super::usage::Counters;
use crate::error::Error;

const MAX_REDIRECTS: usize = 5;
/// Request bodies are handed on in pieces of this size, so that their progress can be seen.
const PIECE_BYTES: usize = 64 * 1024;

pub(crate) struct Transport {
    pub(crate) config: ClientConfig,
    pub(crate) counters: Arc<Counters>,
    http: HttpClients,
    requests: Arc<Semaphore>,
    downloads: Arc<Semaphore>,
}

/// One request. The body is in memory, so that the request can be sent again. Not printable: it may be a refresh token.
#[derive(Clone)]
pub(crate) struct Request {
    pub(crate) method: Method,
    pub(crate) url: Url,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    pub(crate) lane: Lane,
}

/// Which limit a request counts against.
///
/// Whoever copies a blob holds a download while it sends requests. With one limit for both, enough copies at once would
/// each wait for the others for ever.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lane {
    Request,
    Download,
}

impl Request {
    pub(crate) fn new(method: Method, url: Url) -> Self {
        Self {
            method,
            url,
            headers: HeaderMap::new(),
            body: Bytes::new(),
            lane: Lane::Request,
        }
    }

    /// Whether nothing is sent or changed, so that redirects may be followed anywhere.
    fn only_reads(&self) -> bool {
        self.method == Method::GET || self.method == Method::HEAD
    }
}

impl Transport {
    pub(crate) fn new(config: ClientConfig) -> Result<Self, Error> {
        let permits = config.max_concurrent_requests.get();
        let permits = permits.min(Semaphore::MAX_PERMITS);
        Ok(Self {
            http: HttpClients::new(&config)?,
            requests: Arc::new(Semaphore::new(permits)),
            downloads: Arc::new(Semaphore::new(permits)),
            counters: Arc::new(Counters::default()),
            config,
        })
    }

    pub(crate) fn budget(&self) -> Budget {
        Budget::new(&self.config.retry, &self.counters)
    }

    /// Sends `request` and follows redirects. `authorization` goes to the request's own host only.
    pub(crate) async fn exchange(
        &self,
        operation: &Operation,
        request: &Request,
        authorization: Option<&HeaderValue>,
    ) -> Result<Reply, Error> {
        let lane = match request.lane {
            Lane::Request => &self.requests,
            Lane::Download => &self.downloads,
        };
        let mut permit = Arc::clone(lane)
            .acquire_owned()
            .await
            .expect("the semaphores are never closed");
        let deadline = Instant::now() + self.config.request_timeout;
        let mut authorization = authorization;
        let mut url = request.url.clone();
        for _ in 0..=MAX_REDIRECTS {
            let reply = self
                .once(operation, request, &url, authorization, permit, deadline)
                .await?;
            let Some(location) = redirect_of(&reply) else {
                return Ok(reply);
            };
            let next = operation.follow(&url, location, &self.config)?;
            let same_host = next.origin() == url.origin();
            // A body may be a refresh token: it is not sent on to another host.
            let keeps_body = matches!(reply.status().as_u16(), 307 | 308) && same_host;
            if !request.only_reads() && !keeps_body {
                return Ok(reply);
            }
            if !same_host {
                authorization = None;
            }
            url = next;
            permit = reply.into_permit();
        }
        Err(operation.protocol(format!("it redirects more than {MAX_REDIRECTS} times")))
    }

    async fn once(
        &self,
        operation: &Operation,
        request: &Request,
        url: &Url,
        authorization: Option<&HeaderValue>,
        permit: OwnedSemaphorePermit,
        deadline: Instant,
    ) -> Result<Reply, Error> {
        let started = Instant::now();
        let progress = Arc::new(AtomicU64::new(0));
        let mut outgoing = reqwest::Request::new(request.method.clone(), url.clone());
        *outgoing.headers_mut() = request.headers.clone();
        if let Some(value) = authorization {
            outgoing.headers_mut().insert(AUTHORIZATION, value.clone());
        }
        if !request.only_reads() {
            let length = HeaderValue::from(request.body.len());
            outgoing.headers_mut().insert(CONTENT_LENGTH, length);
            if !request.body.is_empty() {
                let body = counted_body(&request.body, &progress, &self.counters);
                *outgoing.body_mut() = Some(body);
            }
        }
        let http = self.http.of(url).await?;
        self.counters.sent_request();
        let span = tracing::info_span!(
            "registry",
            op = operation.name,
            registry = %operation.endpoint.name,
            repository = %operation.access.path,
            method = %request.method,
            status = tracing::field::Empty,
        );
        let writes = !request.only_reads();
        if writes {
            crash::before(operation.name);
        }
        let answer = self
            .answer(
                operation,
                request,
                http.execute(outgoing),
                &progress,
                deadline,
            )
            .instrument(span.clone())
            .await;
        if writes {
            crash::after(operation.name);
        }
        let status = answer.as_ref().ok().map(reqwest::Response::status);
        Counters::answered(operation.name, status);
        span.record("status", status.map(|status| status.as_u16()));
        tracing::debug!(
            op = operation.name,
            registry = %operation.endpoint.name,
            repository = %operation.access.path,
            method = %request.method,
            status = status.map(|status| status.as_u16()),
            elapsed_ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX),
            "registry request"
        );
        let away = url.origin() != request.url.origin();
        Ok(Reply::new(
            answer?,
            request.method.clone(),
            url.clone(),
            away,
            permit,
            deadline,
            self,
        ))
    }

    /// Waits for the head of the answer as long as the connection is not idle.
    ///
    /// While a body is sent, sending is progress. Once it is sent, the registry may think (commit a large upload) until
    /// the deadline; only reads must be answered at once.
    async fn answer(
        &self,
        operation: &Operation,
        request: &Request,
        sending: impl Future<Output = Result<reqwest::Response, reqwest::Error>>,
        progress: &AtomicU64,
        deadline: Instant,
    ) -> Result<reqwest::Response, Error> {
        let idle = self.config.idle_timeout;
        let body_bytes = u64::try_from(request.body.len()).unwrap_or(u64::MAX);
        let mut sending = pin!(sending);
        loop {
            let before = progress.load(Ordering::Relaxed);
            let thinking = !request.only_reads() && before >= body_bytes;
            let until = if thinking {
                deadline
            } else {
                deadline.min(Instant::now() + idle)
            };
            if let Ok(answer) = timeout_at(until, &mut sending).await {
                return answer.map_err(|error| operation.unreachable(error));
            }
            if Instant::now() >= deadline {
                return Err(operation.timed_out(self.config.request_timeout));
            }
            if progress.load(Ordering::Relaxed) == before {
                return Err(operation.timed_out(idle));
            }
        }
    }

    /// How long an answer's body may be silent.
    pub(crate) fn idle_timeout(&self) -> Duration {
        self.config.idle_timeout
    }
}

fn redirect_of(reply: &Reply) -> Option<&str> {
    let redirects = [
        StatusCode::MOVED_PERMANENTLY,
        StatusCode::FOUND,
        StatusCode::SEE_OTHER,
        StatusCode::TEMPORARY_REDIRECT,
        StatusCode::PERMANENT_REDIRECT,
    ];
    if redirects.contains(&reply.status()) {
        reply.header(LOCATION)
    } else {
        None
    }
}

fn counted_body(
    body: &Bytes,
    progress: &Arc<AtomicU64>,
    counters: &Arc<Counters>,
) -> reqwest::Body {
    let (body, progress, counters) = (body.clone(), Arc::clone(progress), Arc::clone(counters));
    let pieces = (0..body.len()).step_by(PIECE_BYTES).map(move |start| {
        let piece = body.slice(start..body.len().min(start + PIECE_BYTES));
        let bytes = u64::try_from(piece.len()).unwrap_or(u64::MAX);
        progress.fetch_add(bytes, Ordering::Relaxed);
        counters.wrote(bytes);
        Ok::<_, Infallible>(piece)
    });
    reqwest::Body::wrap_stream(stream::iter(pieces))
}
