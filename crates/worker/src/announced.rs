//! The loop of a worker that is told of jobs by a broker.

use std::future::pending;

use queue::{Hint, Inbox};
use store::Choice;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use crate::run::{Worker, report, wait};

/// So many times the usual pause lies between looks into the store while the broker tells of jobs. They are for what it does not tell of: jobs whose worker died, above all.
/// What waits in its queues is left there, or the order of serial queues would be lost.
const RARELY: u32 = 5;

impl Worker {
    /// Works until `shutdown`, as [`Worker::run`] does.
    pub(crate) async fn run_announced(&self, inbox: &Inbox, shutdown: &CancellationToken) {
        // Jobs that were interrupted wait already; but whether the broker is there has to be known first.
        let mut next_look = Instant::now() + self.config.poll;
        loop {
            let heard = tokio::select! {
                biased;
                () = shutdown.cancelled() => return,
                hint = inbox.next() => Some(hint),
                () = sleep_until(next_look) => None,
            };
            match heard {
                Some(hint) => self.follow(hint, shutdown).await,
                None => {
                    let connected = inbox.is_connected();
                    let found = self.look(connected, shutdown).await;
                    let pause = match (connected, found) {
                        (true, _) => self.config.poll.saturating_mul(RARELY),
                        (false, false) => self.config.poll,
                        // With the broker away, what waits in the store is done one after the other.
                        (false, true) => continue,
                    };
                    next_look = Instant::now() + pause;
                }
            }
        }
    }

    /// Does the job that a message is about, if it is to be had.
    async fn follow(&self, hint: Hint, shutdown: &CancellationToken) {
        let choice = Choice::Request(hint.request_id());
        let job = loop {
            match self.claim(&choice).await {
                Ok(job) => break job,
                // The message is kept: given back, it would come again at once, and too often.
                Err(error) => self.cannot_claim(&error, shutdown).await,
            }
            if shutdown.is_cancelled() {
                return hint.give_back().await;
            }
        };
        let Some(job) = job else {
            tracing::debug!(
                request.id = hint.request_id(),
                "a message is about a job that has ended or is in other hands"
            );
            return hint.done().await;
        };
        self.work_on(job, shutdown).await;
        if shutdown.is_cancelled() {
            // The job may have been given back. If it has ended, whoever hears of it next finds that out.
            hint.give_back().await;
        } else {
            hint.done().await;
        }
    }

    /// Does a job that the store has, if there is one. Says whether there was.
    async fn look(&self, connected: bool, shutdown: &CancellationToken) -> bool {
        let choice = self.config.choice.clone();
        let choice = if connected {
            Choice::LeftOver(Box::new(choice))
        } else {
            choice
        };
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
