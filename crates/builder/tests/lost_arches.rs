//! What becomes of architectures that a tag has and the result lacks, by policy.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on shall panic")]

mod support;

use std::collections::BTreeSet;

use builder::{
    AddRequest, Added, Builder, BuilderConfig, Checkpoint, Error, OutputRepository, Phase,
};
use oci::{Arch, Credentials, Document, Format, LossPolicy, ManifestList, Reference};
use samples::Bundle;
use support::{Observer, World};

fn arches(texts: &[&str]) -> BTreeSet<Arch> {
    texts.iter().map(|text| text.parse().unwrap()).collect()
}

async fn add(
    world: &World,
    request: &AddRequest,
    change: impl FnOnce(&mut BuilderConfig),
    reporter: &Observer<'_>,
) -> Result<Added, Error> {
    let mut config = BuilderConfig::new(world.dir.path().join("work"));
    change(&mut config);
    let builder = Builder::new(world.client.clone(), Credentials::none(), config);
    builder.add(request, reporter, Checkpoint::default()).await
}

async fn add_by(world: &World, request: &AddRequest, policy: LossPolicy) -> Result<Added, Error> {
    add(
        world,
        request,
        |config| config.on_lost_arch = policy,
        &Observer::default(),
    )
    .await
}

/// The list `path:tag` and its platforms.
async fn list(world: &World, path: &str, tag: &str) -> (ManifestList, Vec<String>) {
    let repository = world.client.repository(&world.repository(path));
    let raw = repository
        .manifest(&Reference::Tag(tag.parse().unwrap()))
        .await
        .unwrap();
    let Document::List(list) = raw.parse().unwrap() else {
        panic!("a list")
    };
    let platforms = list.manifests.iter();
    let platforms = platforms.map(|entry| entry.platform.as_ref().unwrap().to_string());
    let platforms = platforms.collect();
    (list, platforms)
}

fn kept(added: &Added) -> Vec<(String, Vec<String>)> {
    let names = |kept: &builder::Kept| kept.entries.iter().map(ToString::to_string).collect();
    let row = |kept: &builder::Kept| (kept.target.to_string(), names(kept));
    added.built.kept.iter().map(row).collect()
}

/// `iib-build:latest` for two architectures, and a request that builds it again for one of them.
async fn shrinking(world: &World) -> AddRequest {
    let both = ["amd64", "arm64"];
    samples::push_binary_image(&world.client, &world.repository("binary"), &both, 0)
        .await
        .unwrap();
    let bundle = world.bundle(&Bundle::simple("a", "1.0.0", "s", None)).await;
    let mut request = world.request(bundle, "1");
    request.index.add_arches = arches(&both);
    request.index.output.build_tags = vec!["latest".parse().unwrap()];
    world.add(&request, &Observer::default()).await.unwrap();
    let bundle = world.bundle(&Bundle::simple("b", "1.0.0", "s", None)).await;
    request.bundles = vec![bundle];
    request.index.add_arches = arches(&["arm64"]);
    request.index.output.tag = "2".parse().unwrap();
    request
}

