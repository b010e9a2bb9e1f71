//! The loop of a worker that is told of jobs by a broker.

use std::collections::VecDeque;
use std::future::pending;

use queue::{Hint, Inbox, Pace};
use store::Choice;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use crate::run::{Worker, report, wait};

/// So many times the usual pause lies between looks into the store for jobs that were begun and left. Others are left to the broker: what waits in serial
/// queues would lose its order otherwise.
const RARELY: u32 = 5;

/// What a look at a message's job says.
enum Attended {
    /// The message has served.
    Served,
    /// The next message of its queue is to come when this job has ended, which cannot be done or helped now.
    NotYet,
}

/// Messages that hold up their serial queues until a job has ended that this worker cannot do now, soonest to be looked at first. The worker does
/// other jobs meanwhile: one of those may be what is waited for.
type Parked = VecDeque<(Instant, Hint)>;

impl Worker {
    /// Works until `shutdown`, as [`Worker::run`] does.
    pub(crate) async fn run_announced(&self, inbox: &Inbox, shutdown: &CancellationToken) {
        let mut next_look = Instant::now();
        let mut parked = Parked::new();
        while self.gate.opens(shutdown).await {
            let next_parked = parked.front().map(|(when, _)| *when);
            tokio::select! {
                biased;
                () = shutdown.cancelled() => break,
                // Before the messages, which may never end: nobody else does what a dead worker left.
                () = sleep_until(next_look) => {
                    if !self.look(shutdown).await {
                        next_look = Instant::now() + self.config.poll.saturating_mul(RARELY);
                    }
                }
                () = until(next_parked) => {
                    if let Some((_, hint)) = parked.pop_front() {
                        self.follow(hint, &mut parked, shutdown).await;
                    }
                }
                hint = inbox.next() => self.follow(hint, &mut parked, shutdown).await,
            }
        }
        for (_, hint) in parked {
            hint.give_back().await;
        }
    }

    /// Does what a message is about, and then acknowledges it, or parks it.
    async fn follow(&self, hint: Hint, parked: &mut Parked, shutdown: &CancellationToken) {
        while !shutdown.is_cancelled() {
            match self.attend(&hint, shutdown).await {
                // Stopped meanwhile, the job may have been given back. If it has ended, whoever hears of it next finds that out.
                Ok(_) if shutdown.is_cancelled() => break,
                Ok(Attended::Served) => return hint.done().await,
                Ok(Attended::NotYet) => {
                    return parked.push_back((Instant::now() + self.config.poll, hint));
                }
                // The message is kept: given back, it would come again at once, and too often.
                Err(error) => self.cannot_claim(&error, shutdown).await,
            }
        }
        hint.give_back().await;
    }

    /// Does the job of a message, if it is to be had.
    async fn attend(
        &self,
        hint: &Hint,
        shutdown: &CancellationToken,
    ) -> Result<Attended, store::Error> {
        let id = hint.request_id();
        match hint.pace() {
            Pace::Parallel => {
                if let Some(job) = self.claim(&Choice::Request(id)).await? {
                    self.work_on(job, shutdown).await;
                } else {
                    tracing::debug!(
                        request.id = id,
                        "a message is about a job that has ended, is in other hands, or has to wait"
                    );
                    // Announced again when it need not wait any more. One in other hands that are dead is found by looking.
                    self.store.undispatch(id).await?;
                }
                Ok(Attended::Served)
            }
            Pace::Serial => {
                // Messages of several who accept requests may come in another order than the requests' own.
                while let Some(job) = self.claim(&Choice::UpTo(id)).await? {
                    self.work_on(job, shutdown).await;
                    if shutdown.is_cancelled() {
                        break;
                    }
                }
                // The next message comes with the acknowledgement of this one. A job whose worker died, or hears no broker any more, is still to end before it.
                Ok(if self.store.has_job(id).await? {
                    Attended::NotYet
                } else {
                    Attended::Served
                })
            }
        }
    }

    /// Does a job that was begun and left, if there is one. Says whether there was.
    async fn look(&self, shutdown: &CancellationToken) -> bool {
        let choice = Choice::Left(Box::new(self.config.choice.clone()));
        match self.claim(&choice).await {
            Ok(Some(job)) => {
                self.work_on(job, shutdown).await;
                true
            }
            Ok(None) => false,
            Err(error) => {
                self.cannot_claim(&error, shutdown).await;
                false
            }
        }
    }

    async fn cannot_claim(&self, error: &store::Error, shutdown: &CancellationToken) {
        tracing::error!(error = %report(error), "no job could be claimed; trying again");
        wait(self.config.poll, pending(), shutdown).await;
    }
}

async fn until(when: Option<Instant>) {
    match when {
        Some(when) => sleep_until(when).await,
        None => pending().await,
    }
}
