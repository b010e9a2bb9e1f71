//! The one task that writes. Whatever waits when it is free is written together, in one transaction with one sync to disk; each part has
//! its own outcome. A part that the database refuses is written again on its own, with its neighbours, so it cannot spoil them.

use std::collections::BTreeSet;
use std::mem;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use sea_orm::{
    DatabaseConnection, DatabaseTransaction, SqliteTransactionMode, TransactionOptions,
    TransactionTrait as _,
};
use tokio::sync::{Notify, mpsc, oneshot};

use crate::announce::{Announcer, Message};
use crate::config::Clock;
use crate::error::{During as _, Error};
use crate::images::KnownImages;
use crate::outbox;
use crate::sealing::SealingKey;
use crate::submit::{Prepared, Submitted, accept};
use crate::watch::Watched;

/// How many changes may wait; further callers wait for room.
const WAITING: usize = 1024;

/// How many changes go into one transaction at most.
const GROUP: usize = 128;

/// How often a change is tried that lost against another process.
const CONFLICTS: u32 = 5;

/// How long a transaction may take. A database that does not answer by then is as good as away.
const TIME: Duration = Duration::from_mins(1);

const ACTION: &str = "writing";

/// What all changes of a store share.
pub(crate) struct Context {
    pub(crate) sealing_key: SealingKey,
    pub(crate) clock: Clock,
    pub(crate) announcer: Option<Arc<dyn Announcer>>,
    pub(crate) known_images: KnownImages,
    /// Queues of which one request is worked on at a time.
    pub(crate) serial_queues: BTreeSet<String>,
    /// Told of every job that can be claimed.
    pub(crate) submitted: Arc<Notify>,
    /// Told when there are messages to send.
    pub(crate) to_send: Arc<Notify>,
    /// Told when jobs may have been taken from their workers.
    pub(crate) watched: Arc<Watched>,
}

/// What a change works with.
pub(crate) struct Scope<'a> {
    pub(crate) transaction: &'a DatabaseTransaction,
    pub(crate) context: &'a Context,
    pub(crate) now: Timestamp,
    effects: &'a Mutex<Effects>,
}

/// What follows from changes once they are written.
#[derive(Default)]
struct Effects {
    jobs: usize,
    messages: Vec<Message>,
    images: Vec<String>,
    takes_jobs: bool,
}

impl Scope<'_> {
    fn effects(&self) -> std::sync::MutexGuard<'_, Effects> {
        self.effects.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// So many more jobs can be claimed.
    pub(crate) fn will_wake(&self, jobs: usize) {
        self.effects().jobs += jobs;
    }

    /// A job is taken from the worker who may hold it.
    pub(crate) fn will_take_job(&self) {
        self.effects().takes_jobs = true;
    }

    /// The messages are written with the changes. To be called last by a change, when nothing can refuse it any more.
    pub(crate) fn will_send(&self, messages: impl IntoIterator<Item = Message>) {
        self.effects().messages.extend(messages);
    }

    /// The image references are in the table.
    pub(crate) fn will_know(&self, references: &[&str]) {
        let known = references.iter().map(|text| (*text).to_owned());
        self.effects().images.extend(known);
    }
}

/// A change. It may be run again when the transaction of the first time could not be finished.
#[async_trait::async_trait]
pub(crate) trait Operation: Send + Sync + 'static {
    type Output: Send + 'static;

    /// Makes the change. Errors of kind [`Error::is_refusal`] come before the first statement that writes.
    async fn run(&self, scope: &Scope<'_>) -> Result<Self::Output, Error>;
}

/// Where changes are handed in.
#[derive(Clone)]
pub(crate) struct Writer(mpsc::Sender<Task>);

impl Writer {
    /// The writer, and the work of its task.
    pub(crate) fn new(
        connection: DatabaseConnection,
        context: Arc<Context>,
    ) -> (Self, impl Future<Output = ()> + Send + 'static) {
        let (sender, receiver) = mpsc::channel(WAITING);
        let writing = Writing {
            connection,
            context,
        };
        (Self(sender), writing.run(receiver))
    }

