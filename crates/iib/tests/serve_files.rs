//! The files of requests as the service keeps them: in a bucket, and for a limited time.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on shall panic")]

#[path = "../../files/tests/support/storage.rs"]
mod storage;
mod support;

use std::os::unix::fs::PermissionsExt as _;

use reqwest::StatusCode;
use serde_json::json;
use storage::{BUCKET, Storage};
use support::service::{Service, Setup, until};
use support::{World, assert_names};

/// A request that fails at once, for its log.
async fn failed(service: &Service, world: &World) -> i64 {
    let missing = format!("{}/bundles/alpha:v1", world.host);
    let payload = json!({"bundles": [missing], "binary_image": missing, "add_arches": ["amd64"]});
    let id = service.add(&payload).await;
    assert_eq!(service.ended(id).await["state"], "failed");
    id
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_is_in_the_bucket_when_its_request_has_ended() {
    let Some(storage) = Storage::start().await else {
        return;
    };
    let world = World::start().await;
    let more = format!(
        "[files]\nbucket = \"{BUCKET}\"\nendpoint = \"{}\"",
        storage.endpoint
    );
    let environment = vec![
        ("AWS_ACCESS_KEY_ID", "AKIAEXAMPLE".to_owned()),
        ("AWS_SECRET_ACCESS_KEY", "secret".to_owned()),
        ("AWS_DEFAULT_REGION", "us-east-1".to_owned()),
    ];
    let setup = Setup::with(&world, &more, environment);
    let service = setup.start().await;
    let id = failed(&service, &world).await;
    let (status, log) = service.get(&format!("builds/{id}/logs")).await;
    assert_eq!(status, StatusCode::OK, "{log}");
    assert_names(&log, &["works on request 1", "bundles/alpha:v1"]);
    let report = format!("request_reports/{id}_report.json");
    assert_eq!(
        storage.keys().await,
        [format!("request_logs/{id}.log"), report]
    );
    let copy = setup.data.join(format!("logs/{id}.log"));
    until("the copy is gone", async || (!copy.exists()).then_some(())).await;
    let copy = setup.data.join(format!("reports/{id}_report.json"));
    assert!(!copy.exists());
    assert_eq!(service.terminate().await, Some(0));
    storage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn expired_files_are_served_until_they_are_swept() {
    let world = World::start().await;
    let setup = Setup::with(&world, "request_data_days_to_live = 0", Vec::new());
    let service = setup.start().await;
    let id = failed(&service, &world).await;
    let path = format!("builds/{id}/logs");
    let log = setup.data.join(format!("logs/{id}.log"));
    assert_eq!(service.get(&path).await.0, StatusCode::OK);
    let mode = std::fs::metadata(&log).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o664, "{mode:o}");
    assert_eq!(service.terminate().await, Some(0));
    assert!(log.exists(), "nobody asked for a sweep");

    let swept = "request_data_days_to_live = 0\n[files]\nsweep_hours = 1";
    let service = Setup::with(&world, swept, Vec::new()).start().await;
    until("the log is swept", async || (!log.exists()).then_some(())).await;
    assert_eq!(service.get(&path).await.0, StatusCode::GONE);
    assert_eq!(service.terminate().await, Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bucket_that_cannot_be_used_keeps_the_service_from_starting() {
    let world = World::start().await;
    let config = world.dir.path().join("bucket.toml");
    let path = config.to_str().unwrap();
    for (text, expected) in [
        (
            "bucket = \"b\"",
            &["`b`", "AWS_ACCESS_KEY_ID", "AWS_DEFAULT_REGION"][..],
        ),
        ("endpoint = \"http://127.0.0.1:1\"", &["`files.bucket`"]),
    ] {
        std::fs::write(
            &config,
            format!("[build]\nregistry = \"quay.io\"\n[files]\n{text}\n"),
        )
        .unwrap();
        let data = world.dir.path().join("data");
        let args = [
            "serve",
            "--listen",
            "127.0.0.1:0",
            "--config",
            path,
            "--data-dir",
            data.to_str().unwrap(),
        ];
        assert_names(&world.iib(&args).await.failed(), expected);
    }
}
