//! The task that tells the broker of what waits.

use std::time::Duration;

use store::Store;
use tokio_util::sync::CancellationToken;

use crate::backoff::Backoff;
use crate::broker::{Broker, HandedOver};
use crate::error::chain;

/// How many jobs are handed over in one go.
const BATCH: u16 = 500;

/// How often to look for jobs that nobody announced: those that other processes accepted and did not hand over.
const POLL: Duration = Duration::from_secs(5);

/// Tells `broker` of every job that waits in `store` and that no broker was told of, until `shutdown`; of those only that are at least of this `age`, which
/// leaves younger ones to whoever accepted them. While the broker is away jobs wait in the store. Safe to run in several processes: a job that is announced twice is
/// done once.
pub async fn dispatch(store: Store, broker: Broker, age: Duration, shutdown: CancellationToken) {
    let mut dispatcher = Dispatcher {
        store,
        broker,
        age,
        backoff: Backoff::default(),
        failing: false,
    };
    while !shutdown.is_cancelled() {
        // Subscribed before the look, so that a submit in between is not missed.
        let woken = dispatcher.store.wake();
        // May be dropped at any await: what was handed over and not noted is handed over again.
        let next = tokio::select! {
            () = shutdown.cancelled() => return,
            next = dispatcher.round() => next,
        };
        match next {
            Next::More => {}
            Next::Wait => tokio::select! {
                () = shutdown.cancelled() => return,
                () = woken => {}
                () = tokio::time::sleep(POLL) => {}
            },
            Next::Retry(time) => tokio::select! {
                () = shutdown.cancelled() => return,
                () = tokio::time::sleep(time) => {}
            },
        }
    }
}

enum Next {
    /// There may be more to do.
    More,
    /// All is done.
    Wait,
    /// It did not work.
    Retry(Duration),
}

struct Dispatcher {
    store: Store,
    broker: Broker,
    age: Duration,
    backoff: Backoff,
    failing: bool,
}

impl Dispatcher {
    async fn round(&mut self) -> Next {
        let waiting = match self.store.undispatched(self.age, u64::from(BATCH)).await {
            Ok(waiting) if waiting.is_empty() => return Next::Wait,
            Ok(waiting) => waiting,
            Err(error) => return self.failed(&error),
        };
        let HandedOver { taken, error } = self.broker.hand_over(&waiting).await;
        if let Err(error) = self.store.mark_dispatched(&taken).await {
            return self.failed(&error);
        }
        if let Some(error) = error {
            return self.failed(&error);
        }
        if self.failing {
            tracing::info!("jobs are handed over to the broker again");
        }
        self.failing = false;
        self.backoff.reset();
        if taken.len() < usize::from(BATCH) {
            Next::Wait
        } else {
            Next::More
        }
    }

    /// Says so once per outage, and how long to wait.
    fn failed(&mut self, error: &dyn std::error::Error) -> Next {
        if self.failing {
            tracing::debug!(error = %chain(error), "jobs still wait to be handed over");
        } else {
            tracing::warn!(error = %chain(error), "jobs cannot be handed over to the broker; they wait");
        }
        self.failing = true;
        Next::Retry(self.backoff.next())
    }
}
