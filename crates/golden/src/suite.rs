//! Replaying many scenarios at once.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;

use anyhow::anyhow;

use crate::corpus::Bundles;
use crate::replay::{Outcome, replay};
use crate::scenario::Scenario;

/// What came of a scenario.
#[derive(Debug)]
pub struct Report {
    /// The name of its directory.
    pub name: String,
    /// How far it was judged, or what differs.
    pub result: anyhow::Result<Outcome>,
}

/// Replays the scenarios in some directories, those that are wanted, on as many threads as there are processors.
///
/// Reports come in the order of the directories. A scenario that cannot be read, or whose replay panics, is one that failed.
pub fn replay_all(
    folders: &[PathBuf],
    wanted: impl Fn(&Scenario) -> bool + Sync,
    bundles: &dyn Bundles,
) -> Vec<Report> {
    let next = AtomicUsize::new(0);
    let reports = Mutex::new(Vec::new());
    let work = || {
        loop {
            let position = next.fetch_add(1, Ordering::Relaxed);
            let Some(folder) = folders.get(position) else {
                return;
            };
            if let Some(result) = replay_folder(folder, &wanted, bundles) {
                let name = folder.file_name().unwrap_or_default().to_string_lossy();
                let name = name.into_owned();
                let mut reports = reports.lock().unwrap_or_else(PoisonError::into_inner);
                reports.push((position, Report { name, result }));
            }
        }
    };
    let threads = thread::available_parallelism().map_or(1, usize::from);
    thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(work);
        }
    });
    let mut reports = reports.into_inner().unwrap_or_else(PoisonError::into_inner);
    reports.sort_by_key(|(position, _)| *position);
    reports.into_iter().map(|(_, report)| report).collect()
}

/// What came of the scenario in a directory; nothing if it is not wanted.
fn replay_folder(
    folder: &Path,
    wanted: &impl Fn(&Scenario) -> bool,
    bundles: &dyn Bundles,
) -> Option<anyhow::Result<Outcome>> {
    // Whatever a scenario leaves half done is its own.
    let caught = catch_unwind(AssertUnwindSafe(|| {
        let scenario = match Scenario::read(folder.to_owned()) {
            Ok(scenario) => scenario,
            Err(error) => return Some(Err(error)),
        };
        wanted(&scenario).then(|| replay(&scenario, bundles))
    }));
    caught.unwrap_or_else(|panic| Some(Err(anyhow!("it panicked: {}", text_of(&*panic)))))
}

fn text_of(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("without a text")
}
