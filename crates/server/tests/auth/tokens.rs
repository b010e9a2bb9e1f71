//! Static tokens, and what holds for every credential.

use secrecy::{ExposeSecret as _, SecretString};
use serde_json::Value;
use server::{AuthConfig, ServerConfig, StaticToken, TokenHash, new_token};

use crate::log::Log;
use crate::support::{Server, open, payload, proxied};
use crate::{ADD, add_as, add_with, challenges, user};

fn known(user: &str) -> (SecretString, StaticToken) {
    let token = new_token().unwrap();
    let hash = TokenHash::of(&token);
    let user = user.parse().unwrap();
    (token, StaticToken { user, hash })
}

/// A server that knows one token, of alice.
async fn server(config: ServerConfig) -> (Server, SecretString) {
    let (token, entry) = known("alice");
    let auth = AuthConfig {
        tokens: vec![entry],
        ..AuthConfig::default()
    };
    let server = Server::start(ServerConfig { auth, ..config }).await;
    (server, token)
}

#[tokio::test]
async fn a_known_token_names_its_user() {
    let (token, first) = known("alice");
    let (other_token, second) = known("bob@EXAMPLE.TEST");
    let (new_token, third) = known("alice");
    let auth = AuthConfig {
        tokens: vec![first, second, third],
        ..AuthConfig::default()
    };
    let server = Server::start(ServerConfig {
        auth,
        ..ServerConfig::default()
    })
    .await;
    for (token, name) in [
        (token, "alice"),
        (other_token, "bob@EXAMPLE.TEST"),
        (new_token, "alice"),
    ] {
        let answer = add_with(&server, token.expose_secret()).await;
        assert_eq!(user(&answer), name);
        assert!(challenges(&answer).is_empty());
    }
}

#[tokio::test]
async fn nobody_in_particular_is_told_how_to_prove_who_they_are() {
    let (server, _) = server(ServerConfig::default()).await;
    let answer = server.post(ADD, &payload("r/index:1")).await;
    answer.is_error(401);
    assert_eq!(challenges(&answer), ["bearer realm=\"iib\""]);
    let closed = Server::start(proxied()).await;
    let answer = closed.post(ADD, &payload("r/index:1")).await;
    answer.is_error(401);
    assert!(challenges(&answer).is_empty(), "{}", answer.head);
}

#[tokio::test]
async fn a_wrong_credential_is_refused_even_where_none_is_needed() {
    let (server, token) = server(open()).await;
    assert_eq!(user(&add_as(&server, "").await), Value::Null);
    let token = token.expose_secret();
    let nearly = format!("{}x", &token[..token.len() - 1]);
    let cut = &token[..token.len() - 1];
    let hash = TokenHash::of(&token.into()).to_string();
    let mut texts = std::collections::BTreeSet::new();
    for wrong in [&nearly, cut, "", "a.b.c", &hash, "alice"] {
        let answer = add_with(&server, wrong).await;
        texts.insert(answer.is_error(401));
        assert_eq!(
            challenges(&answer),
            ["bearer realm=\"iib\", error=\"invalid_token\""]
        );
    }
    // What is wrong with a token would help those who try.
    assert_eq!(texts.len(), 1, "{texts:?}");
    for other in [
        "Basic YWxpY2U6c2VjcmV0",
        "Negotiate YII=",
        "Digest a=b",
        "alice",
        "",
    ] {
        let answer = add_as(&server, &format!("\r\nauthorization: {other}")).await;
        answer.is_error(401);
        assert_eq!(challenges(&answer), ["bearer realm=\"iib\""], "{other}");
    }
}

#[tokio::test]
async fn a_credential_is_judged_before_the_body_is_looked_at() {
    let (server, token) = server(open()).await;
    let wrong = "\r\nauthorization: Bearer wrong";
    server
        .send("POST", ADD, wrong, "{not json")
        .await
        .is_error(401);
    let right = format!("\r\nauthorization: Bearer {}", token.expose_secret());
    server
        .send("POST", ADD, &right, "{not json")
        .await
        .is_error(415);
}

#[tokio::test]
async fn reading_needs_no_user_and_ignores_credentials() {
    let (server, _) = server(ServerConfig::default()).await;
    for path in ["/", "/api/v1/builds", "/api/v1/healthcheck"] {
        for headers in [
            "\r\nauthorization: Bearer wrong",
            "\r\nauthorization: Bearer a\r\nauthorization: Basic b",
        ] {
            assert_eq!(server.send("GET", path, headers, "").await.status, 200);
        }
    }
    let missing = "/api/v1/builds/999";
    let answer = server
        .send("GET", missing, "\r\nauthorization: Bearer wrong", "")
        .await;
    answer.is_error(404);
}

