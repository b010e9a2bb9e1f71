//! What was served: the last requests one by one, and all of them in sum.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU16, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use http::{Method, StatusCode};

/// Requests remembered one by one.
const CAPACITY: usize = 10_000;

/// A cheap, clonable record of what was served, for tests and summaries.
///
/// A request appears when it arrives, so what a client has seen the end of is always in it. It keeps the last
/// 10,000 requests; [`RequestLog::totals`] counts all of them.
#[derive(Clone, Debug, Default)]
pub struct RequestLog(Arc<Mutex<Inner>>);

#[derive(Debug, Default)]
struct Inner {
    records: VecDeque<Arc<Record>>,
    sums: Arc<Sums>,
}

/// One request, as it stood when the log was asked.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Entry {
    /// The method of the request.
    pub method: Method,
    /// Its path with the query.
    pub path: String,
    /// Who it says it is, by basic authentication, right or wrong. Passwords and tokens are not kept.
    pub user: Option<String>,
    /// The status of the answer; `None` while there is none, and for good when the connection was broken first.
    pub status: Option<StatusCode>,
    /// Bytes of the request's body read so far.
    pub bytes_in: u64,
    /// Bytes of the answer's body handed to the connection so far.
    pub bytes_out: u64,
}

/// Sums over all requests since the start or the last [`RequestLog::clear`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Totals {
    /// Requests that arrived.
    pub requests: u64,
    /// Bytes of request bodies read.
    pub bytes_in: u64,
    /// Bytes of answer bodies handed to connections.
    pub bytes_out: u64,
}

impl RequestLog {
    /// The last requests, in order of arrival.
    pub fn entries(&self) -> Vec<Entry> {
        self.lock()
            .records
            .iter()
            .map(|record| record.entry())
            .collect()
    }

    /// The sums over all requests, forgotten ones included.
    pub fn totals(&self) -> Totals {
        let sums = Arc::clone(&self.lock().sums);
        Totals {
            requests: sums.requests.load(Ordering::Relaxed),
            bytes_in: sums.bytes_in.load(Ordering::Relaxed),
            bytes_out: sums.bytes_out.load(Ordering::Relaxed),
        }
    }

    /// Forgets requests and sums; what requests under way still move is not counted any more.
    pub fn clear(&self) {
        *self.lock() = Inner::default();
    }

    pub(crate) fn open(&self, method: Method, path: String, user: Option<String>) -> Arc<Record> {
        let mut inner = self.lock();
        let record = Arc::new(Record {
            method,
            path,
            user,
            status: AtomicU16::new(0),
            bytes_in: AtomicU64::new(0),
            bytes_out: AtomicU64::new(0),
            sums: Arc::clone(&inner.sums),
        });
        inner.sums.requests.fetch_add(1, Ordering::Relaxed);
        if inner.records.len() == CAPACITY {
            inner.records.pop_front();
        }
        inner.records.push_back(Arc::clone(&record));
        record
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[derive(Debug, Default)]
struct Sums {
    requests: AtomicU64,
    bytes_in: AtomicU64,
    bytes_out: AtomicU64,
}

/// One request being served.
#[derive(Debug)]
pub(crate) struct Record {
    method: Method,
    path: String,
    user: Option<String>,
    /// 0 until there is one.
    status: AtomicU16,
    bytes_in: AtomicU64,
    bytes_out: AtomicU64,
    sums: Arc<Sums>,
}

impl Record {
    pub(crate) fn answered(&self, status: StatusCode) {
        self.status.store(status.as_u16(), Ordering::Relaxed);
    }

    pub(crate) fn read(&self, bytes: u64) {
        self.bytes_in.fetch_add(bytes, Ordering::Relaxed);
        self.sums.bytes_in.fetch_add(bytes, Ordering::Relaxed);
    }

    pub(crate) fn written(&self, bytes: u64) {
        self.bytes_out.fetch_add(bytes, Ordering::Relaxed);
        self.sums.bytes_out.fetch_add(bytes, Ordering::Relaxed);
    }

    fn entry(&self) -> Entry {
        Entry {
            method: self.method.clone(),
            path: self.path.clone(),
            user: self.user.clone(),
            status: StatusCode::from_u16(self.status.load(Ordering::Relaxed)).ok(),
            bytes_in: self.bytes_in.load(Ordering::Relaxed),
            bytes_out: self.bytes_out.load(Ordering::Relaxed),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_log_is_bounded_and_the_totals_are_not() {
        let log = RequestLog::default();
        for number in 0..=CAPACITY {
            log.open(Method::GET, format!("/{number}"), None).written(2);
        }
        let entries = log.entries();
        assert_eq!((entries.len(), entries[0].path.as_str()), (CAPACITY, "/1"));
        assert_eq!(log.totals().bytes_out, 2 * log.totals().requests);
        log.clear();
        assert_eq!((log.entries(), log.totals()), (vec![], Totals::default()));
    }
}
