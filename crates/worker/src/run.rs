//! The loop: claim, run under the lease, finish; and how it stops.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use api::State;
use api::report::StageTime;
use builder::{Built, Checkpoint, LiveBuilder};
use files::Files;
use futures::FutureExt as _;
use queue::Inbox;
use store::{Choice, Job, ResultFields, Store, Update, WorkerId};
use telemetry::TraceContext;
use tokio::time::{Instant, timeout_at};
use tokio_util::sync::CancellationToken;
use tracing::Instrument as _;

use crate::gate::Gate;
use crate::measure::{self, InHand};
use crate::report::{StoreReporter, fields};
use crate::request_log::RequestLogs;
use crate::request_report;
use crate::retry::RetryPolicy;
use crate::template::PushTemplate;
use crate::work::{Made, WorkError, work};

/// How a worker works.
#[derive(Clone, Debug)]
pub struct WorkerConfig {
    /// Who holds the leases: unique per process.
    pub id: WorkerId,
    /// Where results are pushed.
    pub template: PushTemplate,
    /// How long a job stays ours without a sign of life. It is renewed three times as often.
    pub lease: Duration,
    /// How often to look for work that nobody woke us for (jobs of other processes, jobs whose worker died).
    pub poll: Duration,
    /// How long a running job may go on once shutdown began; then it is given back.
    pub drain: Duration,
    /// After how many interrupted attempts a job fails.
    pub max_attempts: u32,
    /// How often and when a job is tried again that failed for a cause that passes.
    pub retry: RetryPolicy,
    /// Which jobs it takes.
    pub choice: Choice,
}

impl WorkerConfig {
    /// The usual times: a lease of 30 s, a look for work every 2 s, 20 s to drain, 5 attempts, and 4 retries.
    pub fn new(id: WorkerId, template: PushTemplate) -> Self {
        Self {
            id,
            template,
            lease: Duration::from_secs(30),
            poll: Duration::from_secs(2),
            drain: Duration::from_secs(20),
            max_attempts: 5,
            retry: RetryPolicy::default(),
            choice: Choice::Any,
        }
    }
}

/// Does jobs one after the other.
#[derive(Debug)]
pub struct Worker {
    pub(crate) config: WorkerConfig,
    pub(crate) store: Store,
    builder: LiveBuilder,
    logs: Option<Arc<RequestLogs>>,
    files: Files,
    inbox: Option<Inbox>,
    pub(crate) gate: Gate,
}

/// How a job ended.
enum Outcome {
    /// With a final state to record, and what the report says.
    Final(Box<Update>, Told),
    /// The request is not ours any more; nothing to record.
    NotOurs(String),
    /// Shutdown: somebody else shall do it.
    GiveBack,
    /// What stopped it passes: it is tried again after the time.
    Later(String, Duration),
}

/// What a report says beside the final state.
#[derive(Default)]
struct Told {
    stages: Vec<StageTime>,
    result: Option<serde_json::Value>,
}

impl Worker {
    /// A worker that takes jobs from `store`, does them with `builder` and closes request logs in `logs`.
    pub fn new(
        config: WorkerConfig,
        store: Store,
        builder: impl Into<LiveBuilder>,
        logs: Option<Arc<RequestLogs>>,
    ) -> Self {
        Self {
            config,
            store,
            builder: builder.into(),
            logs,
            files: Files::default(),
            inbox: None,
            gate: Gate::default(),
        }
    }

    /// The same, which leaves the lists that requests make in `files`.
    #[must_use]
    pub fn leaving(mut self, files: Files) -> Self {
        self.files = files;
        self
    }

    /// The same, taking jobs while `gate` is open.
    #[must_use]
    pub fn behind(mut self, gate: Gate) -> Self {
        self.gate = gate;
        self
    }

    /// The same, told of jobs through `inbox`; it looks into the store only for those that were begun and left.
    #[must_use]
    pub fn hearing(mut self, inbox: Inbox) -> Self {
        self.inbox = Some(inbox);
        self
    }

    /// Works until `shutdown`. A job that runs then has [`WorkerConfig::drain`] to end, or is given back for the next start.
    pub async fn run(&self, shutdown: CancellationToken) {
        if let Some(inbox) = &self.inbox {
            return self.run_announced(inbox, &shutdown).await;
        }
        while self.gate.opens(&shutdown).await {
            // Subscribed before the look, so that a submit in between is not missed.
            let woken = self.store.wake();
            match self.claim(&self.config.choice).await {
                Ok(Some(job)) => self.work_on(job, &shutdown).await,
                Ok(None) => wait(self.config.poll, woken, &shutdown).await,
                Err(error) => {
                    tracing::error!(error = %report(&error), "no job could be claimed; trying again");
                    wait(self.config.poll, std::future::pending(), &shutdown).await;
                }
            }
        }
    }

    pub(crate) async fn claim(&self, choice: &Choice) -> Result<Option<Job>, store::Error> {
        let config = &self.config;
        self.store
            .claim_one_of(choice, &config.id, config.lease)
            .await
    }