#[tokio::test(flavor = "multi_thread")]
async fn missing_architectures_are_kept_where_people_look_and_told() {
    let world = World::open().await;
    let request = shrinking(&world).await;
    let (before, _) = list(&world, "iib-build", "latest").await;
    let added = add_by(&world, &request, LossPolicy::KeepMissing)
        .await
        .unwrap();
    let (after, platforms) = list(&world, "iib-build", "latest").await;
    assert_eq!(platforms, ["linux/arm64", "linux/amd64"]);
    assert_eq!(
        after.manifests[0].digest,
        added.built.images[&"arm64".parse().unwrap()]
    );
    assert_eq!(after.manifests[1], before.manifests[0]);
    let latest = world.name("iib-build:latest").to_string();
    assert_eq!(kept(&added), [(latest, vec!["amd64".to_owned()])]);
    // The request's own tag is the result alone.
    let (_, platforms) = list(&world, "iib-build", "2").await;
    assert_eq!(platforms, ["linux/arm64"]);
    assert_eq!(
        world.digest("iib-build", "2").await,
        Some(added.built.digest.to_string())
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tag_that_people_name_is_the_result_with_what_it_keeps() {
    let world = World::open().await;
    let mut request = shrinking(&world).await;
    request.index.output.tag = "latest".parse().unwrap();
    request.index.output.tag_is_private = false;
    request.index.output.build_tags.clear();
    let added = add_by(&world, &request, LossPolicy::KeepMissing)
        .await
        .unwrap();
    let digest = world.digest("iib-build", "latest").await.unwrap();
    assert_eq!(added.built.digest.to_string(), digest);
    let resolved = added
        .built
        .facts
        .internal_index_image_copy_resolved
        .unwrap();
    assert!(resolved.ends_with(&digest), "{resolved}");
}

#[tokio::test(flavor = "multi_thread")]
async fn missing_architectures_are_given_up_when_that_is_chosen() {
    let world = World::open().await;
    let request = shrinking(&world).await;
    let added = add_by(&world, &request, LossPolicy::Replace).await.unwrap();
    let (_, platforms) = list(&world, "iib-build", "latest").await;
    assert_eq!(platforms, ["linux/arm64"]);
    assert_eq!(kept(&added), []);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_kept_in_the_other_format_is_told() {
    let world = World::open().await;
    let request = shrinking(&world).await;
    let before = world.digest("iib-build", "latest").await;
    let change = |config: &mut BuilderConfig| {
        config.on_lost_arch = LossPolicy::KeepMissing;
        config.format = Format::Oci;
    };
    let error = add(&world, &request, change, &Observer::default())
        .await
        .unwrap_err();
    assert!(matches!(error, Error::CannotKeep { .. }));
    let report = error.report();
    for part in ["iib-build:latest", "`amd64`", "image.index.v1+json"] {
        assert!(report.contains(part), "{report}");
    }
    assert_eq!(world.digest("iib-build", "latest").await, before);
    assert_eq!(world.digest("iib-build", "2").await, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn overwriting_an_index_loses_no_platform_unless_that_is_chosen() {
    let world = World::open().await;
    let request = world.overwriting().await;
    world
        .change_list("index", "v1", |list| {
            let mut windows = list.manifests[0].clone();
            let platform = windows.platform.as_mut().unwrap();
            platform.os = "windows".to_owned();
            platform.os_version = Some("10.0.20348.2402".to_owned());
            list.manifests.push(windows);
        })
        .await;
    let (before, _) = list(&world, "index", "v1").await;
    let error = add_by(&world, &request, LossPolicy::Refuse)
        .await
        .unwrap_err();
    assert!(matches!(error, Error::ArchitecturesLost { .. }));
    for part in ["index:v1", "`windows/amd64 10.0.20348`", "on_lost_arch"] {
        assert!(error.to_string().contains(part), "{error}");
    }
    assert_eq!(list(&world, "index", "v1").await.0, before);

    let added = add_by(&world, &request, LossPolicy::KeepMissing)
        .await
        .unwrap();
    let (after, platforms) = list(&world, "index", "v1").await;
    assert_eq!(platforms, ["linux/amd64", "windows/amd64 10.0.20348.2402"]);
    assert_eq!(
        after.manifests[0].digest,
        added.built.images[&Arch::amd64()]
    );
    assert_eq!(after.manifests[1], before.manifests[1]);
    let digest = world.digest("index", "v1").await.unwrap();
    assert_eq!(kept(&added)[0].1, ["windows/amd64 10.0.20348"]);
    let resolved = added.built.facts.index_image_resolved.unwrap();
    assert!(resolved.ends_with(&digest), "{resolved}");
    let own = world.digest("iib-build", "7").await.unwrap();
    assert_eq!(own, added.built.digest.to_string());
    assert_ne!(own, digest);
}

/// Publishes under a tag that is free when the request begins, and a stranger's list for both architectures when it ends.
async fn publish_where_a_stranger_was(world: &World, policy: LossPolicy) -> Result<Added, Error> {
    let mut request = shrinking(world).await;
    request.index.output.repository = OutputRepository::Registry(world.repository("index"));
    request.index.output.build_tags = vec!["v1".parse().unwrap()];
    let reporter = Observer {
        moves_tag_at: Some((Phase::CreatingManifestList, world)),
        ..Observer::default()
    };
    add(
        world,
        &request,
        |config| config.on_lost_arch = policy,
        &reporter,
    )
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tag_that_moves_while_the_result_is_built_loses_nothing_either() {
    let world = World::open().await;
    let added = publish_where_a_stranger_was(&world, LossPolicy::KeepMissing).await;
    assert_eq!(kept(&added.unwrap())[0].1, ["amd64"]);
    let (_, platforms) = list(&world, "index", "v1").await;
    assert_eq!(platforms, ["linux/arm64", "linux/amd64"]);

    let world = World::open().await;
    let error = publish_where_a_stranger_was(&world, LossPolicy::Refuse)
        .await
        .unwrap_err();
    assert!(matches!(error, Error::ArchitecturesLost { .. }), "{error}");
    let strangers = world.digest("binary", "latest").await;
    assert_eq!(world.digest("index", "v1").await, strangers);
}
