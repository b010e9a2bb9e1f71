//! `Idempotency-Key`, and identical submits that are joined.

#![allow(clippy::unwrap_used, reason = "this is a test, helpers included")]

mod support;

use std::time::Duration;

use serde_json::{Value, json};
use server::{LiveConfig, ServerConfig};
use store::State;
use support::{Answer, Server, open, payload, proxied};

const ADD: &str = "/api/v1/builds/add";
const BATCH: &str = "/api/v1/builds/add-rm-batch";
const REPLAYED: &str = "idempotent-replayed";

/// Sends a submit with a key, as `user` or as nobody.
async fn submit(server: &Server, user: &str, key: &str, path: &str, body: &Value) -> Answer {
    let user = match user {
        "" => String::new(),
        user => format!("\r\nx-remote-user: {user}"),
    };
    let headers = format!("\r\ncontent-type: application/json\r\nidempotency-key: {key}{user}");
    server.send("POST", path, &headers, &body.to_string()).await
}

fn batch(items: &[Value]) -> Value {
    json!({"build_requests": items, "annotations": {"release": "4.19"}})
}

async fn total(server: &Server) -> u64 {
    let list = server.get("/api/v1/builds").await.json();
    list["meta"]["total"].as_u64().unwrap()
}

#[tokio::test]
async fn a_submit_that_comes_again_is_answered_with_its_request() {
    let server = Server::start(open()).await;
    let first = submit(&server, "", "k", ADD, &payload("r/i:1")).await;
    assert_eq!((first.status, first.header(REPLAYED)), (201, None));
    let again = submit(&server, "", "k", ADD, &payload("r/i:1")).await;
    assert_eq!((again.status, again.header(REPLAYED)), (201, Some("true")));
    assert_eq!(again.body, first.body);
    assert_eq!(server.end_oldest(State::Failed).await, 1);
    let ended = submit(&server, "", "k", ADD, &payload("r/i:1")).await;
    assert_eq!(
        (ended.status, ended.json()["state"].clone()),
        (201, json!("failed"))
    );
    assert_eq!(ended.body, server.get("/api/v1/builds/1").await.body);
    assert_eq!(total(&server).await, 1);
    assert!(
        server.store.queue_loads().await.unwrap().is_empty(),
        "no second job"
    );
}

#[tokio::test]
async fn every_submit_takes_a_key() {
    let server = Server::start(open()).await;
    let document = server.get("/api/v1/openapi.json").await.json();
    let mut submits = 0;
    for (path, methods) in document["paths"].as_object().unwrap() {
        let operation = &methods["post"];
        if operation["requestBody"].is_null() {
            continue;
        }
        let parameter = operation["parameters"][0]["$ref"].as_str().unwrap();
        let parameter = document.pointer(&parameter[1..]).unwrap();
        assert_eq!(parameter["name"], "Idempotency-Key");
        let example = &operation["requestBody"]["content"]["application/json"]["example"];
        let key = format!("key-{submits}");
        let first = submit(&server, "", &key, path, example).await;
        assert_eq!(first.status, 201, "{path}: {}", first.body);
        let again = submit(&server, "", &key, path, example).await;
        assert_eq!(again.header(REPLAYED), Some("true"), "{path}");
        assert_eq!(again.body, first.body, "{path}");
        submits += 1;
    }
    assert_eq!(submits, 10);
}

