//! What the service counts, as Prometheus reads it.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on shall panic")]

mod support;

use reqwest::StatusCode;
use samples::Bundle;
use serde_json::json;
use support::service::{Setup, until};
use support::{World, assert_names};

/// The value of the line that begins with `name` and holds every one of `labels`.
#[track_caller]
fn value(text: &str, name: &str, labels: &[&str]) -> f64 {
    let line = text
        .lines()
        .filter(|line| line.split(['{', ' ']).next() == Some(name))
        .find(|line| labels.iter().all(|label| line.contains(label)));
    let line = line.unwrap_or_else(|| panic!("no {name} with {labels:?} in {text}"));
    line.rsplit(' ').next().unwrap().parse().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_queues_stages_and_registries_are_counted_without_ids() {
    let world = World::start().await;
    let binary = world.binary_image().await;
    world
        .bundle(&Bundle::simple("alpha", "1.0.0", "stable", None))
        .await;
    let setup = Setup::new(&world);
    let service = setup.start().await;
    let bundle = format!("{}/bundles/alpha:v1.0.0", world.host);
    let payload = json!({"bundles": [bundle], "binary_image": binary, "add_arches": ["amd64"]});
    let id = service.add(&payload).await;
    assert_eq!(service.ended(id).await["state"], "complete");
    service.get("builds/4711").await;
    service.get("no/such/path").await;

    let (status, text) = service.get("../../metrics").await;
    assert_eq!(status, StatusCode::OK, "{text}");
    let answers = "iib_http_request_duration_seconds_count";
    let post = [
        "route=\"/api/v1/builds/add\"",
        "method=\"POST\"",
        "status=\"201\"",
    ];
    assert!((value(&text, answers, &post) - 1.0).abs() < 0.1);
    let unknown = ["route=\"/api/v1/builds/{id}\"", "status=\"404\""];
    assert!((value(&text, answers, &unknown) - 1.0).abs() < 0.1);
    value(&text, answers, &["route=\"none\"", "status=\"404\""]);
    value(
        &text,
        "iib_http_request_duration_seconds_bucket",
        &["le=\"0.005\""],
    );
    assert!(value(&text, "iib_http_connections", &[]) >= 1.0);
    assert!(value(&text, "iib_http_requests_in_progress", &[]) >= 1.0);
    let queue = "queue=\"default\"";
    for state in ["waiting", "held"] {
        let jobs = value(&text, "iib_jobs", &[queue, &format!("state=\"{state}\"")]);
        assert!(jobs.abs() < 0.1, "{jobs}");
    }
    value(&text, "iib_jobs_oldest_age_seconds", &[queue]);
    let ended = ["type=\"add\"", "state=\"complete\""];
    assert!((value(&text, "iib_request_duration_seconds_count", &ended) - 1.0).abs() < 0.1);
    for stage in [
        "resolving-bundles",
        "resolving-images",
        "building",
        "publishing",
    ] {
        let labels = ["type=\"add\"", &format!("stage=\"{stage}\"")];
        value(&text, "iib_request_stage_duration_seconds_count", &labels);
    }
    value(&text, "iib_requests_in_progress", &[]);
    let pushed = ["operation=\"manifest.put\"", "status=\"201\""];
    assert!(value(&text, "iib_registry_requests_total", &pushed) >= 2.0);
    assert!(value(&text, "iib_registry_read_bytes_total", &[]) > 100.0);
    assert!(value(&text, "iib_registry_written_bytes_total", &[]) > 100.0);
    assert_names(
        &text,
        &[
            "# TYPE iib_http_request_duration_seconds histogram",
            "# HELP iib_jobs ",
        ],
    );
    for label in ["4711", "no/such", "alpha", &world.host] {
        assert!(!text.contains(label), "`{label}` is a label: {text}");
    }
    assert_eq!(service.terminate().await, Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_waits_is_counted_by_queue_with_the_age_of_the_oldest() {
    let world = World::start().await;
    let setup = Setup::new(&world);
    let service = setup.start().await;
    setup
        .command(&world, &["queue", "pause", "default"])
        .await
        .ok();
    let payload = json!({"bundles": ["registry.test/a:1"], "binary_image": "registry.test/b:1", "add_arches": ["amd64"]});
    for _ in 0..3 {
        service.add(&payload).await;
    }
    until("the three are counted, and grow old", || async {
        let (_, text) = service.get("../../metrics").await;
        let queue = "queue=\"default\"";
        let waiting = value(&text, "iib_jobs", &[queue, "state=\"waiting\""]);
        let age = value(&text, "iib_jobs_oldest_age_seconds", &[queue]);
        (waiting > 2.9 && waiting < 3.1 && age > 1.0).then_some(())
    })
    .await;
    assert_eq!(service.terminate().await, Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn metrics_with_an_address_of_their_own_are_not_on_the_api() {
    let world = World::start().await;
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = free.local_addr().unwrap();
    drop(free);
    let setup = Setup::with(
        &world,
        &format!("metrics_listen = \"{address}\""),
        Vec::new(),
    );
    let service = setup.start().await;
    assert_eq!(service.get("../../metrics").await.0, StatusCode::NOT_FOUND);
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let get = async |path: &str| {
        http.get(format!("http://{address}{path}"))
            .send()
            .await
            .unwrap()
    };
    let answer = get("/metrics").await;
    assert_eq!(answer.status(), StatusCode::OK);
    let kind = answer.headers()["content-type"]
        .to_str()
        .unwrap()
        .to_owned();
    assert!(kind.starts_with("text/plain; version=0.0.4"), "{kind}");
    assert_names(
        &answer.text().await.unwrap(),
        &["iib_jobs{queue=\"default\""],
    );
    assert_eq!(get("/api/v1/builds").await.status(), StatusCode::NOT_FOUND);
    assert_eq!(service.terminate().await, Some(0));
}
