//! Which tokens of an issuer are accepted.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use server::{AuthConfig, OidcConfig, ServerConfig, StaticToken, TokenHash, new_token};

use crate::issuer::{Issuer, Key, believing, now};
use crate::log::Log;
use crate::support::{Server, proxied};
use crate::{add_as, add_with, challenges, user};

/// `claims` with some of them replaced, or left out where they are null.
fn with(claims: &Value, changes: &Value) -> Value {
    let mut claims = claims.clone();
    let object = claims.as_object_mut().unwrap();
    for (name, value) in changes.as_object().unwrap() {
        if value.is_null() {
            object.remove(name);
        } else {
            object.insert(name.clone(), value.clone());
        }
    }
    claims
}

#[tokio::test]
async fn claims_decide_whether_a_signed_token_is_for_us_and_for_now() {
    let key = Key::ec("a");
    let issuer = Issuer::start(&[&key]).await;
    let server = Server::start(believing(OidcConfig {
        leeway: Duration::from_mins(1),
        ..issuer.config()
    }))
    .await;
    let now = now();
    for good in [
        json!({}),
        json!({"exp": now - 30}),
        json!({"nbf": now + 30}),
        json!({"nbf": now - 30, "iat": now - 30}),
        json!({"aud": ["other", "iib"]}),
    ] {
        let answer = add_with(&server, &key.sign(&with(&issuer.claims(), &good))).await;
        assert_eq!(user(&answer), "alice", "{good}");
    }
    for (bad, word) in [
        (json!({"exp": now - 90}), "expired"),
        (json!({"exp": 0}), "expired"),
        (json!({"exp": null}), "exp"),
        (json!({"exp": "tomorrow"}), "exp"),
        (json!({"exp": -1}), "exp"),
        (json!({"nbf": now + 90}), "not valid yet"),
        (json!({"nbf": "yesterday"}), "nbf"),
        (json!({"iss": null}), "iss"),
        (json!({"iss": "https://evil.example"}), "another issuer"),
        (json!({"iss": format!("{}/", issuer.url)}), "another issuer"),
        (json!({"iss": [issuer.url, "b"]}), "another issuer"),
        (json!({"aud": null}), "aud"),
        (json!({"aud": "other"}), "another service"),
        (json!({"aud": ["other"]}), "another service"),
        (json!({"aud": []}), "another service"),
        (json!({"preferred_username": null, "sub": null}), "no user"),
        (json!({"preferred_username": 7}), "no user"),
        (json!({"preferred_username": ""}), "no user"),
        (json!({"preferred_username": "a\nb"}), "no user"),
        (json!({"preferred_username": "x".repeat(256)}), "no user"),
    ] {
        let answer = add_with(&server, &key.sign(&with(&issuer.claims(), &bad))).await;
        let text = answer.is_error(401);
        assert!(text.contains(word), "{bad}: {text}");
        assert_eq!(
            challenges(&answer),
            ["bearer realm=\"iib\", error=\"invalid_token\""]
        );
    }
}

#[tokio::test]
async fn the_claim_with_the_user_may_be_chosen() {
    let key = Key::ec("a");
    let issuer = Issuer::start(&[&key]).await;
    let by_default = Server::start(believing(issuer.config())).await;
    let claims = with(&issuer.claims(), &json!({"preferred_username": null}));
    assert_eq!(
        user(&add_with(&by_default, &key.sign(&claims)).await),
        "1234"
    );
    let by_mail = Server::start(believing(OidcConfig {
        user_claims: vec!["email".to_owned()],
        ..issuer.config()
    }))
    .await;
    let with_mail = with(&claims, &json!({"email": "alice@example.com"}));
    let answer = add_with(&by_mail, &key.sign(&with_mail)).await;
    assert_eq!(user(&answer), "alice@example.com");
    add_with(&by_mail, &key.sign(&claims)).await.is_error(401);
}

