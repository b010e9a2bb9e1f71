//! Digests: the names of stored bytes (OCI image specification, descriptors).

use std::fmt;
use std::str::FromStr;

use sha2::{Digest as _, Sha256};

/// The SHA-256 of stored bytes, written `sha256:<64 lower case hexadecimal digits>`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Digest([u8; 32]);

/// The text is not a digest this registry can store.
#[derive(Debug, thiserror::Error)]
#[error("`{0}` is not a digest of the form `sha256:<64 lower case hexadecimal digits>`")]
pub(crate) struct InvalidDigest(String);

impl Digest {
    pub(crate) fn of(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).into())
    }

    /// The digest of what `hasher` has seen so far; the hasher can go on.
    pub(crate) fn so_far(hasher: &Sha256) -> Self {
        Self(hasher.clone().finalize().into())
    }

    pub(crate) fn hex(self) -> String {
        hex::encode(self.0)
    }
}

impl FromStr for Digest {
    type Err = InvalidDigest;

    fn from_str(text: &str) -> Result<Self, InvalidDigest> {
        let invalid = || InvalidDigest(text.chars().take(200).collect());
        let digits = text.strip_prefix("sha256:").ok_or_else(invalid)?;
        if digits.bytes().any(|b| b.is_ascii_uppercase()) {
            return Err(invalid());
        }
        let mut bytes = [0; 32];
        hex::decode_to_slice(digits, &mut bytes).map_err(|_| invalid())?;
        Ok(Self(bytes))
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "sha256:{}", self.hex())
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn printing_and_parsing_are_inverse() {
        let digest = Digest::of(b"some bytes");
        assert_eq!(digest.to_string().parse::<Digest>().unwrap(), digest);
    }

    #[test]
    fn only_lower_case_sha256_of_the_right_length_is_a_digest() {
        let upper = Digest::of(b"").to_string().replace('e', "E");
        for bad in [
            "",
            "sha256:",
            "sha256:00",
            "sha512:00",
            "latest",
            &upper,
            "sha256:../../etc/passwd",
        ] {
            assert!(bad.parse::<Digest>().is_err(), "{bad}");
        }
    }
}
