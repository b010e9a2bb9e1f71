//! Idempotency keys whose time is over, and who forgets them.

use std::time::Duration;

use store::Store;
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

/// How often. They mean nothing any more, so this is about room alone.
const EVERY: Duration = Duration::from_mins(10);

/// Forgets keys now and then, until `shutdown`.
pub(crate) async fn forget(store: Store, shutdown: CancellationToken) {
    // The first tick comes at once.
    let mut ticks = interval(EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let forgetting = async {
        loop {
            ticks.tick().await;
            match store.forget_keys().await {
                Ok(0) => {}
                Ok(forgotten) => tracing::debug!("forgot {forgotten} idempotency key(s)"),
                Err(error) => tracing::error!(
                    error = crate::terminal::chain(&error.into()),
                    "idempotency keys could not be forgotten; trying again later"
                ),
            }
        }
    };
    // May be dropped at any await: what is left is forgotten the next time.
    tokio::select! {
        () = shutdown.cancelled() => {}
        () = forgetting => {}
    }
}
