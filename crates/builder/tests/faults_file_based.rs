//! Registries that misbehave, at every step of a change to a file-based index.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on shall panic")]

mod support;

use std::collections::BTreeMap;

use builder::{Checkpoint, FragmentsRequest, IndexRequest, LayerKind, OutputRepository, Overwrite};
use futures::FutureExt as _;
use http::Method;
use oci::{ImageName, ImageRepository, Tag};
use support::matrix::{Flow, Place, Token, check};
use support::scene::Scene;
use support::{Observer, World};

/// Every repository of the registry.
const REPOSITORIES: [&str; 5] = ["binary", "foreign", "fragment", "iib-build", "index"];
const ARCHES: [&str; 2] = ["amd64", "arm64"];

/// A binary image of two architectures, the file-based index `index:v1` of ours, and a fragment for it.
async fn file_based_index(world: &World) {
    let binary = world.repository("binary");
    samples::push_binary_image(&world.client, &binary, &ARCHES, 5000)
        .await
        .unwrap();
    catalog_image(world, "foreign", "v1", &["alpha", "beta"]).await;
    catalog_image(world, "fragment", "first", &["gamma"]).await;
    catalog_image(world, "fragment", "second", &["delta"]).await;
    let mut seed = request(world, "first", "foreign:v1", "v1");
    seed.index.overwrite = Overwrite::No;
    seed.index.output.repository = OutputRepository::Registry(world.repository("index"));
    seed.index.add_arches = ARCHES.iter().map(|arch| arch.parse().unwrap()).collect();
    let observer = Observer::default();
    let made = world
        .builder
        .add_fragments(&seed, &observer, Checkpoint::default());
    assert_eq!(made.await.unwrap().built.layers.len(), 2);
}

/// An image of `packages` with one bundle each, as another tool makes it.
async fn catalog_image(world: &World, path: &str, tag: &str, packages: &[&str]) {
    let file = |name: &&str| {
        let text = format!(
            r#"{{"schema":"olm.package","name":"{name}","defaultChannel":"stable"}}
{{"schema":"olm.channel","package":"{name}","name":"stable","entries":[{{"name":"{name}.v1"}}]}}
{{"schema":"olm.bundle","package":"{name}","name":"{name}.v1","image":"quay.io/x/{name}:v1","properties":[{{"type":"olm.package","value":{{"packageName":"{name}","version":"1.0.0"}}}}]}}"#
        );
        (format!("configs/{name}/catalog.json"), text)
    };
    let label = "operators.operatorframework.io.index.configs.v1".to_owned();
    let labels = BTreeMap::from([(label, "/configs".to_owned())]);
    let repository = ImageRepository::Remote(world.client.repository(&world.repository(path)));
    let tag: Tag = tag.parse().unwrap();
    samples::push_files(
        &repository,
        &tag,
        labels,
        &[packages.iter().map(file).collect()],
    )
    .await
    .unwrap();
}

fn request(world: &World, fragment: &str, from_index: &str, tag: &str) -> FragmentsRequest {
    let add = world.request(world.name("fragment:none"), tag);
    FragmentsRequest {
        fragments: vec![world.name(&format!("fragment:{fragment}"))],
        index: IndexRequest {
            from_index: Some(ImageName::Registry(world.name(from_index))),
            overwrite: Overwrite::Yes,
            add_arches: std::collections::BTreeSet::new(),
            ..add.index
        },
    }
}

/// One delta for an index whose tag is overwritten. Nothing of it has been read before.
fn delta(places: Vec<Place>) -> Flow {
    Flow {
        name: "add a fragment to a file-based index",
        overwrites: "index:v1",
        run: |world| {
            async move {
                let request = request(world, "second", "index:v1", "7");
                let observer = Observer::default();
                let added = world
                    .builder
                    .add_fragments(&request, &observer, Checkpoint::default())
                    .await?;
                let top = added.built.layers.last().unwrap();
                assert!(top.kind == LayerKind::Delta && top.is_new);
                Ok(added.built.digest)
            }
            .boxed()
        },
        places,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_delta_is_right_or_says_why_not_when_its_inputs_are_hard_to_get() {
    let get = |name, path| Place::new(name, Method::GET, path);
    let places = vec![
        get("the fragment's manifest", "/v2/fragment/manifests/").token(Token::New),
        get("the fragment's layer", "/v2/fragment/blobs/").skip(1),
        get("the index's list", "/v2/index/manifests/v1"),
        get("the index's image", "/v2/index/manifests/sha256:"),
        get("a layer of the index", "/v2/index/blobs/").skip(1),
        get("another layer of the index", "/v2/index/blobs/").skip(2),
    ];
    let scene = Scene::set(file_based_index).await;
    check(&scene, &delta(places), &REPOSITORIES).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_delta_is_right_or_says_why_not_when_it_is_hard_to_publish() {
    let uploads = "/v2/iib-build/blobs/uploads/";
    let mounts = "/v2/iib-build/blobs/uploads/?mount=";
    let tag = "/v2/index/manifests/v1";
    let places = vec![
        Place::new("an upload's end", Method::PUT, uploads),
        Place::new("a mount", Method::POST, mounts),
        Place::new("an image", Method::PUT, "/v2/iib-build/manifests/7-"),
        Place::new("the list", Method::PUT, "/v2/iib-build/manifests/7").skip(2),
        Place::new(
            "an image beside the index",
            Method::PUT,
            "/v2/index/manifests/sha256:",
        ),
        Place::new("the tag", Method::PUT, tag),
        Place::new("its reading back", Method::HEAD, tag).skip(2),
    ];
    let scene = Scene::set(file_based_index).await;
    check(&scene, &delta(places), &REPOSITORIES).await;
}
