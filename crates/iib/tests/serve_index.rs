//! Every request on index images over REST: what it publishes and reports.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on shall panic")]

mod support;

use samples::Bundle;
use serde_json::{Value, json};
use support::World;
use support::service::{Service, Setup};

/// A service, and the names of what its requests are about.
struct Scene {
    world: World,
    service: Service,
    binary: String,
}

impl Scene {
    async fn start() -> (Self, Setup) {
        let world = World::start().await;
        let binary = world
            .binary_image_for(&["amd64", "s390x"])
            .await
            .to_string();
        let setup = Setup::new(&world);
        let service = setup.start().await;
        (
            Self {
                world,
                service,
                binary,
            },
            setup,
        )
    }

    async fn bundle(&self, package: &str) -> String {
        let bundle = Bundle::simple(package, "1.0.0", "stable", None);
        let annotations = "metadata/annotations.yaml";
        let (_, text) = bundle
            .files
            .iter()
            .find(|(path, _)| path == annotations)
            .unwrap();
        let text = format!("{text}  com.redhat.openshift.versions: v4.5\n");
        let bundle = bundle.with_file(annotations, &text);
        self.world.bundle(&bundle).await.to_string()
    }

    /// Submits a request and waits for its end, which must be a good one.
    async fn complete(&self, path: &str, mut payload: Value) -> Value {
        payload["binary_image"] = json!(self.binary);
        let id = self.service.submit(path, &payload).await;
        let request = self.service.ended(id).await;
        assert_eq!(request["state"], "complete", "{request}");
        assert_eq!(request["arches"], json!(["amd64", "s390x"]), "{request}");
        request
    }

    async fn failed(&self, path: &str, mut payload: Value) -> String {
        payload["binary_image"] = json!(self.binary);
        let id = self.service.submit(path, &payload).await;
        let request = self.service.ended(id).await;
        assert_eq!(request["state"], "failed", "{request}");
        request["state_reason"].as_str().unwrap().to_owned()
    }

    /// The packages of the index that `request` made, by another process.
    async fn packages(&self, request: &Value) -> Vec<String> {
        let name = request["index_image"].as_str().unwrap();
        let printed = self
            .world
            .iib(&["index", "inspect", name, "-o", "json"])
            .await
            .ok();
        let index: Value = serde_json::from_str(&printed).unwrap();
        let packages = index["packages"].as_array().unwrap();
        packages
            .iter()
            .map(|package| package["name"].as_str().unwrap().to_owned())
            .collect()
    }
}

