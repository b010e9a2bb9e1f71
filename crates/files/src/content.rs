//! What is in a file, as it is read.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures::Stream;
use futures::stream::BoxStream;

/// The bytes of a file. They come as they are read: a file is never in memory as a whole.
pub struct Content {
    size_bytes: u64,
    stream: BoxStream<'static, std::io::Result<Bytes>>,
}

impl Content {
    pub(crate) fn new(
        size_bytes: u64,
        stream: impl Stream<Item = std::io::Result<Bytes>> + Send + 'static,
    ) -> Self {
        Self {
            size_bytes,
            stream: Box::pin(stream),
        }
    }

    /// How many bytes there are.
    pub fn size_bytes(&self) -> u64 {
        self.size_bytes
    }
}

impl Stream for Content {
    type Item = std::io::Result<Bytes>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.stream.as_mut().poll_next(context)
    }
}

impl fmt::Debug for Content {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Content({} bytes)", self.size_bytes)
    }
}
