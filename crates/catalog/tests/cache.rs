//! Serve caches: those of recorded catalogs byte for byte, and what is refused.
//!
//! The recordings lie beside the project in `../shared`; without them their tests are skipped, except where `CI` is set.

#![expect(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "helpers of tests may fail them and say why they skip"
)]

use std::collections::BTreeMap;
use std::error::Error;
use std::fs::{self, File, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use catalog::cache::{self, CacheError, Format, Integrity};
use serde_json::Value;
use sha2::{Digest, Sha256};

/// Finds the recordings; says so and gives nothing if they are missing, and fails if they must be there.
fn recordings() -> Option<PathBuf> {
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

/// Calls `each` with every step that makes a cache, the directory where the steps before it have been done, and the
/// folder of the recording.
fn each_cache_step(mut each: impl FnMut(&str, &Value, &Path, &Path)) -> usize {
    let Some(recordings) = recordings() else {
        return 0;
    };
    let mut folders: Vec<PathBuf> = fs::read_dir(recordings)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.join("scenario.json").is_file())
        .collect();
    folders.sort();
    let mut steps = 0;
    for folder in folders {
        let text = fs::read(folder.join("scenario.json")).unwrap();
        let scenario: Value = serde_json::from_slice(&text).unwrap();
        let all = scenario["steps"].as_array().unwrap();
        if !all.iter().any(|step| step["op"] == "serve-cache") {
            continue;
        }
        let work = tempfile::tempdir().unwrap();
        for step in all {
            let at = |key: &str| work.path().join(step[key].as_str().unwrap());
            match step["op"].as_str().unwrap() {
                // A directory without files is not stored.
                "write-fbc" => copy(&folder.join(step["input"].as_str().unwrap()), &at("to")),
                "migrate" => unpack(&folder.join(step["fbc"].as_str().unwrap()), &at("to")),
                "serve-cache" => {
                    steps += 1;
                    let title = format!("{} step {}", scenario["name"], step["n"]);
                    each(&title, step, work.path(), &folder);
                }
                other => panic!("{other} beside caches"),
            }
        }
    }
    steps
}

/// Copies a tree with the permissions that the recorded one had.
fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).into_iter().flatten() {
        let entry = entry.unwrap();
        let to = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &to);
        } else {
            fs::copy(entry.path(), &to).unwrap();
            fs::set_permissions(&to, Permissions::from_mode(0o644)).unwrap();
        }
    }
}

fn unpack(recorded: &Path, to: &Path) {
    if recorded.is_dir() {
        return copy(recorded, to);
    }
    let packed = flate2::read::GzDecoder::new(File::open(recorded).unwrap());
    tar::Archive::new(packed).unpack(to).unwrap();
}

/// The directory as the recordings list it: kind, permissions, size and digest, by path.
fn listing(root: &Path) -> BTreeMap<String, String> {
    fn walk(root: &Path, path: &Path, found: &mut BTreeMap<String, String>) {
        let metadata = fs::metadata(path).unwrap();
        let mode = metadata.permissions().mode() & 0o777;
        let name = match path.strip_prefix(root).unwrap().to_str().unwrap() {
            "" => ".",
            name => name,
        };
        if metadata.is_dir() {
            found.insert(name.to_owned(), format!("d {mode:o}"));
            for entry in fs::read_dir(path).unwrap() {
                walk(root, &entry.unwrap().path(), found);
            }
        } else {
            let digest = hex::encode(Sha256::digest(fs::read(path).unwrap()));
            found.insert(
                name.to_owned(),
                format!("f {mode:o} {} {digest}", metadata.len()),
            );
        }
    }
    let mut found = BTreeMap::new();
    walk(root, root, &mut found);
    found
}

fn recorded_listing(path: &Path) -> BTreeMap<String, String> {
    let text = fs::read_to_string(path).unwrap();
    text.lines()
        .map(|line| {
            let (facts, path) = line.rsplit_once(' ').unwrap();
            (path.to_owned(), facts.to_owned())
        })
        .collect()
}

