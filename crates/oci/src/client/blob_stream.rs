//! Reading a blob: verified as it passes, resumed where it broke.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures::stream::{self, BoxStream};
use futures::{Stream, TryStreamExt as _};
use http::header::{CONTENT_LENGTH, CONTENT_RANGE, RANGE};
use http::{HeaderValue, Method, StatusCode};

use super::operation::{Access, Operation};
use super::reply::Reply;
use super::repository::RemoteRepository;
use super::retry::Budget;
use super::transport::{Lane, Request};
use crate::digest::{Digest, Hasher};
use crate::error::Error;
use crate::manifest::Descriptor;

/// The bytes of a blob.
///
/// Size and digest are verified while the bytes pass, so a damaged blob is told by an error *after* its bytes: do not
/// act on them before the stream has ended well. When the connection breaks, the stream goes on where it stopped.
/// After an error it ends.
pub struct BlobStream {
    inner: BoxStream<'static, Result<Bytes, Error>>,
    size: u64,
}

impl BlobStream {
    /// A stream over `inner` that checks that it has the size and digest of `descriptor`; `what` begins error texts,
    /// such as ``reading the blob `sha256:…` of `registry/repository` ``.
    pub fn verified(
        inner: impl Stream<Item = Result<Bytes, Error>> + Send + 'static,
        descriptor: &Descriptor,
        what: String,
    ) -> Self {
        let check = Check::new(descriptor, what);
        let inner: BoxStream<'static, Result<Bytes, Error>> = Box::pin(inner);
        let verified = stream::try_unfold((inner, check), |(mut inner, mut check)| async move {
            if let Some(bytes) = inner.try_next().await? {
                check.pass(&bytes)?;
                return Ok(Some((bytes, (inner, check))));
            }
            check.end()?;
            Ok(None)
        });
        Self {
            inner: Box::pin(verified),
            size: descriptor.size,
        }
    }

    /// The size of the whole blob in bytes.
    pub fn size(&self) -> u64 {
        self.size
    }

    pub(super) async fn open(
        repository: &RemoteRepository,
        descriptor: &Descriptor,
    ) -> Result<Self, Error> {
        let mut download = Download::new(repository, descriptor)?;
        download.connect().await?;
        let steps = stream::try_unfold(download, |mut download| async move {
            Ok(download.next().await?.map(|bytes| (bytes, download)))
        });
        Ok(Self {
            inner: Box::pin(steps),
            size: descriptor.size,
        })
    }
}

impl Stream for BlobStream {
    type Item = Result<Bytes, Error>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.inner.as_mut().poll_next(context)
    }
}

impl fmt::Debug for BlobStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "BlobStream({} bytes)", self.size)
    }
}

/// What a blob must be, and what has passed of it.
pub(crate) struct Check {
    what: String,
    size: u64,
    digest: Digest,
    passed: u64,
    hasher: Hasher,
}

impl Check {
    pub(crate) fn new(descriptor: &Descriptor, what: String) -> Self {
        Self {
            what,
            size: descriptor.size,
            digest: descriptor.digest.clone(),
            passed: 0,
            hasher: Hasher::new(descriptor.digest.algorithm()),
        }
    }

    /// Checks a size that was announced beforehand.
    pub(super) fn announced(&self, size: u64) -> Result<(), Error> {
        if size == self.size {
            return Ok(());
        }
        Err(self.wrong_size(size))
    }

    fn wrong_size(&self, actual: u64) -> Error {
        Error::SizeMismatch {
            what: self.what.clone(),
            expected: self.size,
            actual,
        }
    }

    /// Takes the next `bytes` into account.
    pub(crate) fn pass(&mut self, bytes: &[u8]) -> Result<(), Error> {
        self.passed = self
            .passed
            .saturating_add(u64::try_from(bytes.len()).unwrap_or(u64::MAX));
        if self.passed > self.size {
            return Err(self.wrong_size(self.passed));
        }
        self.hasher.update(bytes);
        Ok(())
    }

    /// Whether all bytes promised have passed.
    pub(super) fn is_complete(&self) -> bool {
        self.passed == self.size
    }

    /// Checks that all has passed and is as promised.
    pub(crate) fn end(&self) -> Result<(), Error> {
        if self.passed != self.size {
            return Err(self.wrong_size(self.passed));
        }
        let actual = self.hasher.clone().finish();
        if actual != self.digest {
            return Err(Error::DigestMismatch {
                what: self.what.clone(),
                expected: self.digest.clone(),
                actual,
            });
        }
        Ok(())
    }
}

