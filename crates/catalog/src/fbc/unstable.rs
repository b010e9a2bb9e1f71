//! The order in which opm leaves what compares equal.
//!
//! opm sorts with `sort.Slice` of Go, which is not stable: more than twelve items go through a pattern-defeating quicksort (Orson
//! Peters). It has no chance in it, so the order of equal items follows from the algorithm, and who wants the same bytes must take
//! the same steps: the same pivots, the same swaps, the same limits.

/// Up to how many items are sorted by insertion.
const FEW: usize = 12;
/// From how many items on pivots are chosen among nine, and items out of order are shifted.
const MANY: usize = 50;
/// So many swaps were needed to find a pivot among nine if their order is falling.
const ALL_SWAPS: usize = 4 * 3;
/// How many pairs out of order are mended before quicksort takes over.
const MENDED: usize = 5;

/// Sorts items by a key, and leaves items with equal keys in the order that opm does.
pub(super) fn sort_by_key<T>(items: &mut [T], key: impl Fn(&T) -> &str) {
    let length = items.len();
    let less = |left: &T, right: &T| key(left) < key(right);
    Sort { items, less }.quick(0, length, bits(length));
}

/// How many bits a number needs.
fn bits(number: usize) -> u32 {
    usize::BITS - number.leading_zeros()
}

struct Sort<'a, T, Less> {
    items: &'a mut [T],
    less: Less,
}

/// How the items look, judged by those among which a pivot was chosen.
#[derive(PartialEq)]
enum Hint {
    Rising,
    Falling,
    Unknown,
}

