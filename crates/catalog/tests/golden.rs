//! Replays recorded validations and renderings of directories and compares every byte.
//!
//! The recordings lie beside the project in `../shared`; without them the test is skipped, except where `CI` is set.

#![expect(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "helpers of tests may fail them and say why they skip"
)]

mod golden {
    pub(crate) mod meaning;
    pub(crate) mod scenario;
}

use golden::scenario::{Tally, recordings, replay};

#[test]
fn directories_are_judged_and_rendered_as_recorded() {
    let Some(recordings) = recordings() else {
        return;
    };
    let mut folders: Vec<_> = std::fs::read_dir(&recordings)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    folders.sort();
    let mut tally = Tally::default();
    for folder in folders
        .iter()
        .filter(|folder| folder.join("scenario.json").is_file())
    {
        replay(folder, &mut tally);
    }
    println!(
        "{} catalogs judged, {} renderings equal",
        tally.judged, tally.rendered
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
        tally.judged > 0 && tally.rendered > 0,
        "no step was compared"
    );
}
