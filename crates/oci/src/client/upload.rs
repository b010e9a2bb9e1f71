//! Uploads: sessions that are opened, filled, resumed where they stopped, and closed with the digest
//! (distribution specification, end-4 to end-6).

use bytes::Bytes;
use http::header::{CONTENT_RANGE, CONTENT_TYPE, LOCATION, RANGE};
use http::{HeaderName, HeaderValue, Method, StatusCode};
use url::Url;

use super::blob_source::{BlobSource, Origin, Reader};
use super::operation::{Access, Operation};
use super::reply::Reply;
use super::repository::RemoteRepository;
use super::retry::Budget;
use super::transport::Request;
use crate::error::Error;
use crate::manifest::Descriptor;

const MIN_CHUNK_HEADER: HeaderName = HeaderName::from_static("oci-chunk-min-length");
const OCTETS: HeaderValue = HeaderValue::from_static("application/octet-stream");
/// Chunks are held in memory, so a registry does not get to choose any size.
const MAX_MIN_CHUNK_BYTES: usize = 256 * 1024 * 1024;

/// An upload session at a registry. Its URL changes with every answer.
#[derive(Debug)]
pub(super) struct Session {
    url: Url,
    /// The smallest chunk the registry takes, in bytes.
    min_chunk: usize,
}

/// Why a session did not come to its end.
enum Failure {
    /// The registry no longer has it, or lost bytes of it: a new one may succeed.
    SessionLost(Error),
    /// Nothing helps.
    Final(Error),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Final(error)
    }
}

impl RemoteRepository {
    /// Uploads the blob of `descriptor` from `source`, unless it is here already.
    ///
    /// What breaks off is resumed where the registry stopped. The source is verified while it is read: bytes that do not
    /// have the digest are never committed.
    ///
    /// # Errors
    /// [`Error::DigestMismatch`] and [`Error::SizeMismatch`] when the source is not what the descriptor says, and
    /// whatever the registry answers.
    pub async fn put_blob(
        &self,
        descriptor: &Descriptor,
        source: &BlobSource,
    ) -> Result<(), Error> {
        if self.has_for_upload(descriptor).await? {
            return Ok(());
        }
        self.upload(descriptor, Origin::Local(source), None).await
    }

    /// Whether the blob is here. Asked with the right to push, so that the token serves the upload as well.
    pub(super) async fn has_for_upload(&self, descriptor: &Descriptor) -> Result<bool, Error> {
        let operation = self.upload_operation(descriptor)?;
        let size = self.blob_size(&operation, &descriptor.digest).await?;
        Ok(size.is_some())
    }

    fn upload_operation(&self, descriptor: &Descriptor) -> Result<Operation, Error> {
        let what = format!(
            "uploading the blob `{}` to `{}`",
            descriptor.digest, self.name
        );
        self.operation("blob.put", what, Access::push(self.name.path()))
    }

    /// Uploads from `origin`, into `session` if one is open already.
    pub(super) async fn upload(
        &self,
        descriptor: &Descriptor,
        origin: Origin<'_>,
        mut session: Option<Session>,
    ) -> Result<(), Error> {
        let operation = self.upload_operation(descriptor)?;
        let mut budget = self.budget();
        // Chunks that get through renew the budget for failures. A registry that loses every session after a chunk must
        // not be tried for ever, so lost sessions have a budget that nothing renews.
        let mut sessions = self.budget();
        loop {
            let mut upload = Upload {
                repository: self,
                operation: &operation,
                descriptor,
                session: match session.take() {
                    Some(session) => session,
                    None => self.open_upload(&operation, &mut budget).await?,
                },
                budget: &mut budget,
            };
            match upload.run(origin).await {
                Ok(()) => return Ok(()),
                Err(Failure::SessionLost(error)) => sessions.spend(error).await?,
                Err(Failure::Final(error)) => {
                    let session = upload.session;
                    // A registry that cannot be reached is not told.
                    if !error.is_transient() {
                        self.cancel_upload(session).await;
                    }
                    return Err(error);
                }
            }
        }
    }

    async fn open_upload(
        &self,
        operation: &Operation,
        budget: &mut Budget,
    ) -> Result<Session, Error> {
        let request = Request::new(Method::POST, self.url(operation, "blobs/uploads/"));
        loop {
            let error = match self.client.send(operation, &request).await {
                Ok(reply) if reply.status() == StatusCode::ACCEPTED => {
                    return self.session(operation, &reply);
                }
                Ok(reply) if reply.status() == StatusCode::NOT_FOUND => {
                    return Err(Error::RepositoryUnknown {
                        repository: self.name.clone(),
                    });
                }
                Ok(reply) => reply.into_error(operation).await,
                Err(error) => error,
            };
            budget.again(error).await?;
        }
    }

