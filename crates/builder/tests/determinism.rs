//! Same inputs, same digests: whatever the threads, the concurrency, the directories, and the order the registry answers in.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on shall panic")]

mod support;

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::time::Duration;

use builder::OutputRepository;
use http::Method;
use oci::{Arch, ClientConfig, Digest, ImageName};
use registry::{Fault, Rule};
use samples::Bundle;
use support::scene::Scene;
use support::{Observer, World};

const ARCHES: [&str; 4] = samples::ARCHES;

/// How a request is run; nothing of it may reach what is published.
#[derive(Clone, Copy, Debug)]
struct Circumstances {
    worker_threads: usize,
    concurrency: usize,
    requests_at_once: usize,
    /// Bytes of an upload's chunk.
    chunk_bytes: usize,
    /// What decides which answers come late.
    seed: u64,
    work_dir: &'static str,
    epoch: i64,
}

const PLAIN: Circumstances = Circumstances {
    worker_threads: 1,
    concurrency: 1,
    requests_at_once: 1,
    chunk_bytes: 1 << 20,
    seed: 0,
    work_dir: "work",
    epoch: 0,
};

/// What was published: the list and the image of each architecture.
#[derive(Debug, PartialEq, Eq)]
struct Published {
    list: Digest,
    images: BTreeMap<Arch, Digest>,
}

/// Numbers that look random and are always the same for a seed (xorshift).
struct Dice(u64);

impl Dice {
    fn below(&mut self, end: u32) -> u32 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        u32::try_from(self.0 % u64::from(end)).unwrap()
    }
}

/// An SQLite index for four architectures with three bundles, and five more bundles.
async fn fill(world: &World) {
    let binary = world.repository("binary");
    samples::push_binary_image(&world.client, &binary, &ARCHES, 3000)
        .await
        .unwrap();
    let mut seed = world.request(push(world, "a", 0).await, "v1");
    for minor in 1..3 {
        seed.bundles.push(push(world, "a", minor).await);
    }
    seed.index.output.repository = OutputRepository::Registry(world.repository("index"));
    seed.index.add_arches = ARCHES.iter().map(|arch| arch.parse().unwrap()).collect();
    world.add(&seed, &Observer::default()).await.unwrap();
    for (package, minor) in MORE {
        push(world, package, minor).await;
    }
}

const MORE: [(&str, u32); 5] = [("a", 3), ("b", 0), ("c", 0), ("b", 1), ("d", 0)];

async fn push(world: &World, package: &str, minor: u32) -> oci::PullSpec {
    let before = minor.checked_sub(1);
    let replaces = before.map(|minor| format!("{package}.v1.{minor}.0"));
    let version = format!("1.{minor}.0");
    let bundle = Bundle::simple(package, &version, "stable,fast", replaces.as_deref())
        .with_file("manifests/note.yaml", &note(package, minor));
    let repository = world.repository(&format!("bundles/{package}"));
    samples::push_bundle(&world.client, &repository, &bundle)
        .await
        .unwrap()
}

fn note(package: &str, minor: u32) -> String {
    let text = format!("{package} {minor} ").repeat(5000);
    format!("apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: {package}}}\ndata: {{x: {text}}}\n")
}

/// Adds the bundles in a registry and a builder of their own.
fn run(scene: &Scene, how: Circumstances) -> Published {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(how.worker_threads)
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let number = |number| NonZeroUsize::new(number).unwrap();
        let client = ClientConfig {
            max_concurrent_requests: number(how.requests_at_once),
            chunk_bytes: number(how.chunk_bytes),
            ..ClientConfig::default()
        };
        let world = scene
            .play(client, |config| {
                config.concurrency = number(how.concurrency);
                config.work_dir = config.work_dir.with_file_name(how.work_dir);
                config.epoch = how.epoch;
            })
            .await;
        delay_some_answers(&world, how.seed);
        let bundle = |(package, minor)| world.name(&format!("bundles/{package}:v1.{minor}.0"));
        let mut request = world.request(bundle(MORE[0]), "7");
        request.bundles = MORE.map(bundle).to_vec();
        request.index.from_index = Some(ImageName::Registry(world.name("index:v1")));
        request.index.add_arches.clear();
        let added = world.add(&request, &Observer::default()).await.unwrap();
        assert_eq!(added.bundles_added.len(), MORE.len());
        if how.seed != 0 {
            assert_ne!(world.registry.faults().struck(), 0, "{how:?}");
        }
        Published {
            list: added.built.digest,
            images: added.built.images,
        }
    })
}

/// Makes some of the registry's answers come late, others break, as `seed` says; 0 leaves it alone.
fn delay_some_answers(world: &World, seed: u64) {
    if seed == 0 {
        return;
    }
    let mut dice = Dice(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    let places = [
        "/manifests/",
        "/blobs/",
        "/uploads/",
        "/v2/bundles/b/",
        "/v2/bundles/d/",
        "/v2/index/",
        "/v2/binary/",
    ];
    for _ in 0..30 {
        let place = places[usize::try_from(dice.below(7)).unwrap()];
        let fault = if dice.below(6) == 0 {
            Fault::DropConnection
        } else {
            Fault::Slow {
                chunk_bytes: 1 << (8 + dice.below(8)),
                delay: Duration::from_millis(u64::from(dice.below(15))),
            }
        };
        let mut rule = Rule::new(place, fault).skip(dice.below(12)).times(1);
        if rule.fault != Fault::DropConnection {
            rule = rule.method(Method::GET);
        }
        world.registry.faults().add(rule);
    }
}

#[test]
fn the_same_request_has_the_same_digests_however_it_is_run() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let scene = runtime.block_on(Scene::set(fill));
    let expected = run(&scene, PLAIN);
    assert_eq!(expected.images.len(), ARCHES.len());
    for seed in 1..9 {
        let number = usize::try_from(seed).unwrap();
        let how = Circumstances {
            worker_threads: 1 + number % 5,
            concurrency: 1 + number * 3 % 8,
            requests_at_once: 1 + number * 5 % 16,
            chunk_bytes: 700 << (number % 6),
            seed,
            work_dir: ["w", "another directory", "größe"][number % 3],
            epoch: 0,
        };
        assert_eq!(run(&scene, how), expected, "{how:?}");
    }
}

#[test]
fn the_epoch_and_nothing_else_of_the_time_is_in_the_digests() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let scene = runtime.block_on(Scene::set(fill));
    let at = |epoch| run(&scene, Circumstances { epoch, ..PLAIN });
    let (then, again) = (at(1_700_000_000), at(1_700_000_000));
    assert_eq!(then, again);
    let never = at(0);
    assert_ne!(then.list, never.list);
    assert!(
        then.images
            .iter()
            .all(|(arch, image)| never.images[arch] != *image)
    );
}