/// The reasons of a request from first to last, without the first, which the service gives.
fn reasons(request: &Value) -> Vec<&str> {
    let history = request["state_history"].as_array().unwrap();
    let reasons = history.iter().rev().skip(1);
    reasons
        .map(|entry| entry["state_reason"].as_str().unwrap())
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_chain_of_every_request() {
    let (scene, _setup) = Scene::start().await;
    let [alpha, beta, gamma] = [
        scene.bundle("alpha").await,
        scene.bundle("beta").await,
        scene.bundle("gamma").await,
    ];
    let arches = json!(["amd64", "s390x"]);
    let first = json!({"bundles": [alpha, beta], "add_arches": arches});
    let first = scene.complete("add", first).await;
    let index = first["index_image"].clone();

    let removed = json!({"from_index": index, "operators": ["alpha"]});
    let removed = scene.complete("rm", removed).await;
    assert_eq!(scene.packages(&removed).await, ["beta"]);
    assert_eq!(
        removed["from_index_resolved"],
        first["index_image_resolved"]
    );
    assert_eq!(
        reasons(&removed),
        [
            "Resolving the container images",
            "Building the index image for the following arches: amd64, s390x",
            "Creating the manifest list",
            "The operator(s) were successfully removed from the index image",
        ]
    );

    let empty = json!({"from_index": index, "output_fbc": true, "labels": {"com.example.a": "b"}});
    let empty = scene.complete("create-empty-index", empty).await;
    assert_eq!(scene.packages(&empty).await, Vec::<String>::new());
    let filled = json!({"bundles": [alpha, gamma], "from_index": empty["index_image"]});
    let filled = scene.complete("add", filled).await;
    assert_eq!(scene.packages(&filled).await, ["alpha", "gamma"]);

    let schema = json!({"schema": "olm.deprecations", "package": "gamma",
        "entries": [{"reference": {"schema": "olm.package"}, "message": "use alpha"}]});
    let deprecated = json!({"from_index": filled["index_image"], "operator_package": "gamma",
        "deprecation_schema": schema.to_string()});
    let deprecated = scene.complete("add-deprecations", deprecated).await;
    assert_eq!(scene.packages(&deprecated).await, ["alpha", "gamma"]);

    let merged = json!({"source_from_index": index, "target_index": deprecated["index_image"],
        "build_tags": ["merged"]});
    let merged = scene.complete("merge-index-image", merged).await;
    assert_eq!(scene.packages(&merged).await, ["alpha", "beta", "gamma"]);
    let resolved = &deprecated["index_image_resolved"];
    assert_eq!(&merged["target_index_resolved"], resolved);
    assert_eq!(
        merged["source_from_index_resolved"],
        first["index_image_resolved"]
    );
    assert!(scene.world.digest("iib-build", "merged").await.is_some());

    let pruned =
        json!({"bundles": [], "from_index": merged["index_image"], "deprecation_list": [gamma]});
    let pruned = scene.complete("add", pruned).await;
    assert_eq!(scene.packages(&pruned).await, ["alpha", "beta"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn refusals_name_the_image_and_the_package() {
    let (scene, _setup) = Scene::start().await;
    let alpha = scene.bundle("alpha").await;
    let first = json!({"bundles": [alpha], "add_arches": ["amd64", "s390x"]});
    let first = scene.complete("add", first).await;
    let index = first["index_image"].as_str().unwrap();

    let absent = json!({"from_index": index, "operators": ["gamma"]});
    let reason = scene.failed("rm", absent).await;
    support::assert_names(&reason, &[index, "gamma"]);

    let sqlite =
        json!({"from_index": index, "operator_package": "alpha", "deprecation_schema": "{}"});
    let reason = scene.failed("add-deprecations", sqlite).await;
    support::assert_names(&reason, &[index, "file-based"]);

    let files = json!({"from_index": index, "output_fbc": true});
    let files = scene.complete("create-empty-index", files).await;
    let files = files["index_image"].as_str().unwrap();
    let reason = scene
        .failed("create-empty-index", json!({"from_index": files}))
        .await;
    support::assert_names(&reason, &[files, "output_fbc"]);

    let into = json!({"source_from_index": files, "target_index": index});
    let reason = scene.failed("merge-index-image", into).await;
    support::assert_names(&reason, &[files, index]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_commands_do_the_same() {
    let world = World::start().await;
    let binary = world.binary_image().await.to_string();
    let mut bundles = Vec::new();
    for package in ["alpha", "beta"] {
        let bundle = Bundle::simple(package, "1.0.0", "stable", None);
        bundles.push(world.bundle(&bundle).await);
    }
    let index = world.index("v1", &bundles.iter().collect::<Vec<_>>()).await;
    let name = |tag: &str| format!("{}/out:{tag}", world.host);
    let common = ["--binary-image", &binary, "-o", "json", "--to"];
    let run = async |args: &[&str], tag: &str| -> Value {
        let to = name(tag);
        let args = [args, &common, &[&to]].concat();
        serde_json::from_str(&world.iib(&args).await.ok()).unwrap()
    };
    let removed = run(
        &["index", "rm", "--package", "alpha", "--from-index", &index],
        "1",
    )
    .await;
    assert_eq!(removed["packages_removed"], json!(["alpha"]));
    let empty = [
        "index",
        "empty",
        "--file-based",
        "--label",
        "a=b",
        "--from-index",
        &index,
    ];
    let empty = run(&empty, "2").await;
    assert_eq!(empty["index_image"], name("2"));
    let merge = [
        "index",
        "merge",
        "--ignore-bundle-ocp-version",
        "--source",
        &index,
        "--target",
        &name("2"),
    ];
    let merged = run(&merge, "3").await;
    assert_eq!(merged["bundles_added"], json!([]));
    let schema = world.dir.path().join("schema.json");
    let text = json!({"schema": "olm.deprecations", "package": "beta", "entries": []});
    std::fs::write(&schema, text.to_string()).unwrap();
    let schema = schema.to_str().unwrap();
    let deprecate = [
        "index",
        "deprecate",
        "--package",
        "beta",
        "--schema",
        schema,
        "--from-index",
        &name("3"),
    ];
    let deprecated = run(&deprecate, "4").await;
    assert_eq!(deprecated["index_image"], name("4"));
    let inspected = world.iib(&["index", "inspect", &name("4")]).await.ok();
    support::assert_names(&inspected, &["alpha", "beta"]);

    let missing = world
        .iib(&[
            "index",
            "deprecate",
            "--package",
            "beta",
            "--schema",
            "nowhere.json",
            "--from-index",
            &name("3"),
            "--binary-image",
            &binary,
            "--to",
            &name("5"),
        ])
        .await
        .failed();
    support::assert_names(&missing, &["nowhere.json"]);
}