/// A download under way.
struct Download {
    repository: RemoteRepository,
    operation: Operation,
    check: Check,
    budget: Budget,
    /// The answer being read; nothing while the connection is broken.
    reply: Option<Reply>,
    /// Bytes of the answer that passed before, for registries that cannot start in the middle.
    skip: u64,
    /// Where the last failure was; a chunk further on, failures are forgotten.
    failed_at: u64,
}

impl Download {
    fn new(repository: &RemoteRepository, descriptor: &Descriptor) -> Result<Self, Error> {
        let what = format!(
            "reading the blob `{}` of `{}`",
            descriptor.digest, repository.name
        );
        let access = Access::pull(repository.name.path());
        Ok(Self {
            operation: repository.operation("blob.get", what.clone(), access)?,
            check: Check::new(descriptor, what),
            budget: repository.budget(),
            repository: repository.clone(),
            reply: None,
            skip: 0,
            failed_at: 0,
        })
    }

    async fn next(&mut self) -> Result<Option<Bytes>, Error> {
        loop {
            let Some(reply) = &mut self.reply else {
                self.connect().await?;
                continue;
            };
            match reply.chunk(&self.operation).await {
                Ok(Some(mut bytes)) => {
                    let length = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
                    let skipped = self.skip.min(length);
                    self.skip -= skipped;
                    // `skipped` is at most the length, which is a `usize`.
                    let _ = bytes.split_to(usize::try_from(skipped).unwrap_or(bytes.len()));
                    if bytes.is_empty() {
                        continue;
                    }
                    self.check.pass(&bytes)?;
                    self.note_progress();
                    return Ok(Some(bytes));
                }
                Ok(None) => {
                    // The permit goes back even if the stream is kept.
                    self.reply = None;
                    self.check.end()?;
                    return Ok(None);
                }
                Err(error) => {
                    self.reply = None;
                    self.fail(error).await?;
                }
            }
        }
    }

    /// Opens the blob where it stopped, within the budget.
    async fn connect(&mut self) -> Result<(), Error> {
        loop {
            match self.connect_once().await {
                Ok(reply) => {
                    self.reply = Some(reply);
                    return Ok(());
                }
                Err(error) => self.fail(error).await?,
            }
        }
    }

    async fn connect_once(&mut self) -> Result<Reply, Error> {
        let digest = &self.check.digest;
        let url = self
            .repository
            .url(&self.operation, &format!("blobs/{digest}"));
        let mut request = Request::new(Method::GET, url);
        request.lane = Lane::Download;
        let start = self.check.passed;
        // A range that starts at the end is refused by specification; read again instead, to learn how it ends.
        let in_the_middle = start > 0 && start < self.check.size;
        if in_the_middle {
            let range = HeaderValue::from_str(&format!("bytes={start}-"))
                .expect("digits and a dash are visible ASCII");
            request.headers.insert(RANGE, range);
        }
        let reply = self
            .repository
            .client
            .send(&self.operation, &request)
            .await?;
        match reply.status() {
            StatusCode::OK => {
                let announced = reply.header(CONTENT_LENGTH);
                let announced = announced.and_then(|text| text.parse::<u64>().ok());
                if let Some(announced) = announced {
                    self.check.announced(announced)?;
                }
                self.skip = start;
                Ok(reply)
            }
            StatusCode::PARTIAL_CONTENT if in_the_middle => {
                let range = reply.header(CONTENT_RANGE).unwrap_or_default();
                if !range.starts_with(&format!("bytes {start}-")) {
                    return Err(self
                        .operation
                        .protocol("it answered with another range than asked for"));
                }
                self.skip = 0;
                Ok(reply)
            }
            _ => Err(self
                .repository
                .blob_error(&self.operation, reply, digest)
                .await),
        }
    }

    async fn fail(&mut self, error: Error) -> Result<(), Error> {
        self.failed_at = self.check.passed;
        self.budget.again(error).await
    }

    fn note_progress(&mut self) {
        let chunk = self.repository.client.transport.config.chunk_bytes.get();
        let chunk = u64::try_from(chunk).unwrap_or(u64::MAX);
        if self.check.passed - self.failed_at >= chunk {
            self.budget.progressed();
        }
    }
}
