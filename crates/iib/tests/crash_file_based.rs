//! `kill -9` in the middle of a change to a file-based index: the same command again ends as if nothing had happened, whatever
//! was left in the blob cache, and the index's tag is the old or the new image at every moment.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on shall panic")]

mod support;

use std::path::Path;
use std::process::Stdio;

use http::Method;
use registry::{Fault, Rule};
use support::service::until;
use support::{World, command};

/// The command that puts the fragment `fragment:<tag>` into `index:v1` and moves that tag, with the cache in `cache`.
fn add(world: &World, tag: &str, cache: &Path) -> tokio::process::Command {
    let name = |path: &str| format!("{}/{path}", world.host);
    let mut iib = command(world.dir.path());
    iib.args([
        "index",
        "add-fragment",
        "--overwrite-from-index",
        "-o",
        "json",
    ])
    .args(["--fragment", &name(&format!("fragment:{tag}"))])
    .args(["--from-index", &name("index:v1")])
    .args(["--binary-image", &name("binary:latest")])
    .args(["--to", &name(&format!("out:{tag}"))])
    .args(["--arch", "amd64,arm64"])
    .arg("--cache-dir")
    .arg(cache);
    iib
}

/// A world whose `index:v1` is of ours if `is_ours`, else of another tool, and a fragment for it.
async fn world(is_ours: bool) -> World {
    let world = World::start().await;
    world.binary_image().await;
    world.catalog_image("index", "v1", &["alpha", "beta"]).await;
    world.catalog_image("fragment", "0", &["gamma"]).await;
    world.catalog_image("fragment", "1", &["delta"]).await;
    if is_ours {
        let made = add(&world, "0", &world.dir.path().join("first"))
            .output()
            .await
            .unwrap();
        assert!(made.status.success(), "{made:?}");
    }
    world
}

/// Kills the command while the registry holds the request that `method` and `path` describe, runs it again, and compares with
/// a world in which it was not killed.
async fn check(is_ours: bool, method: Method, path: &str) {
    let undisturbed = world(is_ours).await;
    let cache = undisturbed.dir.path().join("cache");
    let done = add(&undisturbed, "1", &cache).output().await.unwrap();
    assert!(done.status.success(), "{done:?}");
    let expected = undisturbed.digest("index", "v1").await.unwrap();

    let world = world(is_ours).await;
    let old = world.digest("index", "v1").await.unwrap();
    world.registry.log().clear();
    let rule = Rule::new(path, Fault::Stall)
        .method(method.clone())
        .times(1);
    world.registry.faults().add(rule);
    let cache = world.dir.path().join("cache");
    let mut killed = add(&world, "1", &cache)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    until("the registry holds the request", || async {
        let held = |entry: &registry::Entry| {
            entry.method == method && entry.path.contains(path) && entry.status.is_none()
        };
        world
            .registry
            .log()
            .entries()
            .iter()
            .any(held)
            .then_some(())
    })
    .await;
    killed.kill().await.unwrap();
    assert_eq!(
        world.digest("index", "v1").await.unwrap(),
        old,
        "the tag moves last"
    );
    world.registry.faults().clear();

    let again = add(&world, "1", &cache).output().await.unwrap();
    assert!(again.status.success(), "{again:?}");
    assert_eq!(world.digest("index", "v1").await.unwrap(), expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_while_the_fragment_is_read() {
    check(true, Method::GET, "/fragment/blobs/").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_while_a_layer_of_ours_is_read() {
    check(true, Method::GET, "/index/blobs/").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_while_an_index_of_another_tool_is_read() {
    check(false, Method::GET, "/index/blobs/").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_while_the_new_layer_is_uploaded() {
    check(true, Method::PUT, "/out/blobs/uploads/").await;
    check(false, Method::PUT, "/out/blobs/uploads/").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_while_an_image_is_pushed() {
    check(true, Method::PUT, "/out/manifests/1-").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_right_before_the_tag_moves() {
    check(true, Method::PUT, "/index/manifests/v1").await;
}