    /// Makes a change. A caller that goes away has no say any more once the change was begun.
    pub(crate) async fn run<O: Operation>(&self, operation: O) -> Result<O::Output, Error> {
        self.hand_in(operation, |part| Task::Other(Box::new(part)))
            .await
    }

    /// Writes requests; those of several callers share their statements.
    pub(crate) async fn submit(&self, prepared: Prepared) -> Result<Submitted, Error> {
        self.hand_in(prepared, |part| Task::Submit(Box::new(part)))
            .await
    }

    async fn hand_in<W, T>(
        &self,
        work: W,
        task: impl FnOnce(Part<W, T>) -> Task,
    ) -> Result<T, Error> {
        let (answer, outcome) = oneshot::channel();
        let part = Part {
            work,
            answer,
            outcome: None,
        };
        self.0.send(task(part)).await.map_err(|_| Error::Closed)?;
        outcome.await.map_err(|_| Error::Closed)?
    }
}

/// A change on its way through the writer.
struct Part<W, T> {
    work: W,
    answer: oneshot::Sender<Result<T, Error>>,
    outcome: Option<Result<T, Error>>,
}

impl<W, T> Part<W, T> {
    /// A caller who is gone cannot be told any more, which is fine.
    fn answer(self, failed: Option<Error>) {
        let outcome = match (failed, self.outcome) {
            (Some(error), _) => Err(error),
            (None, Some(outcome)) => outcome,
            (None, None) => Err(Error::Closed),
        };
        drop(self.answer.send(outcome));
    }
}

enum Task {
    Submit(Box<Part<Prepared, Submitted>>),
    Other(Box<dyn Work>),
}

impl Task {
    /// What is changed, for tests that have the process die there.
    fn name(&self) -> &'static str {
        match self {
            Self::Submit(_) => "store::submit",
            Self::Other(work) => work.name(),
        }
    }

    fn is_abandoned(&self) -> bool {
        match self {
            Self::Submit(part) => part.answer.is_closed(),
            Self::Other(work) => work.is_abandoned(),
        }
    }

    fn answer(self, failed: Option<Error>) {
        match self {
            Self::Submit(part) => part.answer(failed),
            Self::Other(work) => work.answer_with(failed),
        }
    }
}

/// A [`Part`] whose types do not matter.
#[async_trait::async_trait]
trait Work: Send {
    /// Makes the change and keeps the outcome, unless the transaction cannot be finished with it.
    async fn attempt(&mut self, scope: &Scope<'_>) -> Result<(), Error>;
    fn name(&self) -> &'static str;
    fn is_abandoned(&self) -> bool;
    fn answer_with(self: Box<Self>, failed: Option<Error>);
}

#[async_trait::async_trait]
impl<O: Operation> Work for Part<O, O::Output> {
    async fn attempt(&mut self, scope: &Scope<'_>) -> Result<(), Error> {
        let outcome = self.work.run(scope).await;
        match outcome {
            Err(error) if !error.is_refusal() => Err(error),
            outcome => {
                self.outcome = Some(outcome);
                Ok(())
            }
        }
    }

    fn name(&self) -> &'static str {
        std::any::type_name::<O>()
    }

    fn is_abandoned(&self) -> bool {
        self.answer.is_closed()
    }

    fn answer_with(self: Box<Self>, failed: Option<Error>) {
        self.answer(failed);
    }
}

struct Writing {
    connection: DatabaseConnection,
    context: Arc<Context>,
}

/// How writing a group went wrong.
enum Failure {
    /// Nothing of it is written.
    Undone(Error),
    /// Nobody knows whether it is written, or there is no use in trying again.
    Final(Error),
}

impl Writing {
    async fn run(self, mut queue: mpsc::Receiver<Task>) {
        let mut group = Vec::with_capacity(GROUP);
        while queue.recv_many(&mut group, GROUP).await > 0 {
            group.retain(|task| !task.is_abandoned());
            self.write(mem::take(&mut group)).await;
        }
    }

