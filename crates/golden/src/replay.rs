//! Doing the steps of a scenario, one after the other.

use std::collections::BTreeSet;
use std::path::PathBuf;

use anyhow::{Context as _, bail};
use tempfile::TempDir;

use crate::corpus::Bundles;
use crate::database::Database;
use crate::meaning::Said;
use crate::scenario::{DATABASE, Scenario, Step};
use crate::{cache, files, migrate, render};

/// How far a scenario was judged; up to there it equals the recorded one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// To its end.
    Whole,
    /// To a failed step, on whose debris later steps rest.
    Debris,
    /// To a step whose recorded result is random, and was not recorded whole.
    Random,
}

/// What came of a replay without a difference.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Outcome {
    /// How far the scenario was judged.
    pub verdict: Verdict,
    /// How many steps were judged.
    pub judged: usize,
    /// How many refusals were compared by the names in them alone: nobody wrote down what the recorded error means.
    pub by_names: usize,
}

/// What came of a step that does not differ from the recorded one.
pub(crate) enum Judged {
    /// It left what was recorded.
    Equal,
    /// It failed as recorded, and the reference tool left nothing either.
    Refused(Said),
    /// It failed as recorded, and the reference tool left debris in a file or directory.
    Debris(Said, String),
    /// What it made is random in the reference tool, and was not recorded whole.
    Random(String),
}

/// What the steps of a scenario work on: a private directory, and at most one database in it.
pub(crate) struct Workspace<'a> {
    pub(crate) scenario: &'a Scenario,
    pub(crate) bundles: &'a dyn Bundles,
    folder: TempDir,
    database: Option<Database>,
}

/// Replays a scenario until its end, or until what later steps rest on cannot be compared.
///
/// # Errors
/// Which step differs, and how; or what of the recording cannot be read.
pub fn replay(scenario: &Scenario, bundles: &dyn Bundles) -> anyhow::Result<Outcome> {
    let mut workspace = Workspace::new(scenario, bundles)?;
    let mut outcome = Outcome {
        verdict: Verdict::Whole,
        judged: 0,
        by_names: 0,
    };
    let (mut debris, mut random) = (BTreeSet::new(), BTreeSet::new());
    for step in &scenario.steps {
        let touched = step.touches();
        let rests_on = |spoilt: &BTreeSet<String>| touched.iter().any(|name| spoilt.contains(name));
        if rests_on(&debris) {
            outcome.verdict = Verdict::Debris;
            return Ok(outcome);
        }
        if rests_on(&random) {
            break;
        }
        let judged = workspace.judge(step);
        let judged = judged.with_context(|| format!("step {} ({})", step.n, step.op))?;
        outcome.judged += 1;
        let said = match judged {
            Judged::Equal => Said::Rule,
            Judged::Refused(said) => said,
            Judged::Debris(said, place) => {
                debris.insert(place);
                said
            }
            Judged::Random(place) => {
                random.insert(place);
                Said::Rule
            }
        };
        outcome.by_names += usize::from(said == Said::Names);
    }
    if !random.is_empty() {
        outcome.verdict = Verdict::Random;
    }
    Ok(outcome)
}

impl<'a> Workspace<'a> {
    fn new(scenario: &'a Scenario, bundles: &'a dyn Bundles) -> anyhow::Result<Self> {
        let folder = tempfile::tempdir().context("a private directory could not be made")?;
        let database = scenario
            .start_database()?
            .map(|bytes| Database::open(&folder.path().join(DATABASE), &bytes))
            .transpose()?;
        Ok(Self {
            scenario,
            bundles,
            folder,
            database,
        })
    }

    fn judge(&mut self, step: &Step) -> anyhow::Result<Judged> {
        match step.op.as_str() {
            "add" | "rm" | "prune" | "prune-stranded" | "deprecatetruncate" | "sql" => {
                let path = self.at(DATABASE);
                let database = match &mut self.database {
                    Some(database) => database,
                    None => self.database.insert(Database::open(&path, &[])?),
                };
                database.step(self.scenario, step, self.bundles)
            }
            "write-fbc" => files::write(self, step),
            "validate" => files::validate(self, step),
            "render" => render::step(self, step),
            "migrate" => migrate::step(self, step),
            "serve-cache" => cache::step(self, step),
            op => bail!("nobody wrote down how to replay `{op}`"),
        }
    }

    /// A place below the private directory.
    pub(crate) fn at(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The database, if there is one yet.
    pub(crate) fn database(&self) -> Option<&Database> {
        self.database.as_ref()
    }
}
