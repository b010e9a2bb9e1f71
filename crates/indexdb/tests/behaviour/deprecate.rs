//! What deprecating bundles leaves, rule by rule (index database specification, section 8).

use std::collections::BTreeSet;

use super::support::{Index, Spec, spec};
use indexdb::{DeprecateOptions, Deprecated, Error};

fn deprecate(index: &mut Index, versions: &[&str]) -> Result<Deprecated, Error> {
    deprecate_with(index, versions, DeprecateOptions::default())
}

/// Deprecates bundles of package p; checks that a refused call changes nothing.
fn deprecate_with(
    index: &mut Index,
    versions: &[&str],
    options: DeprecateOptions,
) -> Result<Deprecated, Error> {
    let before = index.rows();
    let paths: Vec<String> = versions
        .iter()
        .map(|version| format!("img/p:{version}"))
        .collect();
    let deprecated = index.database.deprecate(&paths, &options);
    if deprecated.is_err() {
        assert_eq!(index.rows(), before, "a refused call changed the database");
    }
    deprecated
}

fn removal() -> DeprecateOptions {
    DeprecateOptions {
        allow_package_removal: true,
        ..DeprecateOptions::default()
    }
}

fn next(version: &str, replaced: &str) -> Spec {
    spec("p", version).replaces(&format!("p.v{replaced}"))
}

/// 1.3.0 > 1.2.0 > 1.1.0 > 1.0.0 in channel stable.
fn chain() -> Index {
    Index::with(&[
        spec("p", "1.0.0"),
        next("1.1.0", "1.0.0"),
        next("1.2.0", "1.1.0"),
        next("1.3.0", "1.2.0"),
    ])
}

#[test]
fn everything_below_a_deprecated_bundle_goes() {
    let mut index = chain();
    let deprecated = deprecate(&mut index, &["1.2.0"]).unwrap();
    assert_eq!(deprecated.bundles, ["p.v1.2.0"]);
    assert_eq!(
        deprecated.removed,
        BTreeSet::from(["p.v1.0.0".to_owned(), "p.v1.1.0".to_owned()])
    );
    assert_eq!(
        index.entries(),
        ["stable p.v1.3.0@0>p.v1.2.0@1", "stable p.v1.2.0@1>-"]
    );
    assert_eq!(index.table("deprecated").len(), 1);
}

#[test]
fn the_order_of_bundles_does_not_matter() {
    let mut first = chain();
    deprecate(&mut first, &["1.1.0", "1.2.0"]).unwrap();
    let mut second = chain();
    let deprecated = deprecate(&mut second, &["1.2.0", "1.1.0"]).unwrap();
    assert_eq!(first.rows(), second.rows());
    assert_eq!(deprecated.bundles, ["p.v1.2.0"]);
}

#[test]
fn the_head_of_the_default_channel_is_not_deprecated_and_nothing_else_is_then() {
    let mut index = chain();
    let error = deprecate(&mut index, &["1.1.0", "1.3.0"]).unwrap_err();
    assert!(matches!(error, Error::DeprecatesDefault { bundle, .. } if bundle == "p.v1.3.0"));
}

#[test]
fn a_permissive_call_deprecates_what_it_can() {
    let mut index = chain();
    let options = DeprecateOptions {
        permissive: true,
        ..DeprecateOptions::default()
    };
    let deprecated = deprecate_with(&mut index, &["9.9.9", "1.3.0", "1.1.0"], options).unwrap();
    assert_eq!(deprecated.bundles, ["p.v1.1.0"]);
    assert!(matches!(
        deprecated.skipped[..],
        [
            Error::DeprecationMissing { .. },
            Error::DeprecatesDefault { .. }
        ]
    ));
}

#[test]
fn an_image_in_no_channel_is_refused_unless_the_index_is_empty() {
    let error = deprecate(&mut chain(), &["9.9.9", "1.1.0"]).unwrap_err();
    assert!(matches!(error, Error::DeprecationMissing { paths } if paths == ["img/p:9.9.9"]));
    deprecate(&mut Index::new(), &["9.9.9"]).unwrap();
}

#[test]
fn a_channel_whose_head_is_deprecated_goes_but_its_head_stays() {
    let mut index = Index::with(&[
        spec("p", "1.0.0").channels("old", "old"),
        spec("p", "2.0.0").channels("stable", "stable"),
    ]);
    deprecate(&mut index, &["1.0.0"]).unwrap();
    assert_eq!(index.entries(), ["stable p.v2.0.0@0>-"]);
    assert_eq!(index.table("operatorbundle").len(), 2);
    index.database.prune_stranded().unwrap();
    assert_eq!(
        index.table("operatorbundle").len(),
        2,
        "a deprecated bundle is not stranded"
    );
}

#[test]
fn a_lower_bundle_stays_in_channels_without_the_deprecated_one() {
    let mut index = Index::with(&[
        spec("p", "1.0.0").channels("old,stable", "stable"),
        next("1.1.0", "1.0.0"),
        next("1.2.0", "1.1.0"),
    ]);
    deprecate(&mut index, &["1.1.0"]).unwrap();
    assert_eq!(
        index.entries(),
        [
            "old p.v1.0.0@0>-",
            "stable p.v1.2.0@0>p.v1.1.0@1",
            "stable p.v1.1.0@1>-"
        ]
    );
}

#[test]
fn a_package_goes_when_all_its_heads_are_deprecated() {
    let make = || {
        Index::with(&[
            spec("q", "1.0.0"),
            spec("p", "1.0.0").channels("old", "old"),
            spec("p", "2.0.0").channels("stable", "stable"),
        ])
    };
    let error = deprecate_with(&mut make(), &["2.0.0"], removal()).unwrap_err();
    assert!(
        error
            .to_string()
            .contains("`img/p:1.0.0` (head of channel `old`)")
    );
    let mut index = make();
    let deprecated = deprecate_with(&mut index, &["2.0.0", "1.0.0"], removal()).unwrap();
    assert_eq!(deprecated.packages, BTreeSet::from(["p".to_owned()]));
    assert_eq!(
        index.rows(),
        Index::with(&[spec("q", "1.0.0")]).rows(),
        "not even a deprecation is left"
    );
    deprecate_with(&mut make(), &["2.0.0", "1.0.0", "2.0.0"], removal()).unwrap_err();
}

#[test]
fn a_removed_and_added_again_bundle_is_not_deprecated() {
    let mut index = chain();
    deprecate(&mut index, &["1.2.0"]).unwrap();
    index.database.remove(&["p".to_owned()], false).unwrap();
    assert_eq!(index.rows(), Index::new().rows());
    index.add(&[spec("p", "1.2.0")]).unwrap();
    assert!(index.table("deprecated").is_empty());
}

#[test]
fn deprecating_again_states_it_again() {
    let mut index = chain();
    deprecate(&mut index, &["1.1.0"]).unwrap();
    deprecate(&mut index, &["1.1.0"]).unwrap();
    let properties = index.table("properties");
    let deprecations = properties
        .iter()
        .filter(|row| row["type"] == "olm.deprecated");
    assert_eq!(deprecations.count(), 2);
    assert_eq!(index.table("deprecated").len(), 1);
}
