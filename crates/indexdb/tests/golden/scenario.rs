//! Recorded sequences of steps.

use std::fmt;
use std::io::Read;
use std::path::{Path, PathBuf};

use bundle::Bundle;
use indexdb::dump::{DumpOptions, loosen};
use indexdb::{AddOptions, DeprecateOptions, IndexDb, Mode};
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::corpus::Corpus;
use super::meaning;

/// The operations that change a database; a scenario is replayed up to the first other one.
const CHANGES: [&str; 6] = [
    "add",
    "rm",
    "prune",
    "prune-stranded",
    "deprecatetruncate",
    "sql",
];

/// What came of all replays.
#[derive(Default)]
pub(crate) struct Tally {
    pub(crate) scenarios: usize,
    pub(crate) equal: usize,
    pub(crate) refused: usize,
    pub(crate) cut: Vec<String>,
    pub(crate) open: Vec<String>,
    pub(crate) differences: Vec<String>,
}

impl fmt::Display for Tally {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "{} scenarios, {} steps equal, {} steps refused as recorded, {} scenarios judged up to a failed step, {} up to a step whose recorded skip order is random",
            self.scenarios,
            self.equal,
            self.refused,
            self.cut.len(),
            self.open.len()
        )
    }
}

pub(crate) struct Scenario {
    folder: PathBuf,
    name: String,
    steps: Vec<Value>,
    start: Option<String>,
    hash_over: Option<usize>,
    unstable: Vec<u64>,
}

impl Scenario {
    /// All scenarios that begin with a change to a database.
    pub(crate) fn all(recordings: &Path) -> Vec<Self> {
        let mut folders: Vec<PathBuf> = std::fs::read_dir(recordings)
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .collect();
        folders.sort();
        folders
            .iter()
            .filter_map(|folder| Self::read(folder))
            .collect()
    }

    fn read(folder: &Path) -> Option<Self> {
        let value: Value =
            serde_json::from_slice(&std::fs::read(folder.join("scenario.json")).ok()?).unwrap();
        let steps = value["steps"]
            .as_array()
            .unwrap()
            .iter()
            .take_while(|step| step["op"].as_str().is_some_and(|op| CHANGES.contains(&op)))
            .cloned();
        let steps: Vec<Value> = steps.collect();
        if steps.is_empty() {
            return None;
        }
        Some(Self {
            folder: folder.to_owned(),
            name: value["name"].as_str().unwrap().to_owned(),
            steps,
            start: value["start"].as_str().map(str::to_owned),
            hash_over: value["hash_over"]
                .as_u64()
                .map(|limit| usize::try_from(limit).unwrap()),
            unstable: value["unstable_steps"]
                .as_array()
                .into_iter()
                .flatten()
                .filter_map(Value::as_u64)
                .collect(),
        })
    }

    pub(crate) fn replay(&self, corpus: &mut Corpus, tally: &mut Tally) {
        tally.scenarios += 1;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("index.db");
        if let Some(start) = &self.start {
            let start = self.folder.join("..").join(start);
            match std::fs::File::open(start.join("index.db.gz")) {
                Ok(packed) => std::io::copy(
                    &mut flate2::read::GzDecoder::new(packed),
                    &mut std::fs::File::create(&path).unwrap(),
                ),
                Err(_) => std::fs::copy(start.join("index.db"), &path),
            }
            .unwrap();
        } else {
            std::fs::File::create(&path).unwrap();
        }
        let mut database = IndexDb::open(&path, 0).unwrap().without_sync().unwrap();
        let mut rows = database.dump(&DumpOptions::default()).unwrap();
        for step in &self.steps {
            if step["op"] == "sql" {
                rusqlite::Connection::open(&path)
                    .unwrap()
                    .execute_batch(step["sql"].as_str().unwrap())
                    .unwrap();
            }
            if !self.step(step, &mut database, &mut rows, corpus, tally) {
                break;
            }
        }
        database.finish().unwrap();
    }

    /// Replays a step; false if the later ones cannot be compared.
    fn step(
        &self,
        step: &Value,
        database: &mut IndexDb,
        before: &mut Vec<String>,
        corpus: &mut Corpus,
        tally: &mut Tally,
    ) -> bool {
        let number = step["n"].as_u64().unwrap();
        let title = format!("{} step {number}", self.name);
        let unstable = self.unstable.contains(&number) || step["unstable"].is_object();
        let permissive = step["permissive"] == true;
        let added = apply(step, database, corpus);
        let after = database.dump(&DumpOptions::default()).unwrap();
        let digest = digest(&after);
        if added.is_err() && *before != after {
            tally
                .differences
                .push(format!("{title}: a refused step changed the database"));
            return false;
        }
        *before = after;
        let recorded_failure = step["exit"].as_i64().unwrap_or_default() != 0;
        match &added {
            Ok(()) if recorded_failure && !unstable => {
                tally.differences.push(format!(
                    "{title}: succeeded, but was recorded as `{}`",
                    step["error"]
                ));
                false
            }
            Err(error) if !recorded_failure && !unstable && !permissive => {
                tally.differences.push(format!("{title}: refused: {error}"));
                false
            }
            Err(error) => {
                tally.refused += 1;
                if recorded_failure
                    && let Some(difference) =
                        meaning::difference(step["error"].as_str().unwrap_or_default(), error)
                {
                    tally.differences.push(format!(
                        "{title}: {difference}\n  recorded: {}\n  ours: {error}",
                        step["error"]
                    ));
                }
                // The reference tool leaves half of its work behind; what rests on that is not compared.
                let clean = digest == step["db_sha256"];
                if !clean {
                    tally.cut.push(title);
                }
                clean
            }
            Ok(()) if digests(step).any(|recorded| digest == *recorded) => {
                tally.equal += 1;
                true
            }
            // The order of skips is random in the reference tool, and a digest alone cannot be compared loosely.
            Ok(()) if step["mode"] == "semver-skippatch" && step["db_dump"].is_null() => {
                tally.open.push(title);
                false
            }
            Ok(()) => {
                let ours = database
                    .dump(&DumpOptions {
                        hash_over: self.hash_over,
                        loose: true,
                    })
                    .unwrap();
                let variants = step["db_dump_variants"]
                    .as_array()
                    .into_iter()
                    .flatten()
                    .chain([&step["db_dump"]]);
                let recorded: Vec<Vec<String>> = variants
                    .filter_map(Value::as_str)
                    .map(|name| loosen(&lines(&self.folder.join(name))))
                    .collect();
                if recorded.contains(&ours) {
                    tally.equal += 1;
                    return true;
                }
                tally.differences.push(format!(
                    "{title}: the rows differ{}",
                    compare(&ours, &recorded)
                ));
                false
            }
        }
    }
}

