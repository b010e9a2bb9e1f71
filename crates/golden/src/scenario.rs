//! Recorded sequences of steps, as they lie in their directories.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use serde::Deserialize;
use serde_json::Value;

/// The one database that all steps of a scenario work on.
pub(crate) const DATABASE: &str = "index.db";

/// A recorded sequence of steps.
#[derive(Debug, Deserialize)]
pub struct Scenario {
    /// What it is called; its directory's name.
    pub name: String,
    /// The scenario whose database this one begins with.
    pub start: Option<String>,
    /// In recorded dumps, values of more than this many bytes are shown as digest and length.
    pub hash_over: Option<usize>,
    #[serde(default)]
    unstable_steps: Vec<u32>,
    /// What was done, in order.
    pub steps: Vec<Step>,
    /// Where the recorded files are.
    #[serde(skip)]
    pub folder: PathBuf,
}

/// One step: what was done, and what came of it.
#[derive(Debug, Deserialize)]
pub struct Step {
    /// Its number, from 1.
    pub n: u32,
    /// The operation, such as `add`.
    pub op: String,
    /// The exit code of the reference tool.
    #[serde(default)]
    pub exit: i32,
    /// What it said when it failed; empty if it did not.
    #[serde(default)]
    pub error: String,
    /// Whether failures are only warned of.
    #[serde(default)]
    pub permissive: bool,
    /// Everything else: the operation's inputs and results.
    #[serde(flatten)]
    rest: serde_json::Map<String, Value>,
}

impl Scenario {
    /// The directories of all scenarios in a directory, by name. One that holds a database and no `scenario.json` is where
    /// others start from, and no scenario.
    ///
    /// # Errors
    /// If the directory cannot be listed.
    pub fn folders(from: &Path) -> anyhow::Result<Vec<PathBuf>> {
        let unreadable = || {
            format!(
                "the scenarios in `{}` cannot be listed; name another directory",
                from.display()
            )
        };
        let mut folders = Vec::new();
        for entry in std::fs::read_dir(from).with_context(unreadable)? {
            let folder = entry.with_context(unreadable)?.path();
            let has = |name: &str| folder.join(name).is_file();
            let is_start = !has("scenario.json") && (has("index.db") || has("index.db.gz"));
            if folder.is_dir() && !is_start {
                folders.push(folder);
            }
        }
        folders.sort();
        Ok(folders)
    }

    /// Reads the scenario in a directory.
    ///
    /// # Errors
    /// If its `scenario.json` is missing or not understood.
    pub fn read(folder: PathBuf) -> anyhow::Result<Self> {
        let path = folder.join("scenario.json");
        let text =
            std::fs::read(&path).with_context(|| format!("`{}` cannot be read", path.display()))?;
        let mut scenario: Self = serde_json::from_slice(&text)
            .with_context(|| format!("`{}` is not understood", path.display()))?;
        scenario.folder = folder;
        Ok(scenario)
    }

    /// Whether the reference tool's runs of a step differed.
    pub(crate) fn is_unstable(&self, step: &Step) -> bool {
        self.unstable_steps.contains(&step.n) || step.rest.contains_key("unstable")
    }
}

impl Step {
    /// A text among the inputs and results.
    pub fn text(&self, key: &str) -> Option<&str> {
        self.rest.get(key)?.as_str()
    }

    /// A text that the step must have.
    ///
    /// # Errors
    /// If it has none.
    pub(crate) fn need(&self, key: &str) -> anyhow::Result<&str> {
        self.text(key)
            .with_context(|| format!("`scenario.json` gives the step no `{key}`"))
    }

    /// Whether an input is set.
    pub(crate) fn is_set(&self, key: &str) -> bool {
        self.rest.get(key).is_some_and(|value| value == true)
    }

    /// A list of texts among the inputs and results; empty if it is missing.
    pub fn texts(&self, key: &str) -> Vec<String> {
        texts(self.rest.get(key))
    }

    /// What a result was in the runs in which it differed.
    pub(crate) fn variants(&self, key: &str) -> Vec<String> {
        let unstable = self.rest.get("unstable");
        texts(unstable.and_then(|unstable| unstable.get(key)))
    }

    /// Whether the step changes the database.
    pub fn is_change(&self) -> bool {
        matches!(
            self.op.as_str(),
            "add" | "rm" | "prune" | "prune-stranded" | "deprecatetruncate" | "sql"
        )
    }

    /// The files and directories that the step reads or writes, and the images it reads.
    pub fn touches(&self) -> Vec<String> {
        let mut touched = if self.is_change() || self.op == "migrate" {
            vec![DATABASE.to_owned()]
        } else {
            Vec::new()
        };
        touched.extend(self.texts("inputs"));
        let named = ["to", "dir", "cache"].into_iter();
        touched.extend(named.filter_map(|key| self.text(key)).map(str::to_owned));
        touched
    }
}

fn texts(value: Option<&Value>) -> Vec<String> {
    let values = value.and_then(Value::as_array).into_iter().flatten();
    values
        .filter_map(Value::as_str)
        .map(str::to_owned)
        .collect()
}
