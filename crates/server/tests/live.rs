//! Following, cancelling and waiting for requests, and answers that did not change.

#![allow(clippy::unwrap_used, reason = "this is a test, helpers included")]

mod support;

use std::time::Duration;

use files::{Directories, Files};
use serde_json::Value;
use server::ServerConfig;
use store::{State, Update, WorkerId};
use support::{Server, open, payload, proxied};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// The events of a stream that has ended, each as its name and data.
fn events(body: &str) -> Vec<(String, String)> {
    let field = |event: &str, name: &str| {
        event
            .lines()
            .find_map(|line| {
                line.strip_prefix(name)?
                    .strip_prefix(": ")
                    .map(str::to_owned)
            })
            .unwrap_or_default()
    };
    body.split("\n\n")
        .filter(|event| event.contains("event: "))
        .map(|event| (field(event, "event"), field(event, "data")))
        .collect()
}

/// The body of a chunked answer.
fn unchunked(body: &str) -> String {
    let mut rest = body;
    let mut whole = String::new();
    while let Some((size, after)) = rest.split_once("\r\n") {
        let size = usize::from_str_radix(size.trim(), 16).unwrap_or(0);
        whole.push_str(&after[..size.min(after.len())]);
        rest = after.get(size + 2..).unwrap_or_default();
    }
    whole
}

#[tokio::test]
async fn a_stream_of_events_tells_states_and_log_lines_and_ends_with_the_request() {
    let directory = tempfile::tempdir().unwrap();
    let logs = directory.path().to_owned();
    let server = Server::start(ServerConfig {
        files: Files::in_directories(Directories {
            log: Some(logs.clone()),
            ..Directories::default()
        }),
        ..open()
    })
    .await;
    let id = server.add("r/index:1").await["id"].as_i64().unwrap();
    std::fs::write(logs.join(format!("{id}.log")), "one\ntwo\nhalf a li").unwrap();
    let job = server
        .store
        .claim(&WorkerId::random(), Duration::from_mins(1))
        .await
        .unwrap()
        .unwrap();
    let follow = format!("/api/v1/builds/{id}/events");
    let reading = async { server.get(&follow).await };
    let working = async {
        tokio::time::sleep(Duration::from_millis(300)).await;
        std::fs::write(logs.join(format!("{id}.log")), "one\ntwo\nhalf a line\n").unwrap();
        let update = Update {
            state: State::Complete,
            state_reason: "done".into(),
            fields: store::ResultFields::default(),
        };
        server.store.finish(&job.lease, &update).await.unwrap();
    };
    let (answer, ()) = tokio::join!(reading, working);
    assert_eq!(answer.status, 200);
    assert_eq!(answer.header("content-type"), Some("text/event-stream"));
    let seen = events(&unchunked(&answer.body));
    let names: Vec<&str> = seen.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["state", "log", "log", "state", "log", "end"]);
    let lines: Vec<&str> = seen
        .iter()
        .filter(|(name, _)| name == "log")
        .map(|(_, data)| data.as_str())
        .collect();
    assert_eq!(lines, ["one", "two", "half a line"]);
    let whole: Value = serde_json::from_str(&seen.last().unwrap().1).unwrap();
    assert_eq!(
        (&whole["id"], &whole["state"]),
        (&id.into(), &"complete".into())
    );

    // A client that has seen two states and two lines goes on behind them.
    let again = server
        .send("GET", &follow, "\r\nlast-event-id: 2-8", "")
        .await;
    let names: Vec<String> = events(&unchunked(&again.body))
        .into_iter()
        .map(|(name, _)| name)
        .collect();
    assert_eq!(names, ["log", "end"]);
    server.get("/api/v1/builds/99/events").await.is_error(404);
}

#[tokio::test]
async fn a_stream_ends_when_the_server_is_to_end() {
    let server = Server::start(open()).await;
    let id = server.add("r/index:1").await["id"].as_i64().unwrap();
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    let head = format!("GET /api/v1/builds/{id}/events HTTP/1.1\r\nhost: x\r\n\r\n");
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut some = [0; 64];
    assert!(stream.read(&mut some).await.unwrap() > 0);
    server.shutdown.cancel();
    tokio::time::timeout(Duration::from_secs(10), server.running)
        .await
        .expect("no stream keeps the server from ending")
        .unwrap()
        .unwrap();
}

