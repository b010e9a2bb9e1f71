//! Laws that hold for all catalogs: reading and writing, profiles, migration, serve caches.

mod generate;
#[path = "generate/runs.rs"]
mod runs;

use std::fs;
use std::path::Path;

use catalog::Profile;
use catalog::cache::{self, Format, Integrity, Options};
use catalog::fbc::{self, BUNDLE_OBJECT, Catalog, Output, canonical};
use proptest::prelude::*;
use runs::runs;

const OUTPUTS: [Output; 2] = [Output::Json, Output::Yaml];
const PROFILES: [Profile; 2] = [Profile::A, Profile::B];

fn written(catalog: &Catalog, output: Output) -> Vec<u8> {
    let mut text = Vec::new();
    catalog
        .write(output, &mut text)
        .expect("memory can be written");
    text
}

fn read(text: &[u8]) -> Catalog {
    fbc::read(text).unwrap_or_else(|error| panic!("{error}\n{}", String::from_utf8_lossy(text)))
}

/// The catalog with its blobs in the order they are written in.
fn in_order(mut catalog: Catalog) -> Catalog {
    catalog.packages.sort_by(|a, b| a.name.cmp(&b.name));
    (catalog.channels).sort_by(|a, b| (&a.package, &a.name).cmp(&(&b.package, &b.name)));
    (catalog.bundles).sort_by(|a, b| (&a.package, &a.name).cmp(&(&b.package, &b.name)));
    catalog
        .deprecations
        .sort_by(|a, b| a.package.cmp(&b.package));
    let global = |other: &fbc::Other| other.package.is_empty();
    catalog.others.sort_by(|a, b| {
        let of_package = (&a.package, &a.schema).cmp(&(&b.package, &b.schema));
        let global = (global(a), global(b));
        if global == (true, true) {
            return std::cmp::Ordering::Equal;
        }
        global.0.cmp(&global.1).then(of_package)
    });
    catalog
}

/// The catalog with a CSV embedded in every second bundle, as older catalogs have it.
fn with_csvs(mut catalog: Catalog) -> Catalog {
    for (index, bundle) in catalog.bundles.iter_mut().step_by(2).enumerate() {
        let csv = format!(
            r#"{{"kind":"ClusterServiceVersion","metadata":{{"name":"{}"}},"spec":{{"version":"1.0.{index}","displayName":"<{index}>"}}}}"#,
            bundle.name
        );
        let at = index % (bundle.properties.len() + 1);
        (bundle.properties).insert(at, canonical::bundle_object(csv.as_bytes()));
    }
    catalog
}

fn migrated(catalog: &Catalog, profile: Profile) -> Catalog {
    let mut read_again = Catalog::default();
    for file in catalog.migrated(profile) {
        let mut text = Vec::new();
        file.write(Output::Json, &mut text)
            .expect("memory can be written");
        read_again.append(read(&text));
    }
    read_again
}

/// Lays the catalog out as a directory with a file per package.
fn lay_out(catalog: &Catalog, output: Output, root: &Path) {
    for file in catalog.migrated(Profile::B) {
        let mut text = Vec::new();
        file.write(output, &mut text)
            .expect("memory can be written");
        let folder = root.join(file.package());
        fs::create_dir_all(&folder).expect("a folder can be made");
        fs::write(folder.join("catalog"), text).expect("a file can be written");
    }
}

