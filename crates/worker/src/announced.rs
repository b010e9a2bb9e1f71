//! The loop of a worker that is told of jobs by a broker.

use std::future::pending;

use queue::{Hint, Inbox, Pace};
use store::Choice;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use crate::run::{Worker, report, wait};

/// So many times the usual pause lies between looks into the store for jobs that were begun and left. Others are left to the broker: what waits in serial
/// queues would lose its order otherwise.
const RARELY: u32 = 5;

impl Worker {
    /// Works until `shutdown`, as [`Worker::run`] does.
    pub(crate) async fn run_announced(&self, inbox: &Inbox, shutdown: &CancellationToken) {
        let mut next_look = Instant::now();
        loop {
            tokio::select! {
                biased;
                () = shutdown.cancelled() => return,
                // Before the messages, which may never end: nobody else does what a dead worker left.
                () = sleep_until(next_look) => {
                    if !self.look(shutdown).await {
                        next_look = Instant::now() + self.config.poll.saturating_mul(RARELY);
                    }
                }
                hint = inbox.next() => self.follow(hint, shutdown).await,
            }
        }
    }

    /// Does what a message is about, and then acknowledges it.
    async fn follow(&self, hint: Hint, shutdown: &CancellationToken) {
        while !shutdown.is_cancelled() {
            match self.attend(&hint, shutdown).await {
                // Stopped meanwhile, the job may have been given back. If it has ended, whoever hears of it next finds that out.
                Ok(true) if shutdown.is_cancelled() => break,
                Ok(true) => return hint.done().await,
                Ok(false) => wait(self.config.poll, pending(), shutdown).await,
                // The message is kept: given back, it would come again at once, and too often.
                Err(error) => self.cannot_claim(&error, shutdown).await,
            }
        }
        hint.give_back().await;
    }

    /// Does the job of a message, if it is to be had. Says whether the message has served.
    async fn attend(
        &self,
        hint: &Hint,
        shutdown: &CancellationToken,
    ) -> Result<bool, store::Error> {
        let id = hint.request_id();
        if let Some(job) = self.claim(&Choice::Request(id)).await? {
            self.work_on(job, shutdown).await;
        } else {
            tracing::debug!(
                request.id = id,
                "a message is about a job that has ended or is in other hands"
            );
        }
        match hint.pace() {
            // A job in other hands that are dead is found by looking.
            Pace::Parallel => Ok(true),
            // The next message comes with the acknowledgement of this one. A job whose worker died, or hears no broker any more, is still to end before it.
            Pace::Serial => Ok(!self.store.has_job(id).await?),
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
