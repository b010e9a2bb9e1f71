//! Secrets of requests at rest: sealed with AES-256-GCM under one key, bound to their request. A second key, derived from it, makes
//! fingerprints of what holds secrets.

use std::fmt;
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;
use std::sync::Arc;

use aws_lc_rs::aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey};
use aws_lc_rs::hmac;
use secrecy::{ExposeSecret as _, SecretString};

use crate::error::Error;

const KEY_LEN: usize = 32;

/// A longer file is no key; reading one byte more than a key has is enough to see that.
const FILE_LIMIT: u64 = 33;

/// What the key for fingerprints is derived with, so that it has nothing in common with the one that seals.
const FINGERPRINTS: &[u8] = b"iib fingerprints";

/// The key that seals secrets in the database. It cannot be printed.
#[derive(Clone)]
pub struct SealingKey(Arc<Keys>);

struct Keys {
    seals: RandomizedNonceKey,
    fingerprints: hmac::Key,
}

/// A keyed hash: without the key nobody can say of which text, or try texts out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Fingerprint([u8; 32]);

impl Fingerprint {
    /// As the database keeps it.
    pub(crate) fn to_stored(self) -> Vec<u8> {
        self.0.to_vec()
    }

    /// Whether the database keeps this one as `stored`.
    pub(crate) fn is(self, stored: &[u8]) -> bool {
        self.0 == stored
    }
}

impl fmt::Debug for SealingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SealingKey([REDACTED])")
    }
}

impl SealingKey {
    /// Reads the key from `path`, or writes a fresh one there, readable by its owner alone. Every process of a service needs the same
    /// file. Blocks on a small file.
    ///
    /// # Errors
    /// [`Error::KeyFile`] when the file cannot be read or written, is open to others, or holds no key.
    pub fn load_or_generate(path: &Path) -> Result<Self, Error> {
        match Self::load(path) {
            Err(Error::KeyFile {
                source: Some(error),
                ..
            }) if error.kind() == io::ErrorKind::NotFound => Self::generate(path),
            outcome => outcome,
        }
    }

    fn load(path: &Path) -> Result<Self, Error> {
        const UNREADABLE: &str = "it cannot be read; let the service's user own it";
        let unreadable = |source| file_error(path, UNREADABLE, Some(source));
        let file = std::fs::File::open(path).map_err(unreadable)?;
        let mode = file.metadata().map_err(unreadable)?.permissions().mode();
        if mode & 0o077 != 0 {
            return Err(file_error(
                path,
                "others may read or write it; set its mode to 0600",
                None,
            ));
        }
        let mut bytes = Vec::with_capacity(KEY_LEN + 1);
        file.take(FILE_LIMIT)
            .read_to_end(&mut bytes)
            .map_err(unreadable)?;
        Self::of(&bytes).ok_or_else(|| {
            file_error(
                path,
                "it does not hold 32 bytes; restore it, or remove it to lose the sealed secrets",
                None,
            )
        })
    }

    /// A key that seals nothing of anybody's: for those who look at the state and open no secret.
    ///
    /// # Errors
    /// [`Error::KeyFile`] when the system gives no random numbers.
    pub fn of_its_own() -> Result<Self, Error> {
        let mut bytes = [0; KEY_LEN];
        let without = || {
            let problem = "the system gives no random numbers for a key";
            file_error(Path::new("(none)"), problem, None)
        };
        aws_lc_rs::rand::fill(&mut bytes).map_err(|_| without())?;
        Self::of(&bytes).ok_or_else(without)
    }

    fn of(bytes: &[u8]) -> Option<Self> {
        let seals = RandomizedNonceKey::new(&AES_256_GCM, bytes).ok()?;
        let derived = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, bytes), FINGERPRINTS);
        Some(Self(Arc::new(Keys {
            seals,
            fingerprints: hmac::Key::new(hmac::HMAC_SHA256, derived.as_ref()),
        })))
    }

    /// Writes beside the final name and links it into place, so that a crash leaves no half key and of two processes that start
    /// together both end with the same one.
    fn generate(path: &Path) -> Result<Self, Error> {
        const UNWRITABLE: &str =
            "it cannot be written; create its directory and let the service's user own it";
        let unwritable = |source| file_error(path, UNWRITABLE, Some(source));
        let mut bytes = [0; KEY_LEN];
        aws_lc_rs::rand::fill(&mut bytes).map_err(|_| {
            file_error(
                path,
                "the system gives no random numbers for a new one",
                None,
            )
        })?;
        let temporary = path.with_extension(format!("new-{}", uuid::Uuid::new_v4().simple()));
        let mut file = std::fs::OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&temporary)
            .map_err(unwritable)?;
        let written = file
            .write_all(&bytes)
            .and_then(|()| file.sync_all())
            .and_then(|()| std::fs::hard_link(&temporary, path));
        let removed = std::fs::remove_file(&temporary);
        match written {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
                return Err(unwritable(error));
            }
            // Another process was faster: its key is the one to use.
            Err(_) | Ok(()) => removed.map_err(unwritable)?,
        }
        // The name has to survive a power cut as well: secrets are sealed with this key from now on.
        let directory = match path.parent() {
            Some(parent) if parent != Path::new("") => parent,
            Some(_) | None => Path::new("."),
        };
        std::fs::File::open(directory)
            .and_then(|directory| directory.sync_all())
            .map_err(unwritable)?;
        Self::load(path)
    }

    /// Seals `secret` for one request and name; elsewhere the result cannot be opened.
    pub(crate) fn seal(
        &self,
        request_id: i64,
        name: &str,
        secret: &SecretString,
    ) -> Result<Vec<u8>, Error> {
        let mut sealed = secret.expose_secret().as_bytes().to_vec();
        let nonce = self
            .0
            .seals
            .seal_in_place_append_tag(Aad::from(associated_data(request_id, name)), &mut sealed)
            .map_err(|_| Error::Sealing {
                request_id,
                action: "sealed",
            })?;
        let mut stored = nonce.as_ref().to_vec();
        stored.append(&mut sealed);
        Ok(stored)
    }

    /// Opens what [`Self::seal`] made.
    pub(crate) fn open(
        &self,
        request_id: i64,
        name: &str,
        stored: &[u8],
    ) -> Result<SecretString, Error> {
        let failed = || Error::Sealing {
            request_id,
            action: "opened",
        };
        let (nonce, sealed) = stored.split_at_checked(NONCE_LEN).ok_or_else(failed)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| failed())?;
        let mut sealed = sealed.to_vec();
        let opened = self
            .0
            .seals
            .open_in_place(
                nonce,
                Aad::from(associated_data(request_id, name)),
                &mut sealed,
            )
            .map_err(|_| failed())?;
        std::str::from_utf8(opened)
            .map(SecretString::from)
            .map_err(|_| failed())
    }

    /// The fingerprint of some parts. Their number, lengths and order count, and whether a part is there.
    pub(crate) fn fingerprint<'a>(
        &self,
        parts: impl IntoIterator<Item = Option<&'a [u8]>>,
    ) -> Fingerprint {
        let mut context = hmac::Context::with_key(&self.0.fingerprints);
        for part in parts {
            // No text is as long as this.
            let length = part.map_or(u64::MAX, |part| part.len() as u64);
            context.update(&length.to_be_bytes());
            context.update(part.unwrap_or_default());
        }
        let mut fingerprint = [0; 32];
        fingerprint.copy_from_slice(context.sign().as_ref());
        Fingerprint(fingerprint)
    }
}

