//! The files of requests: logs, related bundles, nested bundles.

#![allow(clippy::unwrap_used, reason = "this is a test, helpers included")]

mod support;

use std::net::TcpListener;
use std::time::Duration;

use files::{Bucket, BucketConfig, Directories, Files};
use server::ServerConfig;
use store::State;
use support::{Server, kept_in, open};

#[tokio::test]
async fn logs_follow_the_state_and_the_expiry_of_a_request() {
    let directory = tempfile::tempdir().unwrap();
    let config = ServerConfig {
        files: kept_in(directory.path()),
        request_data_days_to_live: 1,
        ..open()
    };
    let server = Server::start_in(directory, config).await;
    let view = server.add("r/index:1").await;
    let id = view["id"].as_i64().unwrap();
    let path = format!("/api/v1/builds/{id}/logs");
    let file = server.directory.path().join(format!("{id}.log"));
    assert_eq!(view["logs"]["url"], format!("http://iib.example{path}"));
    let expiration: jiff::Timestamp = view["logs"]["expiration"]
        .as_str()
        .unwrap()
        .parse()
        .unwrap();
    let updated: jiff::Timestamp = view["updated"].as_str().unwrap().parse().unwrap();
    assert_eq!(expiration.duration_since(updated).as_hours(), 24);

    std::fs::write(&file, "a line\n").unwrap();
    server.get(&path).await.is_error(400);
    server.end_oldest(State::Failed).await;
    let answer = server.get(&path).await;
    assert_eq!((answer.status, answer.body.as_str()), (200, "a line\n"));
    assert_eq!(answer.header("content-length"), Some("7"));
    assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
    let kind = answer.header("content-type").unwrap();
    assert!(kind.starts_with("text/plain"), "{kind}");
    std::fs::remove_file(&file).unwrap();
    server.get(&path).await.is_error(500);
    server.pass(Duration::from_hours(25));
    server.get(&path).await.is_error(410);
    std::fs::write(&file, "still here").unwrap();
    assert_eq!(server.get(&path).await.body, "still here");
    server.get("/api/v1/builds/999/logs").await.is_error(404);
}

#[tokio::test]
async fn files_that_are_not_kept_are_404_whatever_the_id() {
    let server = Server::start(open()).await;
    server.add("r/index:1").await;
    for id in [1, 999] {
        for name in ["logs", "related_bundles", "nested-bundles"] {
            let path = format!("/api/v1/builds/{id}/{name}");
            let text = server.get(&path).await.is_error(404);
            assert!(text.contains("does not keep"), "{text}");
        }
    }
}

#[tokio::test]
async fn a_list_of_bundles_is_asked_of_the_right_type_before_its_state_counts() {
    let directory = tempfile::tempdir().unwrap();
    let config = ServerConfig {
        files: kept_in(directory.path()),
        ..open()
    };
    let server = Server::start_in(directory, config).await;
    server.add("r/index:1").await;
    for (name, kind) in [
        ("related_bundles", "regenerate-bundle"),
        ("nested-bundles", "recursive-related-bundles"),
    ] {
        let text = server
            .get(&format!("/api/v1/builds/1/{name}"))
            .await
            .is_error(400);
        assert!(text.contains("`add`") && text.contains(kind), "{text}");
        for unknown in ["999", "x", "99999999999999999999"] {
            let path = format!("/api/v1/builds/{unknown}/{name}");
            server.get(&path).await.is_error(404);
        }
        let path = format!("/api/v1/builds/1/{name}");
        server
            .post(&path, &serde_json::json!({}))
            .await
            .is_error(405);
    }
}

#[tokio::test]
async fn what_a_bucket_does_not_give_is_not_found_until_it_has_expired() {
    // Nobody listens on the port of a socket that is closed again.
    let port = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let bucket = Bucket::new(&BucketConfig {
        name: "artefacts".into(),
        endpoint: Some(format!("http://{port}")),
        region: "us-east-1".into(),
        access_key_id: "AKIAEXAMPLE".into(),
        secret_access_key: "secret".to_owned().into(),
        session_token: None,
        extra_ca_pem: Vec::new(),
    });
    let server = Server::start(ServerConfig {
        files: Files::in_bucket(Directories::default(), bucket.unwrap()),
        request_data_days_to_live: 1,
        ..open()
    })
    .await;
    let view = server.add("r/index:1").await;
    assert!(view["logs"]["url"].is_string(), "{view}");
    let path = "/api/v1/builds/1/logs";
    server.get(path).await.is_error(400);
    server.end_oldest(State::Complete).await;
    let text = server.get(path).await.is_error(404);
    assert!(text.contains("storage"), "{text}");
    server.pass(Duration::from_hours(25));
    server.get(path).await.is_error(410);
}
