//! The report on a request, for people.

use std::fmt::Write as _;

use api::report::Report;
use serde_json::{Map, Value};

use crate::terminal;

/// How many changes are named; the JSON has them all.
const CHANGES: usize = 20;

/// What the request took and changed.
pub(super) fn describe(report: &Report) -> String {
    let mut text = format!("took       {:.1} s", report.seconds);
    for stage in &report.stages {
        // Writing to a string cannot fail.
        let _ = write!(text, "\n  {:<26} {:>7.2} s", stage.stage, stage.seconds);
    }
    let Some(result) = &report.result else {
        return text;
    };
    let number = |pointer: &str| result.pointer(pointer).and_then(Value::as_u64);
    let bytes = |pointer| number(pointer).map_or_else(|| "?".to_owned(), terminal::bytes);
    let count = |pointer| number(pointer).unwrap_or_default();
    if result.get("blobs").is_some() {
        let _ = write!(
            text,
            "\nblobs      {} pushed ({}), {} there already, {} mounted, {} copied ({})",
            count("/blobs/pushed"),
            bytes("/blobs/pushed_bytes"),
            count("/blobs/present"),
            count("/blobs/mounted"),
            count("/blobs/copied"),
            bytes("/blobs/copied_bytes"),
        );
    }
    let _ = write!(
        text,
        "\nnetwork    {} requests, {} read, {} written",
        count("/network/requests"),
        bytes("/network/bytes_read"),
        bytes("/network/bytes_written"),
    );
    if result["same_catalog"] == true {
        text.push_str("\ncatalog    nothing changed: the index had all of it already");
        return text;
    }
    let (label, changes) = match &result["files"] {
        Value::Object(files) => ("files", edits(files)),
        _ => ("catalog", changes(&result["catalog"])),
    };
    for (position, change) in changes.iter().take(CHANGES).enumerate() {
        let label = if position == 0 { label } else { "" };
        let _ = write!(text, "\n{label:<10} {change}");
    }
    if changes.len() > CHANGES {
        let _ = write!(text, "\n{:<10} … {} more", "", changes.len() - CHANGES);
    }
    text
}

/// What was changed in each file.
fn edits(files: &Map<String, Value>) -> Vec<String> {
    let word = |value: &Value| value.as_str().unwrap_or_default().trim().to_owned();
    let mut lines = Vec::new();
    for (path, edits) in files {
        for edit in edits.as_array().into_iter().flatten() {
            let (before, after) = (word(&edit["before"]), word(&edit["after"]));
            lines.push(format!("{path}:{} `{before}` → `{after}`", edit["line"]));
        }
    }
    lines
}

/// What became of each package, and what that means for clusters.
fn changes(catalog: &Value) -> Vec<String> {
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let mut changes = Vec::new();
    for package in list(&catalog["packages"]) {
        let word = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let (name, change) = (word(&package["name"]), word(&package["change"]));
        changes.push(format!("{name}: {change}"));
        for channel in list(&package["channels"]) {
            let at = word(&channel["name"]);
            let effects = list(&channel["effects"]);
            changes.extend(
                effects
                    .iter()
                    .map(|effect| format!("  {at}: {}", word(&effect["text"]))),
            );
        }
    }
    changes
}

#[cfg(test)]
mod tests {
    use super::*;
    use api::report::StageTime;
    use serde_json::json;

    fn report(result: Option<Value>) -> Report {
        Report {
            version: 1,
            id: 7,
            request_type: "add".to_owned(),
            state: "complete".to_owned(),
            state_reason: "done".to_owned(),
            attempt: 1,
            seconds: 1.25,
            stages: vec![StageTime {
                stage: "publishing".to_owned(),
                seconds: 0.5,
            }],
            result,
        }
    }

    #[test]
    fn times_traffic_and_changes_are_told() {
        let effect = json!({"text": "clusters on `a.v1` are offered `a.v2`"});
        let result = json!({
            "same_catalog": false,
            "blobs": {"pushed": 3, "pushed_bytes": 2048},
            "network": {"requests": 41},
            "catalog": {"packages": [
                {"name": "a", "change": "changed", "channels": [{"name": "stable", "effects": [effect]}]},
            ]},
        });
        let text = describe(&report(Some(result)));
        for part in [
            "took       1.2 s",
            "publishing",
            "3 pushed (2.0 KiB)",
            "41 requests",
            "a: changed",
            "stable: clusters on `a.v1` are offered `a.v2`",
        ] {
            assert!(text.contains(part), "`{part}` is not in {text}");
        }
    }

    #[test]
    fn changes_of_files_are_told_with_their_lines() {
        let edit = json!({"line": 19, "before": "r.test/a:1", "after": "r.test/a@sha256:00"});
        let result = json!({"files": {"manifests/csv.yaml": [edit]}, "network": {"requests": 8}});
        let text = describe(&report(Some(result)));
        let line = "files      manifests/csv.yaml:19 `r.test/a:1` → `r.test/a@sha256:00`";
        assert!(text.contains(line) && !text.contains("blobs"), "{text}");
    }

    #[test]
    fn a_request_that_failed_has_times_alone_and_one_without_change_says_so() {
        assert_eq!(describe(&report(None)).lines().count(), 2);
        let text = describe(&report(Some(json!({"same_catalog": true}))));
        assert!(text.ends_with("the index had all of it already"), "{text}");
    }
}
