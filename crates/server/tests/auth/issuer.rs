//! An issuer on loopback that signs what a test says.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _, RSA_PKCS1_SHA256,
    RSA_PSS_SHA256, RsaKeyPair,
};
use axum::Router;
use axum::extract::State;
use axum::routing::get;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::StatusCode;
use serde_json::{Value, json};
use server::{AuthConfig, OidcConfig, ServerConfig};
use std::sync::Mutex;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// A private key and its name.
pub(crate) struct Key {
    pub(crate) id: &'static str,
    pair: Pair,
}

enum Pair {
    Ec(EcdsaKeyPair),
    Ed(Ed25519KeyPair),
    Rsa(RsaKeyPair),
}

impl Key {
    pub(crate) fn ec(id: &'static str) -> Self {
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
        let pair = Pair::Ec(pair);
        Self { id, pair }
    }

    pub(crate) fn ed(id: &'static str) -> Self {
        let pair = Pair::Ed(Ed25519KeyPair::generate().unwrap());
        Self { id, pair }
    }

    pub(crate) fn rsa(id: &'static str) -> Self {
        let pair = RsaKeyPair::generate(aws_lc_rs::rsa::KeySize::Rsa2048).unwrap();
        let pair = Pair::Rsa(pair);
        Self { id, pair }
    }

    /// The public half, as an issuer publishes it.
    pub(crate) fn jwk(&self) -> Value {
        let text = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        match &self.pair {
            Pair::Ec(pair) => {
                let point = pair.public_key().as_ref();
                json!({"kty": "EC", "crv": "P-256", "kid": self.id, "x": text(&point[1..33]), "y": text(&point[33..])})
            }
            Pair::Ed(pair) => {
                json!({"kty": "OKP", "crv": "Ed25519", "kid": self.id, "x": text(pair.public_key().as_ref())})
            }
            Pair::Rsa(pair) => {
                // A sequence of the modulus, 257 bytes with its sign, and the exponent.
                let der = pair.public_key().as_ref();
                json!({"kty": "RSA", "use": "sig", "kid": self.id, "n": text(&der[9..265]), "e": "AQAB"})
            }
        }
    }

    /// What the header of a token says by default.
    pub(crate) fn algorithm(&self) -> &'static str {
        match self.pair {
            Pair::Ec(_) => "ES256",
            Pair::Ed(_) => "EdDSA",
            Pair::Rsa(_) => "RS256",
        }
    }

    pub(crate) fn sign(&self, claims: &Value) -> String {
        let header = json!({"alg": self.algorithm(), "typ": "JWT", "kid": self.id});
        self.sign_as(&header, claims)
    }

    /// Signs with a header that may lie.
    pub(crate) fn sign_as(&self, header: &Value, claims: &Value) -> String {
        let text = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let message = format!("{}.{}", text(header), text(claims));
        let random = SystemRandom::new();
        let signature = match &self.pair {
            Pair::Ec(pair) => {
                let signature = pair.sign(&random, message.as_bytes()).unwrap();
                signature.as_ref().to_vec()
            }
            Pair::Ed(pair) => pair.sign(message.as_bytes()).as_ref().to_vec(),
            Pair::Rsa(pair) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                let how: &'static dyn aws_lc_rs::signature::RsaEncoding =
                    if header["alg"] == "PS256" {
                        &RSA_PSS_SHA256
                    } else {
                        &RSA_PKCS1_SHA256
                    };
                pair.sign(how, &random, message.as_bytes(), &mut signature)
                    .unwrap();
                signature
            }
        };
        format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature))
    }
}

/// What the issuer answers, and how often it was asked.
#[derive(Default)]
struct Published {
    metadata: Mutex<Value>,
    keys: Mutex<Value>,
    away: Mutex<Option<StatusCode>>,
    delay: Mutex<Duration>,
    metadata_asked: AtomicUsize,
    keys_asked: AtomicUsize,
}

pub(crate) struct Issuer {
    pub(crate) url: String,
    published: Arc<Published>,
    running: JoinHandle<()>,
}

impl Drop for Issuer {
    fn drop(&mut self) {
        self.running.abort();
    }
}

impl Issuer {
    pub(crate) async fn start(keys: &[&Key]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/realms/main", listener.local_addr().unwrap());
        let published = Arc::new(Published::default());
        let router = Router::new()
            .route(
                "/realms/main/.well-known/openid-configuration",
                get(async |State(published): State<Arc<Published>>| {
                    published.metadata_asked.fetch_add(1, Ordering::SeqCst);
                    let metadata = published.metadata.lock().unwrap().to_string();
                    published.answer(metadata).await
                }),
            )
            .route(
                "/keys",
                get(async |State(published): State<Arc<Published>>| {
                    published.keys_asked.fetch_add(1, Ordering::SeqCst);
                    let keys = published.keys.lock().unwrap().to_string();
                    published.answer(keys).await
                }),
            )
            .with_state(Arc::clone(&published));
        let running = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        let issuer = Self {
            url,
            published,
            running,
        };
        let keys_url = issuer.keys_url();
        issuer.describe(json!({"issuer": issuer.url, "jwks_uri": keys_url, "token_endpoint": "x"}));
        issuer.publish(keys);
        issuer
    }

    pub(crate) fn keys_url(&self) -> String {
        self.url.replace("/realms/main", "/keys")
    }

    pub(crate) fn describe(&self, metadata: Value) {
        *self.published.metadata.lock().unwrap() = metadata;
    }

    pub(crate) fn publish(&self, keys: &[&Key]) {
        let keys: Vec<Value> = keys.iter().map(|key| key.jwk()).collect();
        self.publish_raw(json!({ "keys": keys }));
    }

    pub(crate) fn publish_raw(&self, keys: Value) {
        *self.published.keys.lock().unwrap() = keys;
    }

    pub(crate) fn go_away(&self, status: u16) {
        *self.published.away.lock().unwrap() = Some(StatusCode::from_u16(status).unwrap());
    }

    pub(crate) fn come_back(&self) {
        *self.published.away.lock().unwrap() = None;
    }

    pub(crate) fn delay(&self, time: Duration) {
        *self.published.delay.lock().unwrap() = time;
    }

    /// How often metadata and keys were asked for.
    pub(crate) fn asked(&self) -> (usize, usize) {
        let count = |counter: &AtomicUsize| counter.load(Ordering::SeqCst);
        (
            count(&self.published.metadata_asked),
            count(&self.published.keys_asked),
        )
    }

    /// Good claims of alice.
    pub(crate) fn claims(&self) -> Value {
        json!({"iss": self.url, "aud": "iib", "exp": now() + 300, "sub": "1234", "preferred_username": "alice"})
    }

    /// Believes this issuer, and asks it as often as it likes.
    pub(crate) fn config(&self) -> OidcConfig {
        OidcConfig {
            refresh_pause: Duration::ZERO,
            ..OidcConfig::new(self.url.parse().unwrap(), "iib")
        }
    }
}

impl Published {
    async fn answer(&self, body: String) -> (StatusCode, String) {
        let delay = *self.delay.lock().unwrap();
        tokio::time::sleep(delay).await;
        let away = *self.away.lock().unwrap();
        (away.unwrap_or(StatusCode::OK), body)
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "tokens are valid or not by the real clock"
)]
pub(crate) fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    since.as_secs()
}

/// A server that believes `oidc`.
pub(crate) fn believing(oidc: OidcConfig) -> ServerConfig {
    let auth = AuthConfig {
        oidc: Some(oidc),
        ..AuthConfig::default()
    };
    ServerConfig {
        auth,
        ..ServerConfig::default()
    }
}
