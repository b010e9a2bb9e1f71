//! What the fuzz targets share: the form of their inputs, and the laws that hold for whatever parses.

use std::path::PathBuf;

use catalog::fbc::{self, Catalog, Output};
use catalog::graph;

/// What a line begins with that names a file.
const MARK: &[u8] = b"#file ";

/// Takes an input apart into files: each line `#file NAME` begins one. What stands above the first is no file's.
///
/// A form that people can write, so that seeds are texts.
pub fn files(input: &[u8]) -> Vec<(&str, &[u8])> {
    let mut files: Vec<(&str, &[u8])> = Vec::new();
    let mut at = 0;
    let mut from = 0;
    for line in input.split_inclusive(|byte| *byte == b'\n') {
        let name = line
            .strip_prefix(MARK)
            .and_then(|name| std::str::from_utf8(name).ok());
        if let Some(name) = name {
            if let Some((_, content)) = files.last_mut() {
                *content = &input[from..at];
            }
            from = at + line.len();
            files.push((name.trim_end_matches(['\r', '\n']), &[]));
        }
        at += line.len();
    }
    if let Some((_, content)) = files.last_mut() {
        *content = &input[from..];
    }
    files
}

/// A folder in memory where there is one: what targets write is read at once and thrown away.
pub fn scratch() -> tempfile::TempDir {
    let memory = PathBuf::from("/dev/shm");
    let made = if memory.is_dir() {
        tempfile::tempdir_in(memory)
    } else {
        tempfile::tempdir()
    };
    made.expect("a folder can be made")
}

/// The laws of a catalog that was read from a file: those of any, and that it is written as it will be read.
///
/// # Panics
/// If a law is broken.
pub fn check_catalog_of_file(catalog: &Catalog) {
    let json = json(catalog);
    let again = fbc::read(&json).expect("JSON that was written is read");
    assert_same(&json, &self::json(&again), "JSON read again");
    check_catalog(&again);
}

/// The laws of any catalog: JSON and YAML that were written are read and say the same, and judging it does not panic.
///
/// # Panics
/// If a law is broken.
pub fn check_catalog(catalog: &Catalog) {
    let json = json(catalog);
    let again = fbc::read(&json).expect("JSON that was written is read");
    let json = self::json(&again);
    let yaml = text(catalog, Output::Yaml);
    match fbc::read(&yaml) {
        Ok(of_yaml) => {
            let of_yaml = self::json(&of_yaml);
            assert_same(&without_negative_zero(&json), &of_yaml, "YAML read again");
        }
        Err(error) => panic!(
            "YAML that was written is not read: {error}\n{}",
            String::from_utf8_lossy(&yaml)
        ),
    }
    if let Err(problem) = catalog.validate() {
        assert!(!problem.to_string().is_empty());
    }
    let packages: Vec<String> = catalog
        .package_names()
        .into_iter()
        .map(str::to_owned)
        .collect();
    for package in packages {
        if let Ok(graphs) = graph::select(catalog, &[package], &[]) {
            graph::mermaid(&graphs);
            graph::dot(&graphs);
            graph::svg(&graphs);
        }
    }
    let mut arranged = catalog.clone();
    arranged.arrange();
    if arranged.embed_csv_metadata().is_ok() {
        let json = self::json(&arranged);
        assert!(fbc::read(&json).is_ok(), "with CSV metadata it is not read");
    }
}

/// Indented JSON with 0 in place of the number -0, which YAML does not tell apart.
fn without_negative_zero(json: &[u8]) -> Vec<u8> {
    let mut text = Vec::with_capacity(json.len());
    for line in json.split_inclusive(|byte| *byte == b'\n') {
        let bare = line.trim_ascii_end();
        let bare = bare.strip_suffix(b",").unwrap_or(bare);
        match bare.strip_suffix(b" -0") {
            Some(start) => {
                text.extend_from_slice(start);
                text.extend_from_slice(b" 0");
                text.extend_from_slice(&line[bare.len()..]);
            }
            None => text.extend_from_slice(line),
        }
    }
    text
}

/// A catalog as it is written.
pub fn json(catalog: &Catalog) -> Vec<u8> {
    text(catalog, Output::Json)
}

fn text(catalog: &Catalog, output: Output) -> Vec<u8> {
    let mut text = Vec::new();
    catalog
        .write(output, &mut text)
        .expect("writing to memory does not fail");
    text
}

/// Fails if two texts differ.
///
/// # Panics
/// If they do.
pub fn assert_same(expected: &[u8], found: &[u8], what: &str) {
    assert!(
        expected == found,
        "{what} differs\nexpected: {}\nfound: {}",
        String::from_utf8_lossy(expected),
        String::from_utf8_lossy(found)
    );
}
