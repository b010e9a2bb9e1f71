//! How long to leave a broker alone that is away.

use std::time::Duration;

const FIRST: Duration = Duration::from_millis(250);
const LONGEST: Duration = Duration::from_secs(10);

/// Doubles with every failure in a row, up to 10 seconds; many processes do not come back at the same instant.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Backoff(u32);

impl Backoff {
    /// The time to wait after one more failure.
    pub(crate) fn next(&mut self) -> Duration {
        let time = FIRST.saturating_mul(1 << self.0.min(10)).min(LONGEST);
        self.0 = self.0.saturating_add(1);
        time.mul_f64(rand::random_range(0.5..=1.0))
    }

    /// It is back.
    pub(crate) fn reset(&mut self) {
        self.0 = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::{Backoff, FIRST, LONGEST};

    #[test]
    fn the_wait_grows_to_its_limit_and_starts_over() {
        let mut backoff = Backoff::default();
        assert!((FIRST / 2..=FIRST).contains(&backoff.next()));
        for _ in 0..100 {
            assert!(backoff.next() <= LONGEST);
        }
        assert!(backoff.next() >= LONGEST / 2);
        backoff.reset();
        assert!(backoff.next() <= FIRST);
    }
}