/// The digests recorded for a step, of all its runs.
fn digests(step: &Value) -> impl Iterator<Item = &Value> {
    step["unstable"]["db_sha256"]
        .as_array()
        .into_iter()
        .flatten()
        .chain([&step["db_sha256"]])
}

pub(crate) fn apply(
    step: &Value,
    database: &mut IndexDb,
    corpus: &mut Corpus,
) -> Result<(), String> {
    let permissive = step["permissive"] == true;
    let applied = match step["op"].as_str().unwrap() {
        "add" => return add(step, database, corpus),
        "rm" => database
            .remove(&texts(&step["packages"]), permissive)
            .map(drop),
        "prune" => {
            let keep = texts(&step["packages"]).into_iter().collect();
            database.prune(&keep, permissive).map(drop)
        }
        "prune-stranded" => database.prune_stranded().map(drop),
        "deprecatetruncate" => {
            let options = DeprecateOptions {
                allow_package_removal: step["allow_package_removal"] == true,
                permissive,
            };
            database
                .deprecate(&texts(&step["bundles"]), &options)
                .map(drop)
        }
        "sql" => Ok(()),
        op => panic!("nobody wrote down what `{op}` does"),
    };
    applied.map_err(|error| with_causes(&error))
}

fn texts(values: &Value) -> Vec<String> {
    let values = values.as_array().unwrap().iter();
    values
        .map(|value| value.as_str().unwrap().to_owned())
        .collect()
}

fn add(step: &Value, database: &mut IndexDb, corpus: &mut Corpus) -> Result<(), String> {
    let mode: Mode = step["mode"]
        .as_str()
        .unwrap_or("replaces")
        .parse()
        .map_err(|error| format!("{error}"))?;
    let options = AddOptions {
        mode,
        overwrite_latest: step["overwrite_latest"] == true,
        substitutes_for: step["enable_alpha"] == true,
    };
    let mut bundles: Vec<Bundle> = Vec::new();
    for image in step["bundles"].as_array().unwrap() {
        let image = image.as_str().unwrap();
        bundles.push(corpus.bundle(image)?);
    }
    database
        .add(&bundles, &options)
        .map(drop)
        .map_err(|error| with_causes(&error))
}

pub(crate) fn with_causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}

fn digest(lines: &[String]) -> String {
    let mut text = lines.join("\n");
    text.push('\n');
    hex::encode(Sha256::digest(text))
}

fn lines(path: &Path) -> Vec<String> {
    let bytes = std::fs::read(path).unwrap();
    let mut text = String::new();
    if path.extension().is_some_and(|extension| extension == "gz") {
        flate2::read::GzDecoder::new(&bytes[..])
            .read_to_string(&mut text)
            .unwrap();
    } else {
        text = String::from_utf8(bytes).unwrap();
    }
    text.lines().map(str::to_owned).collect()
}

fn compare(ours: &[String], recorded: &[Vec<String>]) -> String {
    let Some(recorded) = recorded.first() else {
        return " (no dump was recorded to show where)".to_owned();
    };
    let only = |these: &[String], those: &[String], mark: &str| {
        let lines = these.iter().filter(|line| !those.contains(line)).take(6);
        let mut shown = String::new();
        for line in lines {
            shown.push_str("\n  ");
            shown.push_str(mark);
            shown.push(' ');
            shown.extend(line.chars().take(400));
        }
        shown
    };
    only(ours, recorded, "ours") + &only(recorded, ours, "recorded")
}

/// The rows of bundles in all recorded dumps that were stored whole.
pub(crate) fn recorded_bundles(recordings: &Path) -> Vec<Value> {
    let mut bundles = Vec::new();
    for scenario in Scenario::all(recordings)
        .iter()
        .filter(|scenario| scenario.hash_over.is_none())
    {
        for dump in scenario
            .steps
            .iter()
            .filter_map(|step| step["db_dump"].as_str())
        {
            for line in lines(&scenario.folder.join(dump)) {
                let line: Value = serde_json::from_str(&line).unwrap();
                if line["table"] == "operatorbundle" {
                    bundles.push(line["row"].clone());
                }
            }
        }
    }
    bundles
}
