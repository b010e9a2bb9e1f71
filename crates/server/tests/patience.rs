//! Connections that keep their place without moving. Each test has one place, so that the next caller is served only once the
//! first one has lost it.

#![allow(clippy::unwrap_used, reason = "this is a test, helpers included")]

mod support;

use std::time::Duration;

use server::ServerConfig;
use store::State;
use support::{Server, open};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

fn one_place() -> ServerConfig {
    ServerConfig {
        max_connections: 1,
        ..open()
    }
}

#[tokio::test]
async fn a_connection_that_sends_nothing_is_closed() {
    let server = Server::start(ServerConfig {
        header_timeout: Duration::from_millis(50),
        ..one_place()
    })
    .await;
    let silent = TcpStream::connect(server.address).await.unwrap();
    assert_eq!(server.get("/api/v1/healthcheck").await.status, 200);
    drop(silent);
}

#[tokio::test]
async fn a_connection_that_idles_after_a_request_is_closed() {
    let server = Server::start(ServerConfig {
        header_timeout: Duration::from_millis(50),
        ..one_place()
    })
    .await;
    let mut idle = TcpStream::connect(server.address).await.unwrap();
    let head = "GET /api/v1/healthcheck HTTP/1.1\r\nhost: a\r\n\r\n";
    idle.write_all(head.as_bytes()).await.unwrap();
    assert_eq!(idle.read_u8().await.unwrap(), b'H', "it was answered");
    assert_eq!(server.get("/api/v1/healthcheck").await.status, 200);
    drop(idle);
}

#[tokio::test]
async fn a_caller_that_does_not_read_its_answer_is_cut_off() {
    let logs = tempfile::tempdir().unwrap();
    let server = Server::start(ServerConfig {
        write_timeout: Duration::from_millis(50),
        files: support::kept_in(logs.path()),
        ..one_place()
    })
    .await;
    server.add("r/index:1").await;
    let id = server.end_oldest(State::Complete).await;
    // More than the buffers of both ends take.
    let log = std::fs::File::create(logs.path().join(format!("{id}.log"))).unwrap();
    log.set_len(64 * 1024 * 1024).unwrap();

    let mut lazy = TcpStream::connect(server.address).await.unwrap();
    let head = format!("GET /api/v1/builds/{id}/logs HTTP/1.1\r\nhost: a\r\n\r\n");
    lazy.write_all(head.as_bytes()).await.unwrap();
    assert_eq!(server.get("/api/v1/healthcheck").await.status, 200);
    drop(lazy);
}

#[tokio::test]
async fn a_caller_that_goes_away_in_the_middle_leaves_its_place_and_no_request() {
    let server = Server::start(one_place()).await;
    let mut lost = TcpStream::connect(server.address).await.unwrap();
    let head = "POST /api/v1/builds/add HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\ncontent-length: 500\r\n\r\n{";
    lost.write_all(head.as_bytes()).await.unwrap();
    drop(lost);
    let found = server.get("/api/v1/builds").await.json();
    assert_eq!(found["meta"]["total"], 0);
}
