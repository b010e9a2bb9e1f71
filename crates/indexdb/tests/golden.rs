//! Replays recorded changes of the reference tool and compares every row.
//!
//! The recordings lie beside the project in `../shared`; without them the test is skipped, except where `CI` is set.

#![expect(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "helpers of tests may fail them and say why they skip"
)]

mod golden {
    pub(crate) mod corpus;
    pub(crate) mod meaning;
    pub(crate) mod render;
    pub(crate) mod scenario;
}

use golden::corpus::Corpus;
use golden::scenario::{Scenario, Tally};

#[test]
fn schema_equals_the_recorded_one() {
    let Some(corpus) = Corpus::find() else { return };
    let folder = tempfile::tempdir().unwrap();
    let database = indexdb::IndexDb::create(&folder.path().join("index.db"), 0).unwrap();
    let recorded = std::fs::read_to_string(corpus.recordings().join("schema.jsonl")).unwrap();
    let mut recorded: Vec<&str> = recorded.lines().collect();
    recorded.sort_unstable();
    assert_eq!(database.dump_schema().unwrap(), recorded);
}

#[test]
fn changes_leave_the_recorded_rows() {
    let Some(mut corpus) = Corpus::find() else {
        return;
    };
    let mut tally = Tally::default();
    for scenario in Scenario::all(&corpus.recordings()) {
        scenario.replay(&mut corpus, &mut tally);
    }
    println!("{tally}");
    for difference in &tally.differences {
        println!("{difference}");
    }
    assert!(
        tally.differences.is_empty(),
        "{} steps differ",
        tally.differences.len()
    );
    assert!(tally.equal > 0, "no step was compared");
}

/// Also covers bundles whose addition failed: the reference tool had stored them by then.
#[test]
fn bundles_are_stored_as_the_recorded_json() {
    let Some(mut corpus) = Corpus::find() else {
        return;
    };
    let mut seen = std::collections::BTreeSet::new();
    for row in golden::scenario::recorded_bundles(&corpus.recordings()) {
        let image = row["bundlepath"].as_str().unwrap();
        let (Some(csv), Some(objects)) =
            (row["csv"]["blob"].as_str(), row["bundle"]["blob"].as_str())
        else {
            continue;
        };
        if seen.insert(image.to_owned()) {
            let bundle = corpus.bundle(image).unwrap();
            assert_eq!(bundle.csv_json(), csv, "CSV of {image}");
            assert_eq!(bundle.objects_json(), objects, "objects of {image}");
        }
    }
    println!("{} bundles are stored as recorded", seen.len());
    assert!(!seen.is_empty(), "no bundle was compared");
}

#[test]
fn databases_and_bundles_become_the_recorded_catalogs() {
    let Some(mut corpus) = Corpus::find() else {
        return;
    };
    let mut tally = golden::render::Tally::default();
    let mut folders: Vec<_> = std::fs::read_dir(corpus.recordings())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|folder| folder.join("scenario.json").is_file())
        .collect();
    folders.sort();
    for folder in folders {
        golden::render::replay(&folder, &mut corpus, &mut tally);
    }
    println!(
        "{} migrations, {} databases and {} bundles equal, {} refused as recorded",
        tally.migrations, tally.databases, tally.bundles, tally.refused
    );
    for difference in &tally.differences {
        println!("{difference}");
    }
    assert!(
        tally.differences.is_empty(),
        "{} steps differ",
        tally.differences.len()
    );
    assert!(
        tally.migrations > 0 && tally.databases > 0 && tally.bundles > 0,
        "no step was compared"
    );
}