    async fn write(&self, mut group: Vec<Task>) {
        if group.is_empty() {
            return;
        }
        let mut outcome = self.attempt(&mut group).await;
        if let Err(Failure::Undone(error)) = &outcome {
            if error.is_connection_lost() {
                // The pool has made a new connection by now, or says that it cannot.
                outcome = self.attempt(&mut group).await;
            } else if group.len() > 1 {
                tracing::debug!(%error, parts = group.len(), "writing the parts of a group one by one");
                for task in group {
                    self.write_alone(task).await;
                }
                return;
            } else if let Some(task) = group.pop() {
                if error.is_conflict() {
                    self.write_alone(task).await;
                } else {
                    task.answer(Some(error.clone()));
                }
                return;
            }
        }
        let failed = match outcome {
            Ok(()) => None,
            Err(Failure::Undone(error) | Failure::Final(error)) => Some(error),
        };
        for task in group {
            task.answer(failed.clone());
        }
    }

    async fn write_alone(&self, task: Task) {
        let mut alone = [task];
        let mut tried = 0;
        let failed = loop {
            tried += 1;
            match self.attempt(&mut alone).await {
                Ok(()) => break None,
                Err(Failure::Undone(error)) if error.is_conflict() && tried < CONFLICTS => {}
                Err(Failure::Undone(error) | Failure::Final(error)) => break Some(error),
            }
        };
        let [task] = alone;
        task.answer(failed);
    }

    async fn attempt(&self, group: &mut [Task]) -> Result<(), Failure> {
        tokio::time::timeout(TIME, self.transact(group))
            .await
            .unwrap_or(Err(Failure::Final(Error::Timeout { action: ACTION })))
    }

    async fn transact(&self, group: &mut [Task]) -> Result<(), Failure> {
        for task in &*group {
            crash::before(task.name());
        }
        // Taking `SQLite`'s write lock later than at once fails when somebody else wrote in between.
        let options = TransactionOptions {
            sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate),
            ..TransactionOptions::default()
        };
        let transaction = self
            .connection
            .begin_with_options(options)
            .await
            .during("starting to write")
            .map_err(|error| {
                if error.is_connection_lost() {
                    Failure::Undone(error)
                } else {
                    Failure::Final(error)
                }
            })?;
        let effects = Mutex::default();
        let scope = Scope {
            transaction: &transaction,
            context: &self.context,
            now: self.context.clock.now(),
            effects: &effects,
        };
        let has_messages = self
            .make_changes(&scope, group)
            .await
            .map_err(Failure::Undone)?;
        transaction
            .commit()
            .await
            .during(ACTION)
            .map_err(Failure::Final)?;
        for task in &*group {
            crash::after(task.name());
        }
        let effects = effects.into_inner().unwrap_or_else(PoisonError::into_inner);
        self.context.known_images.remember(effects.images);
        for _ in 0..effects.jobs {
            self.context.submitted.notify_one();
        }
        if effects.takes_jobs {
            self.context.watched.look();
        }
        if has_messages {
            self.context.to_send.notify_one();
        }
        Ok(())
    }

    /// Says whether there are messages about the changes.
    async fn make_changes(&self, scope: &Scope<'_>, group: &mut [Task]) -> Result<bool, Error> {
        let mut submits: Vec<_> = Vec::new();
        let mut others: Vec<_> = Vec::new();
        for task in group {
            match task {
                Task::Submit(part) => submits.push(part),
                Task::Other(work) => others.push(work),
            }
        }
        if !submits.is_empty() {
            let prepared: Vec<_> = submits.iter().map(|part| &part.work).collect();
            let accepted = accept(scope, &prepared).await?;
            for (part, outcome) in submits.into_iter().zip(accepted) {
                part.outcome = Some(outcome);
            }
        }
        for work in others {
            work.attempt(scope).await?;
        }
        let messages = mem::take(&mut scope.effects().messages);
        let has_messages = !messages.is_empty();
        outbox::write(scope, messages).await?;
        Ok(has_messages)
    }
}
