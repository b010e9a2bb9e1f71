//! How callers prove who they are, and what they may do then.

#![allow(clippy::unwrap_used, reason = "this is a test, helpers included")]

mod issuer;
mod log;
mod oidc;
mod oidc_claims;
mod rights;
mod tokens;

#[path = "../support/mod.rs"]
mod support;

use serde_json::Value;
use support::{Answer, Server, payload};

const ADD: &str = "/api/v1/builds/add";

/// Submits as the bearer of `token`.
async fn add_with(server: &Server, token: &str) -> Answer {
    add_as(server, &format!("\r\nauthorization: Bearer {token}")).await
}

/// Submits with `headers`.
async fn add_as(server: &Server, headers: &str) -> Answer {
    let headers = format!("\r\ncontent-type: application/json{headers}");
    let body = payload("r/index:1").to_string();
    server.send("POST", ADD, &headers, &body).await
}

/// The user of an accepted request.
#[track_caller]
fn user(answer: &Answer) -> Value {
    assert_eq!(answer.status, 201, "{}", answer.body);
    answer.json()["user"].clone()
}

/// The ways that a 401 names.
fn challenges(answer: &Answer) -> Vec<&str> {
    let lines = answer.head.lines();
    lines
        .filter_map(|line| line.strip_prefix("www-authenticate: "))
        .collect()
}