#[tokio::test]
async fn a_cancelled_request_has_failed_and_its_worker_has_lost_it() {
    let server = Server::start(open()).await;
    let id = server.add("r/index:1").await["id"].as_i64().unwrap();
    let job = server
        .store
        .claim(&WorkerId::random(), Duration::from_mins(1))
        .await
        .unwrap()
        .unwrap();
    let path = format!("/api/v1/builds/{id}/cancel");
    let answer = server.post(&path, &Value::Null).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    let answer = answer.json();
    assert_eq!(answer["state"], "failed");
    assert!(
        answer["state_reason"]
            .as_str()
            .unwrap()
            .contains("cancelled by an anonymous caller")
    );
    let renewed = server.store.renew(&job.lease, Duration::from_mins(1)).await;
    assert!(renewed.unwrap_err().is_job_lost());
    server.post(&path, &Value::Null).await.is_error(409);
    server
        .post("/api/v1/builds/99/cancel", &Value::Null)
        .await
        .is_error(404);
    server.get(&path).await.is_error(405);
}

#[tokio::test]
async fn a_request_is_cancelled_by_its_user_or_a_worker_alone() {
    let server = Server::start(ServerConfig {
        worker_usernames: ["worker".to_owned()].into(),
        ..proxied()
    })
    .await;
    for (by, status) in [("mallory", 403), ("alice", 200), ("worker", 200)] {
        let id = server
            .post_as("alice", "/api/v1/builds/add", &payload("r/index:1"))
            .await
            .json()["id"]
            .clone();
        let path = format!("/api/v1/builds/{id}/cancel");
        server.post(&path, &Value::Null).await.is_error(401);
        let answer = server.post_as(by, &path, &Value::Null).await;
        assert_eq!(answer.status, status, "{by}: {}", answer.body);
    }
}

#[tokio::test]
async fn a_request_knows_its_place_in_the_queue() {
    let server = Server::start(open()).await;
    let mut ids = Vec::new();
    for _ in 0..3 {
        ids.push(server.add("r/index:1").await["id"].as_i64().unwrap());
    }
    let ask = async |id: i64| {
        server
            .get(&format!("/api/v1/builds/{id}/queue"))
            .await
            .json()
    };
    let last = ask(ids[2]).await;
    assert_eq!(
        (&last["status"], &last["position"]),
        (&"waiting".into(), &3.into())
    );
    assert_eq!(last["before"], serde_json::json!([ids[0], ids[1]]));
    assert_eq!(last["estimated_start"], Value::Null, "nothing is known yet");

    server.pass(Duration::from_secs(10));
    let ended = server.end_oldest(State::Complete).await;
    assert_eq!(ended, ids[0]);
    assert_eq!(ask(ended).await["status"], "ended");
    server
        .store
        .claim(&WorkerId::random(), Duration::from_mins(1))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(ask(ids[1]).await["status"], "running");
    let last = ask(ids[2]).await;
    assert_eq!(
        (&last["position"], &last["running"]),
        (&1.into(), &1.into())
    );
    assert!(last["estimated_start"].is_string(), "{last}");
    server.get("/api/v1/builds/99/queue").await.is_error(404);
}

#[tokio::test]
async fn an_answer_that_the_caller_has_is_not_sent_again() {
    let server = Server::start(open()).await;
    let id = server.add("r/index:1").await["id"].as_i64().unwrap();
    for path in [format!("/api/v1/builds/{id}"), "/api/v1/builds".to_owned()] {
        let first = server.get(&path).await;
        let tag = first.header("etag").expect("a tag").to_owned();
        let headers = format!("\r\nif-none-match: {tag}");
        let again = server.send("GET", &path, &headers, "").await;
        assert_eq!((again.status, again.body.as_str()), (304, ""), "{path}");
        assert_eq!(again.header("etag"), Some(tag.as_str()));
    }
    let path = format!("/api/v1/builds/{id}");
    let tag = server.get(&path).await.header("etag").unwrap().to_owned();
    server.end_oldest(State::Failed).await;
    let changed = server
        .send("GET", &path, &format!("\r\nif-none-match: {tag}"), "")
        .await;
    assert_eq!(changed.status, 200);
    assert_ne!(changed.header("etag"), Some(tag.as_str()));
}