fn associated_data(request_id: i64, name: &str) -> Vec<u8> {
    let mut data = request_id.to_be_bytes().to_vec();
    data.extend_from_slice(name.as_bytes());
    data
}

fn file_error(path: &Path, problem: &'static str, source: Option<io::Error>) -> Error {
    Error::KeyFile {
        path: path.to_owned(),
        problem,
        source: source.map(Arc::new),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use secrecy::{ExposeSecret as _, SecretString};

    use super::SealingKey;

    #[test]
    fn a_sealed_secret_opens_only_for_its_request_name_and_key() {
        let directory = tempfile::tempdir().unwrap();
        let key = SealingKey::load_or_generate(&directory.path().join("key")).unwrap();
        let other = SealingKey::load_or_generate(&directory.path().join("other")).unwrap();
        let sealed = key.seal(7, "token", &SecretString::from("s3cr3t")).unwrap();

        assert_eq!(
            key.open(7, "token", &sealed).unwrap().expose_secret(),
            "s3cr3t"
        );
        assert!(!sealed.windows(6).any(|window| window == b"s3cr3t"));
        assert!(key.open(8, "token", &sealed).is_err());
        assert!(key.open(7, "else", &sealed).is_err());
        assert!(other.open(7, "token", &sealed).is_err());
        assert!(key.open(7, "token", &sealed[..5]).is_err());
        assert_ne!(
            sealed,
            key.seal(7, "token", &SecretString::from("s3cr3t")).unwrap(),
            "nonces are fresh"
        );
        assert!(!format!("{key:?}").contains(char::is_numeric));
    }

    #[test]
    fn a_fingerprint_is_of_its_parts_and_its_key_alone() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("key");
        let key = SealingKey::load_or_generate(&path).unwrap();
        let of = |parts: &[Option<&str>]| {
            let parts = parts.iter().map(|part| part.map(str::as_bytes));
            key.fingerprint(parts)
        };
        let one = of(&[Some("ab"), Some("c")]);
        let again = SealingKey::load_or_generate(&path).unwrap();
        let parts = [Some(&b"ab"[..]), Some(b"c")];
        assert_eq!(again.fingerprint(parts), one, "after a restart as well");
        assert!(one.is(&one.to_stored()) && !one.is(&[]));
        for other in [
            &[Some("a"), Some("bc")][..],
            &[Some("abc")],
            &[Some("ab"), Some("c"), None],
            &[Some("ab"), Some("c"), Some("")],
            &[Some("c"), Some("ab")],
        ] {
            assert_ne!(of(other), one, "{other:?}");
        }
        assert_ne!(of(&[None]), of(&[Some("")]));
        let other = SealingKey::load_or_generate(&directory.path().join("other")).unwrap();
        assert_ne!(other.fingerprint(parts), one);
        let plain = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, b"ab");
        assert!(!of(&[Some("ab")]).is(plain.as_ref()));
    }

    #[test]
    fn a_key_file_is_private_and_read_again() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("key");
        let sealed = SealingKey::load_or_generate(&path)
            .unwrap()
            .seal(1, "token", &SecretString::from("x"))
            .unwrap();
        assert_eq!(
            std::fs::metadata(&path).unwrap().permissions().mode() & 0o777,
            0o600
        );
        assert!(
            SealingKey::load_or_generate(&path)
                .unwrap()
                .open(1, "token", &sealed)
                .is_ok()
        );
        assert_eq!(
            std::fs::read_dir(directory.path()).unwrap().count(),
            1,
            "nothing is left beside the key"
        );

        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
        let error = SealingKey::load_or_generate(&path).unwrap_err().to_string();
        assert!(error.contains("0600"), "{error}");
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
        std::fs::write(&path, "short").unwrap();
        assert!(
            SealingKey::load_or_generate(&path)
                .unwrap_err()
                .to_string()
                .contains("32 bytes")
        );
    }
}
