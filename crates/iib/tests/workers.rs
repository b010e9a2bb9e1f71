//! Workers that lose nothing: what is tried again, what waits for what, what is paused, and who may publish.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on shall panic")]

mod support;

use std::time::{Duration, Instant};

use http::{Method, StatusCode};
use registry::{Fault, Rule};
use samples::Bundle;
use serde_json::{Value, json};
use support::scratch::Scratch;
use support::service::{Service, Setup, until};
use support::{World, assert_names};

/// More than the registry client tries by itself: enough for one try of the request to fail.
const ONE_TRY: u32 = 5;

fn away() -> Fault {
    Fault::Status {
        code: StatusCode::SERVICE_UNAVAILABLE,
        retry_after: None,
    }
}

/// An index `index:v1` with `alpha`, and adds of a package each that overwrite it.
async fn adds(world: &World, packages: &[&str]) -> Vec<Value> {
    let alpha = Bundle::simple("alpha", "1.0.0", "stable", None);
    let alpha = world.bundle(&alpha).await;
    let index = world.index("v1", &[&alpha]).await;
    let mut adds = Vec::new();
    for package in packages {
        let bundle = Bundle::simple(package, "1.0.0", "stable", None);
        adds.push(json!({
            "bundles": [world.bundle(&bundle).await],
            "from_index": index,
            "binary_image": format!("{}/binary:latest", world.host),
            "overwrite_from_index": true,
        }));
    }
    adds
}

fn reasons(request: &Value) -> Vec<String> {
    let history = request["state_history"].as_array().unwrap();
    let reasons = history
        .iter()
        .rev()
        .map(|entry| entry["state_reason"].as_str().unwrap().to_owned());
    reasons.collect()
}

async fn packages(world: &World) -> Vec<String> {
    let name = format!("{}/index:v1", world.host);
    let printed = world.iib(&["index", "inspect", &name, "-o", "json"]).await;
    let index: Value = serde_json::from_str(&printed.ok()).unwrap();
    let packages = index["packages"].as_array().unwrap();
    packages
        .iter()
        .map(|package| package["name"].as_str().unwrap().to_owned())
        .collect()
}

async fn is_put_off(service: &Service, id: i64) -> Value {
    until("the request is to be tried again", || async {
        let request = service.request(id).await;
        let told = reasons(&request);
        let found = told.iter().any(|reason| reason.contains("the next is at"));
        found.then_some(request)
    })
    .await
}

