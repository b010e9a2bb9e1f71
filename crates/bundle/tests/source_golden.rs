//! Images found and replaced, and customisations, against what the reference made of the same bundles; and what every change of
//! a real bundle leaves alone.
//!
//! The recordings and the bundles lie beside the project in `../shared`; without them the tests are skipped, except where `CI` is set.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on shall panic")]

use std::collections::BTreeMap;
use std::path::Path;

use bundle::source::{Csv, PullSpec, SourceError};
use golden::{Corpus, files_below, judge_bundles, shared_directory};

fn corpus() -> Option<Corpus> {
    let bundles = shared_directory("corpus")?;
    Some(Corpus::read(Path::new("no-such-list"), &[bundles]).unwrap())
}

#[test]
fn bundles_are_changed_as_recorded() {
    let (Some(recordings), Some(corpus)) = (shared_directory("conformance/bundle"), corpus())
    else {
        return;
    };
    let all = judge_bundles(&recordings, &corpus).unwrap();
    let different: Vec<String> = all
        .iter()
        .filter_map(|judged| {
            Some(format!(
                "{}: {:#}",
                judged.name,
                judged.result.as_ref().err()?
            ))
        })
        .collect();
    println!("{} results judged", all.len());
    assert!(different.is_empty(), "{}", different.join("\n"));
}

/// The pull spec with a digest that no bundle has.
fn pinned(spec: &PullSpec, position: usize) -> PullSpec {
    spec.with_digest(&format!("sha256:{position:064x}"))
}

#[test]
fn replacing_the_images_of_a_real_bundle_touches_nothing_else() {
    let Some(corpus) = corpus() else { return };
    let (mut bundles, mut edits, mut unreadable) = (0, 0, 0);
    for folder in corpus.folders() {
        let files = files_below(&folder.path).unwrap();
        let name = folder.path.display();
        let mut csv = match Csv::find(&files) {
            Ok(csv) => csv,
            // Repeated keys, and what was made wrong on purpose.
            Err(
                SourceError::Yaml { .. }
                | SourceError::Shape { .. }
                | SourceError::NoCsv
                | SourceError::SeveralCsvs { .. },
            ) => {
                unreadable += 1;
                continue;
            }
            Err(error) => panic!("{name}: {error}"),
        };
        let before = csv.file().bytes().to_vec();
        let specs = csv.pull_specs().unwrap();
        let new: BTreeMap<PullSpec, PullSpec> = specs
            .iter()
            .enumerate()
            .map(|(position, spec)| (spec.clone(), pinned(spec, position)))
            .collect();
        match csv.replace(&new) {
            Ok(()) => {}
            Err(SourceError::Conflicts { .. }) => continue,
            Err(error) => panic!("{name}: {error}"),
        }
        let after: Vec<String> = csv
            .pull_specs()
            .unwrap()
            .iter()
            .map(ToString::to_string)
            .collect();
        let mut expected: Vec<String> = new.values().map(ToString::to_string).collect();
        expected.sort();
        assert_eq!(after, expected, "{name}");
        // Every change is a pull spec or the list of related images.
        let old: Vec<&str> = specs.iter().map(PullSpec::repository).collect();
        for edit in csv.file().log().groups().iter().flatten() {
            let was = String::from_utf8(edit.old.clone()).unwrap();
            let is_list = String::from_utf8_lossy(&edit.new).contains("relatedImages:");
            let is_spec = old.iter().any(|repository| was.contains(repository)) && was.len() < 300;
            assert!(
                is_spec || is_list && was.is_empty(),
                "{name}: {was:?} was replaced"
            );
            edits += 1;
        }
        let undone = csv.file().log().undo(csv.file().bytes()).unwrap();
        assert!(
            undone == before,
            "{name}: undoing does not give the former bytes"
        );
        bundles += 1;
    }
    println!("{bundles} bundles with {edits} edits; {unreadable} cannot be read");
    assert!(bundles > 200);
}
