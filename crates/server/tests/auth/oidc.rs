//! Keys of an issuer: found, kept, rotated, missed.

use std::time::Duration;

use serde_json::json;
use server::OidcConfig;
use tokio::io::AsyncWriteExt as _;
use tokio::net::{TcpListener, TcpStream};

use crate::issuer::{Issuer, Key, believing};
use crate::support::{Answer, Server, payload};
use crate::{ADD, add_with, challenges, user};

const LONG: Duration = Duration::from_hours(1);

/// Checks that a credential could not be judged, and gives the seconds after which to come again.
#[track_caller]
fn away(answer: &Answer) -> u64 {
    answer.is_error(503);
    answer.header("retry-after").unwrap().parse().unwrap()
}

#[tokio::test]
async fn a_token_of_the_issuer_names_its_user() {
    let keys = [Key::ec("ec"), Key::rsa("rsa"), Key::ed("ed")];
    let issuer = Issuer::start(&keys.each_ref()).await;
    let algorithms = ["RS256", "PS256", "ES256", "EdDSA"].map(|name| name.parse().unwrap());
    let server = Server::start(believing(OidcConfig {
        algorithms: algorithms.into(),
        ..issuer.config()
    }))
    .await;
    assert_eq!(
        issuer.asked(),
        (0, 0),
        "an issuer that is away must not delay the start"
    );
    for key in &keys {
        let answer = add_with(&server, &key.sign(&issuer.claims())).await;
        assert_eq!(user(&answer), "alice", "{}", key.id);
        assert!(challenges(&answer).is_empty());
    }
    let pss = json!({"alg": "PS256", "kid": "rsa"});
    let answer = add_with(&server, &keys[1].sign_as(&pss, &issuer.claims())).await;
    assert_eq!(user(&answer), "alice");
    assert_eq!(issuer.asked(), (1, 1), "keys are kept");
}

#[tokio::test]
async fn keys_may_be_configured_in_place_of_the_metadata() {
    let key = Key::ec("a");
    let issuer = Issuer::start(&[&key]).await;
    let server = Server::start(believing(OidcConfig {
        jwks_uri: Some(issuer.keys_url().parse().unwrap()),
        ..issuer.config()
    }))
    .await;
    assert_eq!(
        user(&add_with(&server, &key.sign(&issuer.claims())).await),
        "alice"
    );
    assert_eq!(issuer.asked(), (0, 1));
}

#[tokio::test]
async fn a_new_key_is_fetched_and_an_old_one_forgotten() {
    let (old, new) = (Key::ec("old"), Key::ec("new"));
    let issuer = Issuer::start(&[&old]).await;
    let server = Server::start(believing(issuer.config())).await;
    let (by_old, by_new) = (old.sign(&issuer.claims()), new.sign(&issuer.claims()));
    assert_eq!(user(&add_with(&server, &by_old).await), "alice");
    add_with(&server, &by_new).await.is_error(401);
    issuer.publish(&[&old, &new]);
    assert_eq!(user(&add_with(&server, &by_new).await), "alice");
    assert_eq!(user(&add_with(&server, &by_old).await), "alice");
    issuer.publish(&[&new]);
    // It is forgotten with the next look, which a third key causes.
    add_with(&server, &Key::ec("third").sign(&issuer.claims()))
        .await
        .is_error(401);
    add_with(&server, &by_old).await.is_error(401);
    assert_eq!(user(&add_with(&server, &by_new).await), "alice");
}

#[tokio::test]
async fn a_key_that_keeps_its_name_is_replaced_when_it_is_old() {
    let (old, new) = (Key::ec("same"), Key::ec("same"));
    let issuer = Issuer::start(&[&old]).await;
    let server = Server::start(believing(OidcConfig {
        max_key_age: Duration::ZERO,
        ..issuer.config()
    }))
    .await;
    assert_eq!(
        user(&add_with(&server, &old.sign(&issuer.claims())).await),
        "alice"
    );
    issuer.publish(&[&new]);
    add_with(&server, &old.sign(&issuer.claims()))
        .await
        .is_error(401);
    assert_eq!(
        user(&add_with(&server, &new.sign(&issuer.claims())).await),
        "alice"
    );
}

#[tokio::test]
async fn made_up_keys_do_not_make_the_issuer_work() {
    let (key, made_up) = (Key::ec("a"), Key::ec("made-up"));
    let issuer = Issuer::start(&[&key]).await;
    let server = Server::start(believing(OidcConfig {
        refresh_pause: LONG,
        ..issuer.config()
    }))
    .await;
    for _ in 0..5 {
        let answer = add_with(&server, &made_up.sign(&issuer.claims())).await;
        answer.is_error(401);
    }
    assert_eq!(
        user(&add_with(&server, &key.sign(&issuer.claims())).await),
        "alice"
    );
    assert_eq!(issuer.asked(), (1, 1));
}

#[tokio::test]
async fn callers_at_the_same_time_share_one_look() {
    let key = Key::ec("a");
    let issuer = Issuer::start(&[&key]).await;
    issuer.delay(Duration::from_millis(100));
    let server = Server::start(believing(OidcConfig {
        refresh_pause: LONG,
        ..issuer.config()
    }))
    .await;
    let token = key.sign(&issuer.claims());
    let (a, b, c, d) = tokio::join!(
        add_with(&server, &token),
        add_with(&server, &token),
        add_with(&server, &token),
        add_with(&server, &token)
    );
    for answer in [a, b, c, d] {
        assert_eq!(user(&answer), "alice");
    }
    assert_eq!(issuer.asked(), (1, 1));
}

