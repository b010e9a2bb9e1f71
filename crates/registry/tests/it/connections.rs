//! Connections: idle ones, the end, and the log of what was served.

use std::time::Duration;

use registry::{Fault, Rule};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::support::{Fixture, digest, header};

const SOON: Duration = Duration::from_secs(10);

#[tokio::test]
async fn silent_clients_lose_their_connection() {
    let fixture =
        Fixture::start_with(|config| config.idle_timeout = Duration::from_millis(50)).await;
    let upload = "POST /v2/a/blobs/uploads/?digest=sha256:0 HTTP/1.1\r\nhost: a\r\ncontent-length: 9\r\n\r\nhalf";
    for begun in ["", "GET /v2/ HT", upload] {
        let mut stream = TcpStream::connect(fixture.running.addr()).await.unwrap();
        stream.write_all(begun.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        // Closed or reset: both are the end.
        let ended = timeout(SOON, stream.read_to_end(&mut answer)).await;
        assert!(ended.is_ok(), "still open after `{begun}`");
    }
    assert_eq!(fixture.get("/v2/").await.status(), 200);
}

#[tokio::test]
async fn connections_beyond_the_limit_wait_their_turn() {
    let fixture = Fixture::start_with(|config| {
        config.max_connections = 1;
        config.idle_timeout = Duration::from_millis(50);
    })
    .await;
    let _silent = TcpStream::connect(fixture.running.addr()).await.unwrap();
    let answer = timeout(SOON, fixture.get("/v2/")).await.unwrap();
    assert_eq!(answer.status(), 200);
}

#[tokio::test]
async fn shutting_down_lets_requests_finish_and_breaks_off_those_that_do_not() {
    let fixture = Fixture::start_with(|config| config.shutdown_grace = SOON).await;
    let blob = fixture.push_blob("a", &[7; 2000]).await;
    let slow = Fault::Slow {
        chunk_bytes: 500,
        delay: Duration::from_millis(20),
    };
    fixture.running.faults().add(Rule::new("/blobs/", slow));
    fixture
        .running
        .faults()
        .add(Rule::new("/stalled", Fault::Stall));
    let stalled = tokio::spawn(fixture.request(reqwest::Method::GET, "/v2/stalled").send());
    let got = fixture.get(&format!("/v2/a/blobs/{blob}")).await;
    while !fixture
        .running
        .log()
        .entries()
        .iter()
        .any(|entry| entry.path == "/v2/stalled")
    {
        tokio::task::yield_now().await;
    }
    let (ended, bytes) = tokio::join!(timeout(SOON, fixture.running.shutdown()), got.bytes());
    ended.expect("shutting down is bounded").unwrap();
    assert_eq!(bytes.unwrap().len(), 2000);
    assert!(stalled.await.unwrap().is_err());
}

#[tokio::test]
async fn the_log_has_what_was_served() {
    let fixture = Fixture::start().await;
    let blob = fixture.push_blob("a", b"counted").await;
    fixture.running.log().clear();
    fixture.push_blob("a", b"counted").await;
    fixture
        .get(&format!("/v2/a/blobs/{blob}"))
        .await
        .bytes()
        .await
        .unwrap();
    fixture
        .head(&format!("/v2/a/blobs/{}", digest(b"absent")))
        .await;
    let served: Vec<String> = fixture
        .running
        .log()
        .entries()
        .iter()
        .map(|e| {
            format!(
                "{} {} {} {}",
                e.method,
                e.status.map_or(0, |s| s.as_u16()),
                e.bytes_in,
                e.bytes_out
            )
        })
        .collect();
    assert_eq!(served, ["POST 201 7 0", "GET 200 0 7", "HEAD 404 0 0"]);
    let totals = fixture.running.log().totals();
    assert_eq!(
        (totals.requests, totals.bytes_in, totals.bytes_out),
        (3, 7, 7)
    );
    assert_eq!(
        fixture.running.log().entries()[1].path,
        format!("/v2/a/blobs/{blob}")
    );
}

#[tokio::test]
async fn an_upload_keeps_what_came_before_its_client_went_away() {
    let fixture = Fixture::start().await;
    let upload = fixture.open_upload("a").await;
    let mut stream = TcpStream::connect(fixture.running.addr()).await.unwrap();
    let head = format!("PATCH {upload} HTTP/1.1\r\nhost: a\r\ncontent-length: 1000\r\n\r\n");
    stream.write_all(head.as_bytes()).await.unwrap();
    stream.write_all(&[1; 500]).await.unwrap();
    drop(stream);
    let kept = async {
        while header(&fixture.get(&upload).await, "range") != "0-499" {
            tokio::task::yield_now().await;
        }
    };
    timeout(SOON, kept).await.expect("the bytes are kept");
}
