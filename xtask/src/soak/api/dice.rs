//! Choices that depend on a seed alone, so that a run can be repeated.

/// A generator of numbers (splitmix64).
pub(super) struct Dice(u64);

impl Dice {
    /// One of many with the same seed.
    pub(super) fn new(seed: u64, number: u32) -> Self {
        let mut dice = Self(seed);
        let first = dice.roll();
        Self(first ^ u64::from(number).wrapping_mul(0x9E37_79B9_7F4A_7C15))
    }

    fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// A number below `limit`, which is not 0.
    pub(super) fn below(&mut self, limit: usize) -> usize {
        let limit = u64::try_from(limit).unwrap_or(u64::MAX).max(1);
        usize::try_from(self.roll() % limit).unwrap_or_default()
    }

    /// Whether a thing happens that happens in so many of a hundred cases.
    pub(super) fn chance(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }

    /// One of several, each as likely as the others.
    pub(super) fn one_of<T: Copy>(&mut self, first: T, others: &[T]) -> T {
        match self.below(others.len() + 1) {
            0 => first,
            other => others.get(other - 1).copied().unwrap_or(first),
        }
    }
}
