//! Encoding in parallel, storing in order.

use std::sync::mpsc;
use std::thread;

use rayon::prelude::*;

use super::contents::{Done, Task};
use super::hasher::{Hasher, Job, joined};
use super::{CacheError, Format};

/// Where records are stored.
pub(super) trait Sink: Send {
    /// What can be done to a record before it is its turn, on any thread and in any order.
    type Early: Fn(&str, &[&[u8]]) -> Result<(), CacheError> + Sync;

    /// That work.
    fn early(&self) -> Self::Early;

    /// Stores a record; its value comes in parts.
    fn put(&mut self, key: &str, value: &[&[u8]]) -> Result<(), CacheError>;

    /// Ends a group of records, and gives the job that adds them to the digest; `None` where that is not what adds them.
    fn end_group(&mut self) -> Result<Option<Job>, CacheError>;
}

/// What tasks that are done at once make of at least, in bytes. Two such batches are in memory: one is encoded while the one
/// before is stored.
const BATCH: usize = 2 << 20;

/// Does all tasks on the threads of the pool that this runs on, and stores and hashes their records.
///
/// # Errors
/// [`CacheError`] of the first task that failed, or of the sink.
pub(super) fn run<S: Sink>(
    tasks: &[Task<'_>],
    format: Format,
    mut sink: S,
    hasher: &Hasher,
) -> Result<S, CacheError> {
    let early = sink.early();
    thread::scope(|scope| {
        let (sender, batches) = mpsc::sync_channel::<Vec<Done<'_>>>(0);
        let storing = scope.spawn(move || {
            for done in batches.iter().flatten() {
                done.each(|key, value| sink.put(key, value))?;
                if done.ends_group
                    && let Some(job) = sink.end_group()?
                {
                    hasher.then(job);
                }
            }
            Ok::<_, CacheError>(sink)
        });
        let mut encoded: Result<(), CacheError> = Ok(());
        for batch in batches_of(tasks) {
            match run_batch(batch, format, &early) {
                Ok(done) => {
                    if sender.send(done).is_err() {
                        // Storing has failed, and says how.
                        break;
                    }
                }
                Err(error) => {
                    encoded = Err(error);
                    break;
                }
            }
        }
        drop(sender);
        let sink = joined(storing.join())?;
        encoded.map(|()| sink)
    })
}

/// Does tasks in parallel, and what can be done to their records without waiting for a turn.
fn run_batch<'t>(
    batch: &'t [Task<'_>],
    format: Format,
    early: &(impl Fn(&str, &[&[u8]]) -> Result<(), CacheError> + Sync),
) -> Result<Vec<Done<'t>>, CacheError> {
    let run = |task: &'t Task<'_>| {
        let done = task.run(format)?;
        done.each(early)?;
        Ok(done)
    };
    batch.par_iter().map(run).collect()
}

/// Cuts the tasks so that each batch but the last weighs at least [`BATCH`].
fn batches_of<'s, 'a>(mut tasks: &'s [Task<'a>]) -> impl Iterator<Item = &'s [Task<'a>]> {
    std::iter::from_fn(move || {
        let mut weight = 0;
        let count = tasks
            .iter()
            .take_while(|task| {
                let takes = weight < BATCH;
                weight += task.weight();
                takes
            })
            .count();
        let (batch, rest) = tasks.split_at(count);
        tasks = rest;
        (!batch.is_empty()).then_some(batch)
    })
}
