//! Registries that misbehave, at every step of a request.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on shall panic")]

mod support;

use builder::{AddRequest, OutputRepository, Overwrite};
use futures::FutureExt as _;
use http::Method;
use oci::ImageName;
use samples::Bundle;
use support::matrix::{Flow, Place, Token, check};
use support::scene::Scene;
use support::{Observer, World};

/// Every repository of the registry.
const REPOSITORIES: [&str; 4] = ["binary", "bundles/b", "iib-build", "index"];
const ARCHES: [&str; 2] = ["amd64", "arm64"];

/// A binary image of two architectures, the SQLite index `index:v1` with one bundle on it, another bundle to add, and a build tag
/// that somebody uses.
async fn sqlite_index(world: &World) {
    let binary = world.repository("binary");
    samples::push_binary_image(&world.client, &binary, &ARCHES, 5000)
        .await
        .unwrap();
    let bundle = Bundle::simple("alpha", "1.0.0", "stable", None);
    let mut seed = world.request(world.bundle(&bundle).await, "v1");
    seed.index.output.repository = OutputRepository::Registry(world.repository("index"));
    seed.index.add_arches = ARCHES.iter().map(|arch| arch.parse().unwrap()).collect();
    world.add(&seed, &Observer::default()).await.unwrap();
    world.bundle(&next_bundle()).await;
    let output = world.repository("iib-build");
    samples::push_binary_image(&world.client, &output, &ARCHES, 100)
        .await
        .unwrap();
}

fn next_bundle() -> Bundle {
    Bundle::simple("beta", "2.0.0", "stable", None)
}

fn add_request(world: &World) -> AddRequest {
    let mut request = world.request(world.name("bundles/b:v2.0.0"), "7");
    request.index.from_index = Some(ImageName::Registry(world.name("index:v1")));
    request.index.overwrite = Overwrite::Yes;
    request.index.output.build_tags = vec!["latest".parse().unwrap()];
    request
}

/// Adding a bundle to an SQLite index whose tag is overwritten.
fn sqlite_add(places: Vec<Place>) -> Flow {
    Flow {
        name: "add to an SQLite index",
        overwrites: "index:v1",
        run: |world| {
            async move {
                let added = world.add(&add_request(world), &Observer::default()).await?;
                Ok(added.built.digest)
            }
            .boxed()
        },
        places,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_add_ends_right_or_says_why_not_when_its_inputs_are_hard_to_get() {
    let get = |name, path| Place::new(name, Method::GET, path);
    let places = vec![
        Place {
            names: "registry.test",
            ..get("a token", "/token").token(Token::Asked)
        },
        get("a bundle's manifest", "/v2/bundles/b/manifests/").token(Token::New),
        get("a bundle's blobs", "/v2/bundles/b/blobs/"),
        get("the index's list", "/v2/index/manifests/v1"),
        get("the index's image", "/v2/index/manifests/sha256:"),
        get("the index's config", "/v2/index/blobs/"),
        get("the index's layer", "/v2/index/blobs/").skip(1),
        get("the binary image's list", "/v2/binary/manifests/latest"),
        get("the binary image's configs", "/v2/binary/blobs/"),
    ];
    let scene = Scene::set(sqlite_index).await;
    check(&scene, &sqlite_add(places), &REPOSITORIES).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_add_ends_right_or_says_why_not_when_its_result_is_hard_to_publish() {
    let build_tag = "/v2/iib-build/manifests/latest";
    let uploads = "/v2/iib-build/blobs/uploads/";
    let mounts = "/v2/iib-build/blobs/uploads/?mount=";
    let places = vec![
        Place::new("the build tag's look-up", Method::GET, build_tag).token(Token::Dispensable),
        Place::new("a blob's look-up", Method::HEAD, "/v2/iib-build/blobs/"),
        Place::new("an upload's start", Method::POST, uploads),
        Place::new("an upload's chunk", Method::PATCH, uploads),
        Place::new("an upload's end", Method::PUT, uploads),
        Place::new("a mount", Method::POST, mounts),
        Place::new("an image", Method::PUT, "/v2/iib-build/manifests/7-"),
        // After the images of both architectures.
        Place::new("the list", Method::PUT, "/v2/iib-build/manifests/7").skip(2),
        Place::new("the build tag", Method::PUT, build_tag),
    ];
    let scene = Scene::set(sqlite_index).await;
    check(&scene, &sqlite_add(places), &REPOSITORIES).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_add_ends_right_or_says_why_not_when_the_index_is_hard_to_overwrite() {
    let tag = "/v2/index/manifests/v1";
    let mounts = "/v2/index/blobs/uploads/?mount=";
    let places = vec![
        Place::new("the index's look-up", Method::HEAD, tag),
        Place::new("a mount", Method::POST, mounts),
        Place::new("an image", Method::PUT, "/v2/index/manifests/sha256:"),
        Place::new("the second look-up", Method::HEAD, tag).skip(1),
        Place::new("the tag", Method::PUT, tag),
        Place::new("its reading back", Method::HEAD, tag).skip(2),
    ];
    let scene = Scene::set(sqlite_index).await;
    check(&scene, &sqlite_add(places), &REPOSITORIES).await;
}
