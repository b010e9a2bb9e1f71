//! What browsers are told about answers.

#![allow(clippy::unwrap_used, reason = "this is a test, helpers included")]

mod support;

use std::collections::BTreeSet;

use server::ServerConfig;
use support::{Server, open};

const LIST: &str = "/api/v1/builds";
const ASK: &str =
    "\r\naccess-control-request-method: POST\r\naccess-control-request-headers: content-type";

fn origin(site: &str) -> String {
    format!("\r\norigin: {site}")
}

#[tokio::test]
async fn every_answer_keeps_browsers_in_bounds() {
    let server = Server::start(open()).await;
    for (method, path) in [
        ("GET", "/"),
        ("GET", LIST),
        ("HEAD", LIST),
        ("GET", "/nope"),
        ("POST", LIST),
        ("POST", "/api/v1/builds/add"),
    ] {
        let answer = server.send(method, path, "", "").await;
        for (name, value) in [
            ("x-content-type-options", "nosniff"),
            ("cache-control", "no-store"),
            ("referrer-policy", "no-referrer"),
            ("x-frame-options", "deny"),
        ] {
            assert_eq!(answer.header(name), Some(value), "{method} {path}");
        }
        let policy = answer.header("content-security-policy").unwrap();
        assert!(policy.contains("default-src 'none'") && policy.contains("frame-ancestors 'none'"));
        assert!(!answer.head.contains("access-control-"));
    }
}

#[tokio::test]
async fn other_sites_may_not_call_unless_configured() {
    let server = Server::start(open()).await;
    let ask = format!("{}{ASK}", origin("https://console.example"));
    let answer = server.send("OPTIONS", LIST, &ask, "").await;
    answer.is_error(405);
    assert!(!answer.head.contains("access-control-"), "{}", answer.head);
}

#[tokio::test]
async fn a_configured_site_may_call_and_no_other() {
    let site = "https://console.example";
    let server = Server::start(ServerConfig {
        cors_origins: BTreeSet::from([site.parse().unwrap()]),
        ..open()
    })
    .await;
    let asked = server
        .send("OPTIONS", LIST, &format!("{}{ASK}", origin(site)), "")
        .await;
    assert_eq!(asked.status, 200);
    assert_eq!(asked.header("access-control-allow-origin"), Some(site));
    assert!(
        asked
            .header("access-control-allow-methods")
            .unwrap()
            .contains("patch")
    );
    assert!(
        asked
            .header("access-control-allow-headers")
            .unwrap()
            .contains("content-type")
    );
    assert_eq!(asked.header("access-control-allow-credentials"), None);
    for path in [LIST, "/nope"] {
        let answer = server.send("GET", path, &origin(site), "").await;
        assert_eq!(answer.header("access-control-allow-origin"), Some(site));
        assert!(
            answer
                .header("access-control-expose-headers")
                .unwrap()
                .contains("x-request-id")
        );
        assert!(answer.head.contains("\r\nvary: origin"), "{}", answer.head);
    }
    for other in [
        "https://console.example.evil",
        "http://console.example",
        "null",
    ] {
        let ask = format!("{}{ASK}", origin(other));
        for (method, headers) in [("OPTIONS", &ask), ("GET", &origin(other))] {
            let answer = server.send(method, LIST, headers, "").await;
            assert_eq!(
                answer.header("access-control-allow-origin"),
                None,
                "{other}"
            );
        }
    }
}
