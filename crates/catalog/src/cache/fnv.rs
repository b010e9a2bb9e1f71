//! The checksum by which a server recognises its cache.

mod block;

use block::BLOCK;

const PRIME: u64 = 0x0100_0000_01b3;

/// FNV-1a with 64 bits over everything written to it (file-based catalog specification, 4.1).
///
/// Long texts take about half as long as byte by byte.
#[derive(Debug, Clone)]
pub(super) struct Fnv(u64);

impl Fnv {
    const OFFSET_BASIS: u64 = 0xcbf2_9ce4_8422_2325;

    pub(super) fn new() -> Self {
        Self(Self::OFFSET_BASIS)
    }

    pub(super) fn write(&mut self, bytes: &[u8]) {
        let (blocks, rest) = bytes.as_chunks::<BLOCK>();
        let hash = blocks.iter().fold(self.0, block::add);
        self.0 = byte_by_byte(hash, rest);
    }

    pub(super) fn value(&self) -> u64 {
        self.0
    }

    /// The checksum as digest files hold it: 16 hexadecimal digits.
    pub(super) fn to_hex(&self) -> String {
        format!("{:016x}", self.0)
    }
}

fn byte_by_byte(hash: u64, bytes: &[u8]) -> u64 {
    bytes.iter().fold(hash, |hash, &byte| {
        (hash ^ u64::from(byte)).wrapping_mul(PRIME)
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn checksums_have_sixteen_digits() {
        let hex = |text: &str| {
            let mut fnv = Fnv::new();
            fnv.write(text.as_bytes());
            fnv.to_hex()
        };
        assert_eq!(hex(""), "cbf29ce484222325");
        assert_eq!(hex("a"), "af63dc4c8601ec8c");
        assert_eq!(hex("foobar"), "85944171f73967e8");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn blocks_give_the_checksum_that_single_bytes_give(
            start: u64,
            bytes in proptest::collection::vec(any::<u8>(), 0..5 * BLOCK),
        ) {
            let mut fnv = Fnv(start);
            fnv.write(&bytes);
            prop_assert_eq!(fnv.value(), byte_by_byte(start, &bytes));
        }
    }

    #[test]
    fn every_low_byte_goes_through_a_block_of_equal_bytes() {
        for start in 0..=255 {
            for byte in [0, 1, 0x55, 0x80, 0xff] {
                let block = [byte; BLOCK];
                assert_eq!(block::add(start, &block), byte_by_byte(start, &block));
            }
        }
    }
}
