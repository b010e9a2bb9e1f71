//! Whether a process takes jobs: not while it is paused, and not while it holds too much memory.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use store::{Pause, Store};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::run::report;

/// How often to look whether there is room again.
const ROOM: Duration = Duration::from_millis(500);

/// The way to jobs for all workers of a process; clones are the same gate. One that nobody watches is open.
#[derive(Clone, Debug)]
pub struct Gate(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    /// None: nobody knows yet.
    is_open: watch::Sender<Option<bool>>,
    memory_bytes: Option<u64>,
    inside: AtomicUsize,
}

/// A job that a process works on; it counts as long as this lives.
#[derive(Debug)]
pub struct Entered(Arc<Inner>);

impl Drop for Entered {
    fn drop(&mut self) {
        self.0.inside.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Default for Gate {
    fn default() -> Self {
        Self::new(Some(true), None)
    }
}

impl Gate {
    fn new(is_open: Option<bool>, memory_bytes: Option<u64>) -> Self {
        Self(Arc::new(Inner {
            is_open: watch::Sender::new(is_open),
            memory_bytes,
            inside: AtomicUsize::new(0),
        }))
    }

    /// A gate that stays shut until [`Self::watch`] knows better. While the process holds more than `memory_bytes`, jobs are not taken beside others.
    pub fn watched(memory_bytes: Option<u64>) -> Self {
        Self::new(None, memory_bytes)
    }

    /// Opens and shuts the gate as the store says of worker processes of this `name`, looking every `period`, until `shutdown`.
    pub async fn watch(
        &self,
        store: Store,
        name: String,
        period: Duration,
        shutdown: CancellationToken,
    ) {
        let own = Pause::Worker(name);
        let look = async {
            loop {
                match store.pauses().await {
                    Ok(pauses) => self.set(!pauses.iter().any(|paused| paused.what == own)),
                    Err(error) => {
                        tracing::debug!(error = report(&error), "nobody knows what is paused");
                    }
                }
                tokio::time::sleep(period).await;
            }
        };
        tokio::select! {
            () = look => {}
            () = shutdown.cancelled() => {}
        }
    }

    fn set(&self, is_open: bool) {
        let former = self.0.is_open.send_replace(Some(is_open));
        match (former, is_open) {
            (Some(false), true) => tracing::info!("this process is resumed: it takes jobs again"),
            (None | Some(true), false) => {
                tracing::info!("this process is paused: it takes no jobs until it is resumed");
            }
            (None | Some(true), true) | (Some(false), false) => {}
        }
    }

    /// Waits until jobs may be taken. Says whether that is so; otherwise `shutdown` came first. Safe to cancel.
    pub async fn opens(&self, shutdown: &CancellationToken) -> bool {
        let open = async {
            self.until(true).await;
            while !self.has_room() {
                tokio::time::sleep(ROOM).await;
                self.until(true).await;
            }
        };
        tokio::select! {
            biased;
            () = shutdown.cancelled() => false,
            () = open => true,
        }
    }

    /// Waits until the process is paused.
    pub async fn shuts(&self) {
        self.until(false).await;
    }

    async fn until(&self, wanted: bool) {
        let mut watched = self.0.is_open.subscribe();
        // The sender lives as long as the gate.
        drop(watched.wait_for(|is_open| *is_open == Some(wanted)).await);
    }

    /// Counts a job that is worked on.
    pub fn enter(&self) -> Entered {
        self.0.inside.fetch_add(1, Ordering::Relaxed);
        Entered(Arc::clone(&self.0))
    }

    /// Whether one more job can be taken. One always can: it would never be done otherwise.
    fn has_room(&self) -> bool {
        let Some(limit) = self.0.memory_bytes else {
            return true;
        };
        self.0.inside.load(Ordering::Relaxed) == 0
            || resident_bytes().is_none_or(|resident| resident <= limit)
    }
}

/// The memory this process holds; none where the system does not tell.
fn resident_bytes() -> Option<u64> {
    // No disk is asked: the kernel makes it up.
    let text = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kib: u64 = line.trim().strip_suffix(" kB")?.parse().ok()?;
    kib.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn one_job_is_always_taken_and_no_second_one_beyond_the_limit() {
        let gate = Gate::new(Some(true), Some(1));
        assert!(resident_bytes().unwrap() > 1);
        let stop = CancellationToken::new();
        assert!(gate.opens(&stop).await);
        let entered = gate.enter();
        let second = tokio::time::timeout(ROOM / 5, gate.opens(&stop)).await;
        assert!(second.is_err(), "it waits for room");
        drop(entered);
        assert!(gate.opens(&stop).await);
        stop.cancel();
        assert!(!gate.opens(&stop).await);
    }

    #[tokio::test]
    async fn a_watched_gate_is_shut_until_somebody_knows() {
        let gate = Gate::watched(None);
        let stop = CancellationToken::new();
        let open = tokio::time::timeout(ROOM / 5, gate.opens(&stop)).await;
        assert!(open.is_err());
        gate.set(true);
        assert!(gate.opens(&stop).await);
        gate.set(false);
        gate.shuts().await;
    }
}
