//! The service as its users see it: `iib serve`, requests over REST.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on shall panic")]

mod support;

use reqwest::StatusCode;
use samples::Bundle;
use serde_json::{Value, json};
use support::service::Setup;
use support::{World, assert_names};

#[tokio::test(flavor = "multi_thread")]
async fn an_add_over_rest_publishes_and_reports() {
    let world = World::start().await;
    let binary = world.binary_image().await;
    let bundle = world
        .bundle(&Bundle::simple("alpha", "1.0.0", "stable", None))
        .await;
    let setup = Setup::new(&world);
    let service = setup.start().await;
    let written = format!("{}/bundles/alpha:v1.0.0", world.host);
    let id = service
        .add(&json!({"bundles": [written], "binary_image": binary, "add_arches": ["arm64", "amd64"], "build_tags": ["t1"]}))
        .await;
    let request = service.ended(id).await;
    assert_eq!(request["state"], "complete", "{request}");
    let name = format!("{}/iib-build:{id}", world.host);
    let digest = world.digest("iib-build", &id.to_string()).await.unwrap();
    assert_eq!(request["index_image"], name);
    assert_eq!(
        request["index_image_resolved"],
        format!("{}/iib-build@{digest}", world.host)
    );
    assert_eq!(request["internal_index_image_copy"], name);
    assert_eq!(request["arches"], json!(["amd64", "arm64"]));
    assert_eq!(request["distribution_scope"], "prod");
    assert_eq!(request["bundle_mapping"], json!({"alpha": [written]}));
    assert_eq!(request["bundles"], json!([written]));
    assert_eq!(world.digest("iib-build", "t1").await, Some(digest));
    let reasons: Vec<&str> = request["state_history"]
        .as_array()
        .unwrap()
        .iter()
        .rev()
        .map(|entry| entry["state_reason"].as_str().unwrap())
        .collect();
    assert_eq!(
        reasons[1..],
        [
            "Resolving the bundles",
            "Resolving the container images",
            "Building the index image for the following arches: amd64, arm64",
            "Creating the manifest list",
            "The operator bundle(s) were successfully added to the index image",
        ]
    );

    let (status, log) = service.get(&format!("builds/{id}/logs")).await;
    assert_eq!(status, StatusCode::OK);
    assert_names(
        &log,
        &["Resolving the bundles", "published", "bytes_written"],
    );
    let first = log.lines().next().unwrap();
    let version = env!("CARGO_PKG_VERSION");
    let expected = format!("iib {version} works on request {id}, attempt 1");
    assert!(first.ends_with(&expected), "{first}");
    assert_names(&log, &["Creating the manifest list"]);
    let inspected = world
        .iib(&["index", "inspect", &name, "-o", "json"])
        .await
        .ok();
    assert_names(&inspected, &[&bundle.to_string(), "alpha.v1.0.0"]);
    assert_eq!(service.terminate().await, Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_cannot_be_done_fails_with_the_reason() {
    let world = World::start().await;
    let binary = world.binary_image().await;
    let setup = Setup::new(&world);
    let service = setup.start().await;
    let missing = format!("{}/bundles/alpha:v1", world.host);
    let id = service
        .add(&json!({"bundles": [missing], "binary_image": binary, "add_arches": ["amd64"]}))
        .await;
    let request = service.ended(id).await;
    assert_eq!(request["state"], "failed");
    assert_names(request["state_reason"].as_str().unwrap(), &[&missing]);
    assert_eq!(request["index_image"], Value::Null);

    let image = format!("{}/images/absent:1", world.host);
    let csv = format!(
        "kind: ClusterServiceVersion\nmetadata: {{name: gamma.v1.0.0}}\nspec:\n  version: 1.0.0\n  install: {{}}\n  relatedImages: [{{name: absent, image: '{image}'}}]\n"
    );
    let bundle =
        Bundle::simple("gamma", "1.0.0", "stable", None).with_file("manifests/csv.yaml", &csv);
    let bundle = world.bundle(&bundle).await;
    let payload = json!({"bundles": [bundle.to_string()], "binary_image": binary, "add_arches": ["amd64"],
        "check_related_images": true});
    let request = service.add(&payload).await;
    let request = service.ended(request).await;
    assert_eq!(request["state"], "failed");
    assert_names(
        request["state_reason"].as_str().unwrap(),
        &["related images cannot be read", &image],
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_of_a_request_cannot_be_used_is_named_and_no_secret_is() {
    const SECRET: &str = "c2VjcmV0";
    let world = World::start().await;
    let first = Bundle::simple("alpha", "1.0.0", "stable", None);
    let first = world.bundle(&first).await;
    let index = world.index("v4.19", &[&first]).await;
    let before = world.digest("index", "v4.19").await;
    let twice = Bundle::simple("beta", "1.0.0", "stable", None)
        .with_file("manifests/twice.yaml", "kind: A\nkind: B\n");
    let twice = world.bundle(&twice).await.to_string();
    let add = json!({"bundles": [twice], "from_index": index, "binary_image": format!("{}/binary:latest", world.host)});
    let with = |more: Value| {
        let mut payload = add.clone();
        let more = more.as_object().unwrap().clone();
        payload.as_object_mut().unwrap().extend(more);
        payload
    };
    let setup = Setup::new(&world);
    let service = setup.start().await;
    for (path, payload, parts) in [
        (
            "add",
            with(json!({"check_related_images": true})),
            [twice.as_str(), "`manifests/twice.yaml`", "`kind`"],
        ),
        (
            "add",
            with(json!({"overwrite_from_index": true, "overwrite_from_index_token": SECRET})),
            [
                "parameter",
                "`overwrite_from_index_token`",
                "`user:password`",
            ],
        ),
        (
            "regenerate-bundle",
            json!({"from_bundle_image": twice, "registry_auths": {"auths": {world.host.as_str(): {"auth": SECRET}}}}),
            ["parameter", "`registry_auths`", "base64"],
        ),
    ] {
        let id = service.submit(path, &payload).await;
        let request = service.ended(id).await;
        assert_eq!(request["state"], "failed", "{request}");
        assert_eq!(world.digest("iib-build", &id.to_string()).await, None);
        assert_names(request["state_reason"].as_str().unwrap(), &parts);
    }
    let (_, all) = service.get("builds?verbose=true").await;
    for text in [all, service.said()] {
        assert!(!text.contains(SECRET), "{text}");
    }
    assert_eq!(world.digest("index", "v4.19").await, before);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_in_use_is_said_with_the_remedy() {
    let world = World::start().await;
    let taken = world.host.clone();
    let config = world.dir.path().join("empty.toml");
    std::fs::write(&config, "[build]\nregistry = \"quay.io\"\n").unwrap();
    let data = world.dir.path().join("data");
    let args = [
        "serve",
        "--listen",
        &taken,
        "--config",
        config.to_str().unwrap(),
        "--data-dir",
        data.to_str().unwrap(),
    ];
    assert_names(&world.iib(&args).await.failed(), &[&taken, "--listen"]);
    assert_names(
        &world
            .iib(&[
                "quickstart",
                "--once",
                "--listen",
                &taken,
                "--registry-listen",
                "127.0.0.1:0",
            ])
            .await
            .failed(),
        &[&taken, "--listen"],
    );
    assert_names(
        &world
            .iib(&[
                "quickstart",
                "--once",
                "--listen",
                "127.0.0.1:0",
                "--registry-listen",
                &taken,
            ])
            .await
            .failed(),
        &[&taken, "--registry-listen"],
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_data_directory_belongs_to_one_service() {
    let world = World::start().await;
    let setup = Setup::new(&world);
    let service = setup.start().await;
    let work = setup.data.join("work/iib-request-running");
    std::fs::create_dir(&work).unwrap();
    let config = world.dir.path().join("iib.toml");
    let data = setup.data.to_str().unwrap();
    let args = [
        "serve",
        "--listen",
        "127.0.0.1:0",
        "--config",
        config.to_str().unwrap(),
        "--data-dir",
        data,
    ];
    let error = world.iib(&args).await.failed();
    assert_names(&error, &[data, "in use", "--data-dir"]);
    assert!(work.exists(), "the running service's work is left alone");

    assert_eq!(service.terminate().await, Some(0));
    setup.start().await.kill().await;
    assert!(
        !work.exists(),
        "once it has ended, its leftovers are removed"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_configuration_names_file_and_key() {
    let world = World::start().await;
    let config = world.dir.path().join("iib.toml");
    let path = config.to_str().unwrap();
    for (text, expected) in [
        ("[build]\nregistri = \"x\"\n", "registri"),
        ("[server]\nlisten = \"nowhere\"\n", "listen"),
        (
            "[build]\nregistry = \"quay.io\"\nimage_push_template = \"quay.io/x:latest\"\n",
            "image_push_template",
        ),
        ("", "build.registry"),
    ] {
        std::fs::write(&config, text).unwrap();
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
        assert_names(&world.iib(&args).await.failed(), &[expected]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_quickstart_ends_well_and_names_what_it_made() {
    let world = World::start().await;
    let args = [
        "quickstart",
        "--once",
        "--listen",
        "127.0.0.1:0",
        "--registry-listen",
        "127.0.0.1:0",
    ];
    let text = world.iib(&args).await.ok();
    assert_names(
        &text,
        &[
            "iib-build:1",
            "amd64",
            "arm64",
            "ppc64le",
            "s390x",
            "hello-operator.v1.1.0",
            "traffic",
            "requests",
            "mounted",
            "verified",
            "skopeo",
        ],
    );
}
