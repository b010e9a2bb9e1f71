//! Recorded sequences of steps, as far as they work on directories.

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

use catalog::fbc::{Catalog, Output};
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::meaning;

#[derive(Default)]
pub(crate) struct Tally {
    pub(crate) judged: usize,
    pub(crate) rendered: usize,
    pub(crate) differences: Vec<String>,
}

/// Finds the recordings; says so and gives nothing if they are missing, and fails if they must be there.
pub(crate) fn recordings() -> Option<PathBuf> {
    let recordings = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/conformance/opm");
    if recordings.join("images.txt").is_file() {
        return Some(recordings);
    }
    #[expect(
        clippy::disallowed_methods,
        reason = "whether a skipped test is an error is up to the caller"
    )]
    let required = std::env::var("CI").is_ok_and(|value| value == "true");
    assert!(
        !required,
        "the recordings are missing: {}",
        recordings.display()
    );
    eprintln!(
        "SKIPPED: the recordings are missing ({})",
        recordings.display()
    );
    None
}

/// Replays the steps of a scenario that read directories. Directories that the reference tool made are taken as recorded.
pub(crate) fn replay(folder: &Path, tally: &mut Tally) {
    let scenario: Value =
        serde_json::from_slice(&fs::read(folder.join("scenario.json")).unwrap()).unwrap();
    let work = tempfile::tempdir().unwrap();
    for step in scenario["steps"].as_array().unwrap() {
        let title = format!("{} step {}", scenario["name"].as_str().unwrap(), step["n"]);
        match step["op"].as_str().unwrap() {
            "write-fbc" => {
                let to = work.path().join(step["to"].as_str().unwrap());
                fs::create_dir_all(&to).unwrap();
                // A directory without files is not stored.
                let input = folder.join(step["input"].as_str().unwrap());
                if input.is_dir() {
                    copy(&input, &to);
                }
            }
            "migrate" => {
                if let Some(recorded) = step["fbc"].as_str() {
                    unpack(
                        &folder.join(recorded),
                        &work.path().join(step["to"].as_str().unwrap()),
                    );
                }
            }
            "validate" => {
                let path = work.path().join(step["dir"].as_str().unwrap());
                tally.judged += 1;
                tally
                    .differences
                    .extend(validate(step, &path).map(|text| format!("{title}: {text}")));
            }
            "render" => {
                let inputs: Vec<PathBuf> = step["inputs"]
                    .as_array()
                    .unwrap()
                    .iter()
                    .map(|input| work.path().join(input.as_str().unwrap()))
                    .collect();
                if inputs.iter().all(|input| input.is_dir()) {
                    tally.rendered += 1;
                    tally.differences.extend(
                        render(step, &inputs, folder).map(|text| format!("{title}: {text}")),
                    );
                }
            }
            _ => {}
        }
    }
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let to = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &to);
        } else {
            fs::copy(entry.path(), to).unwrap();
        }
    }
}

fn unpack(recorded: &Path, to: &Path) {
    if recorded.is_dir() {
        return copy(recorded, to);
    }
    let packed = fs::File::open(recorded).unwrap();
    tar::Archive::new(flate2::read::GzDecoder::new(packed))
        .unpack(to)
        .unwrap();
}

fn validate(step: &Value, path: &Path) -> Option<String> {
    let result = Catalog::read_tree(path)
        .map_err(|error| with_causes(&error))
        .and_then(|catalog| catalog.validate().map_err(|error| error.to_string()));
    match (result, step["exit"] == 0) {
        (Ok(()), true) => None,
        (Ok(()), false) => Some(format!("accepted, but was refused: {}", step["error"])),
        (Err(error), true) => Some(format!("refused: {error}")),
        (Err(ours), false) => {
            let recorded = step["error"].as_str().unwrap();
            meaning::difference(recorded, &ours)
                .map(|difference| format!("{difference}\n  recorded: {recorded}\n  ours: {ours}"))
        }
    }
}

fn render(step: &Value, inputs: &[PathBuf], folder: &Path) -> Option<String> {
    let mut all = Catalog::default();
    for input in inputs {
        let mut catalog = match Catalog::read_tree(input) {
            Ok(catalog) => catalog,
            Err(error) => return Some(with_causes(&error)),
        };
        catalog.arrange();
        if step["level"] == "bundle-object-to-csv-metadata" {
            catalog.embed_csv_metadata().unwrap();
        }
        all.append(catalog);
    }
    let output = if step["output"] == "yaml" {
        Output::Yaml
    } else {
        Output::Json
    };
    let mut text = Vec::new();
    all.write(output, &mut text).unwrap();
    if hex::encode(Sha256::digest(&text)) == step["stdout_sha256"].as_str().unwrap() {
        return None;
    }
    let recorded = step["stdout"]
        .as_str()
        .map(|name| recorded(&folder.join(name)));
    Some(first_difference(&text, &recorded.unwrap_or_default()))
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

/// The text of a recorded output.
fn recorded(path: &Path) -> Vec<u8> {
    let bytes = fs::read(path).unwrap();
    if path.extension().is_some_and(|ending| ending == "gz") {
        let mut text = Vec::new();
        flate2::read::GzDecoder::new(&bytes[..])
            .read_to_end(&mut text)
            .unwrap();
        return text;
    }
    bytes
}

fn with_causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}
