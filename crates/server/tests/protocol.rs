//! What holds for every endpoint: paths, methods, headers, errors, the way to stop.

#![allow(clippy::unwrap_used, reason = "this is a test, helpers included")]

mod support;

use std::time::Duration;

use server::ServerConfig;
use support::{Server, open, payload, proxied};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

const ADD: &str = "/api/v1/builds/add";
const JSON: &str = "\r\ncontent-type: application/json";

#[tokio::test]
async fn unknown_paths_and_ids_are_404_and_wrong_methods_405() {
    let server = Server::start(open()).await;
    let id = server.add("r/index:1").await["id"].to_string();
    for path in [
        "/nope",
        "/api/v1",
        "/api/v1/nope",
        "/api/v1/builds/",
        "/api/v1/healthcheck/",
        "/api/v1/builds/1/nope",
        "/api/v1/builds/add/",
    ] {
        server.get(path).await.is_error(404);
    }
    for id in [
        "abc",
        "-1",
        "1.5",
        "0",
        "+1",
        "%31x",
        "%ff",
        "987654321",
        "9223372036854775808",
        "99999999999999999999999999",
    ] {
        server
            .get(&format!("/api/v1/builds/{id}"))
            .await
            .is_error(404);
        server
            .get(&format!("/api/v1/builds/{id}/logs"))
            .await
            .is_error(404);
    }
    assert_eq!(
        server.get(&format!("/api/v1/builds/000{id}")).await.json()["id"].to_string(),
        id
    );
    for (method, path) in [
        ("GET", ADD),
        ("PUT", ADD),
        ("POST", "/api/v1/builds"),
        ("DELETE", "/api/v1/builds/1"),
        ("POST", "/"),
        ("POST", "/api/v1/builds/1/logs"),
    ] {
        let answer = server.send(method, path, "", "").await;
        answer.is_error(405);
        assert!(answer.header("allow").is_some(), "{method} {path}");
    }
    server
        .send("POST", "/api/v1/builds/typo", JSON, "{}")
        .await
        .is_error(404);
}

#[tokio::test]
async fn head_is_get_without_a_body() {
    let server = Server::start(open()).await;
    for path in ["/", "/api/v1/healthcheck", "/api/v1/builds"] {
        let (get, head) = (
            server.get(path).await,
            server.send("HEAD", path, "", "").await,
        );
        assert_eq!((head.status, head.body.as_str()), (200, ""), "{path}");
        assert_eq!(head.header("content-type"), get.header("content-type"));
        assert_eq!(
            head.header("content-length"),
            Some(get.body.len().to_string().as_str())
        );
    }
    assert_eq!(
        server.get("/api/v1/healthcheck").await.body,
        r#"{"status":"Health check OK"}"#
    );
    assert!(
        server
            .get("/")
            .await
            .header("content-type")
            .unwrap()
            .starts_with("text/html")
    );
}

#[tokio::test]
async fn bodies_are_json_objects_of_bounded_size_and_depth() {
    let server = Server::start(ServerConfig {
        max_body_bytes: 1000,
        ..open()
    })
    .await;
    for content_type in [
        "",
        "\r\ncontent-type: text/plain",
        "\r\ncontent-type: application/jsonp",
        "\r\ncontent-type: application/x-www-form-urlencoded",
    ] {
        server
            .send("POST", ADD, content_type, "{not json")
            .await
            .is_error(415);
    }
    for body in [
        "{not json",
        "{\"a\":1,}",
        "",
        "[]",
        "\"text\"",
        "null",
        "3",
        "[{}]",
        "{}{}",
    ] {
        server.send("POST", ADD, JSON, body).await.is_error(400);
    }
    let nested = |depth: usize| format!("{{\"a\":{}{}}}", "[".repeat(depth), "]".repeat(depth));
    let error = server.send("POST", ADD, JSON, &nested(64)).await;
    assert!(error.is_error(400).contains("64 levels"));
    let error = server.send("POST", ADD, JSON, &nested(63)).await;
    assert!(
        !error.is_error(400).contains("levels"),
        "the payload's fault"
    );
    server
        .send("POST", ADD, JSON, &" ".repeat(1001))
        .await
        .is_error(413);
    let body = payload("r/index:1").to_string();
    assert_eq!(
        server
            .send(
                "POST",
                ADD,
                "\r\ncontent-type: Application/JSON; charset=utf-8",
                &body
            )
            .await
            .status,
        201
    );
}

