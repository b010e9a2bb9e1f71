//! What users may do who have more rights than others.

use serde_json::{Value, json};
use server::{AuthConfig, ServerConfig};

use crate::support::{Answer, Server, open, payload, proxied};
use crate::{ADD, user};

fn users(names: &[&str]) -> std::collections::BTreeSet<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

fn overwriting() -> Value {
    let mut body = payload("r/index:1");
    body["overwrite_from_index"] = json!(true);
    body
}

#[tokio::test]
async fn privileged_users_overwrite_without_a_token_of_their_own() {
    let server = Server::start(ServerConfig {
        auth: AuthConfig {
            privileged_usernames: users(&["root"]),
            ..AuthConfig::default()
        },
        ..proxied()
    })
    .await;
    for other in ["alice", "Root", "root@R"] {
        let answer = server.post_as(other, ADD, &overwriting()).await;
        answer.is_error(403);
    }
    let answer = server.post_as("root", ADD, &overwriting()).await;
    assert_eq!(user(&answer), "root");
}

#[tokio::test]
async fn overwriting_may_be_forced_for_users() {
    let server = Server::start(ServerConfig {
        auth: AuthConfig {
            privileged_usernames: users(&["release"]),
            forced_overwrite_usernames: users(&["ci", "release"]),
            ..AuthConfig::default()
        },
        ..proxied()
    })
    .await;
    let plain = payload("r/index:1");
    assert_eq!(user(&server.post_as("alice", ADD, &plain).await), "alice");
    // They overwrite although they do not say so, and so they need a token like all who do.
    server.post_as("ci", ADD, &plain).await.is_error(403);
    let mut with_token = overwriting();
    with_token["overwrite_from_index_token"] = json!("user:password");
    assert_eq!(user(&server.post_as("ci", ADD, &with_token).await), "ci");
    let mut unsaid = plain.clone();
    unsaid["overwrite_from_index_token"] = json!("user:password");
    assert_eq!(user(&server.post_as("ci", ADD, &unsaid).await), "ci");
    let answer = server.post_as("alice", ADD, &unsaid).await;
    answer.is_error(400);
    assert_eq!(
        user(&server.post_as("release", ADD, &plain).await),
        "release"
    );
}

/// Reports `body` on a request, with this line in the head of the message.
async fn patch(server: &Server, id: &Value, who: &str, body: &Value) -> Answer {
    let headers = format!("\r\ncontent-type: application/json{who}");
    let path = format!("/api/v1/builds/{id}");
    server
        .send("PATCH", &path, &headers, &body.to_string())
        .await
}

#[tokio::test]
async fn only_workers_report_results() {
    let config = |config| ServerConfig {
        worker_usernames: users(&["worker"]),
        ..config
    };
    let server = Server::start(config(proxied())).await;
    let plain = payload("r/index:1");
    let added = server.post_as("alice", ADD, &plain).await.json();
    let (id, body) = (&added["id"], json!({"arches": ["amd64"]}));
    let report = async |server: &Server, who: &str| patch(server, id, who, &body).await;
    report(&server, "").await.is_error(401);
    for who in ["alice", "Worker"] {
        let who = format!("\r\nx-remote-user: {who}");
        report(&server, &who).await.is_error(403);
    }
    let answer = report(&server, "\r\nx-remote-user: worker").await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    assert_eq!(answer.json()["arches"], json!(["amd64"]));
    assert_eq!(answer.json()["user"], "alice", "the owner does not change");

    // Where login is disabled nobody in particular may report, but a user must be a worker all the same.
    let server = Server::start(config(open())).await;
    server.add("r/index:1").await;
    assert_eq!(report(&server, "").await.status, 200);
    report(&server, "\r\nx-remote-user: alice")
        .await
        .is_error(403);
    let wrong = "\r\nauthorization: Bearer wrong";
    report(&server, wrong).await.is_error(401);
}

#[tokio::test]
async fn workers_are_told_in_known_words_that_a_request_has_ended() {
    let server = Server::start(ServerConfig {
        worker_usernames: users(&["worker"]),
        ..proxied()
    })
    .await;
    let end = async |id: &Value, state: &str| {
        let body = json!({"state": state, "state_reason": "the worker says so"});
        patch(&server, id, "\r\nx-remote-user: worker", &body).await
    };
    for (state, other) in [("complete", "failed"), ("failed", "complete")] {
        let added = server.post_as("alice", ADD, &payload("r/index:1")).await;
        let id = &added.json()["id"];
        assert_eq!(end(id, state).await.status, 200);
        let refused = end(id, other).await.is_error(400);
        assert_eq!(refused, format!("A {state} request cannot change states"));
        let request = server.get(&format!("/api/v1/builds/{id}")).await.json();
        assert_eq!(request["state"], state, "{request}");
    }
}
