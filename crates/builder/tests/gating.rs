//! Adds that a gating service decides about.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on shall panic")]

mod support;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::post;
use builder::{AddRequest, Builder, Checkpoint, Gating, GatingPolicy};
use oci::ImageRepository;
use samples::Bundle;
use serde_json::{Value, json};
use support::{Observer, World};

/// A gating service that answers as it is told to, and what it was asked.
#[derive(Clone, Default)]
struct Service {
    answer: Arc<Mutex<(u16, Value)>>,
    asked: Arc<Mutex<Vec<Value>>>,
}

impl Service {
    async fn start(&self) -> String {
        let router = axum::Router::new()
            .route("/api/v1.0/decision", post(decide))
            .with_state(self.clone());
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move { axum::serve(listener, router).await });
        format!("http://{address}/api/v1.0/")
    }

    fn answers(&self, status: u16, body: Value) {
        *self.answer.lock().unwrap() = (status, body);
    }
}

async fn decide(State(service): State<Service>, Json(body): Json<Value>) -> (StatusCode, String) {
    service.asked.lock().unwrap().push(body);
    let (status, body) = service.answer.lock().unwrap().clone();
    let text = body
        .as_str()
        .map_or_else(|| body.to_string(), str::to_owned);
    (StatusCode::from_u16(status).unwrap(), text)
}

fn policy() -> GatingPolicy {
    GatingPolicy {
        decision_context: "iib_gating".to_owned(),
        product_version: "ocp-4".to_owned(),
        subject_type: "koji_build".to_owned(),
    }
}

const LABELS: [(&str, &str); 3] = [
    ("com.redhat.component", "demo-bundle-container"),
    ("version", "v1.0"),
    ("release", "7"),
];

/// A request to add a bundle with these labels.
async fn request(world: &World, labels: &[(&str, &str)]) -> AddRequest {
    let repository = world.repository("binary");
    samples::push_binary_image(&world.client, &repository, &["amd64"], 0)
        .await
        .unwrap();
    let place = ImageRepository::Remote(world.client.repository(&world.repository("bundle")));
    let all = labels.iter().copied().chain([
        (
            "operators.operatorframework.io.bundle.manifests.v1",
            "manifests/",
        ),
        (
            "operators.operatorframework.io.bundle.metadata.v1",
            "metadata/",
        ),
    ]);
    let all = all.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let files = Bundle::simple("demo", "1.0.0", "stable", None).files;
    let tag = "v1".parse().unwrap();
    samples::push_files(&place, &tag, all.collect(), &[files])
        .await
        .unwrap();
    let bundle = world.name("bundle:v1");
    let mut request = world.request(bundle, "1");
    request.gating = Some(policy());
    request
}

async fn outcome(builder: &Builder, request: &AddRequest) -> Result<(), String> {
    let observer = Observer::default();
    let added = builder.add(request, &observer, Checkpoint::default());
    added.await.map(drop).map_err(|error| error.report())
}

#[tokio::test]
async fn bundles_pass_when_the_service_lets_them_and_are_refused_with_its_reasons() {
    let (world, service) = (World::open().await, Service::default());
    let policies = BTreeMap::from([("default".to_owned(), policy())]);
    let gating = Gating::new(&service.start().await, policies).unwrap();
    assert_eq!(gating.policy("default"), Some(&policy()));
    assert_eq!(gating.policy("other"), None);
    let mut config = world.builder.config().clone();
    config.gating = Some(gating);
    let builder = world.builder.clone().with_config(config);
    let request = request(&world, &LABELS).await;
    let name = request.bundles[0].to_string();

    service.answers(
        200,
        json!({
            "policies_satisfied": false,
            "unsatisfied_requirements": [{"testcase": "dva.lint"}, {"testcase": "cvp.scan"}],
        }),
    );
    let refused = outcome(&builder, &request).await.unwrap_err();
    for part in [
        name.as_str(),
        "dva.lint, cvp.scan",
        "iib_gating",
        "ocp-4",
        "koji_build",
    ] {
        assert!(refused.contains(part), "`{part}` is not in {refused}");
    }
    let asked = json!({
        "decision_context": "iib_gating",
        "product_version": "ocp-4",
        "subject_type": "koji_build",
        "subject_identifier": "demo-bundle-container-v1.0-7",
    });
    assert_eq!(*service.asked.lock().unwrap(), [asked]);

    for (status, body, part) in [
        (
            404,
            json!({"message": "no such product version"}),
            "no such product version",
        ),
        (502, json!("bad gateway"), "bad gateway"),
        (200, json!("hello"), "cannot be read"),
        (200, json!({"summary": "fine"}), "policies_satisfied"),
    ] {
        service.answers(status, body);
        let error = outcome(&builder, &request).await.unwrap_err();
        assert!(error.contains(part) && error.contains(&name), "{error}");
    }

    service.answers(200, json!({"policies_satisfied": true}));
    outcome(&builder, &request).await.unwrap();
}

#[tokio::test]
async fn a_bundle_that_the_service_cannot_know_and_a_service_that_is_away_are_named() {
    let world = World::open().await;
    let mut config = world.builder.config().clone();
    let nobody = "http://127.0.0.1:9/api";
    config.gating = Some(Gating::new(nobody, BTreeMap::new()).unwrap());
    let builder = world.builder.clone().with_config(config);
    let error = outcome(&builder, &request(&world, &LABELS[..2]).await)
        .await
        .unwrap_err();
    assert!(error.contains("`release`"), "{error}");
    let error = outcome(&builder, &request(&world, &LABELS).await)
        .await
        .unwrap_err();
    assert!(error.contains(nobody), "{error}");
}
