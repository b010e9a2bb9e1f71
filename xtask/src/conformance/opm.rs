//! Every recorded scenario of opm, step by step, against our libraries: each step must end as the recorded one did and leave the
//! same content.
//!
//! After a failed step the real tool leaves debris in the database, on purpose ours does not: the error is compared, and that the
//! database is as it was before. A scenario whose later steps rest on the debris is judged up to there and counted so. The same
//! holds for a step whose result is random in the real tool and was not recorded whole, and for operations that are not
//! replayed yet: [`Verdict`] says which.

mod corpus;
mod database;
// One table of what recorded errors mean: the engine's own tests judge by it too.
#[path = "../../../crates/indexdb/tests/golden/meaning.rs"]
mod meaning;
mod scenario;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::{Context as _, ensure};
use clap::Args as ClapArgs;

use crate::terminal::say;
use corpus::{Corpus, Images};
use database::Database;
use scenario::{Scenario, Step};

#[derive(Debug, ClapArgs)]
pub(crate) struct Args {
    /// The directory of scenarios
    #[arg(long, default_value = "../shared/conformance/opm", value_name = "DIR")]
    from: PathBuf,
    /// A directory of bundles, `<package>/<version>/` or one level above that; repeatable
    #[arg(
        long = "corpus",
        default_value = "../shared/corpus",
        value_name = "DIR"
    )]
    corpora: Vec<PathBuf>,
    /// Replay only scenarios whose name contains this
    #[arg(long, value_name = "TEXT")]
    only: Option<String>,
}

/// What came of a step that does not differ from the recorded one.
enum Judged {
    /// It left what was recorded.
    Equal,
    /// It failed as recorded, and left nothing that the real tool did not leave.
    Refused,
    /// It failed as recorded, and the real tool left debris.
    Debris,
    /// Its recorded result is random, and was not recorded whole.
    Random,
}

/// How far a scenario was judged; up to there it equals the recorded one.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Verdict {
    /// To its end.
    Whole,
    /// To a failed step, on whose debris later steps rest.
    Debris,
    /// To a step whose recorded result is random.
    Random,
    /// To an operation that is not replayed yet; whether any step was judged before it.
    NotYet { op: String, some: bool },
}

/// Counts of scenarios.
#[derive(Debug, Default)]
struct Tally {
    passed: usize,
    failed: usize,
    debris: usize,
    random: usize,
    /// Scenarios that were not judged at all, by the operation they begin with.
    skipped: BTreeMap<String, usize>,
    /// Scenarios that were judged up to an operation, by that operation.
    cut: BTreeMap<String, usize>,
}

/// Runs every scenario; whether all passed.
pub(crate) fn run(args: &Args) -> anyhow::Result<bool> {
    let images = Images::read(&args.from.join("images.txt"), &args.corpora)?;
    let mut scenarios = Scenario::all(&args.from)?;
    if let Some(part) = &args.only {
        scenarios.retain(|scenario| scenario.name.contains(part));
    }
    ensure!(
        !scenarios.is_empty(),
        "`{}` holds no such scenarios; name another directory with `--from`",
        args.from.display()
    );
    let tally = replay_all(&scenarios, &images)?;
    tally.report();
    Ok(tally.failed == 0)
}

/// Replays the scenarios on as many threads as there are processors.
fn replay_all(scenarios: &[Scenario], images: &Images) -> anyhow::Result<Tally> {
    let next = AtomicUsize::new(0);
    let tally = Mutex::new(Tally::default());
    let work = || {
        let mut corpus = Corpus::new(images);
        while let Some(scenario) = scenarios.get(next.fetch_add(1, Ordering::Relaxed)) {
            let verdict = replay(scenario, &mut corpus);
            if let Ok(mut tally) = tally.lock() {
                tally.count(&scenario.name, verdict);
            }
        }
    };
    let threads = std::thread::available_parallelism()?.get();
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(work);
        }
    });
    tally
        .into_inner()
        .map_err(|_| anyhow::anyhow!("a replay panicked"))
}

/// Replays a scenario until its end, or until later steps cannot be compared.
fn replay(scenario: &Scenario, corpus: &mut Corpus<'_>) -> anyhow::Result<Verdict> {
    let mut database: Option<Database> = None;
    for (position, step) in scenario.steps.iter().enumerate() {
        let judged = match step.op.as_str() {
            "add" | "rm" | "prune" | "prune-stranded" | "deprecatetruncate" | "sql" => {
                let database = match &mut database {
                    Some(database) => database,
                    None => database.insert(Database::start(scenario)?),
                };
                database.step(scenario, step, corpus)
            }
            op => {
                return Ok(Verdict::NotYet {
                    op: op.to_owned(),
                    some: position > 0,
                });
            }
        };
        let last = position + 1 == scenario.steps.len();
        match judged.with_context(|| title(step))? {
            Judged::Equal | Judged::Refused => {}
            Judged::Debris if last => {}
            Judged::Debris => return Ok(Verdict::Debris),
            Judged::Random => return Ok(Verdict::Random),
        }
    }
    Ok(Verdict::Whole)
}

fn title(step: &Step) -> String {
    format!("step {} ({})", step.n, step.op)
}

impl Tally {
    fn count(&mut self, name: &str, verdict: anyhow::Result<Verdict>) {
        match verdict {
            Err(error) => {
                self.failed += 1;
                say(&format!("{name}: FAILED: {error:#}"));
                return;
            }
            Ok(Verdict::NotYet { op, some: false }) => {
                *self.skipped.entry(op).or_default() += 1;
                return;
            }
            Ok(Verdict::Whole) => {}
            Ok(Verdict::Debris) => self.debris += 1,
            Ok(Verdict::Random) => self.random += 1,
            Ok(Verdict::NotYet { op, some: true }) => *self.cut.entry(op).or_default() += 1,
        }
        self.passed += 1;
    }

    fn report(&self) {
        let by_op = |ops: &BTreeMap<String, usize>| {
            let ops: Vec<String> = ops
                .iter()
                .map(|(op, count)| format!("{op} {count}"))
                .collect();
            ops.join(", ")
        };
        if !self.skipped.is_empty() {
            say(&format!(
                "{} scenarios skipped: they begin with operations not replayed yet ({})",
                self.skipped.values().sum::<usize>(),
                by_op(&self.skipped)
            ));
        }
        if !self.cut.is_empty() {
            say(&format!(
                "{} of the passed scenarios judged up to an operation not replayed yet ({})",
                self.cut.values().sum::<usize>(),
                by_op(&self.cut)
            ));
        }
        say(&format!(
            "{} of the passed scenarios judged up to a failed step, on whose debris later steps rest",
            self.debris
        ));
        say(&format!(
            "{} of the passed scenarios judged up to a step whose recorded result is random",
            self.random
        ));
        say(&format!("{} passed, {} failed", self.passed, self.failed));
    }
}
