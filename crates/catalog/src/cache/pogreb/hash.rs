//! The hash function and the bucket arithmetic of the index.

/// `MurmurHash3` for x86 with 32 bits.
pub(super) fn murmur3(bytes: &[u8], seed: u32) -> u32 {
    const C1: u32 = 0xcc9e_2d51;
    const C2: u32 = 0x1b87_3593;
    let scramble = |word: u32| word.wrapping_mul(C1).rotate_left(15).wrapping_mul(C2);
    let (words, tail) = bytes.as_chunks::<4>();
    let mut hash = seed;
    for word in words {
        hash ^= scramble(u32::from_le_bytes(*word));
        hash = hash
            .rotate_left(13)
            .wrapping_mul(5)
            .wrapping_add(0xe654_6b64);
    }
    let mut last = [0; 4];
    last[..tail.len()].copy_from_slice(tail);
    // A tail of no bytes scrambles to zero.
    hash ^= scramble(u32::from_le_bytes(last));
    hash ^= u32::try_from(bytes.len()).unwrap_or(u32::MAX);
    hash = (hash ^ (hash >> 16)).wrapping_mul(0x85eb_ca6b);
    hash = (hash ^ (hash >> 13)).wrapping_mul(0xc2b2_ae35);
    hash ^ (hash >> 16)
}

/// How far an index has grown: 2^level buckets, of which the first `split` have been split in two.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Growth {
    pub(super) level: u32,
    pub(super) split: u32,
}

impl Growth {
    /// The fewest buckets in which this many keys leave the reference implementation nothing to split.
    pub(super) fn for_keys(keys: usize) -> Self {
        // A bucket has 31 slots and is meant to be at most seven tenths full.
        let buckets = u32::try_from((keys * 10).div_ceil(31 * 7).max(1)).unwrap_or(u32::MAX);
        let level = buckets.ilog2();
        Self {
            level,
            split: buckets - (1 << level),
        }
    }

    /// The number of buckets, if it is one an index can have.
    pub(super) fn buckets(self) -> Option<u32> {
        let full = 1_u32.checked_shl(self.level)?;
        (self.level < 31 && self.split < full).then(|| full + self.split)
    }

    /// The bucket a hash belongs to.
    pub(super) fn bucket(self, hash: u32) -> u32 {
        let bucket = hash & ((1 << self.level) - 1);
        if bucket < self.split {
            hash & ((1 << (self.level + 1)) - 1)
        } else {
            bucket
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_are_those_of_the_specification() {
        assert_eq!(murmur3(b"abc", 7), 0x3813_56a9);
        assert_eq!(murmur3(b"abcd", 7), 0x54fc_ecbb);
        assert_eq!(murmur3(b"packages.json", 0x1234_5678), 0x3d89_acb5);
    }

    #[test]
    fn buckets_are_at_most_seven_tenths_full() {
        for (keys, buckets) in [(0, 1), (21, 1), (22, 2), (177, 9), (217, 10), (218, 11)] {
            let growth = Growth::for_keys(keys);
            assert_eq!(growth.buckets(), Some(buckets), "{keys} keys");
            for hash in 0..1000 {
                assert!(growth.bucket(hash) < buckets);
            }
        }
    }

    #[test]
    fn growth_that_no_index_has_is_refused() {
        assert_eq!(Growth { level: 2, split: 4 }.buckets(), None);
        assert_eq!(
            Growth {
                level: 40,
                split: 0
            }
            .buckets(),
            None
        );
    }
}
