//! Blobs: looked up and read (distribution specification, end-2).

use bytes::{Bytes, BytesMut};
use futures::TryStreamExt as _;
use http::header::CONTENT_LENGTH;
use http::{Method, StatusCode};

use super::blob_stream::BlobStream;
use super::operation::{Access, Operation};
use super::repository::RemoteRepository;
use super::transport::Request;
use crate::digest::Digest;
use crate::error::Error;
use crate::manifest::Descriptor;

impl RemoteRepository {
    /// The size in bytes of the blob `digest`; nothing when it is not here.
    ///
    /// # Errors
    /// [`Error`] when the registry cannot be asked.
    pub async fn has_blob(&self, digest: &Digest) -> Result<Option<u64>, Error> {
        let what = format!("looking for the blob `{digest}` in `{}`", self.name);
        let operation = self.operation("blob.head", what, Access::pull(self.name.path()))?;
        self.blob_size(&operation, digest).await
    }

    pub(super) async fn blob_size(
        &self,
        operation: &Operation,
        digest: &Digest,
    ) -> Result<Option<u64>, Error> {
        let mut budget = self.budget();
        loop {
            match self.blob_size_once(operation, digest).await {
                Ok(size) => return Ok(size),
                Err(error) => budget.again(error).await?,
            }
        }
    }

    /// One attempt, for those who have a budget already.
    pub(super) async fn blob_size_once(
        &self,
        operation: &Operation,
        digest: &Digest,
    ) -> Result<Option<u64>, Error> {
        let url = self.url(operation, &format!("blobs/{digest}"));
        let request = Request::new(Method::HEAD, url);
        let reply = self.client.send(operation, &request).await?;
        match reply.status() {
            StatusCode::OK => {
                let size = reply.header(CONTENT_LENGTH);
                let size = size.and_then(|text| text.parse().ok());
                size.map(Some)
                    .ok_or_else(|| operation.protocol("it sent no `Content-Length`"))
            }
            StatusCode::NOT_FOUND => Ok(None),
            _ => Err(reply.into_error(operation).await),
        }
    }

    /// Opens the blob of `descriptor` for reading. See [`BlobStream`] for what is verified.
    ///
    /// The stream counts against the limit of downloads until it is read to the end or dropped: do not hold one without
    /// reading it.
    ///
    /// # Errors
    /// [`Error::BlobUnknown`] when it is not here, [`Error::SizeMismatch`] when the registry announces another size.
    pub async fn blob(&self, descriptor: &Descriptor) -> Result<BlobStream, Error> {
        BlobStream::open(self, descriptor).await
    }

    /// Reads the blob of `descriptor` into memory, if its size is at most `limit` bytes.
    ///
    /// # Errors
    /// [`Error::TooLarge`] beyond the limit, and those of [`RemoteRepository::blob`].
    pub async fn blob_bytes(&self, descriptor: &Descriptor, limit: u64) -> Result<Bytes, Error> {
        let too_large = || Error::TooLarge {
            what: format!(
                "reading the blob `{}` of `{}`",
                descriptor.digest, self.name
            ),
            limit,
        };
        if descriptor.size > limit {
            return Err(too_large());
        }
        let size = usize::try_from(descriptor.size).map_err(|_| too_large())?;
        let mut stream = self.blob(descriptor).await?;
        let mut bytes = BytesMut::with_capacity(size);
        while let Some(chunk) = stream.try_next().await? {
            bytes.extend_from_slice(&chunk);
        }
        Ok(bytes.freeze())
    }
}
