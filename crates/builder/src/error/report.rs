//! What is done about an error: it is told, or the request is tried again.

use super::{ContentError, Error};

impl Error {
    /// Whether the same request may succeed when tried again later: the network or the registry, not the request, is at fault.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Read { source, .. }
            | Self::Publish { source, .. }
            | Self::Content(ContentError::StoredLayer { source, .. }) => source.is_transient(),
            Self::Content(ContentError::Guessed { source, .. }) => source.is_transient(),
            Self::BlobCache(source) => source.is_transient(),
            _ => false,
        }
    }

    /// The error and its causes in one line, for people: `what: why: why that`.
    pub fn report(&self) -> String {
        let mut text = self.to_string();
        let mut source = std::error::Error::source(self);
        while let Some(cause) = source {
            let cause_text = cause.to_string();
            // Some libraries repeat their cause in their own text.
            if !text.ends_with(&cause_text) {
                text.push_str(": ");
                text.push_str(&cause_text);
            }
            source = cause.source();
        }
        text
    }
}
