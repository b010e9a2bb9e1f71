//! What happens to the service while it is under load.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use clap::ValueEnum;

use super::Shared;
use crate::service::Service;
use crate::service::cluster::{Cluster, End};

/// The kinds of faults.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Faults {
    /// Nothing happens.
    None,
    /// The service is killed and started again.
    Kill,
    /// The PostgreSQL server is restarted, twice as operators do it, and once as after a crash.
    Restart,
}

impl Faults {
    /// How many of them there are in a run.
    pub(super) const fn count(self) -> u64 {
        match self {
            Self::None => 0,
            Self::Kill | Self::Restart => 3,
        }
    }
}

/// What faults happen to.
pub(super) struct Target<'a> {
    pub(super) service: &'a mut Service,
    /// Where the database is to be restarted.
    pub(super) cluster: Option<&'a Cluster>,
}

/// How long the clients may stand still.
const PATIENCE: Duration = Duration::from_mins(5);

/// Has the faults happen, evenly over the run.
pub(super) fn inject(
    faults: Faults,
    target: &mut Target<'_>,
    shared: &Shared,
    total: u64,
) -> anyhow::Result<()> {
    for number in 1..=faults.count() {
        wait_for(shared, total * number / (faults.count() + 1))?;
        match faults {
            Faults::None => {}
            Faults::Kill => target.service.crash_and_start()?,
            Faults::Restart => {
                let end = if number == 2 {
                    End::Immediate
                } else {
                    End::Fast
                };
                let cluster = target.cluster.context("there is no server to restart")?;
                cluster.restart(end)?;
            }
        }
        shared.faults.fetch_add(1, Ordering::SeqCst);
    }
    Ok(())
}

/// Waits until so many requests are done.
fn wait_for(shared: &Shared, done: u64) -> anyhow::Result<()> {
    let mut moved = (Instant::now(), 0);
    loop {
        let now = shared.done.load(Ordering::SeqCst);
        if now >= done {
            return Ok(());
        }
        if now > moved.1 {
            moved = (Instant::now(), now);
        }
        ensure!(
            moved.0.elapsed() < PATIENCE,
            "the clients stand still after {now} requests"
        );
        std::thread::sleep(Duration::from_millis(2));
    }
}
