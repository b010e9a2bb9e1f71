//! Time stamps as the contract prints them (section 1.3).

use jiff::{SignedDuration, Timestamp};
use serde::Serializer;

/// `2024-05-01T12:00:00.123456Z`: UTC, always six digits of fraction.
pub fn format(at: Timestamp) -> String {
    format!("{at:.6}")
}

/// [`format()`] for serde's `serialize_with`.
///
/// # Errors
/// Whatever the serializer fails with.
pub fn serialize<S: Serializer>(at: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&format_args!("{at:.6}"))
}

/// When data of a request last changed at `updated` expires, given the days it lives (section 4.1). A date that would lie beyond the
/// calendar becomes its end.
pub fn expiration(updated: Timestamp, days_to_live: u32) -> Timestamp {
    let life = SignedDuration::from_hours(24 * i64::from(days_to_live));
    updated.checked_add(life).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    #[test]
    fn fractions_have_six_digits_and_data_lives_whole_days() {
        let at = Timestamp::from_microsecond(1_714_564_800_120_000).unwrap();
        assert_eq!(super::format(at), "2024-05-01T12:00:00.120000Z");
        assert_eq!(
            super::format(Timestamp::from_second(1_714_564_800).unwrap()),
            "2024-05-01T12:00:00.000000Z"
        );
        assert_eq!(
            super::format(super::expiration(at, 3)),
            "2024-05-04T12:00:00.120000Z"
        );
        assert_eq!(super::expiration(at, u32::MAX), Timestamp::MAX);
    }
}