/// Kind and permissions, of files whose contents are not the same from run to run.
fn shape(listing: BTreeMap<String, String>) -> BTreeMap<String, String> {
    let first_two = |facts: String| facts.split(' ').take(2).collect::<Vec<_>>().join(" ");
    let shape = listing.into_iter();
    shape
        .map(|(path, facts)| (path, first_two(facts)))
        .collect()
}

fn with_causes(error: &CacheError) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.extend([": ", &cause.to_string()]);
        source = cause.source();
    }
    text
}

#[test]
fn caches_are_those_of_the_reference_tool() {
    let mut differences = Vec::new();
    let steps = each_cache_step(|title, step, work, folder| {
        let (catalog, cache) = (
            work.join(step["dir"].as_str().unwrap()),
            work.join(step["cache"].as_str().unwrap()),
        );
        if step["format"] == "json" && !cache.exists() {
            fs::create_dir_all(cache.join("cache")).unwrap();
            fs::write(cache.join("digest"), "").unwrap();
        }
        // Like the reference tool, write only what is not current.
        let written = match cache::check(&catalog, &cache) {
            Ok(Integrity::Current { digest }) => Ok(digest),
            Ok(Integrity::Stale { .. } | Integrity::Absent) | Err(_) => {
                cache::write(&catalog, &cache, None)
            }
        };
        match (&written, step["exit"] == 0) {
            (Ok(digest), true) => {
                if step["digest"] != **digest {
                    differences.push(format!("{title}: digest {digest}, not {}", step["digest"]));
                }
                let recorded = recorded_listing(&folder.join(step["cache_tree"].as_str().unwrap()));
                let ours = listing(&cache);
                let (recorded, ours) = if step["format"] == "json" {
                    (recorded, ours)
                } else {
                    (shape(recorded), shape(ours))
                };
                for path in recorded.keys().chain(ours.keys()) {
                    if recorded.get(path) != ours.get(path) {
                        let pair = (recorded.get(path), ours.get(path));
                        differences.push(format!("{title}: {path}: {pair:?}"));
                    }
                }
            }
            (Err(error), false) => {
                let (ours, recorded) = (with_causes(error), step["error"].as_str().unwrap());
                let rule = recorded
                    .lines()
                    .last()
                    .unwrap()
                    .trim_start_matches([' ', '└', '─']);
                let rule = rule.rsplit_once("fatal: ").map_or(rule, |(_, rule)| rule);
                let same = match rule.split_once("has unexpected contents") {
                    Some((_, names)) => ours.contains(&format!("has unexpected contents{names}")),
                    None => ours.contains(rule) || rule.ends_with("no such file or directory"),
                };
                if !same {
                    differences.push(format!("{title}: `{ours}` instead of `{rule}`"));
                }
            }
            (Ok(_), false) => differences.push(format!("{title}: written in spite of an error")),
            (Err(error), true) => differences.push(format!("{title}: {}", with_causes(error))),
        }
    });
    assert!(differences.is_empty(), "{}", differences.join("\n"));
    eprintln!("{steps} caches are equal");
}

#[test]
fn caches_of_the_reference_tool_are_read() {
    each_cache_step(|title, step, work, folder| {
        // The archives are from after the last step, and only JSON caches are changed on the way.
        let Some(packed) = step["cache_tar"]
            .as_str()
            .filter(|_| step["format"] == "pogreb.v1")
        else {
            return;
        };
        let cache = tempfile::tempdir().unwrap();
        unpack(&folder.join(packed), cache.path());
        let catalog = work.join(step["dir"].as_str().unwrap());
        let current = Integrity::Current {
            digest: step["digest"].as_str().unwrap().to_owned(),
        };
        assert_eq!(
            cache::check(&catalog, cache.path()).unwrap(),
            current,
            "{title}"
        );
    });
}

