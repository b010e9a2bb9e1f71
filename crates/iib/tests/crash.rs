//! `kill -9` in the middle of a build: after a restart the request ends as it would have, and the from-index's tag is the old
//! or the new image at every moment.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on shall panic")]

mod support;

use std::time::Duration;

use http::Method;
use registry::{Fault, Rule};
use samples::Bundle;
use serde_json::json;
use support::service::{Setup, until};
use support::{World, assert_names};

/// Kills the service while the registry holds the request that `method` and `path` describe (the `skip`th after the first),
/// restarts it and checks the end.
async fn check(method: Method, path: &str, skip: u32) {
    let world = World::start().await;
    let first = world
        .bundle(&Bundle::simple("alpha", "1.0.0", "stable", None))
        .await;
    let second = world
        .bundle(&Bundle::simple(
            "alpha",
            "1.1.0",
            "stable",
            Some("alpha.v1.0.0"),
        ))
        .await;
    let index = world.index("v4.19", &[&first]).await;
    let old = world.digest("index", "v4.19").await.unwrap();
    let setup = Setup::new(&world);

    // Held long enough for the kill, harmless afterwards: the rule is spent by then.
    world.registry.log().clear();
    world.registry.faults().add(
        Rule::new(path, Fault::Stall)
            .method(method.clone())
            .skip(skip)
            .times(1),
    );
    let service = setup.start().await;
    let binary = format!("{}/binary:latest", world.host);
    let id = service
        .add(&json!({"bundles": [second], "from_index": index, "binary_image": binary, "overwrite_from_index": true}))
        .await;
    until("the registry holds the request", || async {
        let held = |entry: &registry::Entry| {
            entry.method == method && entry.path.contains(path) && entry.status.is_none()
        };
        let entries = world.registry.log().entries();
        let matching = entries
            .iter()
            .filter(|entry| entry.method == method && entry.path.contains(path))
            .count();
        (matching > usize::try_from(skip).unwrap() && entries.iter().any(held)).then_some(())
    })
    .await;
    service.kill().await;
    assert_eq!(
        world.digest("index", "v4.19").await.unwrap(),
        old,
        "the tag moves last"
    );

    world.registry.faults().clear();
    let service = setup.start().await;
    let request = service.ended(id).await;
    assert_eq!(request["state"], "complete", "{request}");
    let new = world.digest("index", "v4.19").await.unwrap();
    assert_ne!(new, old);
    assert_eq!(
        world.digest("iib-build", &id.to_string()).await.unwrap(),
        new
    );
    assert_eq!(
        request["index_image_resolved"],
        format!("{}/index@{new}", world.host)
    );
    assert_eq!(
        request["from_index_resolved"],
        format!("{}/index@{old}", world.host)
    );
    let text = world.iib(&["index", "inspect", &index]).await.ok();
    assert!(text.contains("head alpha.v1.1.0"), "{text}");
    let left: Vec<_> = std::fs::read_dir(setup.data.join("work"))
        .unwrap()
        .collect();
    assert!(left.is_empty(), "work directories are removed: {left:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_while_the_bundle_is_looked_up() {
    check(Method::GET, "/bundles/alpha/manifests/", 0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_while_the_bundle_is_read() {
    check(Method::GET, "/bundles/alpha/blobs/", 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_while_the_database_is_read() {
    check(Method::GET, "/index/blobs/", 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_while_a_blob_is_uploaded() {
    check(Method::PUT, "/iib-build/blobs/uploads/", 0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_while_an_architectures_image_is_pushed() {
    check(Method::PUT, "/iib-build/manifests/1-arm64", 0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_while_the_list_is_pushed() {
    check(Method::PUT, "/iib-build/manifests/1", 2).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_right_before_the_tag_moves() {
    check(Method::PUT, "/index/manifests/v4.19", 0).await;
}

/// The worst moment: the tag has moved, and nobody wrote it down.
#[tokio::test(flavor = "multi_thread")]
async fn killed_after_the_tag_moved_and_before_it_was_recorded() {
    let world = World::start().await;
    let first = world
        .bundle(&Bundle::simple("alpha", "1.0.0", "stable", None))
        .await;
    let second = world
        .bundle(&Bundle::simple("beta", "1.0.0", "stable", None))
        .await;
    let index = world.index("v4.19", &[&first]).await;
    let old = world.digest("index", "v4.19").await.unwrap();
    let setup = Setup::new(&world);
    let service = setup.start().await;
    world.registry.log().clear();
    // The read-back after the PUT is held: looks at the tag are the first (prepare: a GET), two checks, then the read-back.
    world.registry.faults().add(
        Rule::new("/index/manifests/v4.19", Fault::Stall)
            .method(Method::HEAD)
            .skip(2)
            .times(1),
    );
    let binary = format!("{}/binary:latest", world.host);
    let id = service
        .add(&json!({"bundles": [second], "from_index": index, "binary_image": binary, "overwrite_from_index": true}))
        .await;
    let moved = until("the tag has moved", || async {
        let put = |entry: &registry::Entry| {
            entry.method == Method::PUT
                && entry.path.contains("/index/manifests/v4.19")
                && entry.status.is_some()
        };
        world.registry.log().entries().iter().any(put).then_some(())
    });
    moved.await;
    service.kill().await;
    world.registry.faults().clear();
    let new = world.digest("index", "v4.19").await.unwrap();
    assert_ne!(new, old);

    let service = setup.start().await;
    let request = service.ended(id).await;
    assert_eq!(request["state"], "complete", "{request}");
    assert_eq!(
        world.digest("index", "v4.19").await.unwrap(),
        new,
        "what was published is not changed again"
    );
    assert_eq!(
        request["from_index_resolved"],
        format!("{}/index@{old}", world.host)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn asked_to_end_the_service_gives_its_job_back_and_continues_it_later() {
    let world = World::start().await;
    let binary = world.binary_image().await;
    let bundle = world
        .bundle(&Bundle::simple("alpha", "1.0.0", "stable", None))
        .await;
    let setup = Setup::new(&world);
    let service = setup.start().await;
    world
        .registry
        .faults()
        .add(Rule::new("/iib-build/", Fault::Stall));
    let id = service
        .add(&json!({"bundles": [bundle], "binary_image": binary, "add_arches": ["amd64"]}))
        .await;
    until("the build has reached the registry", || async {
        world
            .registry
            .log()
            .entries()
            .iter()
            .any(|entry| entry.path.contains("/iib-build/"))
            .then_some(())
    })
    .await;
    let started = std::time::Instant::now();
    assert_eq!(service.terminate().await, Some(0));
    assert!(
        started.elapsed() < Duration::from_secs(20),
        "the shutdown is bounded"
    );
    world.registry.faults().clear();
    let service = setup.start().await;
    assert_eq!(service.ended(id).await["state"], "complete");
}

/// It may be the request itself that ends the service.
#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_was_interrupted_too_often_fails_with_nothing_published() {
    let world = World::start().await;
    let binary = world.binary_image().await;
    let bundle = world
        .bundle(&Bundle::simple("alpha", "1.0.0", "stable", None))
        .await;
    let setup = Setup::new(&world);
    setup.replace("lease_seconds = 1", "lease_seconds = 1\nmax_attempts = 1");
    let service = setup.start().await;
    let stall = Rule::new("/bundles/alpha/", Fault::Stall);
    world.registry.faults().add(stall);
    let id = service
        .add(&json!({"bundles": [bundle], "binary_image": binary, "add_arches": ["amd64"]}))
        .await;
    service.logged("attempt 1").await;
    service.kill().await;

    world.registry.faults().clear();
    let service = setup.start().await;
    let request = service.ended(id).await;
    assert_eq!(request["state"], "failed", "{request}");
    let reason = request["state_reason"].as_str().unwrap();
    assert_names(reason, &["interrupted once", "the service's log"]);
    assert_eq!(world.digest("iib-build", &id.to_string()).await, None);
}
