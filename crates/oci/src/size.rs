//! Lengths in memory as sizes in documents.

/// `length` as a 64-bit size.
pub(crate) fn of(length: usize) -> u64 {
    u64::try_from(length).expect("a length in memory fits in 64 bits")
}
