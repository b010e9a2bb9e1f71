//! The from-index's tag moved by another of our requests meanwhile: the work is done again upon the new index, and nothing is lost.

#![allow(clippy::unwrap_used, reason = "this is a test, helpers included")]

mod support;

use std::sync::Mutex;

use async_trait::async_trait;
use builder::{
    AddRequest, Checkpoint, Error, Facts, Overwrite, Phase, PlannedOverwrite, RemoveRequest,
    Reporter, Stopped,
};
use oci::{Digest, ImageName};
use samples::Bundle;
use support::{Observer, World};

/// A reporter with a ledger, during whose request others are done.
struct Ours<'world> {
    world: &'world World,
    /// At which phase, and what: one request each time the phase comes.
    rivals: Mutex<Vec<AddRequest>>,
    at: Phase,
    /// At which phase a stranger moves the tag.
    stranger_at: Option<Phase>,
    ledger: Mutex<Vec<PlannedOverwrite>>,
    checkpoints: Mutex<Vec<Checkpoint>>,
    phases: Mutex<Vec<Phase>>,
    facts: Mutex<Vec<Facts>>,
}

impl<'world> Ours<'world> {
    fn new(world: &'world World, at: Phase, rivals: Vec<AddRequest>) -> Self {
        Self {
            world,
            rivals: Mutex::new(rivals),
            at,
            stranger_at: None,
            ledger: Mutex::default(),
            checkpoints: Mutex::default(),
            phases: Mutex::default(),
            facts: Mutex::default(),
        }
    }

    fn keep(&self, checkpoint: &Checkpoint) {
        let planned = checkpoint.overwriting.clone();
        self.ledger.lock().unwrap().extend(planned);
    }

    fn times(&self, phase: &Phase) -> usize {
        let phases = self.phases.lock().unwrap();
        phases.iter().filter(|other| *other == phase).count()
    }
}

#[async_trait]
impl Reporter for Ours<'_> {
    async fn phase(&self, phase: &Phase, facts: &Facts) -> Result<(), Stopped> {
        self.phases.lock().unwrap().push(phase.clone());
        self.facts.lock().unwrap().push(facts.clone());
        if self.stranger_at.as_ref() == Some(phase) {
            self.world.move_tag("index", "v1").await;
        }
        let rival = if *phase == self.at {
            self.rivals.lock().unwrap().pop()
        } else {
            None
        };
        if let Some(rival) = rival {
            let reporter = Observer::default();
            self.world.add(&rival, &reporter).await.unwrap();
            let checkpoints = reporter.checkpoints.lock().unwrap();
            checkpoints
                .iter()
                .for_each(|checkpoint| self.keep(checkpoint));
        }
        Ok(())
    }

    async fn checkpoint(&self, checkpoint: &Checkpoint) -> Result<(), Stopped> {
        self.keep(checkpoint);
        self.checkpoints.lock().unwrap().push(checkpoint.clone());
        Ok(())
    }

    async fn confirm(&self) -> Result<(), Stopped> {
        Ok(())
    }

    async fn is_ours(&self, _index: &ImageName, digest: &Digest) -> Result<bool, Stopped> {
        let ledger = self.ledger.lock().unwrap();
        Ok(ledger.iter().any(|planned| planned.to == *digest))
    }

    async fn is_built_upon(&self, _index: &ImageName, digest: &Digest) -> Result<bool, Stopped> {
        let ledger = self.ledger.lock().unwrap();
        Ok(ledger.iter().any(|planned| planned.from == *digest))
    }
}

/// A request that adds a package of its own to `index:v1` and overwrites it.
async fn adding(world: &World, like: &AddRequest, package: &str, tag: &str) -> AddRequest {
    let bundle = Bundle::simple(package, "1.0.0", "stable", None);
    let mut request = like.clone();
    request.bundles = vec![world.bundle(&bundle).await];
    request.index.output.tag = tag.parse().unwrap();
    request
}