    pub(crate) async fn work_on(&self, job: Job, shutdown: &CancellationToken) {
        let id = job.request_id;
        let span = tracing::info_span!(
            "request",
            id,
            attempt = job.attempt,
            kind = job.payload.request_type().name(),
            trace_id = tracing::field::Empty
        );
        TraceContext::begin(&span, job.trace_context.as_deref());
        if let Some(logs) = &self.logs {
            logs.begin(id).await;
        }
        let log_delivered = self.do_job(job, shutdown).instrument(span).await;
        if let Some(logs) = &self.logs {
            logs.end(id, log_delivered).await;
        }
    }

    /// Does `job` and records how it ended. Says whether that is recorded and its log where it is read.
    async fn do_job(&self, job: Job, shutdown: &CancellationToken) -> bool {
        let (began, _in_hand, _entered) = (Instant::now(), InHand::begin(), self.gate.enter());
        tracing::info!(
            "iib {} works on request {}, attempt {}",
            env!("CARGO_PKG_VERSION"),
            job.request_id,
            job.attempt
        );
        // Attempts that ended for a cause that passes have a limit of their own.
        let outcome = if job.attempt.saturating_sub(job.retries) > self.config.max_attempts {
            let times = match self.config.max_attempts {
                1 => "once".to_owned(),
                attempts => format!("{attempts} times"),
            };
            failed(format!(
                "the work on the request was interrupted {times}; see the service's log"
            ))
        } else {
            tokio::select! {
                // Both sides may be dropped at any await: the builder promises it, and renewing is one statement.
                outcome = unless_it_panics(self.build(&job)) => outcome,
                reason = self.keep_lease(&job) => Outcome::NotOurs(reason),
                // Cancelled, for one; noticed sooner than by renewing.
                taken = self.store.lost(&job.lease) => Outcome::NotOurs(taken.to_string()),
                () = drained(shutdown, self.config.drain) => Outcome::GiveBack,
            }
        };
        let mut log_delivered = false;
        let recorded = match outcome {
            Outcome::Final(update, told) => {
                match update.state {
                    State::Complete => tracing::info!("{}", update.state_reason),
                    State::Failed | State::InProgress => tracing::error!("{}", update.state_reason),
                }
                let (elapsed, Told { stages, result }) = (began.elapsed(), told);
                let write =
                    request_report::write(&self.files, &job, &update, elapsed, stages, result);
                self.while_ours(&job, write).await;
                log_delivered = self.deliver_log(&job).await;
                let finished = self.store.finish(&job.lease, &update).await;
                if finished.is_ok() {
                    let kind = job.payload.request_type();
                    measure::ended(kind, update.state, began.elapsed());
                }
                finished
            }
            Outcome::NotOurs(reason) => {
                tracing::warn!("stopped working on the request: {reason}");
                Ok(())
            }
            Outcome::Later(reason, pause) => {
                tracing::warn!("{reason}");
                self.deliver_log(&job).await;
                let update = Update {
                    state: State::InProgress,
                    state_reason: reason,
                    fields: ResultFields::default(),
                };
                self.store.put_off(&job.lease, &update, pause).await
            }
            Outcome::GiveBack => {
                tracing::info!("the service shuts down; the request continues at the next start");
                // Perhaps on another host.
                self.deliver_log(&job).await;
                self.store.release(&job.lease).await
            }
        };
        if let Err(error) = recorded {
            // The lease runs out and the job is claimed again, here or elsewhere: nothing is lost.
            tracing::error!(error = %report(&error), "the end of the request could not be recorded");
            return false;
        }
        log_delivered
    }

    /// Takes the log to where it is read, before anybody is told that there is more to read. Says whether it is there.
    async fn deliver_log(&self, job: &Job) -> bool {
        let Some(logs) = &self.logs else {
            return false;
        };
        // Safe to drop: readers then see what was delivered before, and the next look for leftovers delivers the rest.
        let delivered = self.while_ours(job, logs.deliver(job.request_id)).await;
        delivered.unwrap_or(false)
    }

    /// Does `work` unless the lease is lost meanwhile; recording the end says what that means.
    async fn while_ours<T>(&self, job: &Job, work: impl Future<Output = T>) -> Option<T> {
        tokio::select! {
            done = work => Some(done),
            _ = self.keep_lease(job) => None,
        }
    }

    async fn build(&self, job: &Job) -> Outcome {
        let checkpoint = checkpoint_of(job);
        let reporter = StoreReporter::new(self.store.clone(), job, self.config.lease);
        let (template, builder) = (&self.config.template, self.builder.current());
        // On the heap: the work of each type of request would count for all.
        match work(&builder, job, template, &self.files, &reporter, checkpoint)
            .boxed()
            .await
        {
            Ok(done) => {
                let stages = reporter.stage_times();
                let update = Update {
                    state: State::Complete,
                    state_reason: done.reason,
                    fields: fields(&done.facts),
                };
                let result = match done.made {
                    Made::Index(built) => {
                        log_usage(&built);
                        request_report::of_index(*built).await
                    }
                    Made::Bundles(summary) => request_report::of_bundles(summary),
                };
                Outcome::Final(Box::new(update), Told { stages, result })
            }
            Err(WorkError::Build(builder::Error::Stopped(stopped))) => {
                Outcome::NotOurs(stopped.reason)
            }
            Err(error) => {
                let told = Told {
                    stages: reporter.stage_times(),
                    result: None,
                };
                match error {
                    WorkError::Build(error) if error.is_transient() => {
                        self.later(job, &error, told)
                    }
                    WorkError::Build(error) => failed_as(error.report(), told),
                    WorkError::Convert(error) => failed_as(error.to_string(), told),
                    WorkError::File(error) => failed_as(report(&error), told),
                }
            }
        }
    }

