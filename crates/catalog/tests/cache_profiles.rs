//! What serve caches hold in each profile (file-based catalog specification, sections 0 and 4).

#![expect(clippy::unwrap_used, reason = "helpers of tests may fail them")]

mod pogreb;

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use catalog::Profile;
use catalog::cache::{self, CacheError, Change, Format, Integrity, Options};
use serde_json::Value;

const CATALOG: &str = r#"
{"schema":"olm.package","name":"a","defaultChannel":"stable"}
{"schema":"olm.channel","name":"stable","package":"a","entries":[{"name":"a.v1"}]}
{"schema":"olm.bundle","name":"a.v1","package":"a","image":"r/a:1",
 "properties":[{"type":"olm.package","value":{"packageName":"a","version":"1.0.0"}}]}
"#;

/// Two of one schema without package, one of them twice, and one of a package that has no other blob.
const OTHERS: &str = r#"
{"n":1.5,"schema":"x.y"}
{"schema":"x.y","name":"q"}
{"schema":"x.y","n":1.50}
{"schema":"x.y","package":"b"}
"#;

fn catalog(text: &str) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("catalog.json"), text).unwrap();
    dir
}

/// Writes a cache and checks it.
fn write(text: &str, format: Format, profile: Profile) -> tempfile::TempDir {
    let (catalog, cache) = (catalog(text), tempfile::tempdir().unwrap());
    let options = Options {
        format: Some(format),
        profile,
    };
    let report = cache::write(catalog.path(), cache.path(), options).unwrap();
    let current = Integrity::Current {
        digest: report.digest,
    };
    assert_eq!(cache::check(catalog.path(), cache.path()).unwrap(), current);
    cache
}

/// The files below a folder: permissions and contents by path; folders too.
fn files(root: &Path, below: &str) -> BTreeMap<String, (u32, String)> {
    let path = root.join(below);
    let metadata = fs::metadata(&path).unwrap();
    let mode = metadata.permissions().mode() & 0o777;
    if metadata.is_file() {
        let text = fs::read_to_string(&path).unwrap();
        return BTreeMap::from([(below.to_owned(), (mode, text))]);
    }
    let mut found = BTreeMap::from([(below.to_owned(), (mode, String::new()))]);
    for entry in fs::read_dir(&path).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        found.extend(files(root, &format!("{below}/{name}")));
    }
    found
}

fn names(packages: &[u8]) -> Vec<String> {
    let packages: Value = serde_json::from_slice(packages).unwrap();
    packages.as_object().unwrap().keys().cloned().collect()
}

