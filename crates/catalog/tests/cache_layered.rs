//! Serve caches in the layers of images: whatever was laid over them, they are caches written anew.

#![expect(clippy::unwrap_used, reason = "helpers of tests may fail them")]

mod generate;
mod layers;
mod pogreb;

use catalog::Profile;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs::File;
use std::sync::Arc;

use catalog::cache::{self, CacheError, Change, Extent, Options, PackageChange};
use catalog::fbc::{BUNDLE, Catalog, Deprecation, Deprecations};
use layers::World;
use proptest::prelude::*;

/// What happens to a package.
#[derive(Debug, Clone, Copy)]
enum Step {
    /// It is as in another catalog, or gone if it is not there.
    Replace,
    /// What is said of one of its bundles changes.
    Deprecate,
    /// It gets one more channel, which has the bundles of another one.
    NewChannel,
    /// Its description changes.
    Describe,
    Remove,
}

fn step() -> impl Strategy<Value = (Step, &'static str, Catalog)> {
    let steps = prop_oneof![
        3 => Just(Step::Replace),
        2 => Just(Step::Deprecate),
        1 => Just(Step::NewChannel),
        1 => Just(Step::Describe),
        1 => Just(Step::Remove),
    ];
    let names = prop::sample::select(vec!["alpha", "beta", "gamma", "delta", ""]);
    (steps, names, generate::catalog())
}

/// The blobs of a package after a step.
fn after(step: Step, mut package: Catalog, other: &Catalog, name: &str, count: usize) -> Catalog {
    match step {
        Step::Replace => return layers::of_package(other, name),
        Step::Remove => return Catalog::default(),
        Step::Deprecate => {
            package.deprecations.clear();
            if let Some(bundle) = package.bundles.last() {
                package.deprecations.push(Deprecations {
                    package: name.to_owned(),
                    entries: Some(vec![Deprecation {
                        schema: BUNDLE.to_owned(),
                        name: bundle.name.clone(),
                        message: format!("step {count}"),
                    }]),
                });
            }
        }
        Step::NewChannel => {
            if let Some(mut channel) = package.channels.first().cloned() {
                channel.name = format!("more-{count}");
                package.channels.push(channel);
            }
        }
        Step::Describe => {
            if let Some(package) = package.packages.first_mut() {
                package.description = format!("<step> {count}");
            }
        }
    }
    package
}

fn property(
    profile: Profile,
    catalog: &Catalog,
    steps: Vec<(Step, &'static str, Catalog)>,
) -> Result<(), TestCaseError> {
    let mut world = World::new(profile);
    for name in ["alpha", "beta", "gamma", "delta", ""] {
        world.set(name, layers::of_package(catalog, name));
    }
    world.begin();
    for (count, (step, name, other)) in steps.into_iter().enumerate() {
        let package = world.packages.get(name).cloned().unwrap_or_default();
        let package = after(step, package, &other, name, count);
        world.set(name, package);
        let before = world.segments();
        let twin = world.twin();
        let delta = world.lay_over(&[name]).unwrap();

        for (name, bytes) in &before {
            prop_assert!(
                world.segments().get(name) == Some(bytes),
                "{name} is not as it was"
            );
        }
        world.assert_is_as_new();
        // The same change made in a directory.
        let options = Options {
            profile,
            ..Options::default()
        };
        let updated = cache::update(&world.catalog(), twin.path(), options).unwrap();
        prop_assert_eq!(&updated.digest, &delta.digest);
        match updated.change {
            Change::Updated => {
                prop_assert!(!delta.usage.is_mostly_dead());
                let counts = (updated.kept, updated.written, updated.deleted);
                prop_assert_eq!(counts, (delta.kept, delta.written, delta.deleted));
                prop_assert!(layers::files(twin.path()) == layers::files(&world.cache()));
            }
            Change::Unchanged => prop_assert_eq!((delta.written, delta.deleted), (0, 0)),
            Change::Rewritten => prop_assert!(delta.usage.is_mostly_dead()),
        }
        prop_assert_eq!(delta.usage.segments, world.segments().len().max(1));
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 8,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn any_number_of_deltas_is_a_cache_written_anew_in_profile_a(
        catalog in generate::catalog(), steps in prop::collection::vec(step(), 1..20)
    ) {
        property(Profile::A, &catalog, steps)?;
    }

    #[test]
    fn any_number_of_deltas_is_a_cache_written_anew_in_profile_b(
        catalog in generate::catalog(), steps in prop::collection::vec(step(), 1..20)
    ) {
        property(Profile::B, &catalog, steps)?;
    }
}

/// A package with three bundles in a chain.
fn package(name: &str, text: &str) -> Catalog {
    let mut blobs = format!(
        r#"{{"schema":"olm.package","name":"{name}","defaultChannel":"c"}}
           {{"schema":"olm.channel","name":"c","package":"{name}","entries":[
               {{"name":"{name}.v0"}},{{"name":"{name}.v1","replaces":"{name}.v0"}},{{"name":"{name}.v2","replaces":"{name}.v1"}}]}}
           {{"schema":"x","package":"{name}","text":"{text}"}}"#
    );
    for number in 0..3 {
        write!(
            blobs,
            r#"{{"schema":"olm.bundle","name":"{name}.v{number}","package":"{name}","image":"r/{name}:{number}","properties":[
               {{"type":"olm.package","value":{{"packageName":"{name}","version":"{number}.0.0"}}}},
               {{"type":"x","value":"{text}"}}]}}"#
        )
        .unwrap();
    }
    catalog::fbc::read(blobs.as_bytes()).unwrap()
}

