//! Does ours make of the same inputs what the reference tool made of them?
//!
//! A *scenario* is a recorded sequence of steps of the reference tool, with everything that came of each step. [`Scenario`]
//! reads one, [`replay()`] does its steps with our libraries and compares: databases row by row, files and caches byte by byte,
//! refusals by their meaning. [`Corpus`] knows the bundles that scenarios name, and [`Bundles`] is where a replay gets them
//! from: read out of directories ([`Folders`]), or out of images by whoever serves them.
//!
//! The golden tests of the crates and the conformance runner share this; nothing that is shipped uses it.
//!
//! The reference tool leaves debris behind when it fails, on purpose ours does not: the refusal is compared, and that
//! everything is as it was before. Where later steps rest on the debris, or on a result that is random in the reference tool and
//! was not recorded whole, a scenario is judged up to there, and its [`Verdict`] says so.

mod bundles;
mod cache;
mod corpus;
mod database;
mod difference;
mod files;
mod meaning;
mod migrate;
mod recorded;
mod render;
mod replay;
mod scenario;
mod shared;
mod suite;

pub use bundles::{Judged, canonical, files_below, judge_bundles};
pub use cache::check_cache;
pub use corpus::{Bundles, Corpus, Folder, Folders, PLACEHOLDER, ReadOnce, check_pull_spec};
pub use database::digest;
pub use difference::shown;
pub use meaning::{Said, of_change};
pub use recorded::{archived_files, tree_digest, unpacked_file};
pub use replay::{Outcome, Verdict, replay};
pub use scenario::{Scenario, Step};
pub use shared::{assert_as_recorded, recorded_bundles, recordings, shared_directory};
pub use suite::{Report, replay_all};

/// An error and its causes in one line.
fn with_causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}
