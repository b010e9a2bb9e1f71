//! Documents in their own order, against what the replaced service's library makes of them.
//!
//! The records in `ordered/` are one JSON object a line, and `null` stands for a refusal. They were made with Python 3.11, `json` and
//! `ruamel.yaml` 0.19.1 (`YAML(typ='safe')`, on libyaml; 0.18.6 agrees): every document that is not empty through `json.dumps`, dates and
//! times by `isoformat`.
//! - `documents.jsonl`: YAML and the texts of its documents;
//! - `differences.jsonl`: YAML that is read differently here, as the documentation of `documents` and the parser's later standard have it;
//! - `json.jsonl`: JSON and the text of its value;
//! - `shared.jsonl`: the YAML files of a folder beside the project, with a digest over the texts of those both read.

#![expect(clippy::unwrap_used, reason = "helpers of tests may fail them")]

#[path = "generate/runs.rs"]
mod runs;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use catalog::json::MAX_DEPTH;
use catalog::ordered::{DocumentsError, Integer, Mapping, Node, documents, from_json, to_text};
use catalog::yaml::YamlError;
use proptest::prelude::*;
use runs::runs;
use serde::Deserialize;
use sha2::{Digest, Sha256};

/// Much more than any of these needs, and nothing to what an unbounded one would.
const PATIENCE: Duration = Duration::from_mins(1);

fn records<'a, T: Deserialize<'a>>(lines: &'a str) -> Vec<T> {
    let read = |line| serde_json::from_str(line).expect("the records are JSON");
    let records: Vec<T> = lines.lines().map(read).collect();
    assert!(!records.is_empty());
    records
}

fn texts(yaml: &str) -> Option<Vec<String>> {
    let documents = documents(yaml.as_bytes()).ok()?;
    Some(documents.iter().map(to_text).collect())
}

#[test]
fn yaml_is_read_and_written_as_the_service_does() {
    #[derive(Deserialize)]
    struct Record {
        yaml: String,
        json: Option<Vec<String>>,
    }
    for record in records::<Record>(include_str!("ordered/documents.jsonl")) {
        assert_eq!(texts(&record.yaml), record.json, "{:?}", record.yaml);
    }
}

#[test]
fn where_yaml_is_read_differently_is_known() {
    #[derive(Deserialize)]
    struct Record {
        yaml: String,
        service: Option<Vec<String>>,
        ours: Option<Vec<String>>,
    }
    for record in records::<Record>(include_str!("ordered/differences.jsonl")) {
        assert_eq!(texts(&record.yaml), record.ours, "{:?}", record.yaml);
        assert_ne!(record.service, record.ours, "{:?}", record.yaml);
        // Whatever one of the two does not read is no document in another sense.
        assert!(record.service.is_none() || record.ours.is_none());
    }
}

#[test]
fn json_is_read_and_written_as_the_service_does() {
    #[derive(Deserialize)]
    struct Record {
        text: String,
        json: Option<String>,
    }
    for record in records::<Record>(include_str!("ordered/json.jsonl")) {
        let text = from_json(&record.text).map(|node| to_text(&node)).ok();
        assert_eq!(text, record.json, "{:?}", record.text);
    }
}

fn yaml_files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            yaml_files(&path, found);
        } else if path
            .extension()
            .is_some_and(|end| end == "yaml" || end == "yml")
        {
            found.push(path);
        }
    }
}

