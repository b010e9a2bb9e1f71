//! Adds that a gating service decides about.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on shall panic")]

mod support;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::post;
use builder::{AddRequest, Builder, Checkpoint, Gating, GatingPolicy};
use oci::{ImageRepository, PullSpec};
use samples::Bundle;
use serde_json::{Value, json};
use support::{Observer, World, listen};

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
        format!("http://{}/api/v1.0/", listen(router).await)
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

/// A bundle of the package with these labels.
async fn bundle(world: &World, package: &str, labels: &[(&str, &str)]) -> PullSpec {
    let place = ImageRepository::Remote(world.client.repository(&world.repository(package)));
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
    let files = Bundle::simple(package, "1.0.0", "stable", None).files;
    let tag = "v1".parse().unwrap();
    samples::push_files(&place, &tag, all.collect(), &[files])
        .await
        .unwrap();
    world.name(&format!("{package}:v1"))
}

/// A request to add a bundle with these labels.
async fn request(world: &World, labels: &[(&str, &str)]) -> AddRequest {
    let repository = world.repository("binary");
    samples::push_binary_image(&world.client, &repository, &["amd64"], 0)
        .await
        .unwrap();
    let mut request = world.request(bundle(world, "demo", labels).await, "1");
    request.gating = Some(policy());
    request
}

/// The builder of `world`, which asks `gating`.
fn asking(world: &World, gating: Gating) -> Builder {
    let mut config = world.builder.config().clone();
    config.gating = Some(gating);
    world.builder.clone().with_config(config)
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
    let builder = asking(&world, gating);
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
    let nobody = "http://127.0.0.1:9/api";
    let builder = asking(&world, Gating::new(nobody, BTreeMap::new()).unwrap());
    let error = outcome(&builder, &request(&world, &LABELS[..2]).await)
        .await
        .unwrap_err();
    assert!(error.contains("`release`"), "{error}");
    let error = outcome(&builder, &request(&world, &LABELS).await)
        .await
        .unwrap_err();
    assert!(error.contains(nobody), "{error}");
}

#[tokio::test]
async fn all_bundles_are_refused_at_once_each_with_its_own_test_cases() {
    let lint = async |Json(asked): Json<Value>| {
        let testcase = format!("lint.{}", asked["subject_identifier"].as_str().unwrap());
        Json(json!({
            "policies_satisfied": false,
            "unsatisfied_requirements": [{"testcase": testcase}],
        }))
    };
    let router = axum::Router::new().route("/decision", post(lint));
    let url = format!("http://{}", listen(router).await);
    let world = World::open().await;
    let builder = asking(&world, Gating::new(&url, BTreeMap::new()).unwrap());
    let mut request = request(&world, &LABELS).await;
    let mut labels = LABELS;
    labels[0].1 = "other";
    let other = bundle(&world, "other", &labels).await;
    request.bundles.push(other.clone());

    let refused = outcome(&builder, &request).await.unwrap_err();
    let expected = format!(
        "`{}` (not satisfied: lint.demo-bundle-container-v1.0-7), `{other}` (not satisfied: lint.other-v1.0-7)",
        request.bundles[0]
    );
    assert!(refused.contains(&expected), "{refused}");
    assert!(world.tags("iib-build").await.is_empty());
}

#[tokio::test]
async fn a_service_that_keeps_its_answer_to_itself_is_not_waited_for() {
    let silent = post(std::future::pending::<StatusCode>);
    let router = axum::Router::new().route("/decision", silent);
    let url = format!("http://{}/", listen(router).await);
    let world = World::open().await;
    let gating = Gating::new(&url, BTreeMap::new()).unwrap();
    let builder = asking(&world, gating.answering_within(Duration::from_millis(50)));
    let request = request(&world, &LABELS).await;
    let error = outcome(&builder, &request).await.unwrap_err();
    let name = request.bundles[0].to_string();
    for part in [&url, &name, "did not answer", "timed out"] {
        assert!(error.contains(part), "`{part}` is not in {error}");
    }
}