impl<T, Less: Fn(&T, &T) -> bool> Sort<'_, T, Less> {
    fn is_less(&self, left: usize, right: usize) -> bool {
        (self.less)(&self.items[left], &self.items[right])
    }

    /// Sorts the items from `start` to before `end`; after `limit` bad choices of a pivot with a heap.
    fn quick(&mut self, mut start: usize, mut end: usize, mut limit: u32) {
        let (mut was_balanced, mut was_partitioned) = (true, true);
        loop {
            let length = end - start;
            if length <= FEW {
                return self.insert(start, end);
            }
            if limit == 0 {
                return self.heap(start, end);
            }
            if !was_balanced {
                self.scatter(start, end);
                limit -= 1;
            }
            let (mut pivot, mut hint) = self.pivot(start, end);
            if hint == Hint::Falling {
                self.items[start..end].reverse();
                pivot = (end - 1) - (pivot - start);
                hint = Hint::Rising;
            }
            if was_balanced && was_partitioned && hint == Hint::Rising && self.mend_few(start, end)
            {
                return;
            }
            // What is before was a pivot: if it is not less, all equal to it lead the rest.
            if start > 0 && !self.is_less(start - 1, pivot) {
                start = self.split_off_equal(start, end, pivot);
                continue;
            }
            let middle;
            (middle, was_partitioned) = self.partition(start, end, pivot);
            let (left, right) = (middle - start, end - middle);
            was_balanced = left.min(right) >= length / 8;
            if left < right {
                self.quick(start, middle, limit);
                start = middle + 1;
            } else {
                self.quick(middle + 1, end, limit);
                end = middle;
            }
        }
    }

    fn insert(&mut self, start: usize, end: usize) {
        for next in start + 1..end {
            self.sink(next, start);
        }
    }

    /// Moves an item down while it is less than the one before it, at most to `lowest`.
    fn sink(&mut self, item: usize, lowest: usize) {
        for place in (lowest + 1..=item).rev() {
            if !self.is_less(place, place - 1) {
                break;
            }
            self.items.swap(place, place - 1);
        }
    }

    fn heap(&mut self, start: usize, end: usize) {
        let length = end - start;
        for root in (0..=(length - 1) / 2).rev() {
            self.sift(root, length, start);
        }
        for last in (0..length).rev() {
            self.items.swap(start, start + last);
            self.sift(0, last, start);
        }
    }

    /// Moves the root of a heap of so many items, which begins at `first`, to where it belongs.
    fn sift(&mut self, mut root: usize, length: usize, first: usize) {
        loop {
            let mut child = 2 * root + 1;
            if child >= length {
                return;
            }
            if child + 1 < length && self.is_less(first + child, first + child + 1) {
                child += 1;
            }
            if !self.is_less(first + root, first + child) {
                return;
            }
            self.items.swap(first + root, first + child);
            root = child;
        }
    }

    /// Swaps three items in the middle with others, to break a pattern that made pivots bad.
    fn scatter(&mut self, start: usize, end: usize) {
        let length = end - start;
        let mask = (1 << bits(length)) - 1;
        let mut random = length as u64;
        let middle = start + length / 4 * 2;
        for item in middle - 1..=middle + 1 {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            #[expect(
                clippy::cast_possible_truncation,
                reason = "only bits that the mask keeps are of use"
            )]
            let mut other = random as usize & mask;
            if other >= length {
                other -= length;
            }
            self.items.swap(item, start + other);
        }
    }

    /// The place of an item to part the others by. There are more than [`FEW`].
    fn pivot(&self, start: usize, end: usize) -> (usize, Hint) {
        let length = end - start;
        let mut swaps = 0;
        let mut places = [1, 2, 3].map(|part| start + length / 4 * part);
        if length >= MANY {
            places = places.map(|place| self.median([place - 1, place, place + 1], &mut swaps));
        }
        let pivot = self.median(places, &mut swaps);
        let hint = match swaps {
            0 => Hint::Rising,
            ALL_SWAPS => Hint::Falling,
            _ => Hint::Unknown,
        };
        (pivot, hint)
    }

    fn median(&self, [mut low, mut middle, mut high]: [usize; 3], swaps: &mut usize) -> usize {
        let mut order = |left: &mut usize, right: &mut usize| {
            if self.is_less(*right, *left) {
                *swaps += 1;
                std::mem::swap(left, right);
            }
        };
        order(&mut low, &mut middle);
        order(&mut middle, &mut high);
        order(&mut low, &mut middle);
        middle
    }

    /// Says whether the items are in order, after a few were brought into it.
    fn mend_few(&mut self, start: usize, end: usize) -> bool {
        let mut next = start + 1;
        for _ in 0..MENDED {
            while next < end && !self.is_less(next, next - 1) {
                next += 1;
            }
            if next == end {
                return true;
            }
            if end - start < MANY {
                return false;
            }
            self.items.swap(next, next - 1);
            if next - start >= 2 {
                self.sink(next - 1, 0);
            }
            if end - next >= 2 {
                self.rise(next, end);
            }
        }
        false
    }

    /// Moves an item up while the one after it is less.
    fn rise(&mut self, item: usize, end: usize) {
        for place in item + 1..end {
            if !self.is_less(place, place - 1) {
                break;
            }
            self.items.swap(place, place - 1);
        }
    }

    /// Parts the items into those equal to the pivot, which none is less than, and the others; says where these begin.
    fn split_off_equal(&mut self, start: usize, end: usize, pivot: usize) -> usize {
        self.items.swap(start, pivot);
        let (mut low, mut high) = (start + 1, end - 1);
        loop {
            while low <= high && !self.is_less(start, low) {
                low += 1;
            }
            while low <= high && self.is_less(start, high) {
                high -= 1;
            }
            if low > high {
                return low;
            }
            self.items.swap(low, high);
            low += 1;
            high -= 1;
        }
    }

    /// Parts the items into those less than the pivot and the others; says where the pivot is now, and whether nothing had to
    /// be moved.
    fn partition(&mut self, start: usize, end: usize, pivot: usize) -> (usize, bool) {
        self.items.swap(start, pivot);
        let (mut low, mut high) = (start + 1, end - 1);
        let mut was_partitioned = true;
        loop {
            while low <= high && self.is_less(low, start) {
                low += 1;
            }
            while low <= high && !self.is_less(high, start) {
                high -= 1;
            }
            if low > high {
                self.items.swap(high, start);
                return (high, was_partitioned);
            }
            was_partitioned = false;
            self.items.swap(low, high);
            low += 1;
            high -= 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each line of a file: keys, and where the items stood that Go (1.27; as it is since 1.19) puts first, second and so on.
    fn check(lines: &str, count: usize, sort: fn(&mut [(String, usize)])) {
        let numbers = |text: &str| -> Vec<usize> {
            let words = text.split_whitespace();
            words.map(|word| word.parse().unwrap()).collect()
        };
        assert_eq!(lines.lines().count(), count);
        for line in lines.lines() {
            let (keys, expected) = line.split_once('|').unwrap();
            let mut items: Vec<(String, usize)> = numbers(keys)
                .into_iter()
                .enumerate()
                .map(|(place, key)| (format!("{key:03}"), place))
                .collect();
            sort(&mut items);
            let places: Vec<usize> = items.iter().map(|(_, place)| *place).collect();
            assert_eq!(places, numbers(expected), "{keys}");
        }
    }

    /// Random keys with few and many repetitions, rising, falling and nearly sorted ones.
    #[test]
    fn equal_items_are_left_as_go_leaves_them() {
        check(include_str!("unstable/go.txt"), 114, |items| {
            sort_by_key(items, |(key, _)| key);
        });
    }

    /// No list is known that makes so many pivots bad, so what would follow is asked for.
    #[test]
    fn a_heap_leaves_equal_items_as_that_of_go() {
        check(include_str!("unstable/go-heap.txt"), 8, |items| {
            let length = items.len();
            let less = |left: &(String, usize), right: &(String, usize)| left.0 < right.0;
            Sort { items, less }.quick(0, length, 0);
        });
    }
}
