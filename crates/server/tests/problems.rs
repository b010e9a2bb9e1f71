//! Errors in the two forms: the contract's, and RFC 9457 for callers that name it.

#![allow(clippy::unwrap_used, reason = "this is a test, helpers included")]

mod support;

use std::time::Duration;

use serde_json::{Value, json};
use server::ServerConfig;
use support::{Answer, Server, open, proxied};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

const ADD: &str = "/api/v1/builds/add";
const JSON: &str = "\r\ncontent-type: application/json";
const ACCEPT: &str = "\r\naccept: application/json, application/problem+json\r\nx-request-id: r-1";

/// Sends the same request twice, and gives the problem after checking that both forms say the same.
async fn problem(server: &Server, method: &str, path: &str, headers: &str, body: &str) -> Value {
    let plain = server.send(method, path, headers, body).await;
    let error = plain.is_error(plain.status);
    let headers = format!("{headers}{ACCEPT}");
    let answer = server.send(method, path, &headers, body).await;
    assert_eq!(answer.status, plain.status);
    assert_eq!(answer.header("vary"), Some("accept"));
    assert_eq!(answer.header("allow"), plain.header("allow"));
    assert_eq!(
        answer.header("content-length"),
        Some(answer.body.len().to_string().as_str())
    );
    let problem = parse(&answer);
    assert_eq!(problem["status"], plain.status);
    assert_eq!(problem["detail"], error);
    assert_eq!(problem["instance"], "r-1");
    let code = problem["code"].as_str().unwrap();
    assert_eq!(problem["type"], format!("urn:iib:problem:{code}"));
    assert!(!problem["title"].as_str().unwrap().is_empty());
    problem
}

fn parse(answer: &Answer) -> Value {
    assert_eq!(
        answer.header("content-type"),
        Some("application/problem+json"),
        "{}",
        answer.head
    );
    serde_json::from_str(&answer.body).unwrap()
}

#[tokio::test]
async fn every_kind_of_error_has_a_code() {
    let server = Server::start(ServerConfig {
        max_body_bytes: 1000,
        ..open()
    })
    .await;
    let id = server.add("r/index:1").await["id"].to_string();
    let of_request = |rest: &str| format!("/api/v1/builds/{id}{rest}");
    let deep = format!("{{\"a\":{}", "[".repeat(64));
    let long = " ".repeat(1001);
    for (method, path, headers, body, code) in [
        ("GET", "/nope", "", "", "unknown-path"),
        ("GET", "/api/v1/builds/987654", "", "", "unknown-request"),
        ("GET", "/api/v1/builds/abc", "", "", "unknown-request"),
        ("GET", "/api/v1/builds?page=2", "", "", "unknown-page"),
        ("GET", "/api/v1/builds?state=x", "", "", "invalid-parameter"),
        (
            "GET",
            "/api/v1/builds?index_image=x",
            "",
            "",
            "invalid-parameter",
        ),
        (
            "GET",
            "/api/v1/builds",
            "\r\nhost: b",
            "",
            "malformed-request",
        ),
        ("GET", &of_request("/logs"), "", "", "not-kept"),
        ("PUT", ADD, "", "", "method-not-allowed"),
        ("DELETE", &of_request(""), "", "", "method-not-allowed"),
        ("POST", ADD, "", "{}", "unsupported-media-type"),
        ("POST", ADD, JSON, "{not json", "malformed-body"),
        ("POST", ADD, JSON, "[]", "malformed-body"),
        ("POST", ADD, JSON, &long, "body-too-large"),
        ("POST", ADD, JSON, &deep, "body-too-deep"),
        ("POST", ADD, JSON, "{}", "invalid-payload"),
    ] {
        let problem = problem(&server, method, path, headers, body).await;
        assert_eq!(problem["code"], code, "{method} {path}");
        assert_eq!(problem.get("problems").is_some(), code == "invalid-payload");
    }

    let server = Server::start(proxied()).await;
    let unknown = problem(&server, "POST", ADD, JSON, "{}").await;
    assert_eq!(unknown["code"], "unauthenticated");
    server.store.clone().close().await.unwrap();
    let broken = problem(&server, "GET", "/api/v1/healthcheck", "", "").await;
    assert_eq!(broken["code"], "internal");
}

#[tokio::test]
async fn a_refused_payload_is_explained_parameter_by_parameter() {
    let server = Server::start(open()).await;
    let body = json!({"bundles": "r/bundle:1", "build_tags": 3, "binary_image": "r/opm:1"});
    let problem = problem(&server, "POST", ADD, JSON, &body.to_string()).await;
    let problems = problem["problems"].as_array().unwrap();
    let fields: Vec<&str> = problems
        .iter()
        .map(|problem| problem["field"].as_str().unwrap())
        .collect();
    assert!(fields.contains(&"bundles") && fields.contains(&"build_tags"));
    for problem in problems {
        assert!(!problem["message"].as_str().unwrap().is_empty());
        assert_eq!(problem.as_object().unwrap().len(), 2);
    }
}

#[tokio::test]
async fn a_request_that_takes_too_long_is_a_problem_too() {
    let server = Server::start(ServerConfig {
        request_timeout: Duration::from_millis(50),
        ..open()
    })
    .await;
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    let head = format!(
        "POST {ADD} HTTP/1.1\r\nhost: a{JSON}{ACCEPT}\r\nconnection: close\r\ncontent-length: 10\r\n\r\n{{"
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("HTTP/1.1 503 "), "{head}");
    let problem: Value = serde_json::from_str(body).unwrap();
    assert_eq!(problem["code"], "timed-out");
}

#[tokio::test]
async fn an_error_without_a_body_announces_the_length_of_its_form() {
    let server = Server::start(open()).await;
    let get = server.send("GET", "/nope", ACCEPT, "").await;
    let head = server.send("HEAD", "/nope", ACCEPT, "").await;
    assert_eq!((head.status, head.body.as_str()), (404, ""));
    assert_eq!(head.header("content-type"), get.header("content-type"));
    assert_eq!(head.header("content-length"), get.header("content-length"));
}
