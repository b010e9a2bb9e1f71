//! Moving the from-index's tag: only from the image the request was prepared with, only while the request is ours.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on shall panic")]

mod support;

use std::collections::BTreeMap;

use builder::{Error, Overwrite, OverwriteToken, Phase};
use oci::{Credentials, ImageName};
use registry::{Auth, Password};
use support::{Observer, World, added_name};

async fn moved_meanwhile(at: Phase) {
    let world = World::open().await;
    let request = world.overwriting().await;
    let reporter = Observer {
        moves_tag_at: Some((at, &world)),
        ..Observer::default()
    };
    let error = world.add(&request, &reporter).await.unwrap_err();
    assert!(matches!(error, Error::IndexChanged { .. }), "{error}");
    assert!(
        error.to_string().contains("submit the request again"),
        "{error}"
    );
    assert_eq!(
        world.digest("index", "v1").await,
        world.digest("binary", "latest").await,
        "the stranger's move stands"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_index_that_moved_while_the_result_was_built_is_left_alone() {
    moved_meanwhile(Phase::CreatingManifestList).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_index_that_moved_right_before_the_overwrite_is_left_alone() {
    moved_meanwhile(Phase::Overwriting).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stopped_request_publishes_nothing_more() {
    let world = World::open().await;
    let request = world.overwriting().await;
    let before = world.digest("index", "v1").await;
    let reporter = Observer {
        stops_at: Some(Phase::Overwriting),
        ..Observer::default()
    };
    assert!(matches!(
        world.add(&request, &reporter).await,
        Err(Error::Stopped(_))
    ));
    assert_eq!(world.digest("index", "v1").await, before);

    let mut other = request;
    other.index.output.tag = "8".parse().unwrap();
    let reporter = Observer {
        lost: true,
        ..Observer::default()
    };
    assert!(matches!(
        world.add(&other, &reporter).await,
        Err(Error::Stopped(_))
    ));
    assert_eq!(
        world.digest("iib-build", "8").await,
        None,
        "without the lease not even the own tag is set"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restarted_request_reads_the_images_it_was_prepared_with() {
    let world = World::open().await;
    let mut request = world.overwriting().await;
    request.index.overwrite = Overwrite::No;
    let reporter = Observer {
        stops_at: Some(Phase::CheckingPresentBundles),
        ..Observer::default()
    };
    assert!(matches!(
        world.add(&request, &reporter).await,
        Err(Error::Stopped(_))
    ));
    let checkpoint = reporter.checkpoints.lock().unwrap().last().unwrap().clone();
    let prepared_with = checkpoint
        .inputs
        .as_ref()
        .unwrap()
        .from_index
        .clone()
        .unwrap();

    world.move_tag("index", "v1").await;
    let added = world
        .builder
        .add(&request, &Observer::default(), checkpoint)
        .await
        .unwrap();
    assert_eq!(added.bundles_added.len(), 1);
    let resolved = world.builder.inspect(&added_name(&added)).await.unwrap();
    assert_eq!(
        resolved.catalog.packages.len(),
        2,
        "the bundle was added to the index of the first attempt, {prepared_with}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_overwrite_token_is_used_for_its_repository_alone() {
    let users = BTreeMap::from([
        ("service".to_owned(), Password::new("s")),
        ("owner".to_owned(), Password::new("o")),
    ]);
    let world = World::start(Some(Auth::Token(users)), |host| {
        Credentials::none().with(host, "service", "s".to_owned().into())
    })
    .await;
    let mut request = world.overwriting().await;
    let before = world.digest("index", "v1").await;
    request.index.overwrite = Overwrite::WithToken(OverwriteToken::parse("owner:o").unwrap());
    world.add(&request, &Observer::default()).await.unwrap();
    let after = world.digest("index", "v1").await;
    assert_ne!(before, after);

    request.index.overwrite =
        Overwrite::WithToken(OverwriteToken::parse("owner:wrong-secret").unwrap());
    request.index.output.tag = "9".parse().unwrap();
    let error = world.add(&request, &Observer::default()).await.unwrap_err();
    assert!(
        !format!("{error:?}{}", error.report()).contains("wrong-secret"),
        "{error:?}"
    );
    assert!(
        error
            .report()
            .contains(&world.repository("index").to_string()),
        "{}",
        error.report()
    );
    assert_eq!(world.digest("index", "v1").await, after);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_index_named_by_digest_cannot_be_overwritten() {
    let world = World::open().await;
    let mut request = world.overwriting().await;
    let digest = world.digest("index", "v1").await.unwrap();
    request.index.from_index = Some(ImageName::Registry(world.name(&format!("index@{digest}"))));
    let error = world.add(&request, &Observer::default()).await.unwrap_err();
    assert!(matches!(error, Error::OverwriteNeedsTag { .. }), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn work_directories_do_not_outlive_their_request() {
    let world = World::open().await;
    let request = world.overwriting().await;
    world.add(&request, &Observer::default()).await.unwrap();
    let left: Vec<_> = std::fs::read_dir(world.dir.path().join("work"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    assert_eq!(
        left,
        ["cache"],
        "what is kept for later requests, and nothing else"
    );
}
