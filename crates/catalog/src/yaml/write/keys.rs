//! The natural order of keys: letters by themselves, numbers by size.

use std::cmp::Ordering;

/// Compares keys as the Go library sorts them.
pub(super) fn compare(a: &str, b: &str) -> Ordering {
    let (left, right): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let mut digits = false;
    for index in 0..left.len().min(right.len()) {
        let (x, y) = (left[index], right[index]);
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
            (false, false) => numbers(&left, &right, index),
        };
    }
    left.len().cmp(&right.len())
}

/// Compares from the first characters that differ, neither of which is a letter.
fn numbers(left: &[char], right: &[char], index: usize) -> Ordering {
    let lead = left[..index]
        .iter()
        .rev()
        .take_while(|character| character.is_ascii_digit())
        .any(|character| *character != '0');
    let zero = left[index] == '0' || right[index] == '0';
    // A zero within a number counts; in front of one it does not.
    let start = u64::from(zero && lead);
    let number = |characters: &[char]| {
        let mut number = start;
        let mut end = index;
        while let Some(digit) = characters
            .get(end)
            .and_then(|character| character.to_digit(10))
        {
            number = number.wrapping_mul(10).wrapping_add(u64::from(digit));
            end += 1;
        }
        (number, end)
    };
    number(left)
        .cmp(&number(right))
        .then_with(|| left[index].cmp(&right[index]))
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
