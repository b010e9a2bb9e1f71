//! What lasts beyond the process.

use std::time::Duration;

use registry::{Error, Server};
use reqwest::Method;

use crate::support::{Fixture, config, digest, header, send};

impl Fixture {
    async fn restart(self, stale_upload_age: Duration) -> Self {
        self.running
            .shutdown()
            .await
            .expect("the registry ends well");
        let mut config = config(&self.root);
        config.stale_upload_age = stale_upload_age;
        Self {
            running: Server::start(config)
                .await
                .expect("the registry starts again"),
            ..self
        }
    }
}

const DAY: Duration = Duration::from_hours(24);

#[tokio::test]
async fn images_and_uploads_survive_a_restart() {
    let fixture = Fixture::start_with(|config| config.fsync = true).await;
    let pushed = fixture.push_image("a/b", "v1", b"layer").await;
    let upload = fixture.open_upload("a/b").await;
    send(fixture.request(Method::PATCH, &upload).body("begun, ")).await;
    let fixture = fixture.restart(DAY).await;
    let got = fixture.get("/v2/a/b/manifests/v1").await;
    assert_eq!(header(&got, "docker-content-digest"), pushed);
    let blob = fixture
        .get(&format!("/v2/a/b/blobs/{}", digest(b"layer")))
        .await;
    assert_eq!(blob.text().await.unwrap(), "layer");
    assert_eq!(header(&fixture.get(&upload).await, "range"), "0-6");
    let finish = format!("{upload}?digest={}", digest(b"begun, ended"));
    let finished = send(fixture.request(Method::PUT, &finish).body("ended")).await;
    assert_eq!(finished.status(), 201);
}

#[tokio::test]
async fn stale_uploads_and_half_written_files_are_cleared_at_start() {
    let fixture = Fixture::start().await;
    let upload = fixture.open_upload("a").await;
    let half = fixture.root.path().join("tmp/half-written");
    std::fs::write(&half, "half").unwrap();
    let fixture = fixture.restart(Duration::ZERO).await;
    assert_eq!(fixture.get(&upload).await.status(), 404);
    assert!(!half.exists());
}

#[tokio::test]
async fn a_directory_serves_one_registry_at_a_time() {
    let fixture = Fixture::start().await;
    let second = Server::start(config(&fixture.root)).await.unwrap_err();
    assert!(matches!(second, Error::InUse { .. }), "{second}");
}

#[tokio::test]
async fn a_taken_address_is_an_error_that_names_it() {
    let fixture = Fixture::start().await;
    let root = tempfile::tempdir().unwrap();
    let mut config = config(&root);
    config.listen = fixture.running.addr();
    let refused = Server::start(config).await.unwrap_err();
    assert!(
        refused
            .to_string()
            .contains(&fixture.running.addr().to_string()),
        "{refused}"
    );
}