/// Two packages with their cache, of which `a` is about to change.
fn world() -> World {
    let mut world = World::new(Profile::B);
    for name in ["a", "b"] {
        world.set(name, package(name, "old"));
    }
    world.begin();
    world.set("a", package("a", "new"));
    world
}

const SEGMENT: &str = "pogreb.v1/db/00000-1.psg";

#[test]
fn packages_come_and_go() {
    let mut world = world();
    world.lay_over(&["a"]).unwrap();
    world.assert_is_as_new();
    // Three bundles and the blobs of another schema, each time.
    world.set("c", package("c", "new"));
    world.set("a", Catalog::default());
    let delta = world.lay_over(&["a", "c"]).unwrap();
    assert_eq!((delta.kept, delta.written, delta.deleted), (4, 4 + 1, 4));
    world.assert_is_as_new();
    world.set("b", Catalog::default());
    world.set("c", Catalog::default());
    let delta = world.lay_over(&["b", "c", "never"]).unwrap();
    assert_eq!((delta.kept, delta.written, delta.deleted), (0, 1, 8));
    world.assert_is_as_new();
    assert_eq!(delta.usage, world.stored.usage().unwrap());
    assert!(delta.usage.is_mostly_dead());
    // Nothing changes, and nothing is added.
    let delta = world.lay_over(&["b"]).unwrap();
    assert_eq!((delta.kept, delta.written, delta.deleted), (1, 0, 0));
    assert!(
        delta
            .files
            .iter()
            .all(|file| !layers::is_segment(&file.path))
    );
    world.assert_is_as_new();
}

#[test]
fn names_that_lead_into_another_package_delete_nothing_of_it() {
    let mut world = world();
    world.set("a", package("a", "old"));
    for name in ["b/c", "b/", "", "/b"] {
        let delta = world.lay_over(&[name]).unwrap();
        assert_eq!((delta.written, delta.deleted), (0, 0), "{name}");
        world.assert_is_as_new();
    }
}

/// Changes the bytes of a stored file, and says what comes of it.
fn harmed(
    world: &World,
    path: &str,
    harm: impl Fn(Vec<u8>) -> Vec<u8>,
) -> Result<cache::CacheDelta, CacheError> {
    let bytes = layers::files(&world.cache())[path].clone();
    let mut stored = world.stored.clone();
    layers::layer(
        &mut stored,
        BTreeMap::from([(path.to_owned(), harm(bytes))]),
    );
    world.delta_of(&stored, &["a"])
}

fn assert_damaged(result: Result<cache::CacheDelta, CacheError>, file: &str) {
    let error = result.map(|delta| delta.digest).unwrap_err();
    assert!(
        matches!(&error, CacheError::Damaged { path, .. } if path.ends_with(file)),
        "{error}"
    );
}

#[test]
fn damage_of_what_stays_is_found() {
    let world = world();
    let segment = layers::files(&world.cache())[SEGMENT].clone();
    let find = |text: &str| {
        let mut places = segment.windows(text.len());
        places.position(|place| place == text.as_bytes()).unwrap()
    };
    let record = find("bundles/b/c/b.v0");
    let index = find("packages.json");
    for at in [
        record - 3,
        record + 2,
        record + 30,
        record + 90,
        index + 20,
        index + 300,
    ] {
        let flip = |mut bytes: Vec<u8>| {
            bytes[at] ^= 1;
            bytes
        };
        let result = harmed(&world, SEGMENT, flip);
        assert!(
            matches!(result, Err(CacheError::Damaged { .. })),
            "at {at}: {result:?}"
        );
    }
    let cut = |mut bytes: Vec<u8>| {
        bytes.pop();
        bytes
    };
    assert_damaged(harmed(&world, SEGMENT, cut), SEGMENT);
}