/// A service whose first try of one add, the answer's number, has failed for want of the registry.
async fn put_off(world: &World, seconds: u32) -> (Setup, Service, i64) {
    let adds = adds(world, &["beta"]).await;
    let setup = Setup::new(world);
    setup.replace(
        "retries = 0",
        &format!("retries = 2\nretry_seconds = {seconds}"),
    );
    let service = setup.start().await;
    let rule = Rule::new("/bundles/beta/manifests/", away()).times(ONE_TRY);
    world.registry.faults().add(rule);
    let id = service.add(&adds[0]).await;
    let request = is_put_off(&service, id).await;
    let parts = ["Try 1 of 3 failed", "/bundles/beta", "503"];
    assert_names(&reasons(&request).join("\n"), &parts);
    (setup, service, id)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_fails_for_a_cause_that_passes_is_tried_again() {
    let world = World::start().await;
    let (_setup, service, id) = put_off(&world, 1).await;
    let request = service.ended(id).await;
    assert_eq!(request["state"], "complete", "{request}");
    let told = reasons(&request);
    let tries = told.iter().filter(|reason| reason.starts_with("Try "));
    assert_eq!(tries.count(), 1, "{told:?}");
    let (_, log) = service.get(&format!("builds/{id}/logs")).await;
    assert_names(
        &log,
        &[
            "attempt 1",
            "Try 1 of 3 failed, the next is at 20",
            "attempt 2",
        ],
    );
    assert_eq!(packages(&world).await, ["alpha", "beta"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_last_try_fails_the_request_with_its_cause_and_other_causes_are_not_tried_again() {
    let world = World::start().await;
    let (_setup, service, id) = put_off(&world, 1).await;
    let rule = Rule::new("/bundles/beta/manifests/", away());
    world.registry.faults().add(rule);
    let request = service.ended(id).await;
    assert_eq!(request["state"], "failed", "{request}");
    let parts = ["/bundles/beta", "503", "(tried 3 times)"];
    assert_names(request["state_reason"].as_str().unwrap(), &parts);
    world.registry.faults().clear();

    let missing = json!({"bundles": [format!("{}/bundles/none:v1", world.host)],
        "binary_image": format!("{}/binary:latest", world.host), "add_arches": ["amd64"]});
    let id = service.add(&missing).await;
    let request = service.ended(id).await;
    let told = reasons(&request);
    assert!(
        told.iter()
            .all(|reason| !reason.contains("Try ") && !reason.contains("tried"))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_waits_for_its_next_try_survives_the_service() {
    let world = World::start().await;
    let (setup, service, id) = put_off(&world, 4).await;
    let before = Instant::now();
    service.kill().await;
    let service = setup.start().await;
    let request = service.ended(id).await;
    assert_eq!(request["state"], "complete", "{request}");
    assert!(before.elapsed() > Duration::from_secs(1), "it waited on");
    let (_, log) = service.get(&format!("builds/{id}/logs")).await;
    assert_names(&log, &["attempt 2"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_waits_for_its_next_try_is_cancelled_at_once() {
    let world = World::start().await;
    let (_setup, service, id) = put_off(&world, 3600).await;
    let answer = service
        .post(&format!("builds/{id}/cancel"), &Value::Null)
        .await;
    assert_eq!(answer["state"], "failed", "{answer}");
    assert_names(answer["state_reason"].as_str().unwrap(), &["cancelled"]);
    // Nothing of it is in the way of the next one of its index.
    let next = &adds(&world, &["gamma"]).await[0];
    let next = service.add(next).await;
    assert_eq!(service.ended(next).await["state"], "complete");
    assert_eq!(service.request(id).await["state"], "failed");
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_that_overwrite_one_tag_wait_for_each_other_and_none_is_lost() {
    let world = World::start().await;
    let names = ["b", "c", "d", "e", "f", "g"];
    let adds = adds(&world, &names).await;
    let setup = Setup::new(&world);
    setup.replace("[worker]", "[worker]\njobs = 4");
    let service = setup.start().await;
    let mut ids = Vec::new();
    for add in &adds {
        ids.push(service.add(add).await);
    }
    let mut before: Option<Value> = None;
    for id in ids {
        let request = service.ended(id).await;
        assert_eq!(request["state"], "complete", "{request}");
        if let Some(before) = &before {
            assert_eq!(
                before["index_image_resolved"], request["from_index_resolved"],
                "each is built upon the one before"
            );
        }
        let told = reasons(&request);
        assert!(
            told.iter().all(|reason| !reason.contains("starting again")),
            "{told:?}"
        );
        before = Some(request);
    }
    assert_eq!(
        packages(&world).await,
        ["alpha", "b", "c", "d", "e", "f", "g"]
    );
}

/// A registry has two names, so the service cannot know that both requests are about the same tag.
#[tokio::test(flavor = "multi_thread")]
async fn a_request_whose_index_another_one_moved_begins_again_upon_the_new_index() {
    let world = World::start().await;
    let mut adds = adds(&world, &["beta", "gamma"]).await;
    let (_, port) = world.host.split_once(':').unwrap();
    adds[1]["from_index"] = json!(format!("localhost:{port}/index:v1"));
    let setup = Setup::new(&world);
    setup.replace("[worker]", "[worker]\njobs = 2");
    let service = setup.start().await;
    // Its index is looked up; its bundle takes longer to read than the other request as a whole.
    let read = "/bundles/beta/blobs/";
    let slow = Fault::Slow {
        chunk_bytes: 400,
        delay: Duration::from_secs(4),
    };
    let rule = Rule::new(read, slow).method(Method::GET).skip(1).times(1);
    world.registry.faults().add(rule);
    let first = service.add(&adds[0]).await;
    until("the first reads its bundle", || async {
        let log = world.registry.log().entries();
        let read = log.iter().filter(|entry| entry.path.contains(read));
        (read.count() > 1).then_some(())
    })
    .await;
    let second = service.add(&adds[1]).await;
    let [first, second] = [service.ended(first).await, service.ended(second).await];
    assert_eq!(first["state"], "complete", "{first}");
    assert_eq!(second["state"], "complete", "{second}");
    assert_eq!(packages(&world).await, ["alpha", "beta", "gamma"]);
    let times = |request: &Value| {
        let told = reasons(request);
        let again = told
            .iter()
            .filter(|reason| reason.contains("starting again"));
        again.count()
    };
    assert_eq!((times(&first), times(&second)), (1, 0), "{first} {second}");
    let digest = |value: &Value| {
        let text = value.as_str().unwrap();
        text.split_once('@').unwrap().1.to_owned()
    };
    assert_eq!(
        digest(&first["from_index_resolved"]),
        digest(&second["index_image_resolved"])
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_paused_queue_or_process_takes_nothing_until_it_is_resumed() {
    let world = World::start().await;
    let adds = adds(&world, &["beta", "gamma"]).await;
    let setup = Setup::new(&world);
    setup.replace("[worker]", "[worker]\nname = \"host-7\"");
    let service = setup.start().await;
    let run = async |args: &[&str]| setup.command(&world, &[&["queue"], args].concat()).await;
    for (what, words) in [
        (&["default"][..], "queue default"),
        (&["--worker", "host-7"], "worker host-7"),
    ] {
        let paused = run(&[&["pause"], what].concat()).await.ok();
        assert_eq!(paused.trim(), format!("paused {words}"));
        assert_names(&run(&["pauses"]).await.ok(), &[words, "since 20"]);
        if what[0] == "--worker" {
            service.logged("is paused").await;
        }
    }
    let id = service.add(&adds[0]).await;
    service.kill().await;
    let service = setup.start().await;
    service.logged("is paused").await;
    assert_eq!(
        run(&["resume", "default"]).await.ok().trim(),
        "resumed queue default"
    );
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert_eq!(
        reasons(&service.request(id).await).len(),
        1,
        "the process is paused still"
    );
    run(&["resume", "--worker", "host-7"]).await.ok();
    assert_eq!(service.ended(id).await["state"], "complete");
    assert_eq!(run(&["pauses"]).await.ok().trim(), "nothing is paused");

    assert_names(
        &run(&["resume", "default"]).await.failed(),
        &["queue default is not paused"],
    );
    assert_names(
        &run(&["pause", "bob"]).await.failed(),
        &["`bob`", "`default`"],
    );
    assert_eq!(run(&["pause"]).await.code, Some(2), "nothing is named");
    let id = service.add(&adds[1]).await;
    assert_eq!(service.ended(id).await["state"], "complete");
}

/// A worker that is stopped for longer than its lease, and goes on: somebody else has done its job by then, and it publishes nothing. It is stopped while
/// the registry holds a request that `method` and `path` describe, the `skip`th after the first.
async fn stopped_past_its_lease(method: Method, path: &str, skip: u32) {
    let Some(scratch) = Scratch::create().await else {
        return;
    };
    let world = World::start().await;
    let adds = adds(&world, &["beta"]).await;
    let setup = Setup::new(&world);
    // However busy the host is, a worker that runs keeps its lease.
    setup.replace("lease_seconds = 1", "lease_seconds = 8");
    setup.configure(&format!("[store]\ndatabase = \"{}\"", scratch.address()));
    setup.migrate(&world).await;
    let stopped = setup.start().await;
    world.registry.log().clear();
    let rule = Rule::new(path, Fault::Stall).method(method.clone());
    world.registry.faults().add(rule.skip(skip).times(1));
    let id = stopped.add(&adds[0]).await;
    until("the registry holds the request", || async {
        let log = world.registry.log().entries();
        let held = |entry: &registry::Entry| {
            entry.method == method && entry.path.contains(path) && entry.status.is_none()
        };
        let seen = log
            .iter()
            .filter(|entry| entry.method == method && entry.path.contains(path));
        (seen.count() > usize::try_from(skip).unwrap() && log.iter().any(held)).then_some(())
    })
    .await;
    signal(&stopped, "STOP").await;
    let other = setup.beside("other").start().await;
    let request = other.ended(id).await;
    assert_eq!(request["state"], "complete", "{request}");
    let tags = [("index", "v1".to_owned()), ("iib-build", id.to_string())];
    let mut before = Vec::new();
    for (path, tag) in &tags {
        before.push(world.digest(path, tag).await.unwrap());
    }
    world.registry.log().clear();
    signal(&stopped, "CONT").await;
    stopped.logged("stopped working on the request").await;
    // A healthy service still: it serves, and ends well.
    let history = "state_history";
    assert_eq!(stopped.request(id).await[history], request[history]);
    assert_eq!(stopped.terminate().await, Some(0));
    let log = world.registry.log().entries();
    let puts: Vec<_> = log
        .iter()
        .filter(|entry| entry.method == Method::PUT)
        .filter(|entry| {
            tags.iter()
                .any(|(path, tag)| entry.path.ends_with(&format!("/{path}/manifests/{tag}")))
        })
        .collect();
    assert!(puts.is_empty(), "{puts:?}");
    for ((path, tag), before) in tags.iter().zip(before) {
        assert_eq!(world.digest(path, tag).await.unwrap(), before);
    }
    assert_eq!(other.terminate().await, Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_was_stopped_past_its_lease_while_it_read_does_not_publish() {
    stopped_past_its_lease(Method::GET, "/bundles/beta/blobs/", 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_was_stopped_past_its_lease_while_it_pushed_does_not_publish() {
    stopped_past_its_lease(Method::PUT, "/iib-build/manifests/1-arm64", 0).await;
}

#[expect(
    clippy::disallowed_methods,
    reason = "the system's own program sends the signal"
)]
async fn signal(service: &Service, name: &str) {
    let process = service.process().to_string();
    let sent = tokio::process::Command::new("kill")
        .args([&format!("-{name}"), &process])
        .status();
    assert!(sent.await.unwrap().success());
}