#[tokio::test]
async fn a_user_is_needed_before_the_body_is_looked_at() {
    let server = Server::start(proxied()).await;
    server
        .send("POST", ADD, "", "{not json")
        .await
        .is_error(401);
    server.post(ADD, &payload("r/index:1")).await.is_error(401);
    server
        .post_as("", ADD, &payload("r/index:1"))
        .await
        .is_error(401);
    server
        .send("POST", ADD, "\r\nx-remote-user: alice", "{}")
        .await
        .is_error(415);
    let answer = server
        .post_as("alice@EXAMPLE.TEST", ADD, &payload("r/index:1"))
        .await;
    assert_eq!(answer.json()["user"], "alice@EXAMPLE.TEST");
    assert_eq!(
        server.get("/api/v1/builds").await.status,
        200,
        "reading needs no user"
    );
    let twice = "\r\ncontent-type: application/json\r\nx-remote-user: alice\r\nx-remote-user: root";
    server
        .send("POST", ADD, twice, &payload("r/index:1").to_string())
        .await
        .is_error(400);
}

#[tokio::test]
async fn only_trusted_proxies_name_users_and_schemes() {
    let config = ServerConfig {
        trusted_proxies: vec!["192.0.2.1".parse().unwrap()],
        login_disabled: true,
        ..ServerConfig::default()
    };
    let server = Server::start(config).await;
    assert_eq!(
        server
            .post_as("root", ADD, &payload("r/index:1"))
            .await
            .json()["user"],
        serde_json::Value::Null
    );
    let list = server
        .send("GET", "/api/v1/builds", "\r\nx-forwarded-proto: https", "")
        .await
        .json();
    assert!(
        list["meta"]["first"]
            .as_str()
            .unwrap()
            .starts_with("http://iib.example/")
    );

    // Nobody is trusted unasked, not even loopback.
    let server = Server::start(ServerConfig::default()).await;
    server
        .post_as("root", ADD, &payload("r/index:1"))
        .await
        .is_error(401);

    let server = Server::start(open()).await;
    let list = server
        .send("GET", "/api/v1/builds", "\r\nx-forwarded-proto: https", "")
        .await
        .json();
    assert!(
        list["meta"]["first"]
            .as_str()
            .unwrap()
            .starts_with("https://iib.example/")
    );
}