#[tokio::test]
async fn two_credentials_are_refused_and_both_named() {
    let (server, token) = server(proxied()).await;
    let bearer = format!("\r\nauthorization: Bearer {}", token.expose_secret());
    let both = format!("\r\nx-remote-user: alice{bearer}");
    let text = add_as(&server, &both).await.is_error(400);
    let text = text.to_ascii_lowercase();
    assert!(
        text.contains("x-remote-user") && text.contains("authorization"),
        "{text}"
    );
    let text = add_as(&server, &format!("{bearer}{bearer}"))
        .await
        .is_error(400);
    assert!(text.contains("Authorization"), "{text}");
    // Proxies name nobody for those who did not log in there.
    let answer = add_as(&server, &format!("\r\nx-remote-user: {bearer}")).await;
    assert_eq!(user(&answer), "alice");
}

#[tokio::test]
async fn what_the_proxy_has_judged_is_not_judged_again() {
    let (server, _) = server(proxied()).await;
    let both = "\r\nx-remote-user: carol\r\nauthorization: Basic Y2Fyb2w6c2VjcmV0";
    assert_eq!(user(&add_as(&server, both).await), "carol");
}

#[tokio::test]
async fn a_header_of_somebody_who_is_no_proxy_means_nothing_beside_a_token() {
    let (server, token) = server(ServerConfig::default()).await;
    let bearer = format!("\r\nauthorization: Bearer {}", token.expose_secret());
    let both = format!("\r\nx-remote-user: root{bearer}");
    assert_eq!(user(&add_as(&server, &both).await), "alice");
}

#[tokio::test]
async fn a_network_of_proxies_is_believed() {
    let proxies = |network: &str| ServerConfig {
        trusted_proxies: vec![network.parse().unwrap()],
        ..ServerConfig::default()
    };
    let server = Server::start(proxies("127.0.0.0/8")).await;
    assert_eq!(
        user(&add_as(&server, "\r\nx-remote-user: dora").await),
        "dora"
    );
    let long = format!("\r\nx-remote-user: {}", "x".repeat(256));
    add_as(&server, &long).await.is_error(400);
    let server = Server::start(proxies("10.0.0.0/8")).await;
    add_as(&server, "\r\nx-remote-user: dora")
        .await
        .is_error(401);
}

#[cfg(not(feature = "kerberos"))]
#[tokio::test]
async fn a_program_without_kerberos_says_so_at_the_start() {
    let kerberos = Some(server::KerberosConfig::default());
    let auth = AuthConfig {
        kerberos,
        ..AuthConfig::default()
    };
    let server = Server::start(ServerConfig { auth, ..open() }).await;
    let error = server.running.await.unwrap().unwrap_err();
    let cause = std::error::Error::source(&error).unwrap().to_string();
    assert!(cause.contains("--features kerberos"), "{cause}");
}

#[tokio::test]
async fn credentials_are_in_no_log_and_no_answer() {
    let (log, guard) = Log::start();
    let (server, token) = server(open()).await;
    let wrong = new_token().unwrap();
    let mut answers = String::new();
    for token in [&token, &wrong] {
        let answer = add_with(&server, token.expose_secret()).await;
        answers.push_str(&answer.head);
        answers.push_str(&answer.body);
    }
    let secret = "YWxpY2U6Z2VoZWlt";
    for headers in [
        format!("\r\nauthorization: Basic {secret}"),
        format!("\r\nauthorization: {secret}"),
        format!("\r\nauthorization: Bearer {secret}\r\nauthorization: Bearer {secret}"),
        format!("\r\nx-remote-user: a\r\nauthorization: Bearer {secret}"),
    ] {
        let answer = add_as(&server, &headers).await;
        assert!(answer.status >= 400);
        answers.push_str(&answer.body);
    }
    drop(guard);
    let log = log.text();
    assert!(log.contains("accepted request 1"), "{log}");
    assert!(log.contains("alice"), "who called is logged: {log}");
    let answers = answers.to_ascii_lowercase();
    for secret in [token.expose_secret(), wrong.expose_secret(), secret] {
        assert!(!log.contains(secret), "{log}");
        assert!(!answers.contains(&secret.to_ascii_lowercase()), "{answers}");
    }
}