async fn packages(world: &World) -> Vec<String> {
    let index = ImageName::Registry(world.name("index:v1"));
    let inspected = world.builder.inspect(&index).await.unwrap();
    let packages = inspected.catalog.packages.iter();
    packages.map(|package| package.name.clone()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_others_of_ours_did_meanwhile_is_kept() {
    let world = World::open().await;
    let request = world.overwriting().await;
    let rivals = vec![
        adding(&world, &request, "delta", "9").await,
        adding(&world, &request, "gamma", "8").await,
    ];
    let ours = Ours::new(&world, Phase::CreatingManifestList, rivals);
    let added = world.builder.add(&request, &ours, Checkpoint::default());
    let added = added.await.unwrap();
    assert_eq!(packages(&world).await, ["alpha", "beta", "delta", "gamma"]);
    assert_eq!(ours.times(&Phase::Rebasing), 2);
    assert_eq!(added.bundles_added.len(), 1);

    // The second rival's result is what the request says it was made from.
    let base = ours
        .ledger
        .lock()
        .unwrap()
        .iter()
        .rev()
        .nth(1)
        .unwrap()
        .to
        .clone();
    let facts = ours.facts.lock().unwrap().clone();
    let resolved = facts
        .iter()
        .rev()
        .find_map(|facts| facts.from_index_resolved.clone());
    assert_eq!(resolved.unwrap(), format!("{}/index@{base}", world.host));
    let tag = world.digest("index", "v1").await.unwrap();
    assert_eq!(added.built.digest.to_string(), tag);
    let last = ours.checkpoints.lock().unwrap().last().unwrap().clone();
    assert_eq!(last.inputs.unwrap().from_index, Some(base));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_removal_is_done_again_as_well() {
    let world = World::open().await;
    let request = world.overwriting().await;
    let rival = adding(&world, &request, "gamma", "8").await;
    let ours = Ours::new(&world, Phase::CreatingManifestList, vec![rival]);
    let removal = RemoveRequest {
        packages: ["alpha".to_owned()].into(),
        index: request.index,
    };
    let removed = world.builder.remove(&removal, &ours, Checkpoint::default());
    removed.await.unwrap();
    assert_eq!(packages(&world).await, ["gamma"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_strangers_move_after_one_of_ours_fails_the_request() {
    let world = World::open().await;
    let request = world.overwriting().await;
    let rival = adding(&world, &request, "gamma", "8").await;
    let mut ours = Ours::new(&world, Phase::CreatingManifestList, vec![rival]);
    ours.stranger_at = Some(Phase::Rebasing);
    let failed = world.builder.add(&request, &ours, Checkpoint::default());
    // The stranger's image is no index, so it is not even built upon.
    assert!(failed.await.is_err());
    let strangers = world.digest("index", "v1").await;
    assert_eq!(strangers, world.digest("binary", "latest").await);

    let world = World::open().await;
    let request = world.overwriting().await;
    let mut ours = Ours::new(&world, Phase::Rebasing, Vec::new());
    ours.stranger_at = Some(Phase::CreatingManifestList);
    let failed = world.builder.add(&request, &ours, Checkpoint::default());
    let error = failed.await.unwrap_err();
    assert!(matches!(error, Error::IndexChanged { .. }), "{error}");
    assert_eq!(ours.times(&Phase::Rebasing), 0);
}

/// The tag was moved, nobody wrote down that the request had ended, and another of ours has built upon the result since.
#[tokio::test(flavor = "multi_thread")]
async fn what_others_have_built_upon_is_not_done_again() {
    let world = World::open().await;
    let request = world.overwriting().await;
    let ours = Ours::new(&world, Phase::Rebasing, Vec::new());
    let first = world.builder.add(&request, &ours, Checkpoint::default());
    let first = first.await.unwrap();
    let checkpoint = ours.checkpoints.lock().unwrap().last().unwrap().clone();
    assert!(checkpoint.overwriting.is_some());
    let rival = adding(&world, &request, "gamma", "8").await;
    let reporter = Observer::default();
    world.add(&rival, &reporter).await.unwrap();
    for checkpoint in reporter.checkpoints.lock().unwrap().iter() {
        ours.keep(checkpoint);
    }
    let tag = world.digest("index", "v1").await;

    let again = world
        .builder
        .add(&request, &ours, checkpoint)
        .await
        .unwrap();
    assert_eq!(again.built.digest, first.built.digest);
    assert_eq!(again.built.facts, first.built.facts);
    assert_eq!(world.digest("index", "v1").await, tag);
    assert_eq!(ours.times(&Phase::Rebasing), 0);
    assert_eq!(packages(&world).await, ["alpha", "beta", "gamma"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_overwriting_nothing_is_done_again() {
    let world = World::open().await;
    let mut request = world.overwriting().await;
    let rival = adding(&world, &request, "gamma", "8").await;
    request.index.overwrite = Overwrite::No;
    let ours = Ours::new(&world, Phase::CreatingManifestList, vec![rival]);
    world
        .builder
        .add(&request, &ours, Checkpoint::default())
        .await
        .unwrap();
    assert_eq!(ours.times(&Phase::Rebasing), 0);
    assert_eq!(packages(&world).await, ["alpha", "gamma"]);
}
