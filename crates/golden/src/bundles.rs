//! Recorded changes of bundles: which images the reference found in them, and what it made of them.
//!
//! Registries are replaced by functions, the same ones as when the recordings were made.

mod canonical;
mod customised;
mod judge;
mod stub;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use anyhow::{Context as _, ensure};
use bundle::source::{Annotations, Csv, SourceError};
use serde_json::Value;

use crate::corpus::Corpus;

pub use canonical::canonical;

/// The files of a bundle by their paths in the image.
pub(crate) type Files = BTreeMap<String, Vec<u8>>;

/// A bundle that is read once for all its results.
pub(crate) struct Input {
    files: Files,
    csv: Result<Csv, SourceError>,
    annotations: Result<Annotations, SourceError>,
}

impl Input {
    fn of(files: Files) -> Self {
        Self {
            csv: Csv::find(&files),
            annotations: Annotations::read(&files),
            files,
        }
    }

    /// The CSV alone.
    fn csv(&self) -> Result<Csv, SourceError> {
        self.csv.clone()
    }

    /// Both files; if both are wrong, the CSV is.
    fn both(&self) -> Result<(Csv, Annotations), SourceError> {
        Ok((self.csv.clone()?, self.annotations.clone()?))
    }
}

/// What came of one recorded result.
#[derive(Debug)]
pub struct Judged {
    /// The kind of result, the bundle, and the scenario if there is one.
    pub name: String,
    /// What differs.
    pub result: anyhow::Result<()>,
}

/// Does everything that was recorded below a directory, and compares.
///
/// # Errors
/// If the recordings cannot be read, or there are none.
pub fn judge_bundles(recordings: &Path, corpus: &Corpus) -> anyhow::Result<Vec<Judged>> {
    let scenarios: BTreeMap<String, Value> = read(&recordings.join("scenarios.json"))?;
    let damaged: BTreeSet<String> = lines(&recordings.join("serialisation-damage.jsonl"))?
        .iter()
        .filter_map(|line| Some(line["bundle"].as_str()?.to_owned()))
        .collect();
    let mut bundles: BTreeMap<String, Input> = BTreeMap::new();
    let mut all = Vec::new();
    for (kind, judge) in [
        ("discovery", judge::discovery as judge::Judge),
        ("replacement", judge::replacement),
        ("related-images", judge::related_images),
        ("customisations", judge::nothing),
    ] {
        for line in lines(&recordings.join(format!("{kind}.jsonl")))? {
            let name = line["bundle"].as_str().context("a line without a bundle")?;
            if !bundles.contains_key(name) {
                bundles.insert(name.to_owned(), Input::of(bundle(corpus, name)?));
            }
            let input = &bundles[name];
            let scenario = line["scenario"].as_str();
            let result = match scenario {
                None => judge(input, &line),
                Some("*") => customised::judge_unreadable(input, &line),
                Some(scenario) => scenarios
                    .get(scenario)
                    .with_context(|| format!("`scenarios.json` has no `{scenario}`"))
                    .and_then(|scenario| {
                        customised::judge(input, scenario, &line, damaged.contains(name))
                    }),
            };
            let name = format!("{kind} {name} {}", scenario.unwrap_or_default());
            let name = name.trim_end().to_owned();
            all.push(Judged { name, result });
        }
    }
    synthetic(&recordings.join("synthetic"), &scenarios, &mut all)?;
    ensure!(
        !all.is_empty(),
        "`{}` holds no recorded bundle",
        recordings.display()
    );
    Ok(all)
}

/// Judges the hand-made bundles, each with its own input and results.
fn synthetic(
    folder: &Path,
    scenarios: &BTreeMap<String, Value>,
    all: &mut Vec<Judged>,
) -> anyhow::Result<()> {
    if !folder.is_dir() {
        return Ok(());
    }
    let mut cases = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.join("case.json").is_file() {
            cases.push(path);
        }
    }
    cases.sort();
    for path in cases {
        let case: Value = read(&path.join("case.json"))?;
        let input = Input::of(files_below(&path.join("bundle"))?);
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let mut add = |kind: &str, result| {
            let name = format!("synthetic {name} {kind}");
            all.push(Judged { name, result });
        };
        add("discovery", judge::discovery(&input, &case["discovery"]));
        add(
            "replacement",
            judge::replacement(&input, &case["replacement"]),
        );
        add(
            "related-images",
            judge::related_images(&input, &case["related_images"]),
        );
        let results = case["scenarios"].as_object().into_iter().flatten();
        for (scenario, expected) in results {
            let settings = case["own_scenarios"].get(scenario);
            let result = match settings.or_else(|| scenarios.get(scenario)) {
                _ if scenario == "*" => customised::judge_unreadable(&input, expected),
                Some(settings) => customised::judge(&input, settings, expected, false),
                None => Err(anyhow::anyhow!("nobody says what `{scenario}` is")),
            };
            add(scenario, result);
        }
    }
    Ok(())
}

fn bundle(corpus: &Corpus, name: &str) -> anyhow::Result<Files> {
    let (package, version) = name.split_once('/').context("no `package/version`")?;
    let folder = corpus.of(package, version).next();
    files_below(
        &folder
            .with_context(|| format!("no corpus has `{name}`"))?
            .path,
    )
}

/// The files of the bundle in a directory: all below `manifests` and `metadata`, by their paths.
///
/// # Errors
/// If they cannot be read.
pub fn files_below(folder: &Path) -> anyhow::Result<BTreeMap<String, Vec<u8>>> {
    fn collect(path: &Path, name: &str, files: &mut Files) -> std::io::Result<()> {
        for entry in std::fs::read_dir(path)? {
            let entry = entry?;
            let name = format!("{name}/{}", entry.file_name().to_string_lossy());
            if entry.path().is_dir() {
                collect(&entry.path(), &name, files)?;
            } else {
                files.insert(name, std::fs::read(entry.path())?);
            }
        }
        Ok(())
    }
    let mut files = Files::new();
    for name in ["manifests", "metadata"] {
        let path = folder.join(name);
        if path.is_dir() {
            collect(&path, name, &mut files)
                .with_context(|| format!("`{}` cannot be read", path.display()))?;
        }
    }
    Ok(files)
}

fn read<T: serde::de::DeserializeOwned>(path: &Path) -> anyhow::Result<T> {
    let unreadable = || format!("`{}` cannot be read", path.display());
    let bytes = std::fs::read(path).with_context(unreadable)?;
    serde_json::from_slice(&bytes).with_context(unreadable)
}

/// The documents of a file with one a line; none if it is missing.
fn lines(path: &Path) -> anyhow::Result<Vec<Value>> {
    let unreadable = || format!("`{}` cannot be read", path.display());
    let text = match std::fs::read_to_string(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
        text => text.with_context(unreadable)?,
    };
    let lines = text.lines().filter(|line| !line.trim().is_empty());
    let lines: Result<Vec<Value>, _> = lines.map(serde_json::from_str).collect();
    lines.with_context(unreadable)
}
