//! What a client has cost so far.

use std::ops::Sub;
use std::sync::atomic::{AtomicU64, Ordering};

use http::StatusCode;
use metrics::counter;

/// Counters of a client since it was made. They only grow; subtract an earlier reading to get what one piece of work cost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// HTTP requests sent, those for tokens and redirects included.
    pub requests: u64,
    /// Bytes of response bodies received.
    pub bytes_read: u64,
    /// Bytes of request bodies handed to the connection.
    pub bytes_written: u64,
    /// How often something was tried again.
    pub retries: u64,
}

impl Sub for Usage {
    type Output = Self;

    fn sub(self, earlier: Self) -> Self {
        Self {
            requests: self.requests.saturating_sub(earlier.requests),
            bytes_read: self.bytes_read.saturating_sub(earlier.bytes_read),
            bytes_written: self.bytes_written.saturating_sub(earlier.bytes_written),
            retries: self.retries.saturating_sub(earlier.retries),
        }
    }
}

#[derive(Debug, Default)]
pub(crate) struct Counters {
    requests: AtomicU64,
    bytes_read: AtomicU64,
    bytes_written: AtomicU64,
    retries: AtomicU64,
}

impl Counters {
    /// An attempt at `operation` was answered, or not.
    pub(crate) fn answered(operation: &'static str, status: Option<StatusCode>) {
        let status = status.map_or_else(|| "none".to_owned(), |status| status.as_u16().to_string());
        counter!("iib_registry_requests_total", "operation" => operation, "status" => status)
            .increment(1);
    }

    pub(crate) fn sent_request(&self) {
        self.requests.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn read(&self, bytes: u64) {
        self.bytes_read.fetch_add(bytes, Ordering::Relaxed);
        counter!("iib_registry_read_bytes_total").increment(bytes);
    }

    pub(crate) fn wrote(&self, bytes: u64) {
        self.bytes_written.fetch_add(bytes, Ordering::Relaxed);
        counter!("iib_registry_written_bytes_total").increment(bytes);
    }

    pub(crate) fn retried(&self) {
        self.retries.fetch_add(1, Ordering::Relaxed);
        counter!("iib_registry_retries_total").increment(1);
    }

    pub(crate) fn usage(&self) -> Usage {
        Usage {
            requests: self.requests.load(Ordering::Relaxed),
            bytes_read: self.bytes_read.load(Ordering::Relaxed),
            bytes_written: self.bytes_written.load(Ordering::Relaxed),
            retries: self.retries.load(Ordering::Relaxed),
        }
    }
}
