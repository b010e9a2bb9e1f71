//! What faults do to the body of an answer.

use std::io;
use std::time::Duration;

use bytes::Bytes;
use futures::{Stream, StreamExt as _, TryStreamExt as _, stream};
use http::Response;
use http::header::CONTENT_LENGTH;
use http_body_util::{BodyExt as _, StreamBody};
use hyper::body::Frame;
use tokio::time::sleep;

use super::Fault;
use crate::reply::{Body, size};

/// The time the bytes before a cut have to leave: breaking the connection discards what still waits in its buffers.
const PARTING: Duration = Duration::from_millis(25);

/// Applies a fault to an answer; those that do not concern the body leave it as it is. The announced length stays.
pub(crate) fn distort(response: Response<Body>, fault: &Fault) -> Response<Body> {
    let length = response
        .headers()
        .get(CONTENT_LENGTH)
        .and_then(|value| value.to_str().ok()?.parse::<u64>().ok())
        .unwrap_or(0);
    match *fault {
        Fault::CutBody { after_bytes } => {
            let keep = after_bytes.min(length.saturating_sub(1));
            response.map(|body| streamed(cut(body, keep)))
        }
        Fault::Slow { chunk_bytes, delay } => {
            response.map(|body| streamed(slow(body, chunk_bytes.max(1), delay)))
        }
        Fault::WrongDigest => response.map(|body| streamed(flip(body, length / 2))),
        Fault::Status { .. }
        | Fault::CutRequest { .. }
        | Fault::Stall
        | Fault::RefuseMount
        | Fault::DropConnection
        | Fault::NotFound
        | Fault::ExpireToken => response,
    }
}

fn streamed(stream: impl Stream<Item = io::Result<Bytes>> + Send + 'static) -> Body {
    StreamBody::new(stream.map_ok(Frame::data)).boxed_unsync()
}

fn cut(body: Body, keep: u64) -> impl Stream<Item = io::Result<Bytes>> {
    let state = Some((body.into_data_stream(), keep));
    stream::unfold(state, |state| async move {
        let (mut data, left) = state?;
        if left > 0
            && let Some(Ok(mut chunk)) = data.next().await
        {
            chunk.truncate(usize::try_from(left).unwrap_or(usize::MAX));
            let left = left - size(chunk.len());
            return Some((Ok(chunk), Some((data, left))));
        }
        sleep(PARTING).await;
        Some((Err(io::Error::other("cut by a fault rule")), None))
    })
}

fn slow(body: Body, piece: usize, delay: Duration) -> impl Stream<Item = io::Result<Bytes>> {
    let state = (body.into_data_stream(), Bytes::new());
    stream::unfold(state, move |(mut data, mut rest)| async move {
        while rest.is_empty() {
            match data.next().await? {
                Ok(chunk) => rest = chunk,
                Err(e) => return Some((Err(e), (data, rest))),
            }
        }
        sleep(delay).await;
        let piece = rest.split_to(piece.min(rest.len()));
        Some((Ok(piece), (data, rest)))
    })
}

fn flip(body: Body, at: u64) -> impl Stream<Item = io::Result<Bytes>> {
    let mut start = 0_u64;
    body.into_data_stream().map_ok(move |chunk| {
        let offset = at
            .checked_sub(start)
            .and_then(|offset| usize::try_from(offset).ok());
        start = start.saturating_add(size(chunk.len()));
        match offset {
            Some(offset) if offset < chunk.len() => {
                let mut bytes = chunk.to_vec();
                bytes[offset] ^= 1;
                bytes.into()
            }
            _ => chunk,
        }
    })
}