    /// Has a request tried again that failed for a cause that passes, unless that was the last time.
    fn later(&self, job: &Job, error: &builder::Error, told: Told) -> Outcome {
        let policy = &self.config.retry;
        let (cause, tries) = (error.report(), policy.retries.saturating_add(1));
        let Some(pause) = policy.pause(job.retries) else {
            let reason = match policy.retries {
                0 => cause,
                _ => format!("{cause} (tried {tries} times)"),
            };
            return failed_as(reason, told);
        };
        let (this, next) = (job.retries.saturating_add(1), self.store.now() + pause);
        Outcome::Later(
            format!("Try {this} of {tries} failed, the next is at {next:.0}: {cause}"),
            pause,
        )
    }

    /// Renews the lease until it is lost, and says why it is.
    async fn keep_lease(&self, job: &Job) -> String {
        let period = self.config.lease / 3;
        let mut valid_until = Instant::now() + self.config.lease;
        loop {
            tokio::time::sleep(period).await;
            let asked = Instant::now();
            // A store that does not answer in time is as good as a lost lease: somebody else may claim the job.
            match timeout_at(valid_until, self.store.renew(&job.lease, self.config.lease)).await {
                Ok(Ok(())) => valid_until = asked + self.config.lease,
                Ok(Err(error)) if error.is_job_lost() => return error.to_string(),
                Ok(Err(error)) if Instant::now() < valid_until => {
                    tracing::warn!(error = %report(&error), "the lease could not be renewed; trying again");
                }
                Ok(Err(error)) => return report(&error),
                Err(_) => return "the lease ran out while the store did not answer".to_owned(),
            }
        }
    }
}

/// What an earlier attempt left. One that a newer version wrote is done without: starting over is safe, only slower.
fn checkpoint_of(job: &Job) -> Checkpoint {
    let Some(data) = job.checkpoint.clone() else {
        return Checkpoint::default();
    };
    serde_json::from_value(data).unwrap_or_else(|error| {
        tracing::warn!(%error, "the checkpoint of an earlier attempt cannot be read; starting over");
        Checkpoint::default()
    })
}

/// Says what a published image took.
fn log_usage(built: &Built) {
    if let Some(level) = built.migrate_level {
        tracing::info!("packages of the database are shown with {level}");
    }
    tracing::info!(
        requests = built.usage.requests,
        bytes_read = built.usage.bytes_read,
        bytes_written = built.usage.bytes_written,
        "published `{}`, {}: {} blob(s) pushed ({} bytes), {} there already, {} mounted, {} copied ({} bytes)",
        built.facts.index_image.as_deref().unwrap_or_default(),
        built.digest,
        built.blobs.pushed,
        built.blobs.pushed_bytes,
        built.blobs.present,
        built.blobs.mounted,
        built.blobs.copied,
        built.blobs.copied_bytes,
    );
}

/// A panic is a defect that the request meets; it must not take the worker, and with it all other requests, down.
async fn unless_it_panics(build: impl Future<Output = Outcome>) -> Outcome {
    AssertUnwindSafe(build)
        .catch_unwind()
        .await
        .unwrap_or_else(|_| {
            failed(
                "an internal step of the request broke off; please report it with the service's log"
                    .to_owned(),
            )
        })
}

/// Completes when `shutdown` was asked for and the time to drain is over.
async fn drained(shutdown: &CancellationToken, drain: Duration) {
    shutdown.cancelled().await;
    tokio::time::sleep(drain).await;
}

pub(crate) async fn wait(
    poll: Duration,
    woken: impl Future<Output = ()>,
    shutdown: &CancellationToken,
) {
    tokio::select! {
        () = tokio::time::sleep(poll) => {}
        () = woken => {}
        () = shutdown.cancelled() => {}
    }
}

fn failed(reason: String) -> Outcome {
    failed_as(reason, Told::default())
}

fn failed_as(reason: String, told: Told) -> Outcome {
    let update = Update {
        state: State::Failed,
        state_reason: reason,
        fields: ResultFields::default(),
    };
    Outcome::Final(Box::new(update), told)
}

/// An error and its causes in one line.
pub(crate) fn report(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_panic_fails_the_request_and_nothing_else() {
        let outcome = unless_it_panics(async { panic!("the test says so") }).await;
        let Outcome::Final(update, _) = outcome else {
            panic!("the request has ended")
        };
        assert_eq!(update.state, State::Failed);
        assert!(update.state_reason.contains("report it"));
    }
}
