//! Recorded sequences of steps, as they lie in their directories.

use std::io::Read as _;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use serde::Deserialize;
use serde_json::Value;

/// A recorded sequence of steps.
#[derive(Debug, Deserialize)]
pub(super) struct Scenario {
    pub(super) name: String,
    /// The scenario whose last database this one begins with.
    pub(super) start: Option<String>,
    pub(super) hash_over: Option<usize>,
    #[serde(default)]
    unstable_steps: Vec<u32>,
    pub(super) steps: Vec<Step>,
    #[serde(skip)]
    pub(super) folder: PathBuf,
}

/// One step: what was done, and what came of it.
#[derive(Debug, Deserialize)]
pub(super) struct Step {
    pub(super) n: u32,
    pub(super) op: String,
    #[serde(default)]
    pub(super) exit: i32,
    #[serde(default)]
    pub(super) error: String,
    #[serde(default)]
    pub(super) permissive: bool,
    /// Everything else: the operation's inputs and results.
    #[serde(flatten)]
    rest: serde_json::Map<String, Value>,
}

impl Scenario {
    /// All scenarios of a directory, by name.
    pub(super) fn all(from: &Path) -> anyhow::Result<Vec<Self>> {
        let unreadable = || format!("`{}` cannot be read", from.display());
        let mut folders = Vec::new();
        for entry in std::fs::read_dir(from).with_context(unreadable)? {
            let folder = entry.with_context(unreadable)?.path();
            if folder.join("scenario.json").is_file() {
                folders.push(folder);
            }
        }
        folders.sort();
        folders.into_iter().map(Self::read).collect()
    }

    fn read(folder: PathBuf) -> anyhow::Result<Self> {
        let path = folder.join("scenario.json");
        let mut scenario: Self = serde_json::from_slice(&std::fs::read(&path)?)
            .with_context(|| format!("`{}` is not understood", path.display()))?;
        scenario.folder = folder;
        Ok(scenario)
    }

    /// Whether the real tool's runs of a step differed.
    pub(super) fn is_unstable(&self, step: &Step) -> bool {
        self.unstable_steps.contains(&step.n) || step.rest.contains_key("unstable")
    }

    /// A recorded file of the scenario, or of another one that it names by `../`; unpacked.
    pub(super) fn file(&self, name: &str) -> anyhow::Result<Vec<u8>> {
        let path = self.folder.join(name);
        let read = || {
            let bytes = std::fs::read(&path)?;
            if path.extension().is_none_or(|extension| extension != "gz") {
                return Ok(bytes);
            }
            let mut unpacked = Vec::new();
            flate2::read::GzDecoder::new(&bytes[..]).read_to_end(&mut unpacked)?;
            Ok::<_, std::io::Error>(unpacked)
        };
        read().with_context(|| format!("`{}` cannot be read", path.display()))
    }

    /// The database before the first step, if there is one.
    pub(super) fn start_database(&self) -> anyhow::Result<Option<Vec<u8>>> {
        let Some(start) = &self.start else {
            return Ok(None);
        };
        let packed = format!("../{start}/index.db.gz");
        if self.folder.join(&packed).is_file() {
            return self.file(&packed).map(Some);
        }
        self.file(&format!("../{start}/index.db")).map(Some)
    }
}

impl Step {
    /// A text among the inputs and results.
    pub(super) fn text(&self, key: &str) -> Option<&str> {
        self.rest.get(key)?.as_str()
    }

    /// Whether an input is set.
    pub(super) fn is_set(&self, key: &str) -> bool {
        self.rest.get(key).is_some_and(|value| value == true)
    }

    /// A list of texts among the inputs and results; empty if it is missing.
    pub(super) fn texts(&self, key: &str) -> Vec<String> {
        texts(self.rest.get(key))
    }

    /// What a result was in the runs in which it differed.
    pub(super) fn variants(&self, key: &str) -> Vec<String> {
        let unstable = self.rest.get("unstable");
        texts(unstable.and_then(|unstable| unstable.get(key)))
    }
}

fn texts(value: Option<&Value>) -> Vec<String> {
    let values = value.and_then(Value::as_array).into_iter().flatten();
    values
        .filter_map(Value::as_str)
        .map(str::to_owned)
        .collect()
}
