//! How often callers may ask.

#![allow(clippy::unwrap_used, reason = "this is a test, helpers included")]

mod support;

use std::num::NonZeroU32;

use server::{LiveConfig, RequestRate, ServerConfig};
use support::{Answer, Server, open};

const LIST: &str = "/api/v1/builds";

fn rate(burst: u32) -> RequestRate {
    RequestRate {
        per_minute: NonZeroU32::MIN,
        burst: NonZeroU32::new(burst).unwrap(),
    }
}

#[track_caller]
fn assert_told_to_wait(answer: &Answer) {
    answer.is_error(429);
    let wait: u64 = answer.header("retry-after").unwrap().parse().unwrap();
    assert!((1..=60).contains(&wait), "{wait}");
}

#[tokio::test]
async fn users_and_addresses_have_allowances_of_their_own() {
    let server = Server::start(ServerConfig {
        user_rate: Some(rate(2)),
        anonymous_rate: Some(rate(1)),
        ..open()
    })
    .await;
    let ask = async |headers: &str| server.send("GET", LIST, headers, "").await;
    let (alice, bob) = ("\r\nx-remote-user: alice", "\r\nx-remote-user: bob");
    for _ in 0..2 {
        assert_eq!(ask(alice).await.status, 200);
    }
    assert_told_to_wait(&ask(alice).await);
    assert_eq!(ask(bob).await.status, 200, "another user");

    let at = |address: &str| format!("\r\nx-forwarded-for: {address}");
    assert_eq!(ask(&at("2001:db8::1")).await.status, 200);
    assert_told_to_wait(&ask(&at("2001:db8::ffff:2")).await);
    assert_eq!(ask(&at("2001:db8:0:1::1")).await.status, 200);
    assert_eq!(ask(&at("203.0.113.9")).await.status, 200);
    assert_told_to_wait(&ask(&at("203.0.113.9")).await);
    assert_eq!(ask("").await.status, 200, "the proxy itself");
    assert_told_to_wait(&ask("").await);
}

#[tokio::test]
async fn everything_counts_but_the_healthcheck_and_a_refusal_has_every_form() {
    let server = Server::start(ServerConfig {
        anonymous_rate: Some(rate(1)),
        ..open()
    })
    .await;
    server.get("/nope").await.is_error(404);
    assert_told_to_wait(&server.send("POST", "/api/v1/builds/add", "", "{}").await);
    for _ in 0..3 {
        assert_eq!(server.get("/api/v1/healthcheck").await.status, 200);
    }
    let accept = "\r\naccept: application/problem+json";
    let problem = server.send("GET", LIST, accept, "").await;
    assert_eq!(problem.status, 429);
    assert!(problem.body.contains("\"code\":\"too-many-requests\""));
    assert!(problem.header("retry-after").is_some());
    assert!(problem.header("x-request-id").is_some());
    let user = "\r\nx-remote-user: alice";
    assert_eq!(server.send("GET", LIST, user, "").await.status, 200);
}

#[tokio::test]
async fn a_changed_rate_starts_anew_and_none_limits_nobody() {
    let config = LiveConfig::new(ServerConfig {
        anonymous_rate: Some(rate(1)),
        ..open()
    });
    let server = Server::start(config.clone()).await;
    assert_eq!(server.get(LIST).await.status, 200);
    assert_told_to_wait(&server.get(LIST).await);
    config.replace(ServerConfig {
        anonymous_rate: Some(rate(2)),
        ..open()
    });
    assert_eq!(server.get(LIST).await.status, 200);
    assert_eq!(server.get(LIST).await.status, 200);
    assert_told_to_wait(&server.get(LIST).await);
    config.replace(open());
    for _ in 0..100 {
        assert_eq!(server.get(LIST).await.status, 200);
    }
}
