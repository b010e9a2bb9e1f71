//! `iib index diff`.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on shall panic")]

mod support;

use samples::Bundle;
use serde_json::{Value, json};
use support::{World, assert_names};

async fn diff(world: &World, old: &str, new: &str) -> Value {
    let args = ["index", "diff", old, new, "-o", "json"];
    serde_json::from_str(&world.iib(&args).await.ok()).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_delta_is_told_with_what_it_brought() {
    let world = World::start().await;
    let [first, second] = world.file_based_indexes().await;
    let found = diff(&world, &first, &second).await;
    let image = &found["image"];
    assert_ne!(image["digest"]["before"], image["digest"]["after"]);
    assert_eq!(
        image["kind"],
        json!({"before": "file-based", "after": "file-based"})
    );
    assert_eq!(image["labels"], json!({}));
    let layers = &image["layers"];
    assert_eq!(layers["binary_image_changed"], false);
    let count = |name: &str| layers[name].as_array().unwrap().len();
    assert_eq!([count("kept"), count("added"), count("removed")], [3, 1, 0]);
    assert_eq!(layers["added"][0]["kind"], "delta");
    let packages = &found["catalog"]["packages"];
    assert_eq!(packages.as_array().unwrap().len(), 1);
    assert_eq!(
        (&packages[0]["name"], &packages[0]["change"]),
        (&json!("beta"), &json!("added"))
    );

    let text = world.iib(&["index", "diff", &first, &second]).await.ok();
    assert_names(
        &text,
        &[
            &format!("before     {first}\nafter      {second}\ndigest     sha256:"),
            "kind       file-based\n",
            "layers     of amd64: 3 kept, 1 added, 0 removed",
            "binary     the same",
            "  + delta",
            "  = base",
            "package `beta`  added",
        ],
    );
    let args = ["index", "diff", &first, &second, "-o", "markdown"];
    let markdown = world.iib(&args).await.ok();
    assert!(
        markdown.starts_with("## Index image changes\n"),
        "{markdown}"
    );
    assert_names(
        &markdown,
        &[&first, &second, "\n## Catalog changes\n", "`beta`"],
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn either_side_may_be_of_any_kind() {
    let world = World::start().await;
    let bundle = Bundle::simple("alpha", "1.0.0", "stable", None);
    let bundle = world.bundle(&bundle).await;
    let sqlite = world.index("sqlite", &[&bundle]).await;
    let foreign = world.catalog_image("foreign", "v1", &["alpha"]).await;
    let found = diff(&world, &sqlite, &foreign).await;
    let image = &found["image"];
    assert_eq!(
        image["kind"],
        json!({"before": "sqlite", "after": "file-based"})
    );
    assert_eq!(image["architectures"]["arm64"]["after"], Value::Null);
    assert_eq!(image["layers"]["binary_image_changed"], Value::Null);
    let labels = image["labels"].as_object().unwrap();
    assert_eq!(
        labels["operators.operatorframework.io.index.database.v1"],
        json!({"before": "/database/index.db", "after": null})
    );
    assert_eq!(found["catalog"]["packages"][0]["change"], "changed");
    let text = world.iib(&["index", "diff", &sqlite, &foreign]).await.ok();
    assert_names(
        &text,
        &[
            "kind       sqlite → file-based",
            "arm64    lost: sha256:",
            "labels     ",
            "operators.operatorframework.io.index.configs.v1: none → \"/configs\"",
            "binary     not known: another tool made one of the images",
            "package `alpha`  changed",
        ],
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn another_binary_image_is_told_and_missing_architectures_are_no_trouble() {
    let world = World::start().await;
    let bundle = Bundle::simple("alpha", "1.0.0", "stable", None);
    let bundle = world.bundle(&bundle).await.to_string();
    world.binary_image().await;
    let name = |tag: &str| format!("{}/index:{tag}", world.host);
    let (arm, amd, other) = (name("arm"), name("amd"), name("other"));
    for (to, arch) in [(&arm, "arm64"), (&amd, "amd64")] {
        world.add(to, &[&bundle], &["--arch", arch]).await.ok();
    }
    let repository = world.repository("binary2");
    let binary = samples::push_binary_image(&world.client, &repository, &["amd64"], 5000);
    let binary = binary.await.unwrap().to_string();
    let more = ["--from-index", &amd, "--binary-image", &binary];
    world.add(&other, &[], &more).await.ok();

    let found = diff(&world, &amd, &other).await;
    let layers = &found["image"]["layers"];
    assert_eq!(layers["binary_image_changed"], true);
    assert_eq!(layers["kept"][0]["kind"], "database");
    assert_eq!(found["catalog"]["packages"], json!([]));
    let found = diff(&world, &arm, &amd).await;
    assert_eq!(found["image"]["layers"], Value::Null);
    let text = world.iib(&["index", "diff", &arm, &amd]).await.ok();
    assert_names(
        &text,
        &["there is no architecture that both have", "no differences"],
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_exit_code_says_whether_images_differ_if_asked() {
    let world = World::start().await;
    let [first, second] = world.file_based_indexes().await;
    world.registry.log().clear();
    let same = world
        .iib(&["index", "diff", &first, &first, "--exit-code"])
        .await
        .ok();
    assert_names(&same, &["the same image", "no differences"]);
    let is_layer = |entry: &registry::Entry| entry.bytes_out > 10_000;
    assert!(
        !world.registry.log().entries().iter().any(is_layer),
        "no layer is read"
    );
    let different = world
        .iib(&["index", "diff", &first, &second, "--exit-code"])
        .await;
    assert_eq!((different.code, different.stderr.as_str()), (Some(1), ""));
    let missing = format!("{}/index:missing", world.host);
    let args = ["index", "diff", &first, &missing, "--exit-code"];
    let trouble = world.iib(&args).await;
    assert_eq!(trouble.code, Some(2));
    assert_names(&trouble.stderr, &["error: ", &missing]);
    let error = world
        .iib(&["index", "diff", &missing, &first])
        .await
        .failed();
    assert_names(&error, &[&missing, "check"]);
    let bundle = Bundle::simple("alpha", "1.0.0", "stable", None);
    let bundle = world.bundle(&bundle).await.to_string();
    let error = world
        .iib(&["index", "diff", &first, &bundle])
        .await
        .failed();
    assert_names(&error, &[&bundle, "is no index image"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn labels_cannot_pretend_to_be_lines_of_the_report() {
    let world = World::start().await;
    let old = world.catalog_image("foreign", "v1", &["alpha"]).await;
    let repository = world.client.repository(&world.repository("foreign"));
    let target = oci::ImageRepository::Remote(repository);
    let configs = "operators.operatorframework.io.index.configs.v1".to_owned();
    let hostile = ("x\n```\ndigest".to_owned(), "y\n```\nlayers".to_owned());
    let labels = [(configs, "/configs".to_owned()), hostile];
    let package = "{\"schema\":\"olm.package\",\"name\":\"alpha\"}".to_owned();
    let file = ("configs/alpha/catalog.json".to_owned(), package);
    let tag = "v2".parse().unwrap();
    samples::push_files(&target, &tag, labels.into(), &[vec![file]])
        .await
        .unwrap();
    let new = format!("{}/foreign:v2", world.host);
    let args = ["index", "diff", &old, &new, "-o", "markdown"];
    let markdown = world.iib(&args).await.ok();
    let fences = markdown.lines().filter(|line| line.starts_with("```"));
    assert_eq!(fences.count(), 2, "{markdown}");
    assert_names(&markdown, &[r#"x\n```\ndigest: none → "y\n```\nlayers""#]);
}