    /// The session that an answer opened.
    pub(super) fn session(&self, operation: &Operation, reply: &Reply) -> Result<Session, Error> {
        let location = reply
            .header(LOCATION)
            .ok_or_else(|| operation.protocol("it opened an upload without a `Location`"))?;
        let config = &self.client.transport.config;
        let min_chunk = reply.header(MIN_CHUNK_HEADER);
        let min_chunk = min_chunk.and_then(|text| text.trim().parse().ok());
        Ok(Session {
            url: operation.follow(reply.url(), location, config)?,
            min_chunk: min_chunk.unwrap_or(0).min(MAX_MIN_CHUNK_BYTES),
        })
    }

    /// Tells the registry that `session` will not be used. If it does not hear, it drops the session by age.
    pub(super) async fn cancel_upload(&self, session: Session) {
        let what = format!("cancelling an upload to `{}`", self.name);
        let access = Access::push(self.name.path());
        let Ok(operation) = self.operation("blob.cancel", what, access) else {
            return;
        };
        let request = Request::new(Method::DELETE, session.url);
        if let Err(error) = self.client.send(&operation, &request).await {
            tracing::debug!(repository = %self.name, %error, "the upload was not cancelled");
        }
    }
}

/// One session being filled.
struct Upload<'a> {
    repository: &'a RemoteRepository,
    operation: &'a Operation,
    descriptor: &'a Descriptor,
    session: Session,
    budget: &'a mut Budget,
}

