//! What images may be built on, and what is never done to the images that are there.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on shall panic")]

mod support;

use std::collections::BTreeSet;

use builder::{Builder, BuilderConfig, Databases, Error, Overwrite};
use oci::{Arch, Credentials, ImageName, MediaType, Tag};
use samples::Bundle;
use support::{Observer, World, added_name};

const ZSTD: &str = "application/vnd.oci.image.layer.v1.tar+zstd";

fn arches(texts: &[&str]) -> BTreeSet<Arch> {
    texts.iter().map(|text| text.parse().unwrap()).collect()
}

async fn push_binary(world: &World, arches: &[&str]) {
    samples::push_binary_image(&world.client, &world.repository("binary"), arches, 0)
        .await
        .unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_from_indexs_tag_is_moved_by_overwriting_alone() {
    let world = World::open().await;
    let overwriting = world.overwriting().await;
    let before = world.digest("index", "v1").await;
    for (tag, build_tag) in [("v1", "x"), ("x", "v1")] {
        for overwrite in [Overwrite::No, Overwrite::Yes] {
            let mut request = overwriting.clone();
            request.index.overwrite = overwrite;
            request.index.output.repository =
                builder::OutputRepository::Registry(world.repository("index"));
            request.index.output.tag = tag.parse().unwrap();
            request.index.output.build_tags = vec![build_tag.parse().unwrap()];
            let error = world.add(&request, &Observer::default()).await.unwrap_err();
            assert!(matches!(error, Error::OutputIsFromIndex { .. }), "{error}");
        }
    }
    assert_eq!(world.digest("index", "v1").await, before);
    assert_eq!(world.digest("index", "x").await, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_architecture_whose_entry_does_not_say_its_platform_is_kept() {
    let world = World::open().await;
    let mut request = world.overwriting().await;
    push_binary(&world, &["amd64", "arm64"]).await;
    let mut seed = request.clone();
    seed.index.from_index = None;
    seed.index.overwrite = Overwrite::No;
    seed.index.add_arches = arches(&["amd64", "arm64"]);
    seed.bundles = vec![world.bundle(&Bundle::simple("a", "1.0.0", "s", None)).await];
    seed.index.output.repository = builder::OutputRepository::Registry(world.repository("index"));
    seed.index.output.tag = "v2".parse().unwrap();
    world.add(&seed, &Observer::default()).await.unwrap();
    world
        .change_list("index", "v2", |list| list.manifests[1].platform = None)
        .await;

    request.index.from_index = Some(ImageName::Registry(world.name("index:v2")));
    request.index.add_arches = BTreeSet::new();
    let added = world.add(&request, &Observer::default()).await.unwrap();
    let built: BTreeSet<Arch> = added.built.images.keys().cloned().collect();
    assert_eq!(built, arches(&["amd64", "arm64"]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tag_that_people_use_does_not_lose_an_architecture() {
    let world = World::open().await;
    push_binary(&world, &["amd64", "arm64"]).await;
    let bundle = world.bundle(&Bundle::simple("a", "1.0.0", "s", None)).await;
    let mut request = world.request(bundle, "1");
    request.index.add_arches = arches(&["amd64", "arm64"]);
    request.index.output.build_tags = vec!["latest".parse().unwrap()];
    world.add(&request, &Observer::default()).await.unwrap();
    let before = world.digest("iib-build", "latest").await;

    request.index.add_arches = arches(&["arm64"]);
    request.index.output.tag = "2".parse().unwrap();
    let error = world.add(&request, &Observer::default()).await.unwrap_err();
    assert!(matches!(error, Error::ArchitecturesLost { .. }), "{error}");
    assert!(error.to_string().contains("`amd64`"), "{error}");
    assert_eq!(world.digest("iib-build", "latest").await, before);
    assert_eq!(
        world.digest("iib-build", "2-arm64").await,
        None,
        "nothing is published"
    );

    request.index.output.build_tags.clear();
    request.index.output.tag = "1".parse().unwrap();
    world
        .add(&request, &Observer::default())
        .await
        .expect("the request's own tag is its own");
    request.index.output.tag = "latest".parse().unwrap();
    request.index.output.tag_is_private = false;
    let error = world.add(&request, &Observer::default()).await.unwrap_err();
    assert!(matches!(error, Error::ArchitecturesLost { .. }), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tag_too_long_for_one_architecture_publishes_none() {
    let world = World::open().await;
    push_binary(&world, &["amd64", "ppc64le"]).await;
    let bundle = world.bundle(&Bundle::simple("a", "1.0.0", "s", None)).await;
    let mut request = world.request(bundle, &"t".repeat(122));
    request.index.add_arches = arches(&["amd64", "ppc64le"]);
    let error = world.add(&request, &Observer::default()).await.unwrap_err();
    assert!(matches!(error, Error::TagTooLong { .. }), "{error}");
    assert_eq!(world.tags("iib-build").await, Vec::<Tag>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_oci_binary_image_becomes_a_docker_image() {
    let world = World::open().await;
    let request = world.overwriting().await;
    world
        .change_binary(|manifest, _| {
            manifest.media_type = Some(MediaType::OciManifest);
            manifest.config.media_type = MediaType::OciConfig;
            for layer in &mut manifest.layers {
                layer.media_type = MediaType::OciLayerGzip;
            }
        })
        .await;
    let added = world.add(&request, &Observer::default()).await.unwrap();
    let (manifest, _) = world
        .image("iib-build", &added.built.images[&Arch::amd64()])
        .await;
    assert_eq!(manifest.media_type, Some(MediaType::DockerManifest));
    assert_eq!(manifest.config.media_type, MediaType::DockerConfig);
    assert_eq!(manifest.layers.len(), 2);
    for layer in &manifest.layers {
        assert_eq!(layer.media_type, MediaType::DockerLayer);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_zstd_layer_is_refused_with_the_remedy() {
    let world = World::open().await;
    let request = world.overwriting().await;
    world
        .change_binary(|manifest, _| manifest.layers[0].media_type = ZSTD.into())
        .await;
    let error = world.add(&request, &Observer::default()).await.unwrap_err();
    assert!(matches!(error, Error::LayerType { .. }), "{error}");
    for part in ["binary:latest", ZSTD, "OCI"] {
        assert!(error.to_string().contains(part), "{error}");
    }
    assert_eq!(world.tags("iib-build").await, Vec::<Tag>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_binary_image_whose_config_lacks_a_layer_is_refused() {
    let world = World::open().await;
    let request = world.overwriting().await;
    world
        .change_binary(|_, config| config.rootfs.diff_ids.clear())
        .await;
    let error = world.add(&request, &Observer::default()).await.unwrap_err();
    assert!(matches!(error, Error::LayersMismatch { .. }), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_binary_image_that_says_another_architecture_than_its_list_is_refused() {
    let world = World::open().await;
    let request = world.overwriting().await;
    let before = world.digest("index", "v1").await;
    for (arch, label) in [("s390x", "x86_64"), ("amd64", "s390x")] {
        world
            .change_binary(|_, config| {
                arch.clone_into(&mut config.architecture);
                let run = config.config.get_or_insert_default();
                let labels = run.labels.get_or_insert_default();
                labels.insert("architecture".to_owned(), label.to_owned());
            })
            .await;
        let error = world.add(&request, &Observer::default()).await.unwrap_err();
        assert!(matches!(error, Error::WrongArch { .. }), "{error}");
        for part in ["binary:latest` says `s390x`", "for `amd64`", "rebuild it"] {
            assert!(error.to_string().contains(part), "{error}");
        }
    }
    assert_eq!(world.tags("iib-build").await, Vec::<Tag>::new());
    assert_eq!(world.digest("index", "v1").await, before);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_based_index_as_binary_image_does_not_make_the_result_one() {
    let world = World::open().await;
    let request = world.overwriting().await;
    world
        .change_binary(|_, config| {
            let run = config.config.get_or_insert_default();
            let labels = run.labels.get_or_insert_default();
            let configs = "operators.operatorframework.io.index.configs.v1";
            labels.insert(configs.to_owned(), "/configs".to_owned());
            labels.insert("vendor".to_owned(), "kept".to_owned());
        })
        .await;
    let added = world.add(&request, &Observer::default()).await.unwrap();
    let summary = world.builder.inspect(&added_name(&added)).await.unwrap();
    assert_eq!(summary.image.labels["vendor"], "kept");
    assert_eq!(summary.catalog.packages.len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_names_of_one_bundle_are_one_bundle() {
    let world = World::open().await;
    push_binary(&world, &["amd64"]).await;
    let bundle = world.bundle(&Bundle::simple("a", "1.0.0", "s", None)).await;
    let mut request = world.request(bundle, "1");
    request.bundles.push(world.name("bundles/b:v1.0.0"));
    let added = world.add(&request, &Observer::default()).await.unwrap();
    assert_eq!(added.bundles_added.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn times_are_the_given_epoch() {
    let world = World::open().await;
    push_binary(&world, &["amd64"]).await;
    let bundle = world.bundle(&Bundle::simple("a", "1.0.0", "s", None)).await;
    let request = world.request(bundle, "1");
    let config = BuilderConfig {
        epoch: 1_700_000_000,
        ..BuilderConfig::new(world.dir.path().join("work"))
    };
    let builder = Builder::new(world.client.clone(), Credentials::none(), config);
    let added = builder
        .add(
            &request,
            &Observer::default(),
            builder::Checkpoint::default(),
        )
        .await
        .unwrap();
    let (_, config) = world
        .image("iib-build", &added.built.images[&Arch::amd64()])
        .await;
    let written = Some("2023-11-14T22:13:20Z".to_owned());
    assert_eq!(config.created, written);
    assert_eq!(config.history.last().unwrap().created, written);
    let again = world.add(&request, &Observer::default()).await.unwrap();
    let (_, config) = world
        .image("iib-build", &again.built.images[&Arch::amd64()])
        .await;
    assert_eq!(config.created, Some("1970-01-01T00:00:00Z".to_owned()));
}

#[tokio::test(flavor = "multi_thread")]
async fn of_an_images_labels_the_databases_counts_first_or_last() {
    const CONFIGS: &str = "operators.operatorframework.io.index.configs.v1";
    const DATABASE: &str = "operators.operatorframework.io.index.database.v1";
    const PACKAGE: &str = "operators.operatorframework.io.bundle.package.v1";
    let world = World::open().await;
    let image = ImageName::Registry(world.name("binary:latest"));
    let to = world.dir.path().join("content");
    // The image has nothing of what its labels say, and the error says what was looked for.
    for (labels, databases, looked_for) in [
        (
            &[DATABASE, CONFIGS, PACKAGE][..],
            Databases::First,
            DATABASE,
        ),
        (&[DATABASE, CONFIGS, PACKAGE], Databases::Last, CONFIGS),
        (&[DATABASE, PACKAGE], Databases::Last, "`/manifests`"),
        (&[DATABASE], Databases::Last, DATABASE),
        (&[CONFIGS, PACKAGE], Databases::First, CONFIGS),
    ] {
        push_binary(&world, &["amd64"]).await;
        world
            .change_binary(|_, config| {
                let run = config.config.get_or_insert_default();
                let all = labels
                    .iter()
                    .map(|label| ((*label).to_owned(), "/x".to_owned()));
                run.labels = Some(all.collect());
            })
            .await;
        let read = world.builder.read_content(&image, databases, &to).await;
        let error = read.unwrap_err().report();
        assert!(error.contains(looked_for), "{labels:?}: {error}");
    }
}