#[tokio::test]
async fn a_caller_who_hangs_up_does_not_stop_the_look_for_others() {
    let key = Key::ec("a");
    let issuer = Issuer::start(&[&key]).await;
    issuer.delay(Duration::from_millis(200));
    let server = Server::start(believing(OidcConfig {
        refresh_pause: LONG,
        ..issuer.config()
    }))
    .await;
    let token = key.sign(&issuer.claims());
    let mut caller = TcpStream::connect(server.address).await.unwrap();
    let head = format!("POST {ADD} HTTP/1.1\r\nhost: a\r\nauthorization: Bearer {token}\r\n\r\n");
    caller.write_all(head.as_bytes()).await.unwrap();
    while issuer.asked().0 == 0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    drop(caller);
    assert_eq!(user(&add_with(&server, &token).await), "alice");
    assert_eq!(issuer.asked(), (1, 1));
}

#[tokio::test]
async fn without_keys_nobody_is_accepted_and_nobody_refused() {
    let key = Key::ec("a");
    let issuer = Issuer::start(&[&key]).await;
    issuer.go_away(500);
    let server = Server::start(believing(issuer.config())).await;
    let token = key.sign(&issuer.claims());
    let answer = add_with(&server, &token).await;
    assert_eq!(away(&answer), 1);
    assert!(challenges(&answer).is_empty());
    // Who comes without a token, or with none of the issuer's, is judged all the same.
    server.post(ADD, &payload("r/index:1")).await.is_error(401);
    add_with(&server, "no-jwt").await.is_error(401);
    issuer.come_back();
    assert_eq!(user(&add_with(&server, &token).await), "alice");
}

#[tokio::test]
async fn an_issuer_that_is_away_is_not_asked_all_the_time() {
    let key = Key::ec("a");
    let issuer = Issuer::start(&[&key]).await;
    issuer.go_away(503);
    let server = Server::start(believing(OidcConfig {
        refresh_pause: Duration::from_mins(1),
        ..issuer.config()
    }))
    .await;
    for _ in 0..4 {
        let seconds = away(&add_with(&server, &key.sign(&issuer.claims())).await);
        assert!((30..=60).contains(&seconds), "{seconds}");
    }
    assert_eq!(issuer.asked(), (1, 0));
}

#[tokio::test]
async fn known_keys_outlast_an_absence_of_the_issuer_but_not_for_ever() {
    let (key, other) = (Key::ec("a"), Key::ec("b"));
    let issuer = Issuer::start(&[&key]).await;
    let config = OidcConfig {
        max_key_age: Duration::ZERO,
        ..issuer.config()
    };
    let patient = Server::start(believing(config.clone())).await;
    let strict = Server::start(believing(OidcConfig {
        max_key_staleness: Duration::ZERO,
        ..config
    }))
    .await;
    let token = key.sign(&issuer.claims());
    assert_eq!(user(&add_with(&patient, &token).await), "alice");
    issuer.go_away(502);
    assert_eq!(user(&add_with(&patient, &token).await), "alice");
    // It may be the issuer's newest.
    away(&add_with(&patient, &other.sign(&issuer.claims())).await);
    away(&add_with(&strict, &token).await);
}

#[tokio::test]
async fn an_issuer_that_answers_nonsense_is_away() {
    let key = Key::ec("a");
    let issuer = Issuer::start(&[&key]).await;
    let server = Server::start(believing(issuer.config())).await;
    let token = key.sign(&issuer.claims());
    let good = json!({"issuer": issuer.url, "jwks_uri": issuer.keys_url()});
    for metadata in [
        json!("nonsense"),
        json!({"issuer": issuer.url}),
        json!({"issuer": "https://evil.example", "jwks_uri": issuer.keys_url()}),
        json!({"issuer": format!("{}/", issuer.url), "jwks_uri": issuer.keys_url()}),
        json!({"issuer": issuer.url, "jwks_uri": "http://keys.example/"}),
        json!({"issuer": issuer.url, "jwks_uri": "keys"}),
    ] {
        issuer.describe(metadata.clone());
        let answer = add_with(&server, &token).await;
        answer.is_error(503);
        assert_eq!(issuer.asked().1, 0, "{metadata}");
    }
    issuer.describe(good);
    issuer.publish_raw(json!({"keys": "nonsense"}));
    away(&add_with(&server, &token).await);
    issuer.publish_raw(json!({"keys": [key.jwk()], "more": "x".repeat(1024 * 1024)}));
    away(&add_with(&server, &token).await);
    issuer.go_away(302);
    away(&add_with(&server, &token).await);
    issuer.come_back();
    issuer.publish(&[&key]);
    assert_eq!(user(&add_with(&server, &token).await), "alice");
}

#[tokio::test]
async fn an_issuer_that_hangs_or_is_gone_is_away() {
    let key = Key::ec("a");
    let issuer = Issuer::start(&[&key]).await;
    issuer.delay(LONG);
    let server = Server::start(believing(OidcConfig {
        timeout: Duration::from_millis(100),
        ..issuer.config()
    }))
    .await;
    let token = key.sign(&issuer.claims());
    away(&add_with(&server, &token).await);

    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let gone = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let config = OidcConfig::new(gone.parse().unwrap(), "iib");
    let server = Server::start(believing(config)).await;
    assert_eq!(away(&add_with(&server, &token).await), 10);
}
