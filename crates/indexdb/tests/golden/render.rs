//! Recorded migrations of databases, and renderings of databases and bundles.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::{Path, PathBuf};

use catalog::fbc::{Catalog, Output};
use indexdb::IndexDb;
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::corpus::Corpus;
use super::scenario::{apply, with_causes};

#[derive(Default)]
pub(crate) struct Tally {
    pub(crate) migrations: usize,
    pub(crate) databases: usize,
    pub(crate) bundles: usize,
    pub(crate) refused: usize,
    pub(crate) differences: Vec<String>,
}

/// Replays a scenario, up to the first step that changes the database by other means than ours.
pub(crate) fn replay(folder: &Path, corpus: &mut Corpus, tally: &mut Tally) {
    let scenario: Value =
        serde_json::from_slice(&std::fs::read(folder.join("scenario.json")).unwrap()).unwrap();
    let steps = scenario["steps"].as_array().unwrap();
    if !steps
        .iter()
        .any(|step| step["op"] == "migrate" || step["op"] == "render")
    {
        return;
    }
    let work = tempfile::tempdir().unwrap();
    let path = work.path().join("index.db");
    std::fs::File::create(&path).unwrap();
    if let Some(start) = scenario["start"].as_str() {
        std::fs::write(
            &path,
            unzipped(&folder.join("..").join(start).join("index.db.gz")),
        )
        .unwrap();
    }
    let mut database = IndexDb::open(&path, 0).unwrap().without_sync().unwrap();
    for step in steps {
        let title = format!("{} step {}", scenario["name"].as_str().unwrap(), step["n"]);
        let difference = match step["op"].as_str().unwrap() {
            // What changes do, and which are refused, is compared elsewhere.
            "add" | "rm" | "prune" | "prune-stranded" | "deprecatetruncate" => {
                drop(apply(step, &mut database, corpus));
                None
            }
            "migrate" => migrate(step, &database, folder, tally),
            "render" => render(step, &database, corpus, folder, tally),
            "write-fbc" | "validate" | "serve-cache" => None,
            _ => return,
        };
        tally
            .differences
            .extend(difference.map(|text| format!("{title}: {text}")));
    }
}

fn migrate(step: &Value, database: &IndexDb, folder: &Path, tally: &mut Tally) -> Option<String> {
    let recorded_error = step["error"].as_str().unwrap_or_default();
    if recorded_error.contains("migration level") || recorded_error.contains("must be empty") {
        // Matters of the command, not of the database.
        return None;
    }
    let recorded = step["fbc"].as_str().unwrap_or_default();
    if recorded.starts_with("../") {
        // Equal to another scenario's, of the same database at the same level.
        return None;
    }
    let catalog = match (arranged(step, database), recorded_error) {
        (Ok(catalog), "") => catalog,
        (Err(error), "") => return Some(format!("refused: {error}")),
        (Ok(_), recorded) => return Some(format!("made, but was refused: {recorded}")),
        (Err(error), recorded) => {
            tally.refused += 1;
            // The tree of broken rules is the last part of both.
            let tree = recorded
                .split_once("invalid index:")
                .map(|(_, tree)| tree)?;
            return (!error.contains(tree))
                .then(|| format!("\n  recorded: {recorded}\n  ours: {error}"));
        }
    };
    tally.migrations += 1;
    let output = output(step);
    let mut files = BTreeMap::new();
    for package in catalog.by_package() {
        let mut text = Vec::new();
        package.write(output, &mut text).unwrap();
        let path = PathBuf::from(package.name()).join(format!("catalog.{}", output.extension()));
        files.insert(path, text);
    }
    let recorded = recorded_tree(&folder.join(recorded));
    if files.keys().ne(recorded.keys()) {
        return Some(format!("the files are {:?}", files.keys()));
    }
    let mut pairs = files.iter().zip(recorded.values());
    pairs.find_map(|((path, ours), recorded)| {
        (ours != recorded)
            .then(|| format!("{}: {}", path.display(), first_difference(ours, recorded)))
    })
}

