//! Whatever a replay compares can fail: recordings with one thing changed are found to differ, and where.
//!
//! The recordings lie beside the project in `../shared`; without them the tests are skipped, except where `CI` is set.

#![expect(clippy::unwrap_used, reason = "helpers of tests may fail them")]

use std::fs;
use std::io::{Read as _, Write as _};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use bundle::Bundle;
use golden::{Bundles, Scenario, Verdict};
use tempfile::TempDir;

/// A change of a recording: the file, what is replaced in it, and by what.
type Edit = (&'static str, &'static str, &'static str);

/// A copy of a recorded scenario, beside links to the others.
struct Doctored {
    folder: PathBuf,
    _work: TempDir,
}

impl Doctored {
    fn new(recordings: &Path, name: &str) -> Self {
        let work = tempfile::tempdir().unwrap();
        for folder in Scenario::folders(recordings).unwrap() {
            let other = folder.file_name().unwrap();
            if other != name {
                symlink(fs::canonicalize(&folder).unwrap(), work.path().join(other)).unwrap();
            }
        }
        let folder = work.path().join(name);
        copy(&recordings.join(name), &folder);
        Self {
            folder,
            _work: work,
        }
    }

    fn edit(&self, (file, from, to): Edit) {
        let path = self.folder.join(file);
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.contains(from), "`{file}` does not hold `{from}`");
        fs::write(path, text.replacen(from, to, 1)).unwrap();
    }

    fn replay(&self, bundles: &dyn Bundles) -> Result<Verdict, String> {
        let reports = golden::replay_all(std::slice::from_ref(&self.folder), |_| true, bundles);
        let [report] = &reports[..] else {
            panic!("one scenario is one report")
        };
        match &report.result {
            Ok(outcome) => Ok(outcome.verdict),
            Err(error) => Err(format!("{error:#}")),
        }
    }
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let to = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &to);
        } else {
            fs::write(to, fs::read(entry.path()).unwrap()).unwrap();
        }
    }
}

/// A corpus that has nothing.
struct Nothing;

impl Bundles for Nothing {
    fn bundle(&self, image: &str) -> Result<Bundle, String> {
        golden::check_pull_spec(image)?;
        Err(format!("the image `{image}` does not exist"))
    }
}

/// A corpus whose reading breaks off.
struct Panics;

impl Bundles for Panics {
    fn bundle(&self, _: &str) -> Result<Bundle, String> {
        panic!("no such luck")
    }
}

const SCENARIO: &str = "scenario.json";

