//! Replays what the reference tool made of index databases and bundles: every row, and the catalogs they become.

use golden::Bundles;

#[test]
fn schema_equals_the_recorded_one() {
    let Some(recordings) = golden::recordings() else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let database = indexdb::IndexDb::create(&folder.path().join("index.db"), 0).unwrap();
    let recorded = std::fs::read_to_string(recordings.join("schema.jsonl")).unwrap();
    let mut recorded: Vec<&str> = recorded.lines().collect();
    recorded.sort_unstable();
    assert_eq!(database.dump_schema().unwrap(), recorded);
}

#[test]
fn databases_are_changed_and_rendered_as_recorded() {
    golden::assert_as_recorded(|scenario| {
        scenario.start.is_some()
            || scenario
                .steps
                .iter()
                .flat_map(golden::Step::touches)
                .any(|name| name == "index.db" || name.contains('@'))
    });
}

/// Also covers bundles whose addition failed: the reference tool had stored them by then.
#[test]
fn bundles_are_stored_as_the_recorded_json() {
    let Some(recordings) = golden::recordings() else {
        return;
    };
    let bundles = golden::recorded_bundles(&recordings).unwrap();
    let mut seen = std::collections::BTreeSet::new();
    for folder in golden::Scenario::folders(&recordings).unwrap() {
        let scenario = golden::Scenario::read(folder).unwrap();
        for row in scenario.stored_bundles().unwrap() {
            let image = row["bundlepath"].as_str().unwrap();
            let (Some(csv), Some(objects)) =
                (row["csv"]["blob"].as_str(), row["bundle"]["blob"].as_str())
            else {
                continue;
            };
            if seen.insert(image.to_owned()) {
                let bundle = bundles.bundle(image).unwrap();
                assert_eq!(bundle.csv_json(), csv, "CSV of {image}");
                assert_eq!(bundle.objects_json(), objects, "objects of {image}");
            }
        }
    }
    println!("{} bundles are stored as recorded", seen.len());
    assert!(!seen.is_empty(), "no bundle was compared");
}
