//! Where the bytes of an upload come from, read chunk by chunk and verified before the last chunk is sent.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use bytes::{Bytes, BytesMut};
use futures::TryStreamExt as _;

use super::blob_stream::{BlobStream, Check};
use super::repository::RemoteRepository;
use crate::error::Error;
use crate::manifest::Descriptor;

/// The bytes of a blob to upload.
#[derive(Clone, Debug)]
pub enum BlobSource {
    /// Bytes in memory.
    Bytes(Bytes),
    /// A file, which must not change while it is uploaded.
    File(PathBuf),
}

impl From<Bytes> for BlobSource {
    fn from(bytes: Bytes) -> Self {
        Self::Bytes(bytes)
    }
}

/// Where an upload's bytes come from: here, or another repository.
#[derive(Clone, Copy)]
pub(super) enum Origin<'a> {
    Local(&'a BlobSource),
    Remote(&'a RemoteRepository),
}

/// Reads an origin from its beginning.
pub(super) enum Reader {
    Local(Box<Local>),
    Remote {
        stream: BlobStream,
        /// What the stream gave beyond the last chunk.
        left: Bytes,
    },
    /// After an error or the end.
    Spent,
}

pub(super) struct Local {
    input: Input,
    check: Check,
}

enum Input {
    Bytes(Bytes),
    File { file: File, path: PathBuf },
}

impl Reader {
    /// Opens `origin`; `what` begins error texts. A size that is not the descriptor's is told at once.
    pub(super) async fn open(
        origin: Origin<'_>,
        descriptor: &Descriptor,
        what: &str,
    ) -> Result<Self, Error> {
        let source = match origin {
            Origin::Remote(repository) => {
                return Ok(Self::Remote {
                    stream: repository.blob(descriptor).await?,
                    left: Bytes::new(),
                });
            }
            Origin::Local(source) => source.clone(),
        };
        let check = Check::new(descriptor, what.to_owned());
        blocking(move || {
            let (input, size) = match source {
                BlobSource::Bytes(bytes) => {
                    let size = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
                    (Input::Bytes(bytes), size)
                }
                BlobSource::File(path) => {
                    let failed = |source| io_error(&path, source);
                    let file = File::open(&path).map_err(failed)?;
                    let size = file.metadata().map_err(failed)?.len();
                    (Input::File { file, path }, size)
                }
            };
            check.announced(size)?;
            Ok(Self::Local(Box::new(Local { input, check })))
        })
        .await
    }

    /// The next `limit` bytes, fewer only at the end. The piece that reaches the end comes only if all was as promised.
    pub(super) async fn next(&mut self, limit: usize) -> Result<Bytes, Error> {
        match std::mem::replace(self, Self::Spent) {
            Self::Local(mut local) => {
                // Reading a disk and hashing megabytes would hold up everybody else on this thread.
                let (local, bytes) = blocking(move || {
                    let bytes = local.next(limit);
                    (local, bytes)
                })
                .await;
                let bytes = bytes?;
                *self = Self::Local(local);
                Ok(bytes)
            }
            Self::Remote {
                mut stream,
                mut left,
            } => {
                let mut chunk = BytesMut::new();
                let mut at_end = false;
                while chunk.len() < limit {
                    if left.is_empty() {
                        let Some(bytes) = stream.try_next().await? else {
                            at_end = true;
                            break;
                        };
                        left = bytes;
                    }
                    let take = left.len().min(limit - chunk.len());
                    chunk.extend_from_slice(&left.split_to(take));
                }
                if !at_end && left.is_empty() {
                    // A blob that ends exactly here must be verified before its last chunk is sent.
                    left = stream.try_next().await?.unwrap_or_default();
                }
                *self = Self::Remote { stream, left };
                Ok(chunk.freeze())
            }
            Self::Spent => Ok(Bytes::new()),
        }
    }
}

impl Local {
    fn next(&mut self, limit: usize) -> Result<Bytes, Error> {
        let bytes = match &mut self.input {
            Input::Bytes(bytes) => bytes.split_to(limit.min(bytes.len())),
            Input::File { file, path } => {
                let mut chunk = Vec::new();
                file.take(u64::try_from(limit).unwrap_or(u64::MAX))
                    .read_to_end(&mut chunk)
                    .map_err(|source| io_error(path, source))?;
                Bytes::from(chunk)
            }
        };
        self.check.pass(&bytes)?;
        if bytes.len() < limit || self.check.is_complete() {
            self.check.end()?;
        }
        Ok(bytes)
    }
}

fn io_error(path: &Path, source: io::Error) -> Error {
    Error::Io {
        path: path.to_owned(),
        source,
    }
}

/// Runs `work` where it may block, and panics if it did.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(error) => match error.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            // Blocking work is cancelled only when the runtime shuts down, and then nobody waits for this.
            Err(_) => std::future::pending().await,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::digest::Digest;
    use crate::media_type::MediaType;

    async fn chunks(
        source: BlobSource,
        promised: &[u8],
        limit: usize,
    ) -> Result<Vec<Bytes>, Error> {
        let size = u64::try_from(promised.len()).unwrap();
        let descriptor = Descriptor::new(MediaType::OciLayerGzip, size, Digest::of(promised));
        let mut reader = Reader::open(Origin::Local(&source), &descriptor, "testing").await?;
        let mut chunks = Vec::new();
        loop {
            let chunk = reader.next(limit).await?;
            if chunk.is_empty() {
                return Ok(chunks);
            }
            chunks.push(chunk);
        }
    }

    #[tokio::test]
    async fn files_and_bytes_are_read_in_chunks_of_the_size_asked_for() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), b"abcdefg").unwrap();
        for source in [
            BlobSource::File(file.path().to_owned()),
            Bytes::from_static(b"abcdefg").into(),
        ] {
            let read = chunks(source, b"abcdefg", 3).await.unwrap();
            assert_eq!(read, ["abc", "def", "g"]);
        }
    }

    #[tokio::test]
    async fn other_bytes_than_promised_are_told_before_the_last_chunk() {
        let source = BlobSource::Bytes(Bytes::from_static(b"abcdef"));
        let error = chunks(source.clone(), b"abcdeX", 3).await.unwrap_err();
        assert!(matches!(error, Error::DigestMismatch { .. }), "{error}");
        let error = chunks(source, b"abc", 3).await.unwrap_err();
        assert!(matches!(error, Error::SizeMismatch { .. }), "{error}");
    }

    #[tokio::test]
    async fn a_missing_file_is_named() {
        let source = BlobSource::File("/nowhere/at/all".into());
        let error = chunks(source, b"", 3).await.unwrap_err().to_string();
        assert!(error.contains("/nowhere/at/all"), "{error}");
    }
}
