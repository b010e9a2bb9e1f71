//! Submits while the broker is away that has to take them (section 6.6). That one which is there takes them is seen in `iib`'s tests.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on shall panic")]

mod support;

use std::time::Duration;

use queue::{Broker, Topology};
use serde_json::{Value, json};
use server::{Queues, ServerConfig, Target};
use store::{Choice, WorkerId};
use support::{Server, open};
use tokio::net::TcpListener;

/// A broker at a port that was free a moment ago.
async fn nobody() -> Broker {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let url = format!("amqp://user:s3cr3t@{address}").parse().unwrap();
    Broker::new(url, Topology::new("iib.", []).unwrap())
}

async fn server() -> Server {
    let target = Target::One("alices".to_owned());
    Server::start(ServerConfig {
        hand_over: Some(nobody().await),
        queues: Queues::new([("alice".parse().unwrap(), target)].into()),
        ..open()
    })
    .await
}

fn rm() -> Value {
    json!({"operators": ["op"], "from_index": "r/i:1", "binary_image": "r/o:1"})
}

async fn reason(server: &Server, id: i64) -> (store::State, String) {
    let view = server.store.request(id).await.unwrap().unwrap();
    (view.state, view.state_reason)
}

#[tokio::test]
async fn what_cannot_be_handed_over_fails_with_the_queue_in_its_reason_and_stays_readable() {
    let server = server().await;
    let text = server.post("/api/v1/builds/rm", &rm()).await.is_error(500);
    assert!(
        text.contains("request 1") && !text.contains("s3cr3t"),
        "{text}"
    );
    let (state, text) = reason(&server, 1).await;
    assert_eq!(state, store::State::Failed);
    assert!(
        text.contains("`default`") && text.contains("submit it again"),
        "{text}"
    );

    let answer = server.post_as("alice", "/api/v1/builds/rm", &rm()).await;
    answer.is_error(500);
    let (_, text) = reason(&server, 2).await;
    assert!(text.contains("`alices`"), "{text}");
    assert_eq!(server.get("/api/v1/builds/2").await.status, 200);
    let nothing = server
        .store
        .claim_one_of(&Choice::Any, &WorkerId::random(), Duration::from_secs(1))
        .await;
    assert!(nothing.unwrap().is_none(), "no worker gets it later");
}

#[tokio::test]
async fn a_submit_that_came_to_nothing_may_come_again_with_its_key() {
    let server = server().await;
    let headers = "\r\ncontent-type: application/json\r\nidempotency-key: k";
    let batch = json!({"build_requests": [rm(), rm()]}).to_string();
    for (path, body, requests) in [
        ("rm", rm().to_string(), ["request 1", "request 2"]),
        ("add-rm-batch", batch, ["requests 3, 4", "requests 5, 6"]),
    ] {
        for expected in requests {
            let path = format!("/api/v1/builds/{path}");
            let answer = server.send("POST", &path, headers, &body).await;
            let text = answer.is_error(500);
            assert!(text.contains(expected), "{text}");
        }
    }
}

#[tokio::test]
async fn of_a_batch_all_that_is_left_fails() {
    let server = server().await;
    let batch = json!({"build_requests": [rm(), rm(), rm()]});
    let answer = server.post("/api/v1/builds/add-rm-batch", &batch).await;
    let text = answer.is_error(500);
    assert!(text.contains("requests 1, 2, 3"), "{text}");
    for id in 1..=3 {
        assert_eq!(
            reason(&server, id).await.0,
            store::State::Failed,
            "request {id}"
        );
    }
}

#[tokio::test]
async fn the_problem_has_a_code_of_its_own_and_a_bad_payload_comes_first() {
    let server = server().await;
    let headers = "\r\ncontent-type: application/json\r\naccept: application/problem+json";
    let answer = server
        .send("POST", "/api/v1/builds/rm", headers, &rm().to_string())
        .await;
    assert_eq!(answer.status, 500, "{}", answer.body);
    let body: Value = serde_json::from_str(&answer.body).unwrap();
    assert_eq!(body["code"], "queue-unreachable", "{body}");
    server
        .post("/api/v1/builds/rm", &json!({}))
        .await
        .is_error(400);
    assert!(server.store.request(2).await.unwrap().is_none());
}
