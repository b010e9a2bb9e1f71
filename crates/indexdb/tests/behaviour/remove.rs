//! What removing packages and stranded bundles leaves, rule by rule (index database specification, section 7).

use std::collections::BTreeSet;

use super::support::{Index, spec};
use indexdb::Error;

fn texts(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

/// Packages p and q, both providing Foo.
fn two_packages() -> Index {
    Index::with(&[
        spec("p", "1.0.0").api("owned", "Foo"),
        spec("q", "1.0.0").api("owned", "Foo"),
    ])
}

#[test]
fn a_removed_package_leaves_no_rows() {
    let mut index = Index::with(&[spec("q", "1.0.0")]);
    let before = index.rows();
    index.add(&[spec("p", "1.0.0")]).unwrap();
    index
        .add(&[spec("p", "1.1.0")
            .replaces("p.v1.0.0")
            .channels("stable,fast", "fast")
            .skips("p.v1.0.5")])
        .unwrap();
    let removed = index.database.remove(&texts(&["p"]), false).unwrap();
    assert_eq!(index.rows(), before);
    assert_eq!(removed.packages, BTreeSet::from(["p".to_owned()]));
    assert_eq!(
        removed.bundles,
        BTreeSet::from(["p.v1.0.0".to_owned(), "p.v1.1.0".to_owned()])
    );
}

#[test]
fn one_missing_package_refuses_the_call_and_changes_nothing() {
    let mut index = two_packages();
    let before = index.rows();
    let error = index
        .database
        .remove(&texts(&["p", "nope"]), false)
        .unwrap_err();
    assert!(matches!(error, Error::PackageMissing { package } if package == "nope"));
    assert_eq!(index.rows(), before);
}

#[test]
fn a_permissive_removal_passes_over_a_missing_package() {
    let mut index = two_packages();
    let removed = index.database.remove(&texts(&["nope", "p"]), true).unwrap();
    assert_eq!(removed.packages, BTreeSet::from(["p".to_owned()]));
    assert!(matches!(
        removed.skipped[..],
        [Error::PackageMissing { .. }]
    ));
}

/// Without any requirer in the whole index, the trigger of the schema takes an API away from everybody.
#[test]
fn removing_one_provider_removes_the_api_unless_something_requires_any_api() {
    let mut index = two_packages();
    index.database.remove(&texts(&["p"]), false).unwrap();
    assert!(index.table("api").is_empty() && index.table("api_provider").is_empty());

    let mut index = two_packages();
    index
        .add(&[spec("r", "1.0.0").api("required", "Bar")])
        .unwrap();
    index.database.remove(&texts(&["p"]), false).unwrap();
    assert_eq!(index.table("api_provider").len(), 1);
}

#[test]
fn pruning_keeps_the_named_packages_and_ignores_unknown_ones() {
    let mut index = two_packages();
    let keep = BTreeSet::from(["q".to_owned(), "nope".to_owned()]);
    index.database.prune(&keep, false).unwrap();
    let packages = index.database.packages().unwrap();
    assert_eq!(packages.len(), 1);
    assert_eq!(packages[0].name, "q");
}

#[test]
fn pruning_what_is_stranded_leaves_bundles_in_channels_alone() {
    let mut index = two_packages();
    let before = index.rows();
    assert!(index.database.prune_stranded().unwrap().bundles.is_empty());
    assert_eq!(index.rows(), before);
}

#[test]
fn no_index_is_left_in_the_schema() {
    let mut index = two_packages();
    let schema = index.database.dump_schema().unwrap();
    index.database.remove(&texts(&["p"]), false).unwrap();
    index.database.remove(&texts(&["nope"]), false).unwrap_err();
    assert_eq!(index.database.dump_schema().unwrap(), schema);
}