#[tokio::test]
async fn links_use_the_host_that_was_called_and_bad_hosts_are_refused() {
    let server = Server::start(open()).await;
    let first = async |head: &str| {
        server.raw(head, "").await.json()["meta"]["first"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    assert!(
        first("GET /api/v1/builds HTTP/1.1\r\nhost: a.example:81")
            .await
            .starts_with("http://a.example:81/api/v1/builds?")
    );
    assert!(
        first("GET http://b.example/api/v1/builds HTTP/1.1\r\nhost: a.example")
            .await
            .starts_with("http://b.example/")
    );
    assert!(
        first("GET /api/v1/builds HTTP/1.0")
            .await
            .starts_with(&format!("http://{}/", server.address))
    );
    server
        .raw(
            "GET http://user@b.example/api/v1/builds HTTP/1.1\r\nhost: a.example",
            "",
        )
        .await
        .is_error(400);
    for host in ["user@a.example", "a b", "a\"b", ""] {
        server
            .raw(&format!("GET /api/v1/builds HTTP/1.1\r\nhost: {host}"), "")
            .await
            .is_error(400);
    }
}

#[tokio::test]
async fn every_answer_carries_a_request_id() {
    let server = Server::start(open()).await;
    let fresh = server.get("/nope").await;
    assert_eq!(fresh.header("x-request-id").unwrap().len(), 36);
    let kept = server
        .send(
            "GET",
            "/api/v1/healthcheck",
            "\r\nx-request-id: abc-1.2_3",
            "",
        )
        .await;
    assert_eq!(kept.header("x-request-id"), Some("abc-1.2_3"));
    let harmful = format!("\r\nx-request-id: {}", "a".repeat(65));
    assert_eq!(
        server
            .send("GET", "/", &harmful, "")
            .await
            .header("x-request-id")
            .unwrap()
            .len(),
        36
    );
    assert_eq!(
        server
            .send("GET", "/", "\r\nx-request-id: a b", "")
            .await
            .header("x-request-id")
            .unwrap()
            .len(),
        36
    );
}

#[tokio::test]
async fn a_database_that_is_away_is_told_without_details_and_with_the_time_to_come_back() {
    let server = Server::start(open()).await;
    server.store.clone().close().await.unwrap();
    let away = [
        server.get("/api/v1/builds").await,
        server.get("/api/v1/builds/1").await,
        server.get("/api/v1/builds/1/queue").await,
        server.post(ADD, &payload("r/index:1")).await,
    ];
    for answer in away {
        assert!(answer.header("retry-after").is_some(), "{}", answer.head);
        let text = answer.is_error(503).to_lowercase();
        assert!(!text.contains("pool") && !text.contains("sql"), "{text}");
    }
    // Here the contract has its own status.
    server.get("/api/v1/healthcheck").await.is_error(500);
}

#[tokio::test]
async fn a_request_that_takes_too_long_is_given_up() {
    let server = Server::start(ServerConfig {
        request_timeout: Duration::from_millis(50),
        ..open()
    })
    .await;
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    let head = format!(
        "POST {ADD} HTTP/1.1\r\nhost: a{JSON}\r\nconnection: close\r\ncontent-length: 10\r\n\r\n{{"
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(
        answer.starts_with("HTTP/1.1 503 ")
            && answer.contains("\r\nretry-after: ")
            && answer.contains("{\"error\":"),
        "{answer}"
    );
}

#[tokio::test]
async fn a_shutdown_lets_running_requests_end_and_accepts_no_more() {
    let server = Server::start(open()).await;
    let body = payload("r/index:1").to_string();
    let (start, rest) = body.split_at(10);
    let mut stream = running_request(&server, body.len()).await;
    stream.write_all(start.as_bytes()).await.unwrap();

    let idle = TcpStream::connect(server.address).await.unwrap();
    server.shutdown.cancel();
    while TcpStream::connect(server.address).await.is_ok() {
        tokio::task::yield_now().await;
    }
    assert!(!server.running.is_finished(), "a request is running");
    stream.write_all(rest.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 201 "), "{answer}");
    drop(idle);
    stopped(server).await;
}

#[tokio::test]
async fn a_shutdown_does_not_wait_for_ever() {
    let server = Server::start(ServerConfig {
        drain_timeout: Duration::from_millis(50),
        ..open()
    })
    .await;
    let _stream = running_request(&server, 10).await;
    server.shutdown.cancel();
    stopped(server).await;
}

/// A connection on which the server waits for a body of `length` bytes.
async fn running_request(server: &Server, length: usize) -> TcpStream {
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    // The server asks for the body once the handler waits for it, which proves that the request is running.
    let head = format!(
        "POST {ADD} HTTP/1.1\r\nhost: a{JSON}\r\nexpect: 100-continue\r\ncontent-length: {length}\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut go_on = [0; 25];
    stream.read_exact(&mut go_on).await.unwrap();
    assert_eq!(&go_on, b"HTTP/1.1 100 Continue\r\n\r\n");
    stream
}

/// Waits until the server has ended without an error.
async fn stopped(server: Server) {
    tokio::time::timeout(Duration::from_secs(30), server.running)
        .await
        .expect("it stops")
        .unwrap()
        .unwrap();
}
