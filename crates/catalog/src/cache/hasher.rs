//! The digest, computed beside everything else.

use std::sync::mpsc::{self, SyncSender};
use std::thread::{self, JoinHandle};

use super::CacheError;
use super::fnv::Fnv;

/// Something to add to a digest.
pub(super) type Job = Box<dyn FnOnce(&mut Fnv) -> Result<(), CacheError> + Send>;

/// Jobs that wait at most; whoever adds more waits itself. Each may hold a piece of a text. Many small ones let the others get
/// further ahead than few large ones.
const WAITING: usize = 64;
const PIECE: usize = 1 << 15;

/// A thread that adds to a digest what it is given, in that order.
///
/// The checksum cannot be split among threads, and it takes about as long as all other work on a cache together.
#[derive(Debug)]
pub(super) struct Hasher {
    /// Both are there until the thread is joined.
    jobs: Option<SyncSender<Job>>,
    thread: Option<JoinHandle<Result<Fnv, CacheError>>>,
}

impl Hasher {
    /// Goes on from a checksum.
    pub(super) fn start(mut fnv: Fnv) -> Self {
        let (jobs, waiting) = mpsc::sync_channel::<Job>(WAITING);
        let thread = thread::spawn(move || {
            for job in waiting {
                job(&mut fnv)?;
            }
            Ok(fnv)
        });
        Self {
            jobs: Some(jobs),
            thread: Some(thread),
        }
    }

    /// Adds what a job adds. Once one has failed nothing is done any more, and [`Hasher::finish`] tells.
    pub(super) fn then(&self, job: Job) {
        if let Some(jobs) = &self.jobs {
            // The thread is gone only if a job failed.
            let _gone = jobs.send(job);
        }
    }

    /// The checksum with everything added.
    ///
    /// # Errors
    /// That of the job that failed.
    pub(super) fn finish(mut self) -> Result<Fnv, CacheError> {
        self.jobs = None;
        let thread = self.thread.take().expect("only this and `drop` take it");
        joined(thread.join())
    }
}

impl Drop for Hasher {
    fn drop(&mut self) {
        self.jobs = None;
        if let Some(thread) = self.thread.take() {
            // Whoever drops this has failed otherwise.
            let _unwanted = thread.join();
        }
    }
}

/// Adds bytes to a digest, in pieces of a size at which the threads seldom wait for each other.
#[derive(Debug)]
pub(super) struct Feed<'h> {
    hasher: &'h Hasher,
    piece: Vec<u8>,
}

impl<'h> Feed<'h> {
    pub(super) fn new(hasher: &'h Hasher) -> Self {
        Self {
            hasher,
            piece: Vec::new(),
        }
    }

    pub(super) fn write(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let (now, later) = bytes.split_at(bytes.len().min(PIECE - self.piece.len()));
            self.piece.extend_from_slice(now);
            bytes = later;
            if self.piece.len() == PIECE {
                self.send();
            }
        }
    }

    /// Hands over the last piece.
    pub(super) fn end(mut self) {
        self.send();
    }

    fn send(&mut self) {
        let piece = std::mem::replace(&mut self.piece, Vec::with_capacity(PIECE));
        self.hasher.then(Box::new(move |fnv| {
            fnv.write(&piece);
            Ok(())
        }));
    }
}

/// The result of a thread; its panic goes on in this one.
pub(super) fn joined<T>(result: thread::Result<T>) -> T {
    result.unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}
