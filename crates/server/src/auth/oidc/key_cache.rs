//! Keys that are kept, and looked for anew when they are old or one is missing.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jsonwebtoken::{Algorithm, DecodingKey};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::fetch::{FetchError, KeySource};
use super::key_set::KeySet;
use crate::auth::config::OidcConfig;

/// The keys of one issuer.
#[derive(Debug)]
pub(super) struct KeyCache {
    source: Arc<KeySource>,
    max_age: Duration,
    max_staleness: Duration,
    pause: Duration,
    state: watch::Sender<State>,
    /// A look for keys goes on when the caller who caused it hangs up: others wait for it too. It ends with the cache.
    running: Mutex<JoinSet<()>>,
}

#[derive(Debug, Default)]
struct State {
    keys: Option<Held>,
    /// How many looks have ended.
    looks: u64,
    looking: bool,
    last: Option<Look>,
}

#[derive(Clone, Debug)]
struct Held {
    keys: Arc<KeySet>,
    since: Instant,
}

#[derive(Clone, Copy, Debug)]
struct Look {
    ended: Instant,
    failed: bool,
}

/// Why there is no key for a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NoKey {
    /// The issuer has no such key.
    Unknown,
    /// Nobody can say: the issuer is away. It is asked again after this time at the earliest.
    Away(Duration),
}

impl KeyCache {
    pub(super) fn new(source: KeySource, config: &OidcConfig) -> Self {
        Self {
            source: Arc::new(source),
            max_age: config.max_key_age,
            max_staleness: config.max_key_staleness,
            pause: config.refresh_pause,
            state: watch::Sender::default(),
            running: Mutex::default(),
        }
    }

    /// The key for a token that names `id`. Looks for newer keys if there are none, they are old, or none is the one named; but not more
    /// often than configured, whatever tokens come.
    pub(super) async fn find(
        &self,
        id: Option<&str>,
        algorithm: Algorithm,
    ) -> Result<Arc<DecodingKey>, NoKey> {
        if let Some(found) = self.held(id, algorithm, self.max_age) {
            return Ok(found);
        }
        self.look().await;
        let usable = self.max_age + self.max_staleness;
        if let Some(found) = self.held(id, algorithm, usable) {
            return Ok(found);
        }
        let last = self.state.borrow().last;
        Err(match last {
            Some(look) if !look.failed => NoKey::Unknown,
            Some(look) => NoKey::Away(self.pause.saturating_sub(look.ended.elapsed())),
            None => NoKey::Away(self.pause),
        })
    }

    fn held(
        &self,
        id: Option<&str>,
        algorithm: Algorithm,
        max_age: Duration,
    ) -> Option<Arc<DecodingKey>> {
        let state = self.state.borrow();
        let held = state.keys.as_ref()?;
        (held.since.elapsed() <= max_age)
            .then(|| held.keys.find(id, algorithm))
            .flatten()
    }

    /// Waits for the look that is running, or for a new one if it is time for one.
    async fn look(&self) {
        let mut seen = self.state.subscribe();
        let mut before = 0;
        let started = self.state.send_if_modified(|state| {
            before = state.looks;
            let rested = state
                .last
                .is_none_or(|look| look.ended.elapsed() >= self.pause);
            let start = !state.looking && rested;
            state.looking |= start;
            start
        });
        if started {
            self.start();
        } else if !self.state.borrow().looking {
            return;
        }
        // It fails when the cache is gone, which this borrows.
        let _ = seen.wait_for(|state| state.looks > before).await;
    }

    fn start(&self) {
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        // Ended ones are forgotten.
        while running.try_join_next().is_some() {}
        let source = Arc::clone(&self.source);
        let end = EndOfLook {
            state: self.state.clone(),
            said: false,
        };
        running.spawn(async move { end.with(source.fetch().await) });
    }
}

/// Says that a look has ended, also when it breaks off: others wait for it.
struct EndOfLook {
    state: watch::Sender<State>,
    said: bool,
}

impl EndOfLook {
    fn with(mut self, fetched: Result<KeySet, FetchError>) {
        match fetched {
            Ok(keys) => {
                tracing::debug!(keys = keys.len(), "fetched the issuer's keys");
                let held = Held {
                    keys: Arc::new(keys),
                    since: Instant::now(),
                };
                self.state.send_modify(|state| {
                    state.keys = Some(held);
                    state.end(false);
                });
                self.said = true;
            }
            Err(error) => {
                let cause = std::error::Error::source(&error).map(ToString::to_string);
                tracing::warn!(%error, cause, "the issuer's keys could not be fetched; its tokens are accepted as long as known keys may be used");
            }
        }
    }
}

impl Drop for EndOfLook {
    fn drop(&mut self) {
        if !self.said {
            self.state.send_modify(|state| state.end(true));
        }
    }
}

impl State {
    fn end(&mut self, failed: bool) {
        self.looking = false;
        self.looks += 1;
        let ended = Instant::now();
        self.last = Some(Look { ended, failed });
    }
}