#[tokio::test]
async fn a_key_of_another_submit_is_refused_with_its_code() {
    let server = Server::start(open()).await;
    submit(&server, "", "k", ADD, &payload("r/i:1")).await;
    let single = batch(&[payload("r/i:1")]);
    for (path, body) in [(ADD, payload("r/other:1")), (BATCH, single.clone())] {
        let text = submit(&server, "", "k", path, &body).await.is_error(409);
        assert!(text.contains("idempotency key"), "{text}");
    }
    let accept = "k\r\naccept: application/problem+json";
    let problem = submit(&server, "", accept, ADD, &payload("r/other:1")).await;
    let problem: Value = serde_json::from_str(&problem.body).unwrap();
    assert_eq!(problem["code"], "idempotency-key-reused");
    // What breaks rules is said before that, and leaves the key as it was.
    submit(&server, "", "k", ADD, &json!({}))
        .await
        .is_error(400);
    submit(&server, "", "fresh", ADD, &json!({}))
        .await
        .is_error(400);
    let fresh = submit(&server, "", "fresh", BATCH, &single).await;
    assert_eq!((fresh.status, fresh.header(REPLAYED)), (201, None));
    let reordered =
        json!({"annotations": {"release": "4.19"}, "build_requests": [payload("r/i:1")]});
    let again = submit(&server, "", "fresh", BATCH, &reordered).await;
    assert_eq!(
        again.header(REPLAYED),
        Some("true"),
        "the same in other words"
    );
    assert_eq!(total(&server).await, 2);
}

#[tokio::test]
async fn a_malformed_key_is_refused_after_the_caller_is_known() {
    let server = Server::start(open()).await;
    let long = "k".repeat(256);
    for key in ["", "two words", "\u{e9}", &long, "a\r\nidempotency-key: a"] {
        let answer = submit(&server, "", key, ADD, &payload("r/i:1")).await;
        let text = answer.is_error(400);
        assert!(text.contains("`Idempotency-Key`"), "{key:?}: {text}");
        assert!(!text.contains(&long));
    }
    assert_eq!(total(&server).await, 0);
    let longest = "k".repeat(255);
    let fine = submit(&server, "", &longest, ADD, &payload("r/i:1")).await;
    assert_eq!(fine.status, 201);
    let closed = Server::start(proxied()).await;
    let unknown = submit(&closed, "", "", ADD, &payload("r/i:1")).await;
    unknown.is_error(401);
}

#[tokio::test]
async fn keys_are_each_users_own() {
    let server = Server::start(open()).await;
    for (user, expected) in [("alice", 1), ("bob", 2), ("", 3), ("alice", 1), ("", 3)] {
        let answer = submit(&server, user, "k", ADD, &payload("r/i:1")).await;
        assert_eq!(answer.json()["id"], expected, "{user}");
    }
}

#[tokio::test]
async fn of_many_at_once_one_is_accepted() {
    let server = Server::start(open()).await;
    let body = batch(&[payload("r/i:1"), payload("r/i:2")]);
    let answers = (0..24).map(|_| submit(&server, "alice", "k", BATCH, &body));
    let answers = futures::future::join_all(answers).await;
    let fresh = answers
        .iter()
        .filter(|answer| answer.header(REPLAYED).is_none());
    assert_eq!(fresh.count(), 1);
    for answer in &answers {
        assert_eq!((answer.status, &answer.body), (201, &answers[0].body));
    }
    assert_eq!(total(&server).await, 2);
}

#[tokio::test]
async fn how_long_keys_are_kept_and_joining_are_configured_while_it_runs() {
    let config = LiveConfig::new(ServerConfig {
        idempotency_key_life: Duration::from_hours(1),
        ..open()
    });
    let server = Server::start(config.clone()).await;
    let add = async || server.add("r/i:1").await["id"].as_i64().unwrap();
    submit(&server, "", "k", ADD, &payload("r/i:1")).await;
    server.pass(Duration::from_hours(1));
    let later = submit(&server, "", "k", ADD, &payload("r/i:1")).await;
    assert_eq!(later.json()["id"], 2);
    assert_eq!(
        (add().await, add().await),
        (3, 4),
        "nothing is joined by itself"
    );

    config.replace(ServerConfig {
        join_identical: true,
        ..open()
    });
    assert_eq!((add().await, add().await), (5, 5));
    let joined = server.post(ADD, &payload("r/i:1")).await;
    assert_eq!(joined.header(REPLAYED), Some("true"));
    let other = server.post_as("alice", ADD, &payload("r/i:1")).await;
    assert_eq!(other.json()["id"], 6, "another user's is another one");
    server.post("/api/v1/builds/5/cancel", &Value::Null).await;
    assert_eq!(add().await, 7);
}
