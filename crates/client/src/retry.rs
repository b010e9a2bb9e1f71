//! How long to wait before something is tried again.

use std::time::Duration;

use rand::Rng as _;

use crate::config::Retries;

impl Retries {
    /// The pause after the `failures`-th failure: random up to a bound that doubles, and not before the service wants us; none when it was
    /// tried as often as allowed.
    pub(crate) fn pause(&self, failures: u32, wished: Option<Duration>) -> Option<Duration> {
        if failures >= self.attempts {
            return None;
        }
        let doubled = 2_u32.saturating_pow(failures.saturating_sub(1));
        let bound = self.base.saturating_mul(doubled).min(self.ceiling);
        let random = bound.mul_f64(rand::rng().random::<f64>());
        Some(random.max(wished.unwrap_or_default().min(self.ceiling)))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::Retries;

    #[test]
    fn pauses_grow_up_to_a_bound_and_end() {
        let retries = Retries {
            attempts: 4,
            base: Duration::from_secs(1),
            ceiling: Duration::from_secs(3),
        };
        for _ in 0..100 {
            assert!(retries.pause(1, None).unwrap() <= Duration::from_secs(1));
            assert!(retries.pause(3, None).unwrap() <= Duration::from_secs(3));
            let wished = retries.pause(1, Some(Duration::from_secs(2))).unwrap();
            assert_eq!(wished, Duration::from_secs(2));
            let too_long = retries.pause(1, Some(Duration::from_hours(1))).unwrap();
            assert_eq!(too_long, Duration::from_secs(3));
        }
        assert_eq!(retries.pause(4, None), None);
    }
}
