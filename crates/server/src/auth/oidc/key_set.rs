//! The public keys of an issuer (RFC 7517).

use std::sync::Arc;

use jsonwebtoken::jwk::{Jwk, KeyAlgorithm, KeyOperations, PublicKeyUse};
use jsonwebtoken::{Algorithm, AlgorithmFamily, DecodingKey};
use serde::Deserialize;
use serde_json::Value;

/// Keys that signatures can be checked with.
#[derive(Debug, Default)]
pub(super) struct KeySet(Vec<Key>);

#[derive(Debug)]
struct Key {
    id: Option<String>,
    /// What it is for alone, if it says so.
    algorithm: Option<KeyAlgorithm>,
    decoding: Arc<DecodingKey>,
}

#[derive(Deserialize)]
struct Written {
    keys: Vec<Value>,
}

impl KeySet {
    /// Reads a JWK set. Keys of other kinds and for other uses are passed over, as RFC 7517 section 5 wants it.
    pub(super) fn parse(text: &[u8]) -> Result<Self, serde_json::Error> {
        let written: Written = serde_json::from_slice(text)?;
        let keys = written.keys.into_iter();
        Ok(Self(
            keys.filter_map(|key| serde_json::from_value(key).ok())
                .filter_map(|key| Key::of(&key))
                .collect(),
        ))
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// The key of this id. A token that names none is checked with the only key that fits; where several do, it is not guessed.
    pub(super) fn find(&self, id: Option<&str>, algorithm: Algorithm) -> Option<Arc<DecodingKey>> {
        let mut fitting = self.0.iter().filter(|key| {
            let named = id.is_none_or(|id| key.id.as_deref() == Some(id));
            named && key.fits(algorithm)
        });
        let found = fitting.next()?;
        fitting
            .next()
            .is_none()
            .then(|| Arc::clone(&found.decoding))
    }
}

impl Key {
    fn of(jwk: &Jwk) -> Option<Self> {
        let common = &jwk.common;
        let signs = matches!(common.public_key_use, None | Some(PublicKeyUse::Signature));
        let verifies = common
            .key_operations
            .as_ref()
            .is_none_or(|operations| operations.contains(&KeyOperations::Verify));
        let key = DecodingKey::from_jwk(jwk).ok()?;
        // A shared secret in a public document is no secret.
        let public = key.family() != AlgorithmFamily::Hmac;
        (signs && verifies && public).then(|| Self {
            id: common.key_id.clone(),
            algorithm: common.key_algorithm,
            decoding: Arc::new(key),
        })
    }

    fn fits(&self, algorithm: Algorithm) -> bool {
        self.decoding.family() == algorithm.family()
            && self
                .algorithm
                .is_none_or(|own| own == KeyAlgorithm::from(algorithm))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// A key on the curve P-256; the coordinates are those of RFC 7517, appendix A.1.
    fn key(id: Option<&str>, more: &Value) -> Value {
        let mut key = json!({
            "kty": "EC", "crv": "P-256",
            "x": "MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4",
            "y": "4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM",
        });
        let object = key.as_object_mut().unwrap();
        if let Some(id) = id {
            object.insert("kid".into(), id.into());
        }
        object.extend(more.as_object().unwrap().clone());
        key
    }

    fn set(keys: &[Value]) -> KeySet {
        KeySet::parse(json!({ "keys": keys }).to_string().as_bytes()).unwrap()
    }

    #[test]
    fn a_key_is_found_by_its_id_and_used_for_what_it_is_for() {
        let none = json!({});
        let keys = set(&[
            key(Some("a"), &none),
            key(
                Some("b"),
                &json!({"use": "sig", "alg": "ES256", "key_ops": ["verify"]}),
            ),
            key(Some("other"), &json!({"alg": "ES384"})),
        ]);
        assert_eq!(keys.len(), 3);
        for id in ["a", "b"] {
            assert!(keys.find(Some(id), Algorithm::ES256).is_some(), "{id}");
            assert!(keys.find(Some(id), Algorithm::RS256).is_none(), "{id}");
        }
        assert!(keys.find(Some("other"), Algorithm::ES256).is_none());
        assert!(keys.find(Some("c"), Algorithm::ES256).is_none());
        assert!(keys.find(None, Algorithm::ES256).is_none(), "two would fit");
        assert!(
            set(&[key(None, &none)])
                .find(None, Algorithm::ES256)
                .is_some()
        );
        assert!(
            set(&[key(None, &none)])
                .find(Some("a"), Algorithm::ES256)
                .is_none()
        );
    }

    #[test]
    fn keys_for_other_uses_and_shared_secrets_are_passed_over() {
        let keys = set(&[
            key(Some("enc"), &json!({"use": "enc"})),
            key(Some("sign"), &json!({"key_ops": ["sign"]})),
            json!({"kty": "oct", "kid": "shared", "k": "c2VjcmV0"}),
            json!({"kty": "EC", "crv": "secp256k1", "kid": "curve", "x": "AA", "y": "AA"}),
            json!({"kty": "RSA", "kid": "half"}),
            json!("nonsense"),
        ]);
        assert_eq!(keys.len(), 0);
    }

    #[test]
    fn what_is_no_key_set_is_an_error() {
        for bad in ["", "[]", "{}", r#"{"keys": {}}"#, "<html>"] {
            assert!(KeySet::parse(bad.as_bytes()).is_err(), "{bad}");
        }
    }
}