proptest! {
    #![proptest_config(runs(1))]

    #[test]
    fn what_is_written_reads_as_the_same_catalog(
        (catalog, changed) in generate::changed_catalog()
    ) {
        for catalog in [catalog, changed] {
            let catalog = in_order(with_csvs(catalog));
            for output in OUTPUTS {
                let text = written(&catalog, output);
                let again = read(&text);
                prop_assert_eq!(&again, &catalog, "{}", String::from_utf8_lossy(&text));
                prop_assert_eq!(written(&again, output), text);
            }
        }
    }

    #[test]
    fn converting_there_and_back_changes_no_byte(catalog in generate::catalog()) {
        let json = written(&catalog, Output::Json);
        let yaml = written(&read(&json), Output::Yaml);
        prop_assert_eq!(written(&read(&yaml), Output::Json), json);
        prop_assert_eq!(written(&read(&written(&read(&yaml), Output::Json)), Output::Yaml), yaml);
    }

    #[test]
    fn the_order_of_blobs_reaches_neither_text_nor_judgement(
        (catalog, turn) in (generate::catalog(), 0_usize..16)
    ) {
        let mut turned = catalog.clone();
        // Blobs of other schemas are written in the order they came in.
        turned.packages.reverse();
        turned.bundles.reverse();
        turned.deprecations.reverse();
        if !turned.channels.is_empty() {
            let turn = turn % turned.channels.len();
            turned.channels.rotate_left(turn);
        }
        for output in OUTPUTS {
            prop_assert_eq!(written(&turned, output), written(&catalog, output));
        }
        for profile in PROFILES {
            prop_assert!(turned.validate_as(profile).is_ok());
        }
    }

    #[test]
    fn what_the_newer_profile_accepts_the_older_one_does(
        (_, changed) in generate::changed_catalog()
    ) {
        if changed.validate_as(Profile::B).is_ok() {
            prop_assert!(changed.validate_as(Profile::A).is_ok());
        }
    }

    #[test]
    fn migrating_twice_is_migrating_once(
        (catalog, changed) in generate::changed_catalog()
    ) {
        for catalog in [with_csvs(catalog), with_csvs(changed)] {
            for profile in PROFILES {
                let once = migrated(&catalog, profile);
                prop_assert!(once.left_out(profile).is_empty());
                let left_out = catalog.left_out(profile);
                prop_assert_eq!(once.bundles.len() + left_out.bundles, catalog.bundles.len());
                prop_assert_eq!(once.others.len() + left_out.others, catalog.others.len());
                prop_assert_eq!(migrated(&once, profile), once);
            }
            let everything = migrated(&catalog, Profile::B);
            prop_assert_eq!(written(&everything, Output::Json), written(&catalog, Output::Json));
        }
    }

    #[test]
    fn migrated_catalogs_stay_valid_and_embed_metadata_once(catalog in generate::catalog()) {
        let mut catalog = with_csvs(catalog);
        catalog.arrange();
        let arranged = catalog.clone();
        catalog.arrange();
        prop_assert_eq!(&catalog, &arranged, "arranging twice is arranging once");

        prop_assert!(catalog.embed_csv_metadata().is_ok());
        for (before, after) in arranged.bundles.iter().zip(&catalog.bundles) {
            let objects = after.properties.iter();
            let objects = objects.filter(|property| property.type_ == BUNDLE_OBJECT).count();
            prop_assert!(before.csv_json().is_none() || objects == 0);
        }
        let embedded = catalog.clone();
        prop_assert!(catalog.embed_csv_metadata().is_ok());
        prop_assert_eq!(&catalog, &embedded, "embedding twice is embedding once");
        for profile in PROFILES {
            let migrated = migrated(&catalog, profile);
            prop_assert!(migrated.validate_as(profile).is_ok());
        }
    }
}

proptest! {
    #![proptest_config(runs(16))]

    #[test]
    fn a_cache_belongs_to_the_catalog_it_was_written_for(
        (catalog, more) in (generate::catalog(), generate::catalog())
    ) {
        let folder = tempfile::tempdir().expect("a folder can be made");
        let tree = folder.path().join("catalog");
        fs::create_dir(&tree).expect("a folder can be made");
        lay_out(&with_csvs(catalog.clone()), Output::Yaml, &tree);
        for format in [Format::Pogreb, Format::Json] {
            let dir = folder.path().join(format!("{format:?}"));
            let digest = cache::write(&tree, &dir, Options { format: Some(format), ..Options::default() }).expect("valid").digest;
            let current = Integrity::Current { digest: digest.clone() };
            prop_assert_eq!(cache::check(&tree, &dir).expect("a cache"), current);
            prop_assert_eq!(cache::write(&tree, &dir, Options::default()).expect("valid").digest, digest);
        }
        let is_other = with_csvs(catalog.clone()) != more;
        fs::remove_dir_all(&tree).expect("it is ours");
        fs::create_dir(&tree).expect("a folder can be made");
        lay_out(&more, Output::Json, &tree);
        if is_other {
            let dir = folder.path().join("Pogreb");
            let found = cache::check(&tree, &dir).expect("a cache");
            prop_assert!(matches!(found, Integrity::Stale { .. }), "{found:?}");
        }
    }
}