const CATALOG: &str = r#"
{"schema":"olm.package","name":"a","defaultChannel":"stable"}
{"schema":"olm.channel","name":"stable","package":"a","entries":[{"name":"a.v1"}]}
{"schema":"olm.bundle","name":"a.v1","package":"a","image":"r/a:1",
 "properties":[{"type":"olm.package","value":{"packageName":"a","version":"1.0.0"}}]}
"#;

fn catalog(text: &str) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("catalog.json"), text).unwrap();
    dir
}

#[test]
fn a_changed_catalog_makes_the_cache_stale() {
    for format in [Format::Pogreb, Format::Json] {
        let (catalog, cache) = (catalog(CATALOG), tempfile::tempdir().unwrap());
        let absent = cache::check(catalog.path(), cache.path()).unwrap();
        assert_eq!(absent, Integrity::Absent);
        let digest = cache::write(catalog.path(), cache.path(), Some(format)).unwrap();
        fs::write(
            catalog.path().join("catalog.json"),
            CATALOG.replace("r/a:1", "r/a:2"),
        )
        .unwrap();
        let checked = cache::check(catalog.path(), cache.path()).unwrap();
        assert!(
            matches!(&checked, Integrity::Stale { recorded, .. } if *recorded == digest),
            "{format}: {checked:?}"
        );
    }
}

#[test]
fn a_catalog_that_is_not_valid_leaves_the_cache_alone() {
    for format in [Format::Pogreb, Format::Json] {
        let (good, cache) = (catalog(CATALOG), tempfile::tempdir().unwrap());
        cache::write(good.path(), cache.path(), Some(format)).unwrap();
        let before = listing(cache.path());
        let bad = catalog(&CATALOG.replace("\"stable\"}", "\"other\"}"));
        let error = cache::write(bad.path(), cache.path(), None).unwrap_err();
        assert!(matches!(error, CacheError::Invalid(_)), "{error}");
        assert!(listing(cache.path()) == before, "{format}");
    }
}

#[test]
fn equal_catalogs_give_equal_files() {
    let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let catalog = catalog(CATALOG);
    for cache in [&one, &two, &two] {
        cache::write(catalog.path(), cache.path(), None).unwrap();
    }
    assert_eq!(listing(one.path()), listing(two.path()));
}

#[test]
fn names_that_lead_out_of_the_cache_are_refused() {
    let catalog = catalog(&CATALOG.replace("\"stable\"", "\"../../x\""));
    let cache = tempfile::tempdir().unwrap();
    let error = cache::write(catalog.path(), cache.path(), Some(Format::Json)).unwrap_err();
    assert!(matches!(error, CacheError::FileName { .. }), "{error}");
    let cache = tempfile::tempdir().unwrap();
    cache::write(catalog.path(), cache.path(), Some(Format::Pogreb)).unwrap();
}

#[test]
fn two_bundles_never_share_a_record() {
    let two = r#"
{"schema":"olm.channel","name":"stable/x","package":"a","entries":[{"name":"a.v1"}]}
{"schema":"olm.channel","name":"stable","package":"a","entries":[{"name":"x/a.v1"}]}
{"schema":"olm.bundle","name":"x/a.v1","package":"a","image":"r/a:1",
 "properties":[{"type":"olm.package","value":{"packageName":"a","version":"1.0.1"}}]}
"#;
    let (package, rest) = CATALOG.trim_start().split_once('\n').unwrap();
    let (_, bundle) = rest.split_once('\n').unwrap();
    let catalog = catalog(&format!("{package}{two}{bundle}"));
    let cache = tempfile::tempdir().unwrap();
    let error = cache::write(catalog.path(), cache.path(), None).unwrap_err();
    assert!(matches!(error, CacheError::Twice { .. }), "{error}");
}

#[test]
fn one_directory_holds_caches_of_one_format() {
    let (catalog, cache) = (catalog(CATALOG), tempfile::tempdir().unwrap());
    cache::write(catalog.path(), cache.path(), Some(Format::Pogreb)).unwrap();
    let error = cache::write(catalog.path(), cache.path(), Some(Format::Json)).unwrap_err();
    assert!(matches!(error, CacheError::OtherFormat { .. }), "{error}");
}
