//! Laws that hold for all index databases, on random bundles.

#![expect(clippy::unwrap_used, reason = "helpers of tests may fail them")]

#[path = "laws/generate.rs"]
mod generate;
#[path = "../../catalog/tests/generate/runs.rs"]
mod runs;
#[path = "behaviour/support.rs"]
mod support;

use std::collections::BTreeSet;

use catalog::Profile;
use catalog::fbc::{self, Catalog, Output};
use generate::{Call, Story};
use indexdb::{DeprecateOptions, Error, Mode};
use proptest::prelude::*;
use runs::runs;
use support::Index;

/// Makes every call; refused ones change nothing. Gives the calls that were not refused.
fn tell(index: &mut Index, story: &Story) -> Vec<Call> {
    let told = story.calls.iter().filter(|call| call.make(index).is_ok());
    told.cloned().collect()
}

fn written(catalog: &Catalog) -> String {
    let mut text = Vec::new();
    catalog.write(Output::Json, &mut text).unwrap();
    String::from_utf8(text).unwrap()
}

/// Whether a bundle is replaced by one and skipped by one. The chain of a file-based catalog ends at such a bundle, and what
/// lies below is stranded unless it is skipped too (file-based catalog specification, 2.3): that such a database is no valid
/// catalog is the reference tool's behaviour.
fn cuts_chains(index: &Index) -> bool {
    let column = |row: &serde_json::Value, name: &str| row[name].as_str().unwrap().to_owned();
    let bundles = index.table("operatorbundle");
    let skipped = bundles.iter().map(|row| column(row, "skips"));
    let skipped: BTreeSet<String> = skipped
        .flat_map(|skips| skips.split(',').map(str::to_owned).collect::<Vec<_>>())
        .collect();
    let mut replaced = bundles.iter().map(|row| column(row, "replaces"));
    replaced.any(|name| !name.is_empty() && skipped.contains(&name))
}

/// The rows, of which the identities that recomputing the graph repeats count once (index database specification, 2.8).
fn rows_once(index: &Index) -> BTreeSet<String> {
    index.rows().into_iter().collect()
}

