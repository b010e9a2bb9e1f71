//! Reading and deleting blobs.

use std::io::{Seek as _, SeekFrom};
use std::ops::Range;

use futures::TryStreamExt as _;
use http::header::{ACCEPT_RANGES, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, ETAG, RANGE};
use http::{Method, Response, StatusCode};
use http_body_util::{BodyExt as _, StreamBody};
use hyper::body::Frame;
use tokio::io::AsyncReadExt as _;
use tokio_util::io::ReaderStream;

use super::{Call, Registry};
use crate::digest::Digest;
use crate::name::RepositoryName;
use crate::reply::{self, Body, CONTENT_DIGEST, Code, Refusal};
use crate::request::header;

/// Bytes read from the disk at once.
const READ_BYTES: usize = 256 << 10;

impl Registry {
    /// `GET` and `HEAD` of a blob; one range is honoured, several are ignored as RFC 9110 allows.
    pub(super) async fn get_blob(
        &self,
        name: RepositoryName,
        digest: &str,
        call: &Call<'_>,
    ) -> Result<Response<Body>, Refusal> {
        let digest: Digest = digest.parse()?;
        let opened = self
            .on_disk(move |storage| storage.open_blob(&name, digest))
            .await?;
        let (mut file, size) = opened.ok_or_else(|| unknown(digest))?;
        let asked = header(call.headers, RANGE).and_then(|value| range(value, size));
        let (status, range) = match asked {
            None => (StatusCode::OK, 0..size),
            Some(Ok(range)) => (StatusCode::PARTIAL_CONTENT, range),
            Some(Err(Unsatisfiable)) => {
                return Err(
                    Refusal::new(Code::RangeInvalid, format!("the blob has {size} bytes"))
                        .with_header(CONTENT_RANGE, &format!("bytes */{size}")),
                );
            }
        };
        let length = range.end - range.start;
        let mut builder = Response::builder()
            .status(status)
            .header(CONTENT_TYPE, "application/octet-stream")
            .header(CONTENT_LENGTH, length)
            .header(ACCEPT_RANGES, "bytes")
            .header(ETAG, format!("\"{digest}\""))
            .header(CONTENT_DIGEST, digest.to_string());
        if status == StatusCode::PARTIAL_CONTENT {
            let last = range.end.saturating_sub(1);
            builder = builder.header(
                CONTENT_RANGE,
                format!("bytes {}-{last}/{size}", range.start),
            );
        }
        if call.method == Method::HEAD {
            return reply::finish(builder, reply::full(""));
        }
        let start = range.start;
        let file = self
            .on_disk(move |_| file.seek(SeekFrom::Start(start)).map(|_| file))
            .await?;
        let reader = tokio::fs::File::from_std(file).take(length);
        let stream = ReaderStream::with_capacity(reader, READ_BYTES).map_ok(Frame::data);
        reply::finish(builder, StreamBody::new(stream).boxed_unsync())
    }

    pub(super) async fn delete_blob(
        &self,
        name: RepositoryName,
        digest: &str,
    ) -> Result<Response<Body>, Refusal> {
        let digest: Digest = digest.parse()?;
        if self
            .on_disk(move |storage| storage.unlink_blob(&name, digest))
            .await?
        {
            reply::empty(Response::builder().status(StatusCode::ACCEPTED))
        } else {
            Err(unknown(digest))
        }
    }
}

pub(super) fn unknown(digest: Digest) -> Refusal {
    Refusal::about(
        Code::BlobUnknown,
        "the repository does not have this blob",
        [digest],
    )
}

/// The range starts behind the end.
#[derive(Debug, PartialEq, Eq)]
struct Unsatisfiable;

/// The bytes a `Range` header asks for; `None` when it is to be ignored.
fn range(value: &str, size: u64) -> Option<Result<Range<u64>, Unsatisfiable>> {
    let (first, last) = value.strip_prefix("bytes=")?.split_once('-')?;
    let range = if first.is_empty() {
        let suffix: u64 = last.parse().ok()?;
        size.saturating_sub(suffix)..size
    } else {
        let first: u64 = first.parse().ok()?;
        let end = match last {
            "" => size,
            last => {
                let last: u64 = last.parse().ok()?;
                if last < first {
                    return None;
                }
                last.saturating_add(1).min(size)
            }
        };
        first..end
    };
    Some(if range.is_empty() {
        Err(Unsatisfiable)
    } else {
        Ok(range)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_read_as_rfc_9110_says() {
        let check = |value: &str, expected| assert_eq!(range(value, 10), expected, "{value}");
        check("bytes=0-0", Some(Ok(0..1)));
        check("bytes=2-5", Some(Ok(2..6)));
        check("bytes=2-", Some(Ok(2..10)));
        check("bytes=2-99", Some(Ok(2..10)));
        check("bytes=-3", Some(Ok(7..10)));
        check("bytes=-99", Some(Ok(0..10)));
        check("bytes=10-", Some(Err(Unsatisfiable)));
        check("bytes=-0", Some(Err(Unsatisfiable)));
        for ignored in [
            "bytes=5-2",
            "bytes=0-1,3-4",
            "lines=0-1",
            "bytes=x-",
            "bytes=5",
            "",
        ] {
            check(ignored, None);
        }
    }
}
