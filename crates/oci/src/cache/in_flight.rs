//! Work that several tasks want the result of, done once.

use std::collections::HashMap;
use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};

use futures::FutureExt as _;
use futures::future::{BoxFuture, Shared, WeakShared};

use super::open_layer::OpenLayer;
use crate::digest::Digest;
use crate::error::Error;

/// An error cannot be copied: it is for the task that began the work.
type Failure = Arc<Mutex<Option<Error>>>;
type Outcome = Result<OpenLayer, Failure>;
type Opening = Shared<BoxFuture<'static, Outcome>>;

/// The layers that are being opened.
///
/// The work belongs to all tasks that wait for it: it goes on while one of them is left, and is dropped with the last.
#[derive(Debug, Default)]
pub(super) struct InFlight(Mutex<HashMap<Digest, WeakShared<BoxFuture<'static, Outcome>>>>);

/// Whose the work is that was joined.
enum Joined {
    /// Ours: nobody did it.
    Begun(Opening),
    /// Somebody else's.
    Found(Opening),
}

impl InFlight {
    /// Opens `layer` with `open`, or waits for the task that does. When that task fails, ours tries itself, because
    /// what it may read and what it accepts are its own.
    pub(super) async fn run<F>(
        &self,
        layer: &Digest,
        open: impl Fn() -> F,
    ) -> Result<OpenLayer, Error>
    where
        F: Future<Output = Result<OpenLayer, Error>> + Send + 'static,
    {
        loop {
            match self.join(layer, &open) {
                Joined::Begun(opening) => {
                    return opening.await.map_err(|failure| {
                        let mut error = failure.lock().unwrap_or_else(PoisonError::into_inner);
                        // Only the task that began takes it, and only once.
                        error.take().unwrap_or(Error::Stopped)
                    });
                }
                Joined::Found(opening) => {
                    if let Ok(layer) = opening.await {
                        return Ok(layer);
                    }
                }
            }
        }
    }

    fn join<F>(&self, layer: &Digest, open: impl Fn() -> F) -> Joined
    where
        F: Future<Output = Result<OpenLayer, Error>> + Send + 'static,
    {
        let mut openings = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let found = openings.get(layer).and_then(WeakShared::upgrade);
        if let Some(opening) = found
            && opening.peek().is_none()
        {
            return Joined::Found(opening);
        }
        openings.retain(|_, opening| opening.upgrade().is_some());
        let work = open();
        let opening = async move {
            work.await
                .map_err(|error| Arc::new(Mutex::new(Some(error))))
        }
        .boxed()
        .shared();
        if let Some(weak) = opening.downgrade() {
            openings.insert(layer.clone(), weak);
        }
        Joined::Begun(opening)
    }
}
