//! Trying again: one budget per operation, random delays, and the registry's wishes.

use std::sync::Arc;
use std::time::Duration;

use http::HeaderMap;
use http::header::{DATE, RETRY_AFTER};
use rand::Rng as _;

use super::config::RetryPolicy;
use super::usage::Counters;
use crate::error::Error;

/// How often an operation may still be tried.
pub(crate) struct Budget {
    policy: RetryPolicy,
    counters: Arc<Counters>,
    failures: u32,
}

impl Budget {
    pub(crate) fn new(policy: &RetryPolicy, counters: &Arc<Counters>) -> Self {
        Self {
            policy: policy.clone(),
            counters: Arc::clone(counters),
            failures: 0,
        }
    }

    /// Waits until it is time to try again after `error`; gives it back when trying again is no use or no longer allowed.
    pub(crate) async fn again(&mut self, error: Error) -> Result<(), Error> {
        if !error.is_transient() {
            return Err(error);
        }
        self.spend(error).await
    }

    /// As [`Budget::again`] for what is worth another try whatever the error.
    pub(crate) async fn spend(&mut self, error: Error) -> Result<(), Error> {
        self.failures += 1;
        if self.failures >= self.policy.attempts.get() {
            return Err(error);
        }
        let delay = self.policy.delay(self.failures, error.retry_after());
        tracing::debug!(
            failures = self.failures,
            delay_ms = u64::try_from(delay.as_millis()).unwrap_or(u64::MAX),
            error = %error,
            "trying again"
        );
        self.counters.retried();
        tokio::time::sleep(delay).await;
        Ok(())
    }

    /// A transfer got ahead: what failed before no longer counts.
    pub(crate) fn progressed(&mut self) {
        self.failures = 0;
    }
}

impl RetryPolicy {
    /// The delay after the `failures`-th failure: random up to a bound that doubles, and not before the registry wants us.
    fn delay(&self, failures: u32, retry_after: Option<Duration>) -> Duration {
        let doubled = 2_u32.saturating_pow(failures.saturating_sub(1));
        let bound = self.base.saturating_mul(doubled).min(self.ceiling);
        let random = bound.mul_f64(rand::rng().random::<f64>());
        let wished = retry_after.unwrap_or_default().min(self.max_retry_after);
        random.max(wished)
    }
}

/// `Retry-After` in seconds or as a date (RFC 9110 section 10.2.3).
///
/// A date is compared with the response's own `Date`, so the clocks of the two machines need not agree.
pub(crate) fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let date = |text: &str| {
        jiff::fmt::rfc2822::parse(text)
            .ok()
            .map(|at| at.timestamp())
    };
    let now = date(headers.get(DATE)?.to_str().ok()?.trim())?;
    let wait = date(text)?.duration_since(now);
    // A date that has passed means: now.
    Some(Duration::try_from(wait).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        for (value, seconds) in [
            ("7", Some(7)),
            (" 0 ", Some(0)),
            ("Fri, 20 Nov 2026 10:00:30 GMT", Some(30)),
            ("Fri, 20 Nov 2026 09:00:00 GMT", Some(0)),
            ("soon", None),
            ("-1", None),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(RETRY_AFTER, value.parse().unwrap());
            headers.insert(DATE, "Fri, 20 Nov 2026 10:00:00 GMT".parse().unwrap());
            assert_eq!(
                retry_after(&headers),
                seconds.map(Duration::from_secs),
                "{value}"
            );
        }
        assert_eq!(retry_after(&HeaderMap::new()), None);
    }

    #[test]
    fn delays_double_up_to_the_ceiling_and_respect_the_registry() {
        let policy = RetryPolicy {
            base: Duration::from_secs(1),
            ceiling: Duration::from_secs(3),
            max_retry_after: Duration::from_secs(10),
            ..RetryPolicy::default()
        };
        for (failures, bound) in [(1, 1), (2, 2), (3, 3), (50, 3)] {
            for _ in 0..50 {
                assert!(policy.delay(failures, None) <= Duration::from_secs(bound));
            }
        }
        for (wish, delay) in [(8, 8), (3600, 10)] {
            let wish = Some(Duration::from_secs(wish));
            assert_eq!(policy.delay(1, wish), Duration::from_secs(delay));
        }
    }
}