#[test]
fn the_files_beside_the_project_are_written_as_the_service_does() {
    #[derive(Deserialize)]
    struct Record {
        folder: String,
        files: usize,
        sha256: String,
        refused: Vec<String>,
        read_here_alone: Vec<String>,
    }
    let Some(recordings) = golden::recordings() else {
        return;
    };
    let shared = recordings.join("../..");
    for record in records::<Record>(include_str!("ordered/shared.jsonl")) {
        let mut files = Vec::new();
        yaml_files(&shared.join(&record.folder), &mut files);
        let relative = |path: &PathBuf| path.strip_prefix(&shared).unwrap().display().to_string();
        let mut files: Vec<(String, PathBuf)> = files
            .into_iter()
            .map(|path| (relative(&path), path))
            .collect();
        files.sort();
        let (mut digest, mut count, mut refused, mut alone) =
            (Sha256::new(), 0, Vec::new(), Vec::new());
        for (name, path) in files {
            let bytes = std::fs::read(path).unwrap();
            let read = documents(&bytes);
            match read {
                Err(_) => refused.push(name),
                Ok(_) if record.read_here_alone.contains(&name) => alone.push(name),
                Ok(read) => {
                    let text: String = read.iter().map(to_text).collect();
                    digest.update(format!("{name}\n{text}\n"));
                    count += 1;
                }
            }
        }
        assert_eq!(refused, record.refused);
        assert_eq!(alone, record.read_here_alone);
        assert_eq!(count, record.files, "{}", record.folder);
        assert_eq!(
            hex::encode(digest.finalize()),
            record.sha256,
            "{}",
            record.folder
        );
    }
}

#[test]
fn refusals_say_where_and_why() {
    let check = |yaml: &str, line: usize, reason: &str| {
        let error = documents(yaml.as_bytes()).unwrap_err();
        assert_eq!(error.line(), line, "{yaml:?}: {error:?}");
        let source = std::error::Error::source(&error);
        let text = source.map_or_else(|| error.to_string(), ToString::to_string);
        assert!(text.contains(reason), "{yaml:?}: {text}");
    };
    check("", 1, "the file is empty");
    check("# c\n---\n---\n~\n", 1, "no document with content");
    check("a: 1\n---\nb: [1\nc: 2\n", 4, "");
    check(
        "a: 1\n---\nb: 1\nc: 2\nb: 3\n",
        5,
        "the key `b` is in this mapping twice",
    );
    check("a: 2020-02-30\n", 1, "there is no time `2020-02-30`");
    check(
        "\na: !!binary aGk=\n",
        2,
        "the tag `tag:yaml.org,2002:binary` has no JSON form",
    );
    check("a: !x {}\n", 1, "a mapping with the tag `!x`");
    check("a: !!int one\n", 1, "`one` is not a `!!int`");
    check("a: 0x_\n", 1, "`0x_` looks like a number");
    check(
        &format!("a: {}\n", "9".repeat(400)),
        1,
        "looks like a number",
    );
    check("? [a]\n: 1\n", 1, "cannot be a key");
    check("{<<: 1}", 1, "a merge key (`<<`) needs a mapping");
    check("{<<: {a: 1}, <<: {b: 1}}", 1, "in this mapping twice");
    check("a: &a [*a]\n", 1, "expand without reasonable bound");
    assert!(matches!(
        documents(b"a: 1\n---\nb: \xff\n"),
        Err(DocumentsError::Yaml(YamlError::Encoding { line: 3 }))
    ));
    for text in ["[1] 2", "{\"a\": NaN}", "1e999"] {
        assert!(from_json(text).is_err(), "{text}");
    }
    assert!(from_json(&"9".repeat(309)).is_err());
}

