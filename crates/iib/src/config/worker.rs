//! `[worker]`: how jobs are held.

use std::num::NonZeroU64;

use serde::{Deserialize, Serialize};

/// `[worker]`: how jobs are held.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct WorkerSection {
    /// How many requests this process works on at the same time; 0 makes it a server of the API alone.
    pub(crate) jobs: usize,
    /// Seconds a job stays a worker's without a sign of life. After a crash a job waits this long at most.
    pub(crate) lease_seconds: NonZeroU64,
    /// Seconds between looks for work that nobody announced.
    pub(crate) poll_seconds: NonZeroU64,
    /// Seconds a running job may go on once shutdown began.
    pub(crate) drain_seconds: u64,
    /// After how many interrupted attempts a request fails.
    pub(crate) max_attempts: u32,
    /// The queues it takes requests from; `default` is that of requests without one. Empty: from all.
    pub(crate) queues: Vec<String>,
}

impl Default for WorkerSection {
    fn default() -> Self {
        Self {
            jobs: 1,
            lease_seconds: const { NonZeroU64::new(30).unwrap() },
            poll_seconds: const { NonZeroU64::new(2).unwrap() },
            drain_seconds: 20,
            max_attempts: 5,
            queues: Vec::new(),
        }
    }
}