impl Upload<'_> {
    async fn run(&mut self, origin: Origin<'_>) -> Result<(), Failure> {
        let mut reader = Reader::open(origin, self.descriptor, &self.operation.what).await?;
        let config = &self.repository.client.transport.config;
        let chunk_bytes = config.chunk_bytes.get().max(self.session.min_chunk);
        let first = reader.next(chunk_bytes).await?;
        if length(&first) == self.descriptor.size {
            return self.commit(first, 0).await;
        }
        let mut at = 0;
        let mut chunk = first;
        loop {
            at = self.append(at, &chunk).await?;
            self.budget.progressed();
            if at == self.descriptor.size {
                return self.commit(Bytes::new(), at).await;
            }
            chunk = reader.next(chunk_bytes).await?;
        }
    }

    /// Sends `chunk`, which begins at `start`, and resumes within it. Returns where it ends.
    async fn append(&mut self, start: u64, chunk: &Bytes) -> Result<u64, Failure> {
        let end = start + length(chunk);
        let mut at = start;
        while at < end {
            let rest = slice_from(chunk, start, at);
            let mut request = Request::new(Method::PATCH, self.session.url.clone());
            request.headers.insert(CONTENT_TYPE, OCTETS);
            let range = HeaderValue::from_str(&format!("{at}-{}", end - 1))
                .expect("digits and a dash are visible ASCII");
            request.headers.insert(CONTENT_RANGE, range);
            request.body = rest;
            let reached = match self.send(&request).await {
                Ok(reply) if reply.status() == StatusCode::ACCEPTED => {
                    self.moved(&reply)?;
                    // Without a range it took all of it.
                    let reached = received(&reply).unwrap_or(end);
                    if reached <= at {
                        let nothing = self.operation.protocol("it took no bytes of a chunk");
                        self.budget.spend(nothing).await?;
                    }
                    reached
                }
                Ok(reply) => match reply.status() {
                    StatusCode::NOT_FOUND => return Err(self.lost(reply).await),
                    StatusCode::RANGE_NOT_SATISFIABLE => {
                        let error = reply.into_error(self.operation).await;
                        self.budget.spend(error).await?;
                        self.status().await?
                    }
                    _ => {
                        let error = reply.into_error(self.operation).await;
                        self.budget.again(error).await?;
                        self.status().await?
                    }
                },
                Err(error) => {
                    self.budget.again(error).await?;
                    self.status().await?
                }
            };
            at = self.within(reached, start, end)?;
        }
        Ok(end)
    }

    /// Closes the session with its digest, sending `rest`, which begins at `start`, along.
    async fn commit(&mut self, rest: Bytes, start: u64) -> Result<(), Failure> {
        let end = start + length(&rest);
        let mut at = start;
        loop {
            let mut url = self.session.url.clone();
            url.query_pairs_mut()
                .append_pair("digest", &self.descriptor.digest.to_string());
            let mut request = Request::new(Method::PUT, url);
            request.headers.insert(CONTENT_TYPE, OCTETS);
            request.body = slice_from(&rest, start, at);
            let error = match self.send(&request).await {
                Ok(reply) if reply.status().is_success() => return Ok(()),
                Ok(reply) if reply.status() == StatusCode::NOT_FOUND => {
                    let lost = self.lost(reply).await;
                    // Somebody else may have uploaded the same, or our earlier attempt went through after all.
                    return if self.is_there().await? {
                        Ok(())
                    } else {
                        Err(lost)
                    };
                }
                Ok(reply) if reply.status() == StatusCode::RANGE_NOT_SATISFIABLE => {
                    return Err(self.lost(reply).await);
                }
                Ok(reply) => reply.into_error(self.operation).await,
                Err(error) => error,
            };
            self.budget.again(error).await?;
            if self.is_there().await? {
                return Ok(());
            }
            let reached = self.status().await?;
            at = self.within(reached, start, end)?;
        }
    }

    /// Asks how many bytes the session holds.
    async fn status(&mut self) -> Result<u64, Failure> {
        let request = Request::new(Method::GET, self.session.url.clone());
        loop {
            let error = match self.send(&request).await {
                Ok(reply) if reply.status().is_success() => {
                    // Some registries give no new location here; then the old one stays good.
                    if reply.header(LOCATION).is_some() {
                        self.moved(&reply)?;
                    }
                    return Ok(received(&reply).unwrap_or(0));
                }
                // Gone, or a registry that does not tell: either way only a new session helps.
                Ok(reply) if is_final(reply.status()) => {
                    return Err(self.lost(reply).await);
                }
                Ok(reply) => reply.into_error(self.operation).await,
                Err(error) => error,
            };
            self.budget.again(error).await?;
        }
    }

    async fn is_there(&mut self) -> Result<bool, Failure> {
        loop {
            let digest = &self.descriptor.digest;
            match self.repository.blob_size_once(self.operation, digest).await {
                Ok(size) => return Ok(size.is_some()),
                Err(error) => self.budget.again(error).await?,
            }
        }
    }

    async fn send(&self, request: &Request) -> Result<Reply, Error> {
        self.repository.client.send(self.operation, request).await
    }

    /// Takes over the session's new URL.
    fn moved(&mut self, reply: &Reply) -> Result<(), Failure> {
        if reply.header(LOCATION).is_some() {
            self.session.url = self.repository.session(self.operation, reply)?.url;
        }
        Ok(())
    }

    async fn lost(&self, reply: Reply) -> Failure {
        Failure::SessionLost(reply.into_error(self.operation).await)
    }

    /// `reached`, if it lies in what is at hand; bytes before that are gone and only a new session gets them again.
    fn within(&self, reached: u64, start: u64, end: u64) -> Result<u64, Failure> {
        if (start..=end).contains(&reached) {
            return Ok(reached);
        }
        Err(Failure::SessionLost(self.operation.protocol(format!(
            "the upload stands at byte {reached} instead of between {start} and {end}"
        ))))
    }
}

/// Whether asking again would be answered the same.
pub(super) fn is_final(status: StatusCode) -> bool {
    let passing = [StatusCode::REQUEST_TIMEOUT, StatusCode::TOO_MANY_REQUESTS];
    status.is_client_error() && !passing.contains(&status)
}

/// How many bytes a session holds, from `Range: 0-<last>`. `0-0` is what registries write for none.
fn received(reply: &Reply) -> Option<u64> {
    received_by(reply.header(RANGE)?)
}

fn received_by(range: &str) -> Option<u64> {
    let range = range.trim();
    let range = range.strip_prefix("bytes=").unwrap_or(range);
    let last: u64 = range.strip_prefix("0-")?.trim().parse().ok()?;
    Some(if last == 0 { 0 } else { last.saturating_add(1) })
}

/// The part of `chunk`, which begins at `start`, from `at` on.
fn slice_from(chunk: &Bytes, start: u64, at: u64) -> Bytes {
    let skip = usize::try_from(at - start).unwrap_or(usize::MAX);
    chunk.slice(skip.min(chunk.len())..)
}

fn length(bytes: &Bytes) -> u64 {
    u64::try_from(bytes.len()).expect("a length in memory fits in 64 bits")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_range_of_a_session_says_how_many_bytes_it_holds() {
        for (range, bytes) in [
            ("0-99", Some(100)),
            ("bytes=0-99", Some(100)),
            ("0-0", Some(0)),
            ("5-9", None),
            ("", None),
            ("0-x", None),
        ] {
            assert_eq!(received_by(range), bytes, "{range}");
        }
    }
}
