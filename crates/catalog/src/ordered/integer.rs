//! Whole numbers of any size that matters.

use std::fmt;

/// A whole number, kept digit by digit.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Integer(String);

impl Integer {
    /// The most decimal digits a number may have: readers of JSON refuse what is beyond a double.
    pub const MAX_DIGITS: usize = 308;

    /// The number that these digits mean in base 2, 8, 10 or 16; `None` if there are none, one is no digit of that base, or it is too large.
    pub(super) fn new(negative: bool, digits: &str, radix: u32) -> Option<Self> {
        if digits.is_empty() || !digits.chars().all(|digit| digit.is_digit(radix)) {
            return None;
        }
        let digits = digits.trim_start_matches('0');
        // No base above has more digits than the number has bits.
        if digits.len() > Self::MAX_DIGITS * 4 {
            return None;
        }
        let decimal = match radix {
            10 => digits.to_owned(),
            _ => to_decimal(digits, radix)?,
        };
        match decimal.as_str() {
            "" => Some(Self("0".to_owned())),
            long if long.len() > Self::MAX_DIGITS => None,
            _ if negative => Some(Self(format!("-{decimal}"))),
            _ => Some(Self(decimal)),
        }
    }

    /// The decimal text: no zeros in front, no plus sign, no minus before zero.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Integer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl From<i64> for Integer {
    fn from(int: i64) -> Self {
        Self(int.to_string())
    }
}

impl From<u64> for Integer {
    fn from(int: u64) -> Self {
        Self(int.to_string())
    }
}

/// How many decimal digits are held in one limb, and the number they count to.
const LIMB_DIGITS: usize = 9;
const LIMB: u64 = 1_000_000_000;

/// The decimal digits of a number in another base, without zeros in front.
fn to_decimal(digits: &str, radix: u32) -> Option<String> {
    // The lowest limb first.
    let mut limbs: Vec<u64> = Vec::new();
    for digit in digits.chars() {
        let mut carry = u64::from(digit.to_digit(radix)?);
        for limb in &mut limbs {
            carry += *limb * u64::from(radix);
            *limb = carry % LIMB;
            carry /= LIMB;
        }
        if carry > 0 {
            limbs.push(carry);
        }
    }
    let text: Vec<String> = (limbs.iter().rev())
        .map(|limb| format!("{limb:0LIMB_DIGITS$}"))
        .collect();
    Some(text.concat().trim_start_matches('0').to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(negative: bool, digits: &str, radix: u32, expected: Option<&str>) {
        let integer = Integer::new(negative, digits, radix);
        assert_eq!(
            integer.as_ref().map(Integer::as_str),
            expected,
            "{digits} in base {radix}"
        );
    }

    #[test]
    fn every_base_gives_decimal_digits() {
        check(false, "0", 10, Some("0"));
        check(true, "000", 16, Some("0"));
        check(true, "0012", 10, Some("-12"));
        check(false, "ff", 16, Some("255"));
        check(true, "FF", 16, Some("-255"));
        check(false, "777", 8, Some("511"));
        check(false, "101", 2, Some("5"));
        check(false, "3b9aca00", 16, Some("1000000000"));
        let large = "340282366920938463463374607431768211456";
        check(false, "100000000000000000000000000000000", 16, Some(large));
        check(false, large, 10, Some(large));
        check(
            false,
            "1000000000000000000000",
            8,
            Some("9223372036854775808"),
        );
    }

    #[test]
    fn what_is_no_number_or_too_large_is_refused() {
        for (digits, radix) in [
            ("", 10),
            ("8", 8),
            ("2", 2),
            ("1g", 16),
            ("+1", 10),
            ("٣", 10),
        ] {
            check(false, digits, radix, None);
        }
        check(false, &"9".repeat(308), 10, Some(&"9".repeat(308)));
        check(false, &"9".repeat(309), 10, None);
        check(false, &"f".repeat(300), 16, None);
        check(false, &"f".repeat(1_000_000), 16, None);
        check(false, &"0".repeat(1_000_000), 2, Some("0"));
        assert_eq!(Integer::from(-1_i64).to_string(), "-1");
        assert_eq!(
            Integer::from(u64::MAX),
            Integer::new(false, "ffffffffffffffff", 16).unwrap()
        );
    }
}
