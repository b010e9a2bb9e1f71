//! A configuration replaced while the server runs.

#![allow(clippy::unwrap_used, reason = "this is a test, helpers included")]

mod support;

use server::{LiveConfig, ServerConfig};
use support::{Server, open, payload, proxied};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

const ADD: &str = "/api/v1/builds/add";

#[tokio::test]
async fn a_replaced_configuration_holds_for_requests_that_begin_afterwards() {
    let config = LiveConfig::new(open());
    let server = Server::start(config.clone()).await;
    server.add("r/index:1").await;
    server.add("r/index:1").await;
    let mut kept = TcpStream::connect(server.address).await.unwrap();
    let per_page = async |stream: &mut TcpStream| {
        let head = "GET /api/v1/builds HTTP/1.1\r\nhost: a\r\n\r\n";
        stream.write_all(head.as_bytes()).await.unwrap();
        let mut answer = String::new();
        while !answer.ends_with('}') {
            let mut buffer = [0; 4096];
            let length = stream.read(&mut buffer).await.unwrap();
            assert_ne!(length, 0, "{answer}");
            answer.push_str(std::str::from_utf8(&buffer[..length]).unwrap());
        }
        let (_, body) = answer.split_once("\r\n\r\n").unwrap();
        let body: serde_json::Value = serde_json::from_str(body).unwrap();
        body["meta"]["per_page"].clone()
    };
    assert_eq!(per_page(&mut kept).await, 20);

    config.replace(ServerConfig {
        max_per_page: 1,
        ..proxied()
    });
    assert_eq!(per_page(&mut kept).await, 1, "on a connection that is open");
    server.post(ADD, &payload("r/index:1")).await.is_error(401);
    config.replace(open());
    server.add("r/index:1").await;
}