/// What is changed in which scenario, and what the replay must say.
const CASES: &[(&str, &[Edit], &str)] = &[
    // Judgements.
    (
        "validate-good-minimal",
        &[(
            SCENARIO,
            "\"exit\": 0",
            "\"exit\": 1, \"error\": \"no such luck\"",
        )],
        "step 2 (validate): it succeeds, but was recorded as `no such luck`",
    ),
    (
        "cache-errors",
        &[(SCENARIO, "\"exit\": 1", "\"exit\": 0")],
        "step 2 (serve-cache): it is refused: ",
    ),
    (
        "cache-errors",
        &[(
            SCENARIO,
            "heads found in graph: foo.v0.1.0",
            "heads found in graph: foo.v0.1.1",
        )],
        "step 2 (serve-cache): the error tree lacks ",
    ),
    (
        "cache-errors",
        &[(
            SCENARIO,
            "unexpected contents: strange",
            "unexpected contents: other",
        )],
        "step 7 (serve-cache): the error does not say ",
    ),
    // Renderings.
    (
        "validate-good-minimal",
        &[
            (SCENARIO, "b2ffd2cf90", "b2ffd2cf91"),
            ("03.stdout.json", "olm.package", "olm.packagf"),
        ],
        "step 3 (render): the output differs\n  from line 2 on (- recorded",
    ),
    (
        "validate-good-minimal",
        &[(
            SCENARIO,
            "\"stdout\": \"04.stdout.yaml\", \"stdout_sha256\": \"7e",
            "\"stdout_sha256\": \"7f",
        )],
        "step 4 (render): the output's digest is `7e",
    ),
    (
        "render-errors",
        &[(SCENARIO, "manifest unknown", "image has no labels")],
        "step 2 (render): the error does not say `/metadata`",
    ),
    // Migrations.
    (
        "migrate-small",
        &[(SCENARIO, "\"fbc_sha256\": \"3a", "\"fbc_sha256\": \"3b")],
        "step 1 (migrate): the files equal those in `01.fbc.tar.gz`, whose digest is not the recorded `3b",
    ),
    (
        "migrate-small",
        &[
            (SCENARIO, "\"fbc_sha256\": \"3a", "\"fbc_sha256\": \"3b"),
            (
                SCENARIO,
                "01.fbc.tar.gz",
                "../migrate-yaml-small/01.fbc.tar.gz",
            ),
        ],
        "step 1 (migrate): the directory has other files\n",
    ),
    (
        "migrate-small",
        &[
            (SCENARIO, "\"fbc_sha256\": \"3a", "\"fbc_sha256\": \"3b"),
            (
                SCENARIO,
                "01.fbc.tar.gz",
                "../migrate-csvmetadata-small/01.fbc.tar.gz",
            ),
        ],
        "/catalog.json` differs\n  from line ",
    ),
    (
        "migrate-bad-level-small",
        &[(
            SCENARIO,
            "unknown migration level",
            "output dir must be empty, unlike level",
        )],
        "step 1 (migrate): the error does not say `must be empty`",
    ),
    // Databases.
    (
        "rm-missing",
        &[(
            SCENARIO,
            "no package found for packagename nope",
            "no package found for packagename neither",
        )],
        "step 1 (rm): the error does not name neither",
    ),
    (
        "rm-one",
        &[(SCENARIO, "\"db_sha256\": \"a5", "\"db_sha256\": \"b5")],
        "step 1 (rm): the rows equal those in `../rm-add-again/01.db.jsonl.gz`, but their digest `a5",
    ),
    (
        "rm-one",
        &[
            (SCENARIO, "\"db_sha256\": \"a5", "\"db_sha256\": \"b5"),
            (SCENARIO, "../rm-add-again/01.db", "../index-small/41.db"),
        ],
        "step 1 (rm): the rows differ\n  from line ",
    ),
    (
        "rm-one",
        &[
            (SCENARIO, "\"db_sha256\": \"a5", "\"db_sha256\": \"b5"),
            (SCENARIO, "\"db_dump\"", "\"no_dump\""),
        ],
        "recorded is `b5075cc1736672dc59e49db436c63ba3c73752dbbca2873da0a84f5fe2ab10e2` without rows",
    ),
    (
        "error-no-image",
        &[(
            SCENARIO,
            "[error resolving remote name",
            "[no csv in bundle",
        )],
        "step 1 (add): the error does not say `holds a `ClusterServiceVersion``",
    ),
    // Caches.
    (
        "cache-good-yaml",
        &[(SCENARIO, "\"digest\": \"3c", "\"digest\": \"3d")],
        "step 2 (serve-cache): the digest is `3c",
    ),
    (
        "cache-good-yaml",
        &[(
            "02.cache-tree.txt",
            "pogreb.v1/db/main.pix",
            "pogreb.v1/db/main.piy",
        )],
        "step 2 (serve-cache): the cache's files differ\n",
    ),
    (
        "cache-good-yaml",
        &[("02.cache-tree.txt", "d 770", "d 755")],
        "step 2 (serve-cache): the cache's files differ\n",
    ),
    (
        "cache-good-yaml",
        &[("03.cache-tree.txt", "f 640 234 d3", "f 640 234 d4")],
        "step 3 (serve-cache): the cache's files differ\n",
    ),
    // Scenarios.
    (
        "validate-good-minimal",
        &[(SCENARIO, "\"op\": \"validate\"", "\"op\": \"serve\"")],
        "step 2 (serve): nobody wrote down how to replay `serve`",
    ),
    (
        "validate-good-minimal",
        &[(SCENARIO, "\"steps\"", "\"stages\"")],
        "scenario.json` is not understood",
    ),
    (
        "validate-good-minimal",
        &[(SCENARIO, "\"dir\": \"catalog\"", "\"dirs\": \"catalog\"")],
        "step 2 (validate): `scenario.json` gives the step no `dir`",
    ),
    (
        "rm-one",
        &[(SCENARIO, "\"start\": \"index-", "\"start\": \"no-index-")],
        "/index.db` cannot be read",
    ),
];

