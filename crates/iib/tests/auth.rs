//! Bearer tokens as users meet them: made by `iib auth new-token`, configured, used.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on shall panic")]

mod support;

use std::path::Path;

use reqwest::StatusCode;
use serde_json::{Value, json};
use support::service::Setup;
use support::{World, assert_names};

#[tokio::test(flavor = "multi_thread")]
async fn a_new_token_opens_a_service_that_knows_its_entry() {
    let world = World::start().await;
    let made = world
        .iib(&["auth", "new-token", "--user", "alice@EXAMPLE.TEST"])
        .await
        .ok();
    let token = made
        .split_whitespace()
        .find(|word| word.starts_with("iib_"))
        .unwrap();
    let (_, entry) = made.split_once("configuration:").unwrap();
    let setup = Setup::new(&world);
    setup.configure(entry);
    let service = setup.start().await;
    let payload =
        json!({"bundles": ["r/bundle:1"], "binary_image": "r/opm:1", "add_arches": ["amd64"]});
    let add = async |token: &str| {
        let answer = reqwest::Client::builder()
            .no_proxy()
            .build()
            .unwrap()
            .post(service.url("builds/add"))
            .bearer_auth(token)
            .json(&payload)
            .send()
            .await
            .unwrap();
        let status = answer.status();
        let body: Value = answer.json().await.unwrap();
        (status, body)
    };
    let (status, body) = add(token).await;
    assert_eq!(status, StatusCode::CREATED, "{body}");
    assert_eq!(body["user"], "alice@EXAMPLE.TEST");
    let (status, body) = add("iib_wrong").await;
    assert_eq!(status, StatusCode::UNAUTHORIZED, "{body}");
    assert_eq!(service.terminate().await, Some(0));
    let kept = everything_in(&setup.data);
    assert!(contains(&kept, b"alice@EXAMPLE.TEST"), "users are kept");
    assert!(!contains(&kept, token.as_bytes()), "tokens are not");
}

/// The bytes of all files below `directory`.
fn everything_in(directory: &Path) -> Vec<u8> {
    let entries = std::fs::read_dir(directory).unwrap();
    let paths = entries.map(|entry| entry.unwrap().path());
    paths
        .flat_map(|path| {
            if path.is_dir() {
                everything_in(&path)
            } else {
                std::fs::read(path).unwrap()
            }
        })
        .collect()
}

fn contains(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}

#[tokio::test]
async fn a_name_that_nobody_can_have_is_wrong_usage() {
    let world = World::start().await;
    let ran = world.iib(&["auth", "new-token", "--user", " "]).await;
    assert_eq!(ran.code, Some(2));
    assert_names(&ran.stderr, &["--user", "1 to 255 bytes"]);
}

#[tokio::test]
async fn a_new_token_as_json_has_the_token_and_its_hash() {
    let world = World::start().await;
    let made = world
        .iib(&["auth", "new-token", "--user", "bob", "-o", "json"])
        .await
        .ok();
    let made: Value = serde_json::from_str(&made).unwrap();
    assert_eq!(made["user"], "bob");
    assert!(made["token"].as_str().unwrap().starts_with("iib_"));
    assert_eq!(made["sha256"].as_str().unwrap().len(), 64);
}
