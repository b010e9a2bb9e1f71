//! The conformance runner as its users run it, on scenarios of its own around the sample bundles.

#![expect(clippy::unwrap_used, reason = "helpers of tests may fail them")]

use std::path::Path;
use std::process::Command;

use tempfile::TempDir;

/// The image of `hello-operator` 1.0.0, as the program computes it that made the recorded images.
const HELLO: &str = "registry.test:5000/bundles/hello-operator@sha256:f4895571e76d430459cd689af48611b31c3aee10a35d8fafbbebf9a09f058af6";
/// Of an image that nobody has.
const GHOST: &str = "registry.test:5000/bundles/ghost@sha256:0000000000000000000000000000000000000000000000000000000000000000";
const EMPTY: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

/// A directory of scenarios, each given as its steps in JSON.
fn scenarios(scenarios: &[(&str, &str)]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, steps) in scenarios {
        let path = folder.path().join(name);
        std::fs::create_dir(&path).unwrap();
        let text = format!(r#"{{"name": "{name}", "steps": [{steps}]}}"#);
        std::fs::write(path.join("scenario.json"), text).unwrap();
    }
    folder
}

/// Runs the runner; its success, and the lines it prints.
#[expect(
    clippy::disallowed_methods,
    reason = "this tests a program by running it"
)]
fn run(from: &Path, more: &[&str]) -> (bool, Vec<String>) {
    let output = Command::new(env!("CARGO_BIN_EXE_xtask"))
        .args(["conformance", "opm", "--corpus"])
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/../samples"))
        .arg("--from")
        .arg(from)
        .args(more)
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let lines = text.lines().map(str::to_owned).collect();
    (output.status.success(), lines)
}

