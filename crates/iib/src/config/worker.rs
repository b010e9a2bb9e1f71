//! `[worker]`: how jobs are held.

use std::num::NonZeroU64;

use serde::{Deserialize, Serialize};

/// `[worker]`: how jobs are held.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct WorkerSection {
    /// What this process is called where workers are paused; several may share a name. Default: the host's name.
    pub(crate) name: Option<String>,
    /// How many requests this process works on at the same time; 0 makes it a server of the API alone.
    pub(crate) jobs: usize,
    /// MiB that this process may hold and still take a request beside others; 0: any.
    pub(crate) memory_mib: u64,
    /// Seconds a job stays a worker's without a sign of life. After a crash a job waits this long at most.
    pub(crate) lease_seconds: NonZeroU64,
    /// Seconds between looks for work that nobody announced.
    pub(crate) poll_seconds: NonZeroU64,
    /// Seconds a running job may go on once shutdown began.
    pub(crate) drain_seconds: u64,
    /// After how many interrupted attempts a request fails.
    pub(crate) max_attempts: u32,
    /// How many times a request is tried again that failed for a cause that passes, such as a registry that is away.
    pub(crate) retries: u32,
    /// Seconds before it is tried again; each time twice as long, and up to half of that less.
    pub(crate) retry_seconds: NonZeroU64,
    /// Seconds that this takes at most.
    pub(crate) retry_longest_seconds: NonZeroU64,
    /// The queues it takes requests from; `default` is that of requests without one. Empty: from all.
    pub(crate) queues: Vec<String>,
}

impl Default for WorkerSection {
    fn default() -> Self {
        Self {
            name: None,
            jobs: 1,
            memory_mib: 0,
            lease_seconds: const { NonZeroU64::new(30).unwrap() },
            poll_seconds: const { NonZeroU64::new(2).unwrap() },
            drain_seconds: 20,
            max_attempts: 5,
            retries: 4,
            retry_seconds: const { NonZeroU64::new(10).unwrap() },
            retry_longest_seconds: const { NonZeroU64::new(300).unwrap() },
            queues: Vec::new(),
        }
    }
}