fn render(
    step: &Value,
    database: &IndexDb,
    corpus: &mut Corpus,
    folder: &Path,
    tally: &mut Tally,
) -> Option<String> {
    let mut all = Catalog::default();
    for input in step["inputs"].as_array().unwrap() {
        let input = input.as_str().unwrap();
        let rendered = if input == "index.db" {
            tally.databases += 1;
            arranged(step, database)
        } else if input.starts_with("registry.test:5000/") {
            tally.bundles += 1;
            corpus.bundle(input).and_then(|bundle| {
                let mut catalog = Catalog::default();
                catalog.bundles.push(bundle.to_blob());
                finish(step, catalog)
            })
        } else {
            let input = folder.join(format!("01.{input}"));
            if !input.is_dir() {
                return None;
            }
            Catalog::read_tree(&input)
                .map_err(|error| with_causes(&error))
                .and_then(|catalog| finish(step, catalog))
        };
        match rendered {
            Ok(catalog) => all.append(catalog),
            Err(_) if step["exit"] != 0 => {
                tally.refused += 1;
                return None;
            }
            Err(error) => return Some(format!("refused: {error}")),
        }
    }
    if step["exit"] != 0 {
        return Some(format!("rendered, but was refused: {}", step["error"]));
    }
    let mut text = Vec::new();
    all.write(output(step), &mut text).unwrap();
    if hex::encode(Sha256::digest(&text)) == step["stdout_sha256"].as_str().unwrap() {
        return None;
    }
    let recorded = step["stdout"].as_str().map(|name| {
        let path = folder.join(name);
        if path.extension().is_some_and(|ending| ending == "gz") {
            unzipped(&path)
        } else {
            std::fs::read(path).unwrap()
        }
    });
    Some(first_difference(&text, &recorded.unwrap_or_default()))
}

fn arranged(step: &Value, database: &IndexDb) -> Result<Catalog, String> {
    let catalog = database.catalog().map_err(|error| with_causes(&error))?;
    finish(step, catalog)
}

fn finish(step: &Value, mut catalog: Catalog) -> Result<Catalog, String> {
    catalog.arrange();
    if step["level"] == "bundle-object-to-csv-metadata" {
        catalog
            .embed_csv_metadata()
            .map_err(|error| with_causes(&error))?;
    }
    Ok(catalog)
}

fn output(step: &Value) -> Output {
    if step["output"] == "yaml" {
        Output::Yaml
    } else {
        Output::Json
    }
}

fn unzipped(path: &Path) -> Vec<u8> {
    let mut bytes = Vec::new();
    flate2::read::GzDecoder::new(std::fs::File::open(path).unwrap())
        .read_to_end(&mut bytes)
        .unwrap();
    bytes
}

/// The files of a recorded directory, which may be packed.
fn recorded_tree(path: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut files = BTreeMap::new();
    if path.is_dir() {
        for package in std::fs::read_dir(path).unwrap() {
            for file in std::fs::read_dir(package.unwrap().path()).unwrap() {
                let file = file.unwrap().path();
                files.insert(
                    file.strip_prefix(path).unwrap().to_owned(),
                    std::fs::read(&file).unwrap(),
                );
            }
        }
        return files;
    }
    let bytes = unzipped(path);
    let mut archive = tar::Archive::new(&bytes[..]);
    for entry in archive.entries().unwrap() {
        let mut entry = entry.unwrap();
        if entry.header().entry_type().is_file() {
            let name = entry.path().unwrap().into_owned();
            let name = name.strip_prefix("fbc").unwrap_or(&name).to_owned();
            let mut bytes = Vec::new();
            entry.read_to_end(&mut bytes).unwrap();
            files.insert(name, bytes);
        }
    }
    files
}

fn first_difference(ours: &[u8], recorded: &[u8]) -> String {
    let [ours, recorded] = [ours, recorded].map(String::from_utf8_lossy);
    for (number, (a, b)) in (1..).zip(ours.lines().zip(recorded.lines())) {
        if a != b {
            let [a, b] = [a, b].map(|line| line.chars().take(300).collect::<String>());
            return format!("line {number}\n  recorded: {b}\n  ours: {a}");
        }
    }
    format!(
        "one ends early: {} bytes, recorded {}",
        ours.len(),
        recorded.len()
    )
}