#[test]
fn every_comparison_can_fail() {
    let Some(recordings) = golden::recordings() else {
        return;
    };
    let mut unseen = Vec::new();
    for (name, edits, expected) in CASES {
        let doctored = Doctored::new(&recordings, name);
        edits.iter().for_each(|edit| doctored.edit(*edit));
        let said = doctored.replay(&Nothing);
        if !said.as_ref().is_err_and(|said| said.contains(expected)) {
            unseen.push(format!("{name}: {said:?} instead of `{expected}`"));
        }
    }
    assert!(unseen.is_empty(), "{}", unseen.join("\n"));
}

#[test]
fn the_same_scenarios_pass_as_recorded() {
    let Some(recordings) = golden::recordings() else {
        return;
    };
    let names: std::collections::BTreeSet<&str> = CASES.iter().map(|(name, ..)| *name).collect();
    for name in names {
        let verdict = Doctored::new(&recordings, name).replay(&Nothing);
        // After its first step, the reference tool's removal has removed what it named before.
        let expected = if name == "rm-missing" {
            Verdict::Debris
        } else {
            Verdict::Whole
        };
        assert_eq!(verdict, Ok(expected), "{name}");
    }
}

/// The recorded caches lie in archives, which are packed anew with one byte changed.
#[test]
fn recorded_caches_are_read_to_the_last_byte() {
    let Some(recordings) = golden::recordings() else {
        return;
    };
    for (archive, file, expected) in [
        (
            "02.cache.tar.gz",
            "pogreb.v1/db/00000-1.psg",
            "step 2 (serve-cache): the recorded cache `02.cache.tar.gz`: it is not accepted",
        ),
        (
            "03.cache.tar.gz",
            "cache/packages.json",
            "step 5 (serve-cache): the recorded cache `03.cache.tar.gz`: it is not accepted",
        ),
    ] {
        let doctored = Doctored::new(&recordings, "cache-good-yaml");
        flip_last_byte(&doctored.folder.join(archive), file);
        let said = doctored.replay(&Nothing).unwrap_err();
        assert!(said.contains(expected), "{said}");
    }
}

fn flip_last_byte(archive: &Path, file: &str) {
    let mut bytes = Vec::new();
    flate2::read::GzDecoder::new(&fs::read(archive).unwrap()[..])
        .read_to_end(&mut bytes)
        .unwrap();
    let mut packed = tar::Builder::new(Vec::new());
    let mut is_found = false;
    for entry in tar::Archive::new(&bytes[..]).entries().unwrap() {
        let mut entry = entry.unwrap();
        let mut content = Vec::new();
        entry.read_to_end(&mut content).unwrap();
        if entry.path().unwrap().ends_with(file) {
            is_found = true;
            *content.last_mut().unwrap() ^= 1;
        }
        packed.append(entry.header(), &content[..]).unwrap();
    }
    assert!(is_found, "the archive does not hold `{file}`");
    let mut out = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    out.write_all(&packed.into_inner().unwrap()).unwrap();
    fs::write(archive, out.finish().unwrap()).unwrap();
}

#[test]
fn a_panic_fails_one_scenario_alone() {
    let Some(recordings) = golden::recordings() else {
        return;
    };
    let folders = ["error-no-image", "validate-good-minimal"].map(|name| recordings.join(name));
    let reports = golden::replay_all(&folders, |_| true, &Panics);
    let texts: Vec<String> = reports
        .iter()
        .map(|report| match &report.result {
            Ok(outcome) => format!("{}: {:?}", report.name, outcome.verdict),
            Err(error) => format!("{}: {error:#}", report.name),
        })
        .collect();
    assert_eq!(
        texts,
        [
            "error-no-image: it panicked: no such luck",
            "validate-good-minimal: Whole"
        ]
    );
}

#[test]
fn a_directory_without_a_scenario_is_one_that_failed() {
    let work = tempfile::tempdir().unwrap();
    for name in ["empty", "start"] {
        fs::create_dir(work.path().join(name)).unwrap();
    }
    fs::write(work.path().join("start/index.db"), "").unwrap();
    fs::write(work.path().join("README.md"), "").unwrap();
    let folders = Scenario::folders(work.path()).unwrap();
    let reports = golden::replay_all(&folders, |_| true, &Nothing);
    let [report] = &reports[..] else {
        panic!("{reports:?}")
    };
    let error = format!("{:#}", report.result.as_ref().unwrap_err());
    assert!(
        error.contains("empty/scenario.json` cannot be read"),
        "{error}"
    );
}
