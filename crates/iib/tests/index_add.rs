//! `iib index add` and `iib index inspect` on a registry and on OCI layouts.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on shall panic")]

mod support;

use oci::{Document, Reference};
use samples::Bundle;
use serde_json::Value;
use support::{World, assert_names};

#[tokio::test(flavor = "multi_thread")]
async fn a_new_index_is_made_and_bundles_are_added_to_it() {
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
    let index = world.index("one", &[&first]).await;

    let to = format!("{}/index:two", world.host);
    let bundles = second.to_string();
    let text = world
        .add(&to, &[&bundles], &["--from-index", &index])
        .await
        .ok();
    assert_names(&text, &["published", &to, "1 added", "amd64", "arm64"]);

    let inspected: Value = serde_json::from_str(
        &world
            .iib(&["index", "inspect", &to, "-o", "json"])
            .await
            .ok(),
    )
    .unwrap();
    assert_eq!(
        inspected["packages"][0]["channels"][0]["head"],
        "alpha.v1.1.0"
    );
    assert_eq!(inspected["bundles"].as_array().unwrap().len(), 2);
    assert_eq!(
        inspected["labels"]["operators.operatorframework.io.index.database.v1"],
        "/database/index.db"
    );
    assert_eq!(
        inspected["labels"]["com.redhat.index.delivery.version"],
        "v4.5"
    );
    assert_eq!(
        inspected["labels"]["com.redhat.index.delivery.distribution_scope"],
        "prod"
    );
    assert_eq!(
        inspected["media_type"],
        "application/vnd.docker.distribution.manifest.list.v2+json"
    );
    assert!(world.digest("index", "two-arm64").await.is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_add_gives_the_same_digest() {
    let world = World::start().await;
    let bundles: Vec<_> = samples::bundles();
    let mut specs = Vec::new();
    for bundle in &bundles {
        specs.push(world.bundle(bundle).await);
    }
    let specs: Vec<_> = specs.iter().collect();
    world.index("one", &specs).await;
    world.index("two", &specs).await;
    assert!(world.digest("index", "one").await.is_some());
    assert_eq!(
        world.digest("index", "one").await,
        world.digest("index", "two").await
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bundle_that_is_there_already_changes_nothing() {
    let world = World::start().await;
    let bundle = world
        .bundle(&Bundle::simple("alpha", "1.0.0", "stable", None))
        .await;
    let index = world.index("one", &[&bundle]).await;
    let to = format!("{}/index:again", world.host);
    let by_tag = format!("{}/bundles/alpha:v1.0.0", world.host);
    let text = world
        .add(&to, &[&by_tag], &["--from-index", &index])
        .await
        .ok();
    assert_names(&text, &["0 added, 1 already there", "0 pushed"]);
    assert_eq!(
        world.digest("index", "one").await,
        world.digest("index", "again").await
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn overwriting_moves_the_tag_and_keeps_its_architectures() {
    let world = World::start().await;
    let first = world
        .bundle(&Bundle::simple("alpha", "1.0.0", "stable", None))
        .await;
    let second = world
        .bundle(&Bundle::simple("beta", "1.0.0", "stable", None))
        .await;
    let index = world.index("v4.19", &[&first]).await;
    let before = world.digest("index", "v4.19").await;
    let to = format!("{}/iib-build:1", world.host);
    let bundles = second.to_string();
    let overwriting = ["--from-index", &index, "--overwrite-from-index"];
    let more = [&overwriting[..], &["--build-tag", "extra"]].concat();
    let text = world.add(&to, &[&bundles], &more).await.ok();
    assert_names(&text, &[&index]);
    let after = world.digest("index", "v4.19").await;
    assert_ne!(before, after);
    assert_eq!(after, world.digest("iib-build", "1").await);
    assert_eq!(after, world.digest("iib-build", "extra").await);
    let repository = world.client.repository(&world.repository("index"));
    let raw = repository
        .manifest(&Reference::Tag("v4.19".parse().unwrap()))
        .await
        .unwrap();
    let Document::List(list) = raw.parse().unwrap() else {
        panic!("a list")
    };
    let arches: Vec<_> = list
        .manifests
        .iter()
        .map(|entry| entry.platform.clone().unwrap().architecture)
        .collect();
    assert_eq!(arches, ["amd64", "arm64"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_index_may_live_in_an_oci_layout() {
    let world = World::start().await;
    let first = world
        .bundle(&Bundle::simple("alpha", "1.0.0", "stable", None))
        .await
        .to_string();
    let second = world
        .bundle(&Bundle::simple("beta", "1.0.0", "stable", None))
        .await
        .to_string();
    world.binary_image().await;
    let layout = format!("oci:{}", world.dir.path().join("layout").display());
    let (one, two) = (format!("{layout}:one"), format!("{layout}:two"));
    world.add(&one, &[&first], &["--arch", "arm64"]).await.ok();
    world
        .add(&two, &[&second], &["--from-index", &one, "--oci"])
        .await
        .ok();
    let text = world.iib(&["index", "inspect", &two]).await.ok();
    assert_names(
        &text,
        &[
            "alpha",
            "beta",
            "arm64",
            "application/vnd.oci.image.index.v1+json",
        ],
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn of_a_large_binary_image_in_the_same_registry_no_byte_travels() {
    const PADDING: usize = 100 * 1024 * 1024;
    let world = World::start().await;
    let bundle = world
        .bundle(&Bundle::simple("alpha", "1.0.0", "stable", None))
        .await
        .to_string();
    let repository = world.repository("opm");
    let binary = samples::push_binary_image(&world.client, &repository, &["amd64"], PADDING)
        .await
        .unwrap()
        .to_string();
    world.registry.log().clear();
    let to = format!("{}/index:one", world.host);
    let text = world
        .add(
            &to,
            &[&bundle],
            &["--arch", "amd64", "--binary-image", &binary],
        )
        .await
        .ok();
    assert_names(&text, &["1 mounted", "0 copied"]);
    let totals = world.registry.log().totals();
    assert!(
        totals.bytes_in < 200_000,
        "{} bytes were uploaded",
        totals.bytes_in
    );
    assert!(
        totals.bytes_out < 200_000,
        "{} bytes were downloaded",
        totals.bytes_out
    );

    // The second time the repository has it: not even a mount.
    world.registry.log().clear();
    let again = format!("{}/index:two", world.host);
    assert_names(
        &world
            .add(
                &again,
                &[&bundle],
                &["--arch", "amd64", "--binary-image", &binary],
            )
            .await
            .ok(),
        &["0 pushed", "0 mounted", "0 copied"],
    );
    assert!(
        !world
            .registry
            .log()
            .entries()
            .iter()
            .any(|entry| entry.path.contains("mount="))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_binary_image_in_another_registry_is_streamed_through_once() {
    const PADDING: usize = 3 * 1024 * 1024;
    let world = World::start().await;
    let elsewhere = World::start().await;
    let bundle = world
        .bundle(&Bundle::simple("alpha", "1.0.0", "stable", None))
        .await
        .to_string();
    let repository = elsewhere.repository("opm");
    let binary = samples::push_binary_image(&elsewhere.client, &repository, &["amd64"], PADDING)
        .await
        .unwrap()
        .to_string();
    let run = async |tag: &str| {
        let to = format!("{}/index:{tag}", world.host);
        world
            .add(
                &to,
                &[&bundle],
                &["--arch", "amd64", "--binary-image", &binary],
            )
            .await
            .ok()
    };
    assert_names(&run("one").await, &["1 copied"]);
    assert_names(&run("two").await, &["0 copied"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_alias_keeps_names_and_speaks_to_another_address() {
    let world = World::start().await;
    world
        .bundle(&Bundle::simple("alpha", "1.0.0", "stable", None))
        .await;
    world.binary_image().await;
    let alias = format!("registry.test:5000={}", world.host);
    world
        .add(
            "registry.test:5000/index:one",
            &["registry.test:5000/bundles/alpha:v1.0.0"],
            &[
                "--registry-alias",
                &alias,
                "--binary-image",
                "registry.test:5000/binary:latest",
                "--arch",
                "amd64",
            ],
        )
        .await
        .ok();
    let args = [
        "index",
        "inspect",
        "--registry-alias",
        &alias,
        "registry.test:5000/index:one",
        "-o",
        "json",
    ];
    let inspected: Value = serde_json::from_str(&world.iib(&args).await.ok()).unwrap();
    let path = inspected["bundles"][0]["bundle_path"].as_str().unwrap();
    assert!(
        path.starts_with("registry.test:5000/bundles/alpha@sha256:"),
        "{path}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_index_in_an_oci_layout_is_overwritten() {
    let world = World::start().await;
    let first = world
        .bundle(&Bundle::simple("alpha", "1.0.0", "stable", None))
        .await
        .to_string();
    let second = world
        .bundle(&Bundle::simple("beta", "1.0.0", "stable", None))
        .await
        .to_string();
    world.binary_image().await;
    let layout = format!("oci:{}", world.dir.path().join("layout").display());
    let (index, other) = (format!("{layout}:v1"), format!("{layout}:candidate"));
    world
        .add(&index, &[&first], &["--arch", "arm64"])
        .await
        .ok();
    let overwriting = ["--from-index", &index, "--overwrite-from-index"];
    let text = world.add(&other, &[&second], &overwriting).await.ok();
    assert_names(&text, &[&index]);
    let [moved, published] = [&index, &other].map(|name| async {
        let args = ["index", "inspect", name, "-o", "json"];
        serde_json::from_str::<Value>(&world.iib(&args).await.ok()).unwrap()
    });
    let moved = moved.await;
    assert_eq!(moved["digest"], published.await["digest"]);
    assert_eq!(moved["packages"].as_array().unwrap().len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_architectures_image_by_digest_is_an_index_too() {
    let world = World::start().await;
    let bundle = world
        .bundle(&Bundle::simple("alpha", "1.0.0", "stable", None))
        .await;
    world.index("v1", &[&bundle]).await;
    let digest = world.digest("index", "v1-arm64").await.unwrap();
    let index = format!("{}/index@{digest}", world.host);
    let to = format!("{}/index:v2", world.host);
    let more = ["--from-index", &index, "-o", "json"];
    let added: Value = serde_json::from_str(&world.add(&to, &[], &more).await.ok()).unwrap();
    let arches: Vec<_> = added["images"].as_object().unwrap().keys().collect();
    assert_eq!(arches, ["arm64"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tag_keeps_the_architectures_that_are_not_built_when_that_is_chosen() {
    let world = World::start().await;
    let bundle = world
        .bundle(&Bundle::simple("alpha", "1.0.0", "stable", None))
        .await;
    let index = world.index("v1", &[&bundle]).await;
    let before = world.digest("index", "v1").await;
    let bundle = bundle.to_string();
    let add = async |more: &[&str]| {
        let more = [&["--arch", "arm64"], more].concat();
        world.add(&index, &[&bundle], &more).await
    };
    let error = add(&[]).await.failed();
    assert_names(&error, &[&index, "`amd64`", "on_lost_arch"]);
    assert_eq!(world.digest("index", "v1").await, before);

    let keep = ["--on-lost-arch", "keep-missing", "-o", "json"];
    let kept = add(&keep).await;
    assert_names(&kept.stderr, &["WARN", &index, "amd64", "former catalog"]);
    let kept: Value = serde_json::from_str(&kept.ok()).unwrap();
    assert_eq!(kept["kept"][&index], serde_json::json!(["amd64"]));
    let list = ["manifest", "inspect", &index, "-o", "json"];
    let list: Value = serde_json::from_str(&world.iib(&list).await.ok()).unwrap();
    let digest = kept["digest"].as_str();
    assert_eq!(list["digest"].as_str(), digest);
    assert_eq!(list["entries"].as_array().unwrap().len(), 2);
    let text = add(&["--on-lost-arch", "keep-missing"]).await.ok();
    assert_names(&text, &["kept       amd64 of", &index]);

    add(&["--on-lost-arch", "replace"]).await.ok();
    let list = ["manifest", "inspect", &index, "-o", "json"];
    let list: Value = serde_json::from_str(&world.iib(&list).await.ok()).unwrap();
    assert_eq!(list["entries"].as_array().unwrap().len(), 1);
}
