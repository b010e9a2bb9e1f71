//! Moving an index's tag back: only while it is where it was when that was planned, and only once that is recorded.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on shall panic")]

mod support;

use builder::{Error, OutputRepository, Overwrite, Rollback};
use oci::{Digest, ImageName};
use support::{Observer, World};

/// An index `index:v1`, and the plan to move it to `index:7`, which has one bundle more.
async fn planned() -> (World, Digest, Rollback) {
    let world = World::open().await;
    let mut request = world.overwriting().await;
    request.index.overwrite = Overwrite::No;
    request.index.output.repository = OutputRepository::Registry(world.repository("index"));
    let added = world.add(&request, &Observer::default()).await.unwrap();
    let name = ImageName::Registry(world.name("index:v1"));
    let current = world.builder.current(&name).await.unwrap();
    let to = added.built.digest;
    let rollback = world.builder.plan_rollback(current, to.clone()).await;
    (world, to, rollback.unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tag_that_moved_after_the_look_is_left_alone() {
    let (world, to, rollback) = planned().await;
    assert_eq!(rollback.planned().to, to);
    world.move_tag("index", "v1").await;
    let error = rollback.execute(&Observer::default()).await.unwrap_err();
    assert!(matches!(error, Error::IndexChanged { .. }), "{error}");
    assert_eq!(
        world.digest("index", "v1").await,
        world.digest("binary", "latest").await,
        "the stranger's move stands"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn who_may_not_go_on_moves_nothing() {
    let (world, _, rollback) = planned().await;
    let before = world.digest("index", "v1").await;
    let observer = Observer {
        lost: true,
        ..Observer::default()
    };
    let error = rollback.execute(&observer).await.unwrap_err();
    assert!(matches!(error, Error::Stopped(_)), "{error}");
    assert_eq!(world.digest("index", "v1").await, before);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_move_is_recorded_before_it_happens() {
    let (world, to, rollback) = planned().await;
    let observer = Observer::default();
    rollback.execute(&observer).await.unwrap();
    let now = world.digest("index", "v1").await;
    assert_eq!(now, Some(to.to_string()));
    let recorded = observer.checkpoints.into_inner().unwrap();
    let moves: Vec<_> = recorded.iter().map(|kept| &kept.overwriting).collect();
    assert_eq!(moves, [&Some(rollback.planned().clone())]);
}
