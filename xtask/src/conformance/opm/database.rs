//! The operations that change an index database.

use anyhow::{Context as _, bail, ensure};
use indexdb::dump::{DumpOptions, loosen};
use indexdb::{AddOptions, DeprecateOptions, IndexDb, Mode};
use sha2::Digest as _;
use tempfile::TempDir;

use super::corpus::Corpus;
use super::scenario::{Scenario, Step};
use super::{Judged, meaning};

/// The database of a scenario, in a directory of its own.
pub(super) struct Database {
    folder: TempDir,
    index: IndexDb,
    /// The digest of its content.
    digest: String,
}

impl Database {
    /// The database before the first step.
    pub(super) fn start(scenario: &Scenario) -> anyhow::Result<Self> {
        let folder = tempfile::tempdir()?;
        let path = folder.path().join("index.db");
        std::fs::write(&path, scenario.start_database()?.unwrap_or_default())?;
        let index = IndexDb::open(&path, 0)?.without_sync()?;
        let digest = digest(&index)?;
        Ok(Self {
            folder,
            index,
            digest,
        })
    }

    /// Does a step and compares; an error says what differs.
    pub(super) fn step(
        &mut self,
        scenario: &Scenario,
        step: &Step,
        corpus: &mut Corpus<'_>,
    ) -> anyhow::Result<Judged> {
        let done = self.apply(step, corpus)?;
        let before = std::mem::replace(&mut self.digest, digest(&self.index)?);
        // A step that failed before it made a database has none.
        let recorded = step.text("db_sha256").unwrap_or(&before);
        let Err(error) = done else {
            ensure!(
                step.exit == 0 || scenario.is_unstable(step),
                "it succeeds, but was recorded as `{}`",
                step.error
            );
            return self.compare(scenario, step, recorded);
        };
        ensure!(
            before == self.digest,
            "it is refused, but changed the database: {error}"
        );
        // A permissive addition of the real tool succeeds without adding anything; ours says why it does not.
        let unlike = step.exit == 0 && !step.permissive && !scenario.is_unstable(step);
        ensure!(!unlike, "it is refused: {error}");
        if step.exit != 0
            && let Some(difference) = meaning::difference(&step.error, &error)
        {
            bail!(
                "{difference}; recorded is `{}`, ours is `{error}`",
                step.error
            );
        }
        Ok(if self.digest == recorded {
            Judged::Refused
        } else {
            Judged::Debris
        })
    }

    /// Does a step; the inner error is the refusal.
    fn apply(
        &mut self,
        step: &Step,
        corpus: &mut Corpus<'_>,
    ) -> anyhow::Result<Result<(), String>> {
        let permissive = step.permissive;
        let applied = match step.op.as_str() {
            "add" => return Ok(self.add(step, corpus)),
            "sql" => {
                let sql = step.text("sql").context("there is no SQL")?;
                rusqlite::Connection::open(self.folder.path().join("index.db"))?
                    .execute_batch(sql)?;
                Ok(())
            }
            "rm" => self
                .index
                .remove(&step.texts("packages"), permissive)
                .map(drop),
            "prune" => {
                let keep = step.texts("packages").into_iter().collect();
                self.index.prune(&keep, permissive).map(drop)
            }
            "prune-stranded" => self.index.prune_stranded().map(drop),
            "deprecatetruncate" => {
                let options = DeprecateOptions {
                    allow_package_removal: step.is_set("allow_package_removal"),
                    permissive,
                };
                self.index
                    .deprecate(&step.texts("bundles"), &options)
                    .map(drop)
            }
            op => bail!("`{op}` changes no database"),
        };
        Ok(applied.map_err(with_causes))
    }

    fn add(&mut self, step: &Step, corpus: &mut Corpus<'_>) -> Result<(), String> {
        let mode = step.text("mode").unwrap_or("replaces").parse::<Mode>();
        let options = AddOptions {
            mode: mode.map_err(|error| error.to_string())?,
            overwrite_latest: step.is_set("overwrite_latest"),
            substitutes_for: step.is_set("enable_alpha"),
        };
        let bundles = step.texts("bundles");
        let bundles: Result<Vec<_>, String> =
            bundles.iter().map(|image| corpus.bundle(image)).collect();
        self.index
            .add(&bundles?, &options)
            .map(drop)
            .map_err(with_causes)
    }

    fn compare(&self, scenario: &Scenario, step: &Step, recorded: &str) -> anyhow::Result<Judged> {
        if self.digest == recorded || step.variants("db_sha256").contains(&self.digest) {
            return Ok(Judged::Equal);
        }
        // The order of skips is random in the real tool, and a digest alone cannot be compared without it.
        let dump = step.text("db_dump");
        if step.text("mode") == Some("semver-skippatch") && dump.is_none() {
            return Ok(Judged::Random);
        }
        let ours = self.index.dump(&DumpOptions {
            hash_over: scenario.hash_over,
            loose: true,
        })?;
        let mut dumps = step.texts("db_dump_variants");
        dumps.extend(dump.map(str::to_owned));
        let mut first = None;
        for name in dumps {
            let text = String::from_utf8(scenario.file(&name)?)?;
            let lines: Vec<String> = text.lines().map(str::to_owned).collect();
            let theirs = loosen(&lines);
            if theirs == ours {
                return Ok(Judged::Equal);
            }
            first.get_or_insert(theirs);
        }
        bail!(
            "the rows differ{}",
            first.map_or_else(String::new, |theirs| shown(&ours, &theirs))
        )
    }
}

/// The digest of the whole content, as the recordings have it.
fn digest(index: &IndexDb) -> anyhow::Result<String> {
    let mut hasher = sha2::Sha256::new();
    for line in index.dump(&DumpOptions::default())? {
        hasher.update(line.as_bytes());
        hasher.update(b"\n");
    }
    Ok(hex::encode(hasher.finalize()))
}

/// An error and its causes in one line.
fn with_causes(error: indexdb::Error) -> String {
    format!("{:#}", anyhow::Error::new(error))
}

/// The first rows that only one side has.
fn shown(ours: &[String], theirs: &[String]) -> String {
    let only = |these: &[String], those: &[String], mark: &str| {
        let lines = these.iter().filter(|line| !those.contains(line)).take(6);
        let lines = lines.map(|line| {
            let start: String = line.chars().take(400).collect();
            format!("\n  {mark} {start}")
        });
        lines.collect::<String>()
    };
    only(ours, theirs, "ours") + &only(theirs, ours, "recorded")
}
