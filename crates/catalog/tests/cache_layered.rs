//! Serve caches in the layers of images: whatever was laid over them, they are caches written anew.

#![expect(clippy::unwrap_used, reason = "helpers of tests may fail them")]

mod generate;
mod layers;
mod pogreb;

use catalog::Profile;
use catalog::cache::{self, Change, Options};
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
