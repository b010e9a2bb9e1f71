//! Serve caches: when they are stale, and what is refused. That they are those of the reference tool, the golden tests show.

#![expect(clippy::unwrap_used, reason = "helpers of tests may fail them")]

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use catalog::cache::{self, CacheError, Format, Integrity, Options};
use sha2::{Digest, Sha256};

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

fn of(format: Format) -> Options {
    Options {
        format: Some(format),
        ..Options::default()
    }
}

#[test]
fn a_changed_catalog_makes_the_cache_stale() {
    for format in [Format::Pogreb, Format::Json] {
        let (catalog, cache) = (catalog(CATALOG), tempfile::tempdir().unwrap());
        let absent = cache::check(catalog.path(), cache.path()).unwrap();
        assert_eq!(absent, Integrity::Absent);
        let report = cache::write(catalog.path(), cache.path(), of(format)).unwrap();
        fs::write(
            catalog.path().join("catalog.json"),
            CATALOG.replace("r/a:1", "r/a:2"),
        )
        .unwrap();
        let checked = cache::check(catalog.path(), cache.path()).unwrap();
        assert!(
            matches!(&checked, Integrity::Stale { recorded, .. } if *recorded == report.digest),
            "{format}: {checked:?}"
        );
    }
}

#[test]
fn a_catalog_that_is_not_valid_leaves_the_cache_alone() {
    for format in [Format::Pogreb, Format::Json] {
        let (good, cache) = (catalog(CATALOG), tempfile::tempdir().unwrap());
        cache::write(good.path(), cache.path(), of(format)).unwrap();
        let before = listing(cache.path());
        let bad = catalog(&CATALOG.replace("\"stable\"}", "\"other\"}"));
        let error = cache::write(bad.path(), cache.path(), Options::default()).unwrap_err();
        assert!(matches!(error, CacheError::Invalid(_)), "{error}");
        assert!(listing(cache.path()) == before, "{format}");
    }
}

#[test]
fn equal_catalogs_give_equal_files() {
    let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let catalog = catalog(CATALOG);
    for cache in [&one, &two, &two] {
        cache::write(catalog.path(), cache.path(), Options::default()).unwrap();
    }
    assert_eq!(listing(one.path()), listing(two.path()));
}

#[test]
fn names_that_lead_out_of_the_cache_are_refused() {
    let catalog = catalog(&CATALOG.replace("\"stable\"", "\"../../x\""));
    let cache = tempfile::tempdir().unwrap();
    let error = cache::write(catalog.path(), cache.path(), of(Format::Json)).unwrap_err();
    assert!(matches!(error, CacheError::FileName { .. }), "{error}");
    let cache = tempfile::tempdir().unwrap();
    cache::write(catalog.path(), cache.path(), of(Format::Pogreb)).unwrap();
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
    let error = cache::write(catalog.path(), cache.path(), Options::default()).unwrap_err();
    assert!(matches!(error, CacheError::Twice { .. }), "{error}");
}

#[test]
fn one_directory_holds_caches_of_one_format() {
    let (catalog, cache) = (catalog(CATALOG), tempfile::tempdir().unwrap());
    cache::write(catalog.path(), cache.path(), of(Format::Pogreb)).unwrap();
    let error = cache::write(catalog.path(), cache.path(), of(Format::Json)).unwrap_err();
    assert!(matches!(error, CacheError::OtherFormat { .. }), "{error}");
}