/// FNV-1a with 64 bits.
fn fnv(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

#[test]
fn profile_a_lists_every_package_that_is_mentioned_and_keeps_no_other_blobs() {
    let text = format!("{CATALOG}{OTHERS}");
    let cache = write(&text, Format::Pogreb, Profile::A);
    let records = pogreb::replay(&cache.path().join("pogreb.v1/db"));
    assert_eq!(names(&records[&b"packages.json"[..]]), ["", "a", "b"]);
    assert_eq!(records.len(), 2);
    let cache = write(&text, Format::Json, Profile::A);
    assert_eq!(files(cache.path(), "cache").len(), 3);
}

#[test]
fn profile_b_keeps_other_blobs_in_a_database() {
    let text = format!("{CATALOG}{OTHERS}");
    let cache = write(&text, Format::Pogreb, Profile::B);
    let records = pogreb::replay(&cache.path().join("pogreb.v1/db"));
    assert_eq!(names(&records[&b"packages.json"[..]]), ["a"]);
    let schema = b"\x0a\x0f\x0a\x06schema\x12\x05\x1a\x03x.y";
    let number = [
        &b"\0\0\0\x21\x0a\x0e\x0a\x01n\x12\x09\x11\0\0\0\0\0\0\xf8\x3f"[..],
        schema,
    ]
    .concat();
    let named = [
        &b"\0\0\0\x1e\x0a\x0b\x0a\x04name\x12\x03\x1a\x01q"[..],
        schema,
    ]
    .concat();
    let of_package = [
        &b"\0\0\0\x21\x0a\x0e\x0a\x07package\x12\x03\x1a\x01b"[..],
        schema,
    ]
    .concat();
    let found: Vec<_> = records
        .iter()
        .filter(|(key, _)| key.starts_with(b"metas/"))
        .map(|(key, value)| (key.as_slice(), value.as_slice()))
        .collect();
    let without_package = [&number[..], &named, &number].concat();
    assert_eq!(
        found,
        [
            (&b"metas/x.y/"[..], &without_package[..]),
            (b"metas/x.y/b", &of_package),
        ]
    );
}

#[test]
fn profile_b_keeps_other_blobs_in_files() {
    let cache = write(&format!("{CATALOG}{OTHERS}"), Format::Json, Profile::B);
    let mut expected = BTreeMap::new();
    for folder in ["cache/metas", "cache/metas/x.y", "cache/metas/x.y/b"] {
        expected.insert(folder.to_owned(), (0o750, String::new()));
    }
    for (folder, blob) in [
        ("x.y", r#"{"n":1.5,"schema":"x.y"}"#),
        ("x.y", r#"{"name":"q","schema":"x.y"}"#),
        ("x.y/b", r#"{"package":"b","schema":"x.y"}"#),
    ] {
        let text = format!("{blob}\n");
        let name = format!("cache/metas/{folder}/{:x}.json", fnv(&text));
        expected.insert(name, (0o640, text));
    }
    assert_eq!(files(cache.path(), "cache/metas"), expected);
    let packages = fs::read(cache.path().join("cache/packages.json")).unwrap();
    assert_eq!(names(&packages), ["a"]);
}

#[test]
fn catalogs_without_other_blobs_have_one_cache_in_all_profiles() {
    for format in [Format::Pogreb, Format::Json] {
        let [a, b] = [Profile::A, Profile::B].map(|profile| write(CATALOG, format, profile));
        let (a, b) = (a.path(), b.path());
        match format {
            Format::Json => assert_eq!(files(a, "cache"), files(b, "cache")),
            Format::Pogreb => assert_eq!(
                fs::read(a.join("pogreb.v1/db/00000-1.psg")).unwrap(),
                fs::read(b.join("pogreb.v1/db/00000-1.psg")).unwrap()
            ),
        }
    }
}

#[test]
fn a_cache_of_the_other_profile_is_current() {
    for format in [Format::Pogreb, Format::Json] {
        let catalog = catalog(&format!("{CATALOG}{OTHERS}"));
        let cache = tempfile::tempdir().unwrap();
        let [a, b] = [Profile::A, Profile::B].map(|profile| Options {
            format: Some(format),
            profile,
        });
        cache::write(catalog.path(), cache.path(), b).unwrap();
        let report = cache::update(catalog.path(), cache.path(), a).unwrap();
        assert_eq!(report.change, Change::Unchanged, "{format}");
        // Asked for by name, the profile decides.
        let report = cache::write(catalog.path(), cache.path(), a).unwrap();
        assert_eq!(report.written, 2, "{format}");
        assert_eq!(
            cache::write(catalog.path(), cache.path(), b)
                .unwrap()
                .written,
            2 + if format == Format::Pogreb { 2 } else { 3 },
            "{format}"
        );
    }
}

#[test]
fn names_of_other_blobs_become_parts_of_keys() {
    for (blob, part) in [
        (r#"{"schema":"c/x"}"#, "invalid schema `c/x`: must match"),
        (r#"{"schema":".x"}"#, "invalid schema `.x`"),
        (
            r#"{"schema":"x","package":"../b"}"#,
            "invalid package `../b`",
        ),
        (r#"{"schema":"x","package":"é"}"#, "invalid package `é`"),
    ] {
        for format in [Format::Pogreb, Format::Json] {
            let catalog = catalog(&format!("{CATALOG}{blob}"));
            let cache = tempfile::tempdir().unwrap();
            let options = |profile| Options {
                format: Some(format),
                profile,
            };
            let write = |profile| cache::write(catalog.path(), cache.path(), options(profile));
            let error = write(Profile::B).unwrap_err();
            assert!(matches!(error, CacheError::OtherName { .. }), "{error}");
            assert!(error.to_string().contains(part), "{error}");
            assert_eq!(fs::read_dir(cache.path()).unwrap().count(), 0);
            write(Profile::A).unwrap();
        }
    }
}