proptest! {
    #![proptest_config(runs(2))]

    #[test]
    fn a_refused_addition_leaves_every_byte_and_equal_calls_give_equal_bytes(
        story in generate::story()
    ) {
        let mut index = Index::new();
        for call in &story.calls {
            let before = index.bytes();
            if call.make(&mut index).is_err() {
                prop_assert!(index.bytes() == before, "{call:?} was refused and changed the file");
            }
        }
        let mut again = Index::new();
        tell(&mut again, &story);
        prop_assert!(index.bytes() == again.bytes());
    }

    #[test]
    fn what_was_added_makes_a_valid_catalog(story in generate::story()) {
        let mut index = Index::new();
        let told = tell(&mut index, &story);
        let mut catalog = match index.database.catalog() {
            Ok(catalog) => catalog,
            Err(error) => {
                let reason = std::error::Error::source(&error).map(ToString::to_string);
                let reason = reason.unwrap_or_default();
                prop_assert!(
                    reason.contains("stranded bundles") && cuts_chains(&index),
                    "{error}: {reason} after {told:?}"
                );
                return Ok(());
            }
        };
        catalog.arrange();
        catalog.embed_csv_metadata().unwrap();
        let mut slim = index.database.catalog_with_csv_metadata(None).unwrap();
        slim.arrange();
        prop_assert_eq!(written(&slim), written(&catalog));
        for profile in [Profile::A, Profile::B] {
            let valid = catalog.validate_as(profile);
            prop_assert!(valid.is_ok(), "{:?} after {told:?}", valid);
        }
        prop_assert!(catalog.left_out(Profile::A).is_empty());
        let text = written(&catalog);
        let again = fbc::read(text.as_bytes()).unwrap();
        let files = again.migrated(Profile::A);
        let mut migrated = String::new();
        for file in &files {
            let mut text = Vec::new();
            file.write(Output::Json, &mut text).unwrap();
            migrated.push_str(std::str::from_utf8(&text).unwrap());
        }
        prop_assert_eq!(migrated, written(&again), "migrated and rendered say the same");
    }

    #[test]
    fn the_order_of_semver_additions_does_not_matter(
        (bundles, calls) in generate::semver_orders()
    ) {
        let mut ascending = Index::new();
        let added = ascending.add_mode(Mode::Semver, &bundles);
        prop_assert!(added.is_ok(), "{added:?}");
        let mut other = Index::new();
        for call in &calls {
            other.add_mode(Mode::Semver, call).unwrap();
        }
        prop_assert_eq!(other.rows(), ascending.rows());
    }

    #[test]
    fn the_order_within_a_call_does_not_matter(
        (bundles, shuffled) in generate::bundles().prop_flat_map(|bundles| {
            (Just(bundles.clone()), Just(bundles).prop_shuffle())
        })
    ) {
        let (mut index, mut other) = (Index::new(), Index::new());
        let (added, others) = (index.add(&bundles), other.add(&shuffled));
        prop_assert_eq!(added.is_ok(), others.is_ok(), "{:?} but {:?}", added, others);
        prop_assert_eq!(other.rows(), index.rows());
    }

    #[test]
    fn one_call_does_what_a_call_for_each_bundle_does(bundles in generate::bundles()) {
        let mut one_by_one = Index::new();
        for bundle in &bundles {
            let added = one_by_one.add(std::slice::from_ref(bundle));
            prop_assume!(added.is_ok());
        }
        let mut at_once = Index::new();
        if let Err(error) = at_once.add(&bundles) {
            let is_expected = |error: &Error| match error {
                // One call checks that all of its bundles can be reached, a later call only its own (3.2).
                Error::Pruned(_) => true,
                // An only channel is the default, and what is in the index proposes its default from then on (4.2).
                Error::NoDefaultChannel { proposed, .. } => proposed.is_empty(),
                _ => false,
            };
            prop_assert!(error.each().iter().all(is_expected), "{error}");
            return Ok(());
        }
        prop_assert_eq!(rows_once(&at_once), rows_once(&one_by_one));
    }

    #[test]
    fn packages_do_not_see_each_other(
        (calls, turns) in (generate::packages(), proptest::collection::vec(any::<bool>(), 16))
    ) {
        let [first, second] = calls;
        let (mut in_turn, mut mixed) = (Index::new(), Index::new());
        for bundle in first.iter().chain(&second) {
            in_turn.add(std::slice::from_ref(bundle)).ok();
        }
        let (mut first, mut second) = (first.iter().peekable(), second.iter().peekable());
        for turn in turns.into_iter().cycle() {
            let next = match (turn, first.peek(), second.peek()) {
                (_, None, None) => break,
                (true, Some(_), _) | (false, Some(_), None) => first.next(),
                (false, _, Some(_)) | (true, None, Some(_)) => second.next(),
            };
            mixed.add(&[next.unwrap().clone()]).ok();
        }
        prop_assert_eq!(mixed.rows(), in_turn.rows());
    }

    #[test]
    fn removing_undoes_adding(
        (story, bundles) in (generate::story(), generate::new_package())
    ) {
        let mut index = Index::new();
        tell(&mut index, &story);
        // What an earlier addition left stranded would go with the package.
        index.database.prune_stranded().unwrap();
        let before = index.rows();
        prop_assume!(index.add(&bundles).is_ok());
        prop_assert_ne!(&index.rows(), &before);
        index.database.remove(&["new".to_owned()], false).unwrap();
        prop_assert_eq!(index.rows(), before);
    }

    #[test]
    fn pruning_is_removing_the_others(
        (story, keep) in (generate::story(), proptest::sample::subsequence(generate::PACKAGES.to_vec(), 0..=3))
    ) {
        let (mut pruned, mut removed) = (Index::new(), Index::new());
        tell(&mut pruned, &story);
        tell(&mut removed, &story);
        let keep: BTreeSet<String> = keep.into_iter().map(str::to_owned).collect();
        let packages = removed.database.packages().unwrap().into_iter();
        let others: Vec<String> = packages
            .map(|package| package.name)
            .filter(|name| !keep.contains(name))
            .collect();
        pruned.database.prune(&keep, false).unwrap();
        removed.database.remove(&others, false).unwrap();
        prop_assert_eq!(pruned.rows(), removed.rows());
        let again = pruned.database.prune(&keep, false).unwrap();
        prop_assert!(again.packages.is_empty() && again.bundles.is_empty());
    }

    #[test]
    fn deprecating_keeps_the_catalog_valid(
        (story, which) in (generate::story(), any::<proptest::sample::Index>())
    ) {
        let mut index = Index::new();
        let told = tell(&mut index, &story);
        let bundles = index.database.bundles().unwrap();
        prop_assume!(!bundles.is_empty() && index.database.catalog().is_ok());
        let path = bundles[which.index(bundles.len())].path.clone();
        let before = index.rows();
        let options = DeprecateOptions::default();
        if index.database.deprecate(std::slice::from_ref(&path), &options).is_err() {
            prop_assert_eq!(index.rows(), before, "a refused call changed the database");
            return Ok(());
        }
        let catalog = index.database.catalog();
        prop_assert!(catalog.is_ok(), "{:?} after deprecating {path} in {told:?}", catalog);
    }
}
