//! The natural order of keys: letters by themselves, numbers by size.

use std::cmp::Ordering;

/// Compares keys as the Go library sorts them.
pub(super) fn compare(a: &str, b: &str) -> Ordering {
    let mut digits = false;
    for ((at, x), y) in a.char_indices().zip(b.chars()) {
        if x == y {
            digits = x.is_numeric();
            continue;
        }
        return match (x.is_alphabetic(), y.is_alphabetic()) {
            (true, true) => x.cmp(&y),
            // Behind a digit a letter comes first, elsewhere last.
            (true, false) if digits => Ordering::Less,
            (true, false) => Ordering::Greater,
            (false, true) if digits => Ordering::Greater,
            (false, true) => Ordering::Less,
            (false, false) => numbers(&a[..at], &a[at..], &b[at..]),
        };
    }
    a.len().cmp(&b.len())
}

/// Compares the rests of two keys that begin alike; neither rest begins with a letter, and their first characters differ.
fn numbers(before: &str, left: &str, right: &str) -> Ordering {
    let lead = before
        .bytes()
        .rev()
        .take_while(u8::is_ascii_digit)
        .any(|digit| digit != b'0');
    let zero = left.starts_with('0') || right.starts_with('0');
    // A zero within a number counts; in front of one it does not.
    let start = u64::from(zero && lead);
    let number = |rest: &str| {
        let (mut number, mut length) = (start, 0);
        for digit in rest.bytes().take_while(u8::is_ascii_digit) {
            number = number
                .wrapping_mul(10)
                .wrapping_add(u64::from(digit - b'0'));
            length += 1;
        }
        (number, length)
    };
    number(left)
        .cmp(&number(right))
        .then_with(|| left.chars().next().cmp(&right.chars().next()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_sort_by_size_and_signs_before_letters() {
        let sorted = [
            "1", "2", "10", "a-b", "a.b", "a1", "a2", "a10", "aB", "ab", "b",
        ];
        for pair in sorted.windows(2) {
            assert_eq!(compare(pair[0], pair[1]), Ordering::Less, "{pair:?}");
        }
    }
}
