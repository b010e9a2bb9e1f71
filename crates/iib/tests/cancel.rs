//! Cancelling a request that is worked on: the worker stops within a moment and leaves nothing behind.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on shall panic")]

mod support;

use std::path::Path;
use std::time::{Duration, Instant};

use registry::{Fault, Rule};
use samples::Bundle;
use serde_json::{Value, json};
use support::scratch::Scratch;
use support::service::{Service, Setup, until};
use support::{World, assert_names};

/// A worker without anything that tells it sooner notices when it renews: a third of its lease.
const LEASE: &str = "lease_seconds = 120";

/// Well above what it takes, well below a renewal.
const SOON: Duration = Duration::from_secs(5);

fn entries(directory: &Path) -> usize {
    std::fs::read_dir(directory).map_or(0, Iterator::count)
}

/// Has `worker` work on an addition until the registry holds it, cancels it through `api`, and checks what becomes of it.
async fn check(world: &World, setup: &Setup, worker: &Service, api: &Service) {
    let binary = world.binary_image().await.to_string();
    let bundle = world
        .bundle(&Bundle::simple("alpha", "1.0.0", "stable", None))
        .await
        .to_string();
    let held = "/iib-build/blobs/uploads/";
    world.registry.faults().add(Rule::new(held, Fault::Stall));
    let payload = json!({"bundles": [bundle], "binary_image": binary, "add_arches": ["amd64"]});
    let id = api.add(&payload).await;
    let work = setup.data.join("work");
    until("the registry holds the request", || async {
        let log = world.registry.log().entries();
        let is_held = log.iter().any(|entry| entry.path.contains(held));
        (is_held && entries(&work) > 0).then_some(())
    })
    .await;

    let cancelled = Instant::now();
    let answer = api.post(&format!("builds/{id}/cancel"), &Value::Null).await;
    assert_eq!(answer["state"], "failed", "{answer}");
    until("nothing is left behind", || async {
        (entries(&work) == 0).then_some(())
    })
    .await;
    assert!(cancelled.elapsed() < SOON, "{:?}", cancelled.elapsed());
    worker.logged("stopped working on the request").await;
    let request = api.request(id).await;
    assert_names(request["state_reason"].as_str().unwrap(), &["cancelled"]);
    assert_eq!(world.digest("iib-build", &id.to_string()).await, None);

    // The worker is free for the next one.
    world.registry.faults().clear();
    let id = api.add(&payload).await;
    assert_eq!(api.ended(id).await["state"], "complete");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancelled_request_is_stopped_within_a_moment() {
    let world = World::start().await;
    let setup = Setup::new(&world);
    setup.replace("lease_seconds = 1", LEASE);
    let service = setup.start().await;
    check(&world, &setup, &service, &service).await;
    assert_eq!(service.terminate().await, Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_another_process_cancels_is_stopped_within_a_moment() {
    let Some(scratch) = Scratch::create().await else {
        return;
    };
    let world = World::start().await;
    let setup = Setup::new(&world);
    setup.replace("lease_seconds = 1", LEASE);
    setup.configure(&format!("[store]\ndatabase = \"{}\"", scratch.address()));
    setup.migrate(&world).await;
    let worker = setup.start().await;
    let other = setup.beside("api");
    other.replace("[worker]", "[worker]\njobs = 0");
    let api = other.start().await;
    check(&world, &setup, &worker, &api).await;
    assert_eq!(api.terminate().await, Some(0));
    assert_eq!(worker.terminate().await, Some(0));
}
