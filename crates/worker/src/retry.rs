//! When a request is tried again that failed for a cause that passes.

use std::time::Duration;

/// How often a request is tried again that failed for a cause that passes, and how long it waits before: twice as long each time, and not all at
/// the same instant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RetryPolicy {
    /// How many times it is tried again; 0: it fails at once.
    pub retries: u32,
    /// How long before the second try.
    pub first: Duration,
    /// How long at most.
    pub longest: Duration,
}

impl Default for RetryPolicy {
    /// Four times, after 10 seconds at first and 5 minutes at most.
    fn default() -> Self {
        Self {
            retries: 4,
            first: Duration::from_secs(10),
            longest: Duration::from_mins(5),
        }
    }
}

impl RetryPolicy {
    /// How long a request waits that was tried again `retries` times so far; none when it is not to be tried again.
    pub fn pause(&self, retries: u32) -> Option<Duration> {
        if retries >= self.retries {
            return None;
        }
        let factor = 2_u32.saturating_pow(retries);
        let pause = self.first.saturating_mul(factor).min(self.longest);
        Some(pause.mul_f64(rand::random_range(0.5..=1.0)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_their_limit_and_end() {
        let policy = RetryPolicy {
            retries: 40,
            ..RetryPolicy::default()
        };
        for (retries, most) in [(0, 10), (1, 20), (4, 160), (5, 300), (39, 300)] {
            let most = Duration::from_secs(most);
            let pause = policy.pause(retries).unwrap();
            assert!((most / 2..=most).contains(&pause), "{retries}: {pause:?}");
        }
        assert_eq!(policy.pause(40), None);
        let never = RetryPolicy {
            retries: 0,
            ..policy
        };
        assert_eq!(never.pause(0), None);
    }
}
