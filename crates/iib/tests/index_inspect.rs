//! `iib index inspect`: layers, catalogs and pictures of index images of every kind.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on shall panic")]

mod support;

use oci::BlobSource;
use samples::Bundle;
use serde_json::{Value, json};
use support::{World, assert_names};

async fn inspected(world: &World, image: &str) -> Value {
    let args = ["index", "inspect", image, "-o", "json"];
    serde_json::from_str(&world.iib(&args).await.ok()).unwrap()
}

/// The kinds of the layers, lowest first.
fn kinds(inspected: &Value) -> Vec<&str> {
    let layers = inspected["layers"].as_array().unwrap().iter();
    layers
        .map(|layer| layer["kind"].as_str().unwrap())
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_based_index_shows_its_layers_and_its_catalog() {
    let world = World::start().await;
    let [first, second] = world.file_based_indexes().await;

    let one = inspected(&world, &first).await;
    assert_eq!(one["kind"], "file-based");
    assert_eq!(one["database_bytes"], Value::Null);
    assert_eq!(kinds(&one), ["binary_image", "base", "cache"]);
    assert_eq!(one["room"]["deltas"], 16);
    let two = inspected(&world, &second).await;
    assert_eq!(kinds(&two), ["binary_image", "base", "cache", "delta"]);
    assert_eq!(two["layers_arch"], "amd64");
    assert_eq!(two["room"]["deltas"], 15);
    assert_eq!(two["totals"]["layers"], 4);
    assert_eq!(two["totals"]["deltas"], 1);
    let bytes = |number: usize| two["layers"][number]["bytes"].as_u64().unwrap();
    assert_eq!(two["totals"]["binary_image_bytes"], bytes(0));
    assert_eq!(two["totals"]["own_bytes"], bytes(1) + bytes(2) + bytes(3));
    assert_eq!(one["layers"][1], two["layers"][1], "the base stays");
    assert_eq!(
        two["counts"],
        json!({"packages": 2, "channels": 2, "bundles": 4})
    );
    assert_eq!(
        two["packages"][1],
        json!({"name": "beta", "default_channel": "stable", "channels": [{"name": "stable", "head": "beta.v2"}]})
    );
    assert_eq!(
        two["bundles"][3],
        json!({
            "name": "beta.v2", "package": "beta", "version": "2.0.0",
            "bundle_path": "registry.test/beta:2", "channels": ["stable"],
        })
    );

    let text = world.iib(&["index", "inspect", &second]).await.ok();
    assert_names(
        &text,
        &[
            "kind       file-based",
            "layers     of amd64, the lowest first",
            "binary image",
            "delta",
            two["layers"][3]["digest"].as_str().unwrap(),
            "4 layer(s), 1 delta(s)",
            "room       15 more delta(s) of",
            "2 package(s), 2 channel(s), 4 bundle(s)",
            "beta (default channel stable)",
            "head beta.v2",
        ],
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_look_reads_no_layer_again() {
    let world = World::start().await;
    let [_, second] = world.file_based_indexes().await;
    inspected(&world, &second).await;
    let two = inspected(&world, &second).await;
    world.registry.log().clear();
    inspected(&world, &second).await;
    let entries = world.registry.log().entries();
    for layer in two["layers"].as_array().unwrap() {
        let digest = layer["digest"].as_str().unwrap();
        let mut reads = entries.iter().filter(|entry| entry.path.contains(digest));
        assert!(reads.next().is_none(), "{layer}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn images_of_other_tools_are_shown_too() {
    let world = World::start().await;
    let foreign = world
        .catalog_image("foreign", "v1", &["beta", "alpha"])
        .await;
    let found = inspected(&world, &foreign).await;
    assert_eq!(kinds(&found), ["other"]);
    assert_eq!(found["room"], Value::Null);
    assert_eq!(found["totals"]["binary_image_bytes"], Value::Null);
    assert_eq!(found["counts"]["bundles"], 4);
    assert_eq!(found["packages"][0]["name"], "alpha");
    let text = world.iib(&["index", "inspect", &foreign]).await.ok();
    assert_names(&text, &["of another tool", "made by another tool"]);
    assert!(!text.contains("room "), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_sqlite_index_shows_its_layers() {
    let world = World::start().await;
    let bundle = Bundle::simple("alpha", "1.0.0", "stable", None);
    let bundle = world.bundle(&bundle).await;
    let index = world.index("v1", &[&bundle]).await;
    let found = inspected(&world, &index).await;
    assert_eq!(found["kind"], "sqlite");
    assert_eq!(kinds(&found), ["binary_image", "database"]);
    assert_eq!(found["room"], Value::Null, "it has no deltas");

    let database = world.dir.path().join("index.db");
    let args = [
        "index",
        "inspect",
        &index,
        "--database",
        database.to_str().unwrap(),
    ];
    world.iib(&args).await.ok();
    let database = BlobSource::File(database);
    let repository = world.repository("foreign");
    let foreign = samples::push_index(&world.client, &repository, &["s390x"], database);
    let foreign = foreign.await.unwrap().to_string();
    let other = inspected(&world, &foreign).await;
    assert_eq!(kinds(&other), ["other"]);
    assert_eq!(other["layers_arch"], "s390x");
    assert_eq!(other["bundles"], found["bundles"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_picture_of_the_layers_is_written() {
    let world = World::start().await;
    let [_, second] = world.file_based_indexes().await;
    let found = inspected(&world, &second).await;
    let picture = world.dir.path().join("layers.svg");
    let args = [
        "index",
        "inspect",
        &second,
        "--svg",
        picture.to_str().unwrap(),
    ];
    world.iib(&args).await.ok();
    let svg = std::fs::read_to_string(&picture).unwrap();
    let document = roxmltree::Document::parse(&svg).unwrap();
    let titles = document
        .descendants()
        .filter(|node| node.has_tag_name("title"));
    let titles: Vec<&str> = titles.filter_map(|node| node.text()).collect();
    // The picture's own title, then the layers from the top.
    let digests = found["layers"].as_array().unwrap().iter().rev();
    let digests: Vec<&str> = digests
        .map(|layer| layer["digest"].as_str().unwrap())
        .collect();
    assert_eq!(titles[1..], digests);
    assert_names(titles[0], &[&second, "4 layer(s), 1 delta(s)"]);

    let args = [
        "index",
        "inspect",
        &second,
        "--svg",
        "/nonexistent/layers.svg",
    ];
    let error = world.iib(&args).await.failed();
    assert_names(&error, &["`/nonexistent/layers.svg`", "permissions"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_catalog_is_named() {
    let world = World::start().await;
    let target = oci::ImageRepository::Remote(world.client.repository(&world.repository("broken")));
    let label = "operators.operatorframework.io.index.configs.v1".to_owned();
    let labels = std::collections::BTreeMap::from([(label, "/configs".to_owned())]);
    let file = (
        "configs/alpha/catalog.json".to_owned(),
        "{\"schema\":".to_owned(),
    );
    let tag = "v1".parse().unwrap();
    samples::push_files(&target, &tag, labels.clone(), &[vec![file]])
        .await
        .unwrap();
    let image = format!("{}/broken:v1", world.host);
    let error = world.iib(&["index", "inspect", &image]).await.failed();
    assert_names(&error, &[&image, "alpha/catalog.json"]);
    let elsewhere = ("elsewhere".to_owned(), String::new());
    samples::push_files(&target, &tag, labels, &[vec![elsewhere]])
        .await
        .unwrap();
    let error = world.iib(&["index", "inspect", &image]).await.failed();
    assert_names(&error, &[&image, "no directory `/configs`"]);
}