#[test]
fn hostile_files_are_refused_in_little_time() {
    let started = Instant::now();
    let mut laughs = vec!["a0: &a0 [x, x, x, x, x, x, x, x, x]\n".to_owned()];
    laughs.extend((1..12).map(|level| {
        let alias = format!("*a{}, ", level - 1);
        format!("a{level}: &a{level} [{}]\n", alias.repeat(9))
    }));
    // Spread over documents, the bound is still that of the file.
    let members: Vec<String> = (0..40).map(|key| format!("k{key}: v")).collect();
    let mapping = members.join(", ");
    let spread = format!("---\na: &a {{{mapping}}}\nb: [{}]\n", "*a, ".repeat(40));
    for text in [laughs.concat(), spread.repeat(2000)] {
        assert!(matches!(
            documents(text.as_bytes()),
            Err(DocumentsError::Yaml(YamlError::Aliases { .. }))
        ));
    }
    for deep in ["[", "- ", "{a: ", "? "] {
        assert!(documents(deep.repeat(100_000).as_bytes()).is_err());
    }
    assert!(from_json(&"[".repeat(100_000)).is_err());
    let nested = |depth| format!("{}1{}", "[".repeat(depth), "]".repeat(depth));
    assert!(from_json(&nested(MAX_DEPTH)).is_ok() && from_json(&nested(MAX_DEPTH + 1)).is_err());
    assert!(documents(nested(MAX_DEPTH - 1).as_bytes()).is_ok());
    assert!(started.elapsed() < PATIENCE);
}

/// Nodes of all kinds that JSON has.
fn node() -> impl Strategy<Value = Node> {
    let text = prop_oneof![
        "\\PC{0,12}",
        "[\\x00-\\x20\"\\\\\\x7f-\\xa0é\u{2028}😀]{0,8}",
        "(yes|~|1_0|0x1f|1e3|2020-01-01|<<|null|)",
    ];
    let leaf = prop_oneof![
        text.clone().prop_map(Node::String),
        any::<i64>().prop_map(|int| Node::Integer(Integer::from(int))),
        any::<u64>().prop_map(|int| Node::Integer(Integer::from(int))),
        any::<f64>()
            .prop_filter("JSON has no other", |float| float.is_finite())
            .prop_map(Node::Float),
        any::<bool>().prop_map(Node::Bool),
        Just(Node::Null),
    ];
    leaf.prop_recursive(5, 40, 5, move |inner| {
        let member = (text.clone(), inner.clone());
        prop_oneof![
            prop::collection::vec(inner, 0..5).prop_map(Node::Sequence),
            prop::collection::vec(member, 0..6)
                .prop_map(|members| Node::Mapping(Mapping::from_iter(members))),
        ]
    })
}

proptest! {
    #![proptest_config(runs(1))]

    #[test]
    fn what_is_written_is_read_again(node in node()) {
        let text = to_text(&node);
        prop_assert!(text.bytes().all(|byte| (b' '..=b'~').contains(&byte)), "{text}");
        prop_assert_eq!(from_json(&text), Ok(node));
    }

    #[test]
    fn json_is_yaml_with_the_same_meaning(node in node()) {
        let text = to_text(&node);
        let expected = match node {
            Node::Null => Err(DocumentsError::NoContent),
            other => Ok(vec![other]),
        };
        prop_assert_eq!(documents(text.as_bytes()), expected);
    }

    #[test]
    fn whole_numbers_keep_every_digit(digits in "-?[1-9][0-9]{0,307}") {
        let node = from_json(&digits).unwrap();
        prop_assert!(matches!(node, Node::Integer(_)));
        prop_assert_eq!(to_text(&node), digits.clone());
        prop_assert_eq!(documents(digits.as_bytes()), Ok(vec![node]));
    }

    #[test]
    fn arbitrary_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let read = documents(&bytes);
        prop_assert!(read.is_ok() || read.is_err_and(|error| error.line() >= 1));
        let read = from_json(&String::from_utf8_lossy(&bytes));
        prop_assert!(read.is_ok() || read.is_err_and(|error| error.offset <= 3 * bytes.len()));
    }

    #[test]
    fn arbitrary_yaml_is_read_or_refused(text in "[-a&*!|>%:?, \n\"'{}\\[\\]~#<=@`1._+0xobeE\tTZ]{0,60}") {
        if let Ok(read) = documents(text.as_bytes()) {
            for node in read {
                let finite = !to_text(&node).contains("Infinity") && !to_text(&node).contains("NaN");
                // What is JSON means the same again.
                prop_assert!(!finite || from_json(&to_text(&node)) == Ok(node));
            }
        }
    }
}
