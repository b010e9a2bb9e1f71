//! The recordings beside the project, as tests use them.

use std::path::{Path, PathBuf};

use crate::corpus::{Corpus, Folders};
use crate::replay::Verdict;
use crate::scenario::Scenario;
use crate::suite::{Report, replay_all};

/// The recordings of opm that lie beside the project; nothing if they are missing.
///
/// # Panics
/// If they are missing where they must be there: the environment says `CI=true`.
pub fn recordings() -> Option<PathBuf> {
    shared_directory("conformance/opm")
}

/// A directory of what lies beside the project; nothing if it is missing.
///
/// # Panics
/// If it is missing where it must be there: the environment says `CI=true`.
#[expect(
    clippy::print_stderr,
    reason = "a test that is skipped says so where people look"
)]
pub fn shared_directory(name: &str) -> Option<PathBuf> {
    let directory = shared().join(name);
    if directory.is_dir() {
        return Some(directory);
    }
    #[expect(
        clippy::disallowed_methods,
        reason = "whether a skipped test is an error is up to the caller"
    )]
    let required = std::env::var("CI").is_ok_and(|value| value == "true");
    assert!(
        !required,
        "the recordings are missing: {}",
        directory.display()
    );
    eprintln!(
        "SKIPPED: the recordings are missing ({})",
        directory.display()
    );
    None
}

/// The bundles that the recordings beside the project were made with.
///
/// # Errors
/// If they cannot be listed.
pub fn recorded_bundles(recordings: &Path) -> anyhow::Result<Folders> {
    let corpus = Corpus::read(&recordings.join("images.txt"), &[shared().join("corpus")])?;
    Ok(Folders::new(corpus))
}

/// Replays those recorded scenarios that a test is about; says how many there were, and how far they were judged.
///
/// # Panics
/// If one differs, if none was judged, or if nobody wrote down what a recorded error means.
#[expect(
    clippy::print_stdout,
    reason = "a test says what it compared where people look"
)]
pub fn assert_as_recorded(wanted: impl Fn(&Scenario) -> bool + Sync) {
    let Some(recordings) = recordings() else {
        return;
    };
    let folders = Scenario::folders(&recordings).expect("the recordings can be listed");
    let bundles = recorded_bundles(&recordings).expect("the bundles can be listed");
    let reports = replay_all(&folders, wanted, &bundles);
    let outcomes = || {
        reports
            .iter()
            .filter_map(|report| report.result.as_ref().ok())
    };
    let up_to = |verdict| {
        outcomes()
            .filter(|outcome| outcome.verdict == verdict)
            .count()
    };
    let steps: usize = outcomes().map(|outcome| outcome.judged).sum();
    println!(
        "{} scenarios, {steps} steps; {} scenarios judged up to debris, {} up to a random result",
        reports.len(),
        up_to(Verdict::Debris),
        up_to(Verdict::Random)
    );
    let differences: Vec<String> = reports.iter().filter_map(difference).collect();
    assert!(differences.is_empty(), "{}", differences.join("\n"));
    assert!(steps > 0, "no step was judged");
}

fn difference(report: &Report) -> Option<String> {
    match &report.result {
        Err(error) => Some(format!("{}: {error:#}", report.name)),
        Ok(outcome) if outcome.by_names > 0 => Some(format!(
            "{}: nobody wrote down what a recorded error means",
            report.name
        )),
        Ok(_) => None,
    }
}

fn shared() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared")
}
