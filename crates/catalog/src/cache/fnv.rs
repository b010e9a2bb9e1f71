//! The checksum by which a server recognises its cache.

/// FNV-1a with 64 bits over everything written to it (file-based catalog specification, 4.1).
#[derive(Debug, Clone)]
pub(super) struct Fnv(u64);

impl Fnv {
    const OFFSET_BASIS: u64 = 0xcbf2_9ce4_8422_2325;
    const PRIME: u64 = 0x0100_0000_01b3;

    pub(super) fn new() -> Self {
        Self(Self::OFFSET_BASIS)
    }

    pub(super) fn write(&mut self, bytes: &[u8]) {
        self.0 = bytes.iter().fold(self.0, |hash, &byte| {
            (hash ^ u64::from(byte)).wrapping_mul(Self::PRIME)
        });
    }

    pub(super) fn value(&self) -> u64 {
        self.0
    }

    /// The checksum as digest files hold it: 16 hexadecimal digits.
    pub(super) fn to_hex(&self) -> String {
        format!("{:016x}", self.0)
    }
}

#[cfg(test)]
mod tests {
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
}
