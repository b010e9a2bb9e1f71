//! One request from its arrival to its answer: log, faults, door, endpoint.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{EXPECT, HeaderName, RETRY_AFTER};
use http::{HeaderValue, Request, Response, StatusCode};
use http_body_util::BodyExt as _;
use hyper::body::{Body as _, Incoming};
use tokio_util::sync::CancellationToken;

use crate::auth::{Access, Door, bearer_token, claimed_user};
use crate::faults::{Asks, Facts, Fault, Faults, distort};
use crate::log::{Record, RequestLog};
use crate::reply::{Body, Code, Refusal, size};
use crate::request::{Query, RequestBody, Route, reads};
use crate::routes::{self, Registry};

/// How much of a refused request's body is read so that the client sees the refusal.
const DRAIN_BYTES: u64 = 64 << 20;

/// What all connections share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) registry: Registry,
    pub(crate) door: Door,
    pub(crate) log: RequestLog,
    pub(crate) faults: Faults,
    pub(crate) stop: CancellationToken,
    pub(crate) request_timeout: Duration,
}

/// The connection ends without an answer, as a fault demands.
#[derive(Debug, thiserror::Error)]
#[error("the connection is dropped by a fault rule")]
pub(crate) struct Dropped;

/// Serves one request. An error makes the connection end at once.
pub(crate) async fn serve(
    shared: Arc<Shared>,
    request: Request<Incoming>,
) -> Result<Response<Body>, Dropped> {
    let target = request
        .uri()
        .path_and_query()
        .map_or_else(|| "/".to_owned(), ToString::to_string);
    let user = claimed_user(request.headers());
    let record = shared
        .log
        .open(request.method().clone(), target.clone(), user);
    let (head, incoming) = request.into_parts();
    let route = Route::parse(head.uri.path());
    let fault = shared.faults.strike(&Facts {
        method: &head.method,
        target: &target,
        has_body: !incoming.is_end_stream(),
        asks: match &route {
            Ok(Route::Uploads(_)) if target.contains("mount=") => Asks::Mount,
            Ok(Route::Manifest(..) | Route::Blob(..)) if reads(&head.method) => Asks::Content,
            _ => Asks::Other,
        },
        has_token: bearer_token(&head.headers).is_some(),
    });
    let cut_after = match &fault {
        Some(Fault::CutRequest { after_bytes }) => Some(*after_bytes),
        _ => None,
    };
    let mut body = RequestBody::new(incoming, Arc::clone(&record), cut_after);
    let outcome = match &fault {
        Some(Fault::DropConnection) => return Err(Dropped),
        Some(Fault::Stall) => {
            shared.stop.cancelled().await;
            return Err(Dropped);
        }
        Some(Fault::Status { code, retry_after }) => Err(ordered(*code, *retry_after)),
        _ => {
            let work = answer(&shared, route, &head, &mut body, fault.as_ref());
            tokio::time::timeout(shared.request_timeout, work)
                .await
                .unwrap_or_else(|_| Err(timed_out()))
        }
    };
    if outcome.is_err() && !head.headers.contains_key(EXPECT) {
        body.drain(DRAIN_BYTES).await;
    }
    if cut_after.is_some() {
        // A refusal that came before the body was read must not save the request from its cut.
        body.drain(u64::MAX).await;
    }
    if body.was_cut() {
        return Err(Dropped);
    }
    let mut response = outcome.unwrap_or_else(Refusal::into_response);
    response.headers_mut().insert(
        HeaderName::from_static("docker-distribution-api-version"),
        HeaderValue::from_static("registry/2.0"),
    );
    record.answered(response.status());
    tracing::info!(method = %head.method, path = target, status = response.status().as_u16(), "request served");
    let response = match &fault {
        Some(fault) => distort(response, fault),
        None => response,
    };
    Ok(response.map(|body| counted(body, record)))
}

async fn answer(
    shared: &Shared,
    route: Result<Route, Refusal>,
    head: &http::request::Parts,
    body: &mut RequestBody,
    fault: Option<&Fault>,
) -> Result<Response<Body>, Refusal> {
    let route = route?;
    let query = Query::parse(head.uri.query().unwrap_or_default());
    if route == Route::Token {
        return shared.door.issue(&head.method, &head.headers, &query);
    }
    if fault == Some(&Fault::ExpireToken) {
        shared.door.forget(&head.headers);
    }
    shared
        .door
        .check(&head.headers, &Access::needed(&head.method, &route, &query))?;
    let request = routes::Call {
        method: &head.method,
        query: &query,
        headers: &head.headers,
        refuse_mount: fault == Some(&Fault::RefuseMount),
        hidden: fault == Some(&Fault::NotFound),
    };
    shared.registry.call(route, &request, body).await
}

fn ordered(status: StatusCode, retry_after: Option<Duration>) -> Refusal {
    let code = match status {
        StatusCode::TOO_MANY_REQUESTS => Code::TooManyRequests,
        StatusCode::UNAUTHORIZED => Code::Unauthorized,
        _ => Code::Unknown,
    };
    let refusal = Refusal::new(code, "a fault rule ordered this answer").with_status(status);
    match retry_after {
        Some(delay) => refusal.with_header(RETRY_AFTER, &delay.as_secs().to_string()),
        None => refusal,
    }
}

fn timed_out() -> Refusal {
    Refusal::new(Code::BlobUploadInvalid, "the request took too long")
        .with_status(StatusCode::REQUEST_TIMEOUT)
}

fn counted(body: Body, record: Arc<Record>) -> Body {
    body.map_frame(move |frame| {
        record.written(frame.data_ref().map_or(0, |data: &Bytes| size(data.len())));
        frame
    })
    .boxed_unsync()
}