#[test]
fn harmed_indexes_are_an_error_or_make_no_difference() {
    let world = world();
    let expected = world.delta(&["a"]).unwrap();
    for name in [
        "main.pix",
        "overflow.pix",
        "index.pmt",
        "db.pmt",
        "00000-1.psg.pmt",
    ] {
        let path = format!("pogreb.v1/db/{name}");
        let length = layers::files(&world.cache())[&path].len();
        for at in (0..length).step_by(length / 50 + 1) {
            for bits in [0x01, 0x80, 0xff] {
                let flip = |mut bytes: Vec<u8>| {
                    bytes[at] ^= bits;
                    bytes
                };
                if let Ok(delta) = harmed(&world, &path, flip) {
                    assert_eq!(delta.digest, expected.digest, "{name} at {at}");
                }
            }
            let cut = |bytes: Vec<u8>| bytes[..at].to_vec();
            let result = harmed(&world, &path, cut);
            assert!(
                matches!(result, Err(CacheError::Damaged { .. })),
                "{name} cut at {at}"
            );
        }
    }
}

#[test]
fn what_is_made_up_reserves_nothing() {
    let world = world();
    for (length, offset) in [
        (u32::MAX >> 1, 512),
        (u32::MAX, 512),
        (9, u32::MAX),
        (9, 1 << 20),
    ] {
        let lie = |mut bytes: Vec<u8>| {
            // The first slot: the length of its value and its offset.
            bytes[512 + 8..][..4].copy_from_slice(&length.to_le_bytes());
            bytes[512 + 12..][..4].copy_from_slice(&offset.to_le_bytes());
            bytes
        };
        let result = harmed(&world, "pogreb.v1/db/main.pix", lie);
        assert!(
            matches!(result, Err(CacheError::Damaged { .. })),
            "{result:?}"
        );
    }
    let elsewhere = |mut bytes: Vec<u8>| {
        bytes[512 + 4] = 7;
        bytes
    };
    assert_damaged(
        harmed(&world, "pogreb.v1/db/main.pix", elsewhere),
        "main.pix",
    );
}

#[test]
fn files_of_a_cache_are_all_there_and_closed() {
    for name in ["main.pix", "overflow.pix", "index.pmt", "db.pmt"] {
        let mut world = world();
        let path = format!("pogreb.v1/db/{name}");
        world.stored.files.remove(&path);
        assert_damaged(world.delta(&["a"]), &path);
    }
    let mut world = world();
    let lock = BTreeMap::from([("pogreb.v1/db/lock".to_owned(), Vec::new())]);
    layers::layer(&mut world.stored, lock);
    assert_damaged(world.delta(&["a"]), "lock");
    assert_damaged(world.delta(&["a"]), "lock");
    world.stored.files.clear();
    assert_damaged(world.delta(&["a"]), "index.pmt");
    assert!(world.stored.usage().is_err());
}

#[test]
fn a_server_may_have_lost_what_only_counts() {
    let mut world = world();
    world.stored.files.remove("pogreb.v1/db/00000-1.psg.pmt");
    // Not a part of the database.
    let stray = BTreeMap::from([("pogreb.v1/db/more/00000-2.psg".to_owned(), vec![1])]);
    layers::layer(&mut world.stored, stray);
    world.lay_over(&["a"]).unwrap();
    world.assert_is_as_new();
}

#[test]
fn many_segments_are_too_many() {
    let mut world = world();
    let header = layers::files(&world.cache())[SEGMENT][..512].to_vec();
    let empty = |number| {
        (
            format!("pogreb.v1/db/{number:05}-{}.psg", number + 1),
            header.clone(),
        )
    };
    layers::layer(&mut world.stored, (1..100).map(empty).collect());
    let error = world.delta(&["a"]).unwrap_err();
    assert!(
        matches!(error, CacheError::TooManySegments { .. }),
        "{error}"
    );
    assert_eq!(world.stored.usage().unwrap().segments, 100);
}

#[test]
fn changes_that_cannot_be_made_are_refused() {
    let world = world();
    let (a, b) = (package("a", "x"), package("b", "x"));
    let set = |name: &str, catalog: &Catalog, blobs: Vec<Extent>| {
        let changes = BTreeMap::from([(name.to_owned(), PackageChange::Set(catalog))]);
        cache::delta(&world.stored, &changes, blobs, Profile::B).unwrap_err()
    };
    let error = set("a", &b, Vec::new());
    assert!(
        matches!(&error, CacheError::OtherPackage { package, found } if package == "a" && found == "b"),
        "{error}"
    );
    let mut invalid = a.clone();
    invalid.bundles.pop();
    let error = set("a", &invalid, Vec::new());
    assert!(matches!(error, CacheError::Invalid(_)), "{error}");
    let mut unnamed = a.clone();
    unnamed.others[0].schema = "x/y".to_owned();
    let error = set("a", &unnamed, Vec::new());
    assert!(matches!(error, CacheError::OtherName { .. }), "{error}");
    let short = Extent {
        file: Arc::new(File::open(world.catalog().join("a.json")).unwrap()),
        offset: 10,
        size: 1 << 20,
    };
    let error = set("a", &a, vec![short]);
    assert!(matches!(error, CacheError::Blobs { .. }), "{error}");
}