#[tokio::test]
async fn only_the_issuers_signature_counts() {
    let (key, other) = (Key::ec("a"), Key::ec("a"));
    let issuer = Issuer::start(&[&key]).await;
    let server = Server::start(believing(issuer.config())).await;
    let claims = issuer.claims();
    let good = key.sign(&claims);
    let (message, signature) = good.rsplit_once('.').unwrap();
    let (header, body) = message.split_once('.').unwrap();
    let text = |value: Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let root = text(with(&claims, &json!({"preferred_username": "root"})));
    let none = text(json!({"alg": "none"}));
    let point = URL_SAFE_NO_PAD.encode(key.jwk()["x"].as_str().unwrap());
    let shared = text(json!({"alg": "HS256", "kid": "a"}));
    for bad in [
        other.sign(&claims),
        format!("{header}.{root}.{signature}"),
        format!("{none}.{body}."),
        format!("{none}.{body}.{signature}"),
        format!("{shared}.{body}.{point}"),
        format!("{header}.{body}."),
        format!("{header}.{body}"),
        format!("{header}.{body}.{signature}.x"),
        "..".to_owned(),
        "a.b.c".to_owned(),
        // What is critical is not understood.
        key.sign_as(
            &json!({"alg": "ES256", "kid": "a", "crit": ["b64"]}),
            &claims,
        ),
        // The key is no RSA key, and ES384 was not allowed.
        key.sign_as(&json!({"alg": "RS256", "kid": "a"}), &claims),
        key.sign_as(&json!({"alg": "ES384", "kid": "a"}), &claims),
        key.sign_as(&json!({"alg": "ES256", "kid": "b"}), &claims),
        // A token cannot bring its own key.
        other.sign_as(&json!({"alg": "ES256", "jwk": other.jwk()}), &claims),
    ] {
        let text = add_with(&server, &bad).await.is_error(401);
        assert!(text.contains("not valid here"), "{bad}: {text}");
    }
    // The only key is meant by tokens that name none.
    let nameless = key.sign_as(&json!({"alg": "ES256"}), &claims);
    assert_eq!(user(&add_with(&server, &nameless).await), "alice");
}

#[tokio::test]
async fn static_tokens_and_an_issuer_live_side_by_side() {
    let key = Key::ec("a");
    let issuer = Issuer::start(&[&key]).await;
    let token = new_token().unwrap();
    let entry = StaticToken {
        user: "robot".parse().unwrap(),
        hash: TokenHash::of(&token),
    };
    let server = Server::start(ServerConfig {
        auth: AuthConfig {
            tokens: vec![entry],
            oidc: Some(issuer.config()),
            ..AuthConfig::default()
        },
        ..proxied()
    })
    .await;
    let token = secrecy::ExposeSecret::expose_secret(&token).to_owned();
    assert_eq!(user(&add_with(&server, &token).await), "robot");
    let signed = key.sign(&issuer.claims());
    assert_eq!(user(&add_with(&server, &signed).await), "alice");
    let both = format!("\r\nx-remote-user: alice\r\nauthorization: Bearer {signed}");
    add_as(&server, &both).await.is_error(400);
}

#[tokio::test]
async fn signed_tokens_are_in_no_log_and_no_answer() {
    let (log, guard) = Log::start();
    let key = Key::ec("a");
    let issuer = Issuer::start(&[&key]).await;
    let server = Server::start(believing(issuer.config())).await;
    let good = key.sign(&issuer.claims());
    let expired = key.sign(&with(&issuer.claims(), &json!({"exp": 1})));
    let forged = Key::ec("a").sign(&issuer.claims());
    let unknown = Key::ec("b").sign(&issuer.claims());
    let mut answers = String::new();
    for token in [&good, &expired, &forged, &unknown] {
        let answer = add_with(&server, token).await;
        answers.push_str(&answer.head);
        answers.push_str(&answer.body);
    }
    issuer.go_away(500);
    answers.push_str(&add_with(&server, &unknown).await.body);
    drop(guard);
    let log = log.text();
    assert!(log.contains("keys could not be fetched"), "{log}");
    for token in [&good, &expired, &forged, &unknown] {
        for part in token.split('.').skip(1) {
            assert!(!log.contains(part), "{log}");
            assert!(!answers.contains(&part.to_ascii_lowercase()), "{answers}");
        }
    }
}
