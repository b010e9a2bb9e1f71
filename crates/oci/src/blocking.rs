//! The way off the runtime, and the way back onto it.

use bytes::Bytes;
use futures::StreamExt;
use std::io::{self, Read};
use tokio::sync::mpsc;

use crate::client::BlobStream;
use crate::error::Error;

/// How many pieces wait between the two sides: enough that neither waits for each single one, and little memory.
const PIECES_WAITING: usize = 8;

/// The program is ending and did not begin the work.
pub(crate) struct Stopped;

/// Runs `work` where blocking is allowed. A panic in it goes on here.
pub(crate) async fn run<T: Send + 'static, E: From<Stopped> + Send + 'static>(
    work: impl FnOnce() -> Result<T, E> + Send + 'static,
) -> Result<T, E> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(failure) => match failure.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            Err(_) => Err(Stopped.into()),
        },
    }
}

/// Gives `stream` as a blocking reader to `work` and runs it where blocking is allowed.
///
/// Dropping the future ends the reader, so `work` stops soon after; what it would have returned is dropped with it.
pub(crate) async fn read_stream<T: Send + 'static>(
    mut stream: BlobStream,
    work: impl FnOnce(StreamReader) -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    let (sender, receiver) = mpsc::channel(PIECES_WAITING);
    let forward = async move {
        while let Some(piece) = stream.next().await {
            if sender.send(Some(piece)).await.is_err() {
                // The reader has seen enough; its result says why.
                return;
            }
        }
        // A reader that is gone needs no end.
        drop(sender.send(None).await);
    };
    let reader = StreamReader {
        pieces: receiver,
        current: Bytes::new(),
        ended: false,
    };
    let ((), result) = futures::join!(forward, run(move || work(reader)));
    result
}

/// The blocking end of a stream. Its errors carry the stream's [`Error`], see [`stream_error`].
pub(crate) struct StreamReader {
    pieces: mpsc::Receiver<Option<Result<Bytes, Error>>>,
    current: Bytes,
    ended: bool,
}

impl Read for StreamReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.current.is_empty() && !self.ended {
            match self.pieces.blocking_recv() {
                Some(Some(piece)) => self.current = piece.map_err(io::Error::other)?,
                Some(None) => self.ended = true,
                None => return Err(io::Error::other(Error::Stopped)),
            }
        }
        let count = buffer.len().min(self.current.len());
        buffer[..count].copy_from_slice(&self.current.split_to(count));
        Ok(count)
    }
}

/// The stream's own error, when `error` came from a [`StreamReader`]; else `error` again.
pub(crate) fn stream_error(error: io::Error) -> Result<Error, io::Error> {
    error.downcast::<Error>()
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc as std_mpsc;

    use futures::StreamExt as _;
    use futures::stream;

    use super::*;
    use crate::digest::Digest;
    use crate::manifest::Descriptor;
    use crate::media_type::MediaType;

    fn descriptor(content: &[u8]) -> Descriptor {
        let size = crate::size::of(content.len());
        Descriptor::new(MediaType::OciLayerTar, size, Digest::of(content))
    }

    #[tokio::test]
    async fn a_dropped_future_ends_the_work_off_the_runtime() {
        let first = Ok(Bytes::from_static(b"abc"));
        let stalled = stream::iter([first]).chain(stream::pending());
        let stalled = BlobStream::verified(stalled, &descriptor(b"abcdef"), "test".to_owned());
        let (started, has_started) = tokio::sync::oneshot::channel();
        let (ended, has_ended) = std_mpsc::channel();
        let work = read_stream(stalled, move |mut reader| {
            let mut start = [0; 3];
            reader.read_exact(&mut start).unwrap();
            started.send(()).unwrap();
            ended.send(reader.read_exact(&mut start)).unwrap();
            Ok(())
        });
        tokio::select! {
            _ = work => panic!("the stream is stalled"),
            result = has_started => result.unwrap(),
        }
        // The branch that lost was dropped.
        let error = has_ended.recv().unwrap().unwrap_err();
        assert!(matches!(stream_error(error), Ok(Error::Stopped)));
    }

    #[tokio::test]
    async fn the_streams_own_error_comes_out_of_the_reader() {
        let pieces = stream::iter([Ok(Bytes::from_static(b"abc"))]);
        let wrong = BlobStream::verified(pieces, &descriptor(b"abd"), "test".to_owned());
        let result = read_stream(wrong, |mut reader| {
            let mut all = Vec::new();
            match reader.read_to_end(&mut all) {
                Ok(_) => Ok(()),
                Err(error) => Err(stream_error(error).unwrap()),
            }
        });
        assert!(matches!(result.await, Err(Error::DigestMismatch { .. })));
    }
}