fn render(image: &str, result: &str) -> String {
    format!(r#"{{"n": 1, "op": "render", "inputs": ["{image}"], {result}}}"#)
}

#[test]
fn bundles_are_found_by_the_digest_of_their_image_without_a_list() {
    let hello = render(
        HELLO,
        r#""exit": 0, "stdout_sha256": "9cd9706983d2b78c3351abfdb9170c2a16a52f7061a0d272890a94b936a2ea4f""#,
    );
    let add = format!(
        r#"{{"n": 1, "op": "add", "bundles": ["{HELLO}"], "mode": "replaces", "exit": 0, "db_sha256": "81ceadbd270bcd412760186d9b6dfb4bcff563d5ebb967212c255fa8699309ba"}}"#
    );
    let ghost =
        format!(r#""exit": 1, "error": "fatal: manifest unknown", "stdout_sha256": "{EMPTY}""#);
    let ghost = render(GHOST, &ghost);
    let folder = scenarios(&[("add", &add), ("ghost", &ghost), ("hello", &hello)]);
    let (passed, lines) = run(folder.path(), &[]);
    assert!(passed, "{lines:#?}");
    assert_eq!(
        lines,
        [
            "3 steps of the passed scenarios judged",
            "0 of the passed scenarios judged up to a failed step, on whose debris later steps rest",
            "0 of the passed scenarios judged up to a step whose recorded result is random",
            "3 passed, 0 failed",
        ]
    );
}

#[test]
fn whatever_is_wrong_with_a_scenario_fails_it_alone() {
    let good =
        format!(r#""exit": 1, "error": "fatal: manifest unknown", "stdout_sha256": "{EMPTY}""#);
    let good = render(GHOST, &good);
    let other = good.replace("manifest unknown", "something unheard of");
    let folder = scenarios(&[
        ("a-good", &good),
        (
            "b-other-error",
            &good.replace("manifest unknown", "image has no labels"),
        ),
        ("c-unknown-op", r#"{"n": 7, "op": "bless"}"#),
        ("d-malformed", "{"),
        ("f-undescribed", &other),
    ]);
    std::fs::create_dir(folder.path().join("e-empty")).unwrap();
    let (passed, lines) = run(folder.path(), &[]);
    assert!(!passed);
    let failed: Vec<&str> = lines
        .iter()
        .filter(|line| line.contains("FAILED"))
        .map(|line| line.split_once(" FAILED: ").map_or("", |(name, _)| name))
        .collect();
    assert_eq!(
        failed,
        [
            "b-other-error:",
            "c-unknown-op:",
            "d-malformed:",
            "e-empty:"
        ],
        "{lines:#?}"
    );
    let has = |part: &str| lines.iter().any(|line| line.contains(part));
    assert!(
        has("step 7 (bless): nobody wrote down how to replay `bless`"),
        "{lines:#?}"
    );
    assert!(
        has("d-malformed/scenario.json` is not understood"),
        "{lines:#?}"
    );
    assert!(has("e-empty/scenario.json` cannot be read"), "{lines:#?}");
    assert!(
        has("1 of them refused with an error nobody described: compared by the names in it alone"),
        "{lines:#?}"
    );
    assert_eq!(lines.last().unwrap(), "2 passed, 4 failed");
    let (passed, lines) = run(folder.path(), &["--only", "a-"]);
    assert!(passed);
    assert_eq!(lines.last().unwrap(), "1 passed, 0 failed");
}

#[test]
fn a_listed_bundle_that_no_corpus_has_is_named() {
    let step = render(GHOST, &format!(r#""exit": 0, "stdout_sha256": "{EMPTY}""#));
    let folder = scenarios(&[("listed", &step)]);
    std::fs::write(
        folder.path().join("images.txt"),
        format!("ghost 1.0.0 {GHOST}\n"),
    )
    .unwrap();
    let (passed, lines) = run(folder.path(), &[]);
    assert!(!passed);
    assert!(
        lines[0].contains("the bundle `ghost` 1.0.0") && lines[0].contains("it is in no corpus"),
        "{lines:#?}"
    );
}

/// Runs the requests of `scenarios` against an empty registry.
#[expect(
    clippy::disallowed_methods,
    reason = "this tests a program by running it"
)]
fn run_requests(scenarios: &[(&str, &str)], more: &[&str]) -> (bool, Vec<String>) {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in scenarios {
        let path = folder.path().join(name);
        std::fs::create_dir(&path).unwrap();
        std::fs::write(path.join("scenario.json"), text).unwrap();
    }
    let inputs = folder.path().join("inputs");
    std::fs::create_dir(&inputs).unwrap();
    std::fs::write(inputs.join("digests.txt"), "").unwrap();
    let program = folder.path().join("push.py");
    std::fs::write(&program, "").unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_xtask"))
        .args(["conformance", "workflows", "--from"])
        .arg(folder.path())
        .arg("--push-inputs")
        .arg(&program)
        .args(more)
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let lines = text.lines().map(str::to_owned).collect();
    (output.status.success(), lines)
}

/// A request that adds a bundle nobody has to nothing, with `args` and `result` beside that.
fn request(args: &str, result: &str) -> String {
    format!(
        r#"{{"handler": "add", "args": {{"request_id": 1, "bundles": ["registry.test:5000/b:1"]{args}}},
            "result": {{"updates": [], "output_tags": [], {result}}}}}"#
    )
}

const MISSING: &str = r#""state": "failed", "error": {"type": "IIBError", "text": "Failed to inspect docker://registry.test:5000/b:1. Make sure it exists"}"#;
const ARCHES: &str = r#", "add_arches": ["amd64"]"#;

#[test]
fn a_request_that_fails_as_recorded_passes() {
    let no_arches = r#""state": "failed", "error": {"type": "IIBError", "text": "No arches were provided to build the index image"}"#;
    let unknown = r#""state": "failed", "error": {"type": "KeyError", "text": "'x'"}"#;
    let scenarios = [
        ("a", &*request(ARCHES, MISSING)),
        ("b", &request("", no_arches)),
        ("c", &request("", unknown)),
        ("x", "{"),
    ];
    let (passed, lines) = run_requests(&scenarios, &[]);
    assert!(!passed);
    assert!(lines[0].starts_with("x: FAILED"), "{lines:#?}");
    assert_eq!(lines[1..], ["0 not yet", "3 passed, 1 failed"]);
    let (passed, lines) = run_requests(&scenarios, &["--only", "b"]);
    assert!(passed);
    assert_eq!(lines, ["0 not yet", "1 passed, 0 failed"]);
}

#[test]
fn a_request_that_ends_otherwise_fails() {
    let other_tag = MISSING.replace("b:1", "b:2");
    let update = MISSING.to_owned() + r#", "removed_tags": ["x:1"]"#;
    for (args, result, said) in [
        (
            ARCHES,
            other_tag.as_str(),
            "does not name registry.test:5000/b:2",
        ),
        ("", MISSING, "does not say `could not be read`"),
        (ARCHES, r#""state": "complete""#, "ours fails"),
        (ARCHES, &update, "the removed tags are"),
        (r#", "unheard_of": 1"#, MISSING, "unheard_of"),
    ] {
        let (passed, lines) = run_requests(&[("a", &request(args, result))], &[]);
        assert!(!passed);
        assert!(lines.concat().contains(said), "{said}: {lines:#?}");
    }
}

#[test]
fn what_cannot_be_replayed_yet_is_counted_by_reason() {
    let add = request(ARCHES, MISSING);
    let skipped = add.replacen('{', r#"{"ours": {"skip": "needs the push to Git"}, "#, 1);
    let other = add.replace(r#""add""#, r#""push_to_git""#);
    let (passed, lines) = run_requests(&[("a", &skipped), ("b", &other)], &[]);
    assert!(passed, "{lines:#?}");
    assert_eq!(
        lines,
        [
            "1 not yet: needs requests of the kind `push_to_git`",
            "1 not yet: needs the push to Git",
            "2 not yet",
            "0 passed, 0 failed",
        ]
    );
}

#[test]
fn an_image_that_is_not_as_listed_is_named() {
    let step = render(GHOST, &format!(r#""exit": 0, "stdout_sha256": "{EMPTY}""#));
    let folder = scenarios(&[("listed", &step)]);
    std::fs::write(
        folder.path().join("images.txt"),
        format!("hello-operator 1.0.0 {GHOST}\n"),
    )
    .unwrap();
    let (passed, lines) = run(folder.path(), &[]);
    assert!(!passed);
    let said = &lines[0];
    assert!(
        said.contains("the list gives the bundle `hello-operator` 1.0.0")
            && said.contains("f4895571e76d"),
        "{said}"
    );
}
