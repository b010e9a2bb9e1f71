//! Static bearer tokens: random texts that the configuration knows by their hash.

use std::fmt;
use std::str::FromStr;

use aws_lc_rs::{constant_time, digest, rand};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use secrecy::{ExposeSecret as _, SecretString};

use super::UserName;

/// How new tokens begin, so that scanners for leaked secrets can know them.
const PREFIX: &str = "iib_";

/// Random bytes of a new token. With 256 bits there is nothing to guess, so a hash made for passwords would only cost time.
const RANDOM_BYTES: usize = 32;

/// The SHA-256 of a token, which is all that is kept of it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct TokenHash([u8; digest::SHA256_OUTPUT_LEN]);

impl TokenHash {
    /// The hash of `token`.
    pub fn of(token: &SecretString) -> Self {
        let hash = digest::digest(&digest::SHA256, token.expose_secret().as_bytes());
        let mut bytes = [0; digest::SHA256_OUTPUT_LEN];
        bytes.copy_from_slice(hash.as_ref());
        Self(bytes)
    }

    /// Whether both are the same, in a time that does not depend on where they differ.
    fn matches(&self, other: &Self) -> bool {
        constant_time::verify_slices_are_equal(&self.0, &other.0).is_ok()
    }
}

impl fmt::Display for TokenHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for TokenHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TokenHash({self})")
    }
}

impl FromStr for TokenHash {
    type Err = BadTokenHash;

    fn from_str(text: &str) -> Result<Self, BadTokenHash> {
        let mut bytes = [0; digest::SHA256_OUTPUT_LEN];
        hex::decode_to_slice(text, &mut bytes).map_err(|_| BadTokenHash)?;
        Ok(Self(bytes))
    }
}

/// A text is no hash of a token. It is not repeated: somebody may have put the token itself there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "the hash of a token is its SHA-256 in 64 hexadecimal digits, as `iib auth new-token` prints it"
)]
pub struct BadTokenHash;

/// A token that a user may come with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StaticToken {
    /// Who comes with it. A user may have several, so that they can be replaced one by one.
    pub user: UserName,
    /// What the token hashes to.
    pub hash: TokenHash,
}

/// Makes a token that nobody has. The operating system's generator is asked.
///
/// # Errors
/// [`NoRandomness`] when the system has no random numbers to give.
pub fn new_token() -> Result<SecretString, NoRandomness> {
    let mut bytes = [0; RANDOM_BYTES];
    rand::fill(&mut bytes).map_err(|_| NoRandomness)?;
    Ok(format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(bytes)).into())
}

/// The operating system gave no random numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the operating system gave no random numbers; try again")]
pub struct NoRandomness;

/// Whose token it is. All known tokens are looked at, so that the time tells nothing about them.
pub(super) fn user_of<'a>(known: &'a [StaticToken], token: &SecretString) -> Option<&'a UserName> {
    let hash = TokenHash::of(token);
    known.iter().fold(None, |found, candidate| {
        let matches = candidate.hash.matches(&hash);
        if matches {
            Some(&candidate.user)
        } else {
            found
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_known_by_its_hash_alone() {
        let (alices, bobs) = (new_token().unwrap(), new_token().unwrap());
        let entry = |user: &str, token| StaticToken {
            user: user.parse().unwrap(),
            hash: TokenHash::of(token),
        };
        let known = [entry("alice", &alices), entry("bob", &bobs)];
        assert_eq!(user_of(&known, &alices).unwrap().as_str(), "alice");
        assert_eq!(user_of(&known, &bobs).unwrap().as_str(), "bob");
        assert_eq!(user_of(&known, &new_token().unwrap()), None);
        assert_eq!(user_of(&known, &SecretString::from("")), None);
        // The hash itself is public to whoever reads the configuration, and opens nothing.
        let hash = known[0].hash.to_string();
        assert_eq!(user_of(&known, &SecretString::from(hash)), None);
        assert_eq!(user_of(&[], &alices), None);
    }

    #[test]
    fn a_new_token_has_256_random_bits_that_fit_into_a_header() {
        let token = new_token().unwrap();
        let random = token.expose_secret().strip_prefix(PREFIX).unwrap();
        assert_eq!(URL_SAFE_NO_PAD.decode(random).unwrap().len(), 32);
        assert_ne!(token.expose_secret(), new_token().unwrap().expose_secret());
    }

    #[test]
    fn a_token_is_never_printed() {
        let token = new_token().unwrap();
        assert!(!format!("{token:?}").contains(token.expose_secret()));
        let error = token
            .expose_secret()
            .parse::<TokenHash>()
            .unwrap_err()
            .to_string();
        assert!(!error.contains(token.expose_secret()), "{error}");
    }

    #[test]
    fn a_hash_has_64_digits_and_reads_back() {
        let hash = TokenHash::of(&"abc".into());
        let known = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(hash.to_string(), known);
        assert_eq!(known.parse(), Ok(hash));
        assert_eq!(known.to_uppercase().parse(), Ok(hash));
        for bad in [
            "",
            "ba78",
            &known[1..],
            &format!("{known}0"),
            &"g".repeat(64),
        ] {
            assert_eq!(bad.parse::<TokenHash>(), Err(BadTokenHash));
        }
    }
}
