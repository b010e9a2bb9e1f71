//! The operations that change an index database.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail, ensure};
use indexdb::dump::{DumpOptions, loosen};
use indexdb::{AddOptions, DeprecateOptions, IndexDb, Mode};
use sha2::Digest as _;

use crate::corpus::Bundles;
use crate::replay::Judged;
use crate::scenario::{DATABASE, Scenario, Step};
use crate::{meaning, shown, with_causes};

/// The database of a scenario.
pub(crate) struct Database {
    path: PathBuf,
    pub(crate) index: IndexDb,
    /// The digest of its content.
    digest: String,
    /// It equals the recorded one but for the order of skips, which is random in the reference tool.
    pub(crate) is_loose: bool,
}

impl Database {
    /// Puts a database at a place and opens it; an empty one is laid out.
    pub(crate) fn open(path: &Path, bytes: &[u8]) -> anyhow::Result<Self> {
        std::fs::write(path, bytes)?;
        let index = IndexDb::open(path, 0)?.without_sync()?;
        let digest = digest(&index)?;
        Ok(Self {
            path: path.to_owned(),
            index,
            digest,
            is_loose: false,
        })
    }

    /// Does a step and compares; an error says what differs.
    pub(crate) fn step(
        &mut self,
        scenario: &Scenario,
        step: &Step,
        bundles: &dyn Bundles,
    ) -> anyhow::Result<Judged> {
        let done = self.apply(step, bundles)?;
        let before = std::mem::replace(&mut self.digest, digest(&self.index)?);
        // A step that failed before it made a database has none.
        let recorded = step.text("db_sha256").unwrap_or(&before);
        let is_unstable = scenario.is_unstable(step);
        let Err(error) = done else {
            ensure!(
                step.exit == 0 || is_unstable,
                "it succeeds, but was recorded as `{}`",
                step.error
            );
            return self.compare(scenario, step, recorded);
        };
        ensure!(
            before == self.digest,
            "it is refused, but changed the database: {error}"
        );
        // A permissive addition of the reference tool succeeds without adding anything; ours says why it does not.
        ensure!(
            step.exit != 0 || step.permissive || is_unstable,
            "it is refused: {error}"
        );
        let said = if step.exit == 0 {
            meaning::Said::Rule
        } else {
            said(scenario, step, &error)?
        };
        Ok(if self.digest == recorded {
            Judged::Refused(said)
        } else {
            Judged::Debris(said, DATABASE.to_owned())
        })
    }

    /// Does a step; the inner error is the refusal.
    fn apply(&mut self, step: &Step, bundles: &dyn Bundles) -> anyhow::Result<Result<(), String>> {
        let permissive = step.permissive;
        let applied = match step.op.as_str() {
            "add" => return Ok(self.add(step, bundles)),
            "sql" => {
                rusqlite::Connection::open(&self.path)?.execute_batch(step.need("sql")?)?;
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
        Ok(applied.map_err(|error| with_causes(&error)))
    }

    fn add(&mut self, step: &Step, bundles: &dyn Bundles) -> Result<(), String> {
        let mode = step.text("mode").unwrap_or("replaces").parse::<Mode>();
        let options = AddOptions {
            mode: mode.map_err(|error| with_causes(&error))?,
            overwrite_latest: step.is_set("overwrite_latest"),
            substitutes_for: step.is_set("enable_alpha"),
            ..AddOptions::default()
        };
        let images = step.texts("bundles");
        let added: Result<Vec<_>, String> =
            images.iter().map(|image| bundles.bundle(image)).collect();
        self.index
            .add(&added?, &options)
            .map(drop)
            .map_err(|error| with_causes(&error))
    }

    fn compare(
        &mut self,
        scenario: &Scenario,
        step: &Step,
        recorded: &str,
    ) -> anyhow::Result<Judged> {
        if self.digest == recorded || step.variants("db_sha256").contains(&self.digest) {
            self.is_loose = self.digest != recorded;
            return Ok(Judged::Equal);
        }
        // The order of skips that this mode computes is random in the reference tool.
        let is_random = self.is_loose
            || scenario.is_unstable(step)
            || step.text("mode") == Some("semver-skippatch");
        let mut dumps: Vec<String> = step
            .text("db_dump")
            .map(str::to_owned)
            .into_iter()
            .collect();
        dumps.extend(step.texts("db_dump_variants"));
        if dumps.is_empty() && is_random {
            // A digest alone cannot be compared without the order.
            return Ok(Judged::Random(DATABASE.to_owned()));
        }
        let ours = self.index.dump(&DumpOptions {
            hash_over: scenario.hash_over,
            loose: is_random,
        })?;
        let mut first = None;
        for name in dumps {
            let text = String::from_utf8(scenario.file(&name)?)
                .with_context(|| format!("`{name}` is no text"))?;
            let mut theirs: Vec<String> = text.lines().map(str::to_owned).collect();
            if is_random {
                theirs = loosen(&theirs);
            }
            if theirs != ours {
                first.get_or_insert(theirs);
            } else if is_random {
                self.is_loose = true;
                return Ok(Judged::Equal);
            } else {
                bail!(
                    "the rows equal those in `{name}`, but their digest `{}` is not the recorded `{recorded}`",
                    self.digest
                );
            }
        }
        let Some(theirs) = first else {
            bail!(
                "the rows differ: their digest is `{}`, recorded is `{recorded}` without rows to show where",
                self.digest
            );
        };
        bail!(
            "the rows differ\n{}",
            shown(ours.join("\n").as_bytes(), theirs.join("\n").as_bytes())
        )
    }
}

/// Compares a refusal with the recorded one, or with those of all runs if they differ.
fn said(scenario: &Scenario, step: &Step, error: &str) -> anyhow::Result<meaning::Said> {
    let variants = step.variants("error");
    if scenario.is_unstable(step)
        && let Some(said) = variants
            .iter()
            .find_map(|recorded| meaning::of_change(recorded, error).ok())
    {
        return Ok(said);
    }
    meaning::of_change(&step.error, error)
        .map_err(|difference| refused_otherwise(step, &difference, error))
}

/// The error that a step was refused as recorded, but for another reason.
pub(crate) fn refused_otherwise(step: &Step, difference: &str, ours: &str) -> anyhow::Error {
    anyhow::anyhow!(
        "{difference}\n  - recorded: {}\n  + ours: {ours}",
        step.error
    )
}

/// The digest of the whole content, as the recordings have it.
///
/// # Errors
/// If the database cannot be read.
pub fn digest(index: &IndexDb) -> anyhow::Result<String> {
    let mut hasher = sha2::Sha256::new();
    for line in index.dump(&DumpOptions::default())? {
        hasher.update(line.as_bytes());
        hasher.update(b"\n");
    }
    Ok(hex::encode(hasher.finalize()))
}
