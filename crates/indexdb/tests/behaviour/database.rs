//! Files: what opening accepts, what is left behind, and that the same calls give the same bytes.

use std::path::Path;

use super::support::{Spec, spec};
use bundle::Bundle;
use indexdb::dump::DumpOptions;
use indexdb::{AddOptions, Error, IndexDb};

/// A database of two packages, made in two calls.
fn make(path: &Path) {
    let mut database = IndexDb::create(path, 1_700_000_000).unwrap();
    let first = [spec("q", "1.0.0"), spec("p", "1.0.0").api("owned", "Foo")];
    let second = [spec("p", "1.1.0")
        .replaces("p.v1.0.0")
        .channels("stable,fast", "fast")
        .skips("p.v1.0.1")];
    for specs in [&first[..], &second] {
        let bundles: Vec<Bundle> = specs.iter().map(Spec::bundle).collect();
        database.add(&bundles, &AddOptions::default()).unwrap();
    }
    database.finish().unwrap();
}

#[test]
fn the_same_calls_give_the_same_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let [one, two] = ["one.db", "two.db"].map(|name| folder.path().join(name));
    make(&one);
    make(&two);
    assert!(
        std::fs::read(&one).unwrap() == std::fs::read(&two).unwrap(),
        "the files differ"
    );
    assert_eq!(
        std::fs::read_dir(folder.path()).unwrap().count(),
        2,
        "no journal is left beside the files"
    );
}

#[test]
fn a_finished_database_opens_with_its_content() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("index.db");
    make(&path);
    let database = IndexDb::open(&path, 0).unwrap();
    let packages = database.packages().unwrap();
    assert_eq!(
        packages
            .iter()
            .map(|package| package.name.as_str())
            .collect::<Vec<_>>(),
        ["p", "q"]
    );
    assert_eq!(packages[0].default_channel.as_deref(), Some("fast"));
    assert_eq!(packages[0].channels[1].head.as_deref(), Some("p.v1.1.0"));
    let bundles = database.bundles().unwrap();
    assert_eq!(bundles.len(), 3, "`p.v1.0.1` is only skipped");
    assert_eq!(bundles[1].csv_name, "p.v1.1.0");
    assert_eq!(
        (bundles[1].version.as_str(), &bundles[1].channels[..]),
        ("1.1.0", &["fast".to_owned(), "stable".to_owned()][..])
    );
}

#[test]
fn an_empty_file_becomes_an_empty_database_and_a_full_one_is_not_made_anew() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("index.db");
    std::fs::File::create(&path).unwrap();
    IndexDb::open(&path, 0).unwrap().finish().unwrap();
    assert!(
        IndexDb::open(&path, 0)
            .unwrap()
            .packages()
            .unwrap()
            .is_empty()
    );
    assert!(matches!(
        IndexDb::create(&path, 0),
        Err(Error::Exists { .. })
    ));
}

#[test]
fn what_is_no_index_database_of_a_known_version_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, sql: &str| {
        let path = folder.path().join(name);
        rusqlite::Connection::open(&path)
            .unwrap()
            .execute_batch(sql)
            .unwrap();
        path
    };
    let version = |version: i64| {
        format!(
            "CREATE TABLE schema_migrations (version bigint); INSERT INTO schema_migrations VALUES ({version})"
        )
    };
    let old = "CREATE TABLE package (name TEXT); INSERT INTO package VALUES ('p');";
    assert!(matches!(
        IndexDb::open(&file("old.db", &(version(4) + ";" + old)), 0),
        Err(Error::TooOld { version: 4 })
    ));
    assert!(IndexDb::open(&file("new.db", &version(99)), 0).is_ok());
    assert!(matches!(
        IndexDb::open(&file("other.db", "CREATE TABLE t (a)"), 0),
        Err(Error::NoVersion)
    ));
    let garbage = folder.path().join("garbage.db");
    std::fs::write(
        &garbage,
        "not a database, whatever its name says, but long enough to be looked at",
    )
    .unwrap();
    assert!(matches!(
        IndexDb::open(&garbage, 0),
        Err(Error::Open { .. })
    ));
    assert!(matches!(
        IndexDb::open(&folder.path().join("missing.db"), 0),
        Err(Error::File { .. })
    ));
}

/// Most of the database is one package; ten others are small.
fn fill(path: &Path) -> IndexDb {
    let mut database = IndexDb::create(path, 0).unwrap();
    let mut specs: Vec<Spec> = (0..10).map(|n| spec(&format!("q{n}"), "1.0.0")).collect();
    specs.push(spec("p", "1.0.0").described(1_000_000));
    let bundles: Vec<Bundle> = specs.iter().map(Spec::bundle).collect();
    database.add(&bundles, &AddOptions::default()).unwrap();
    database
}

#[test]
fn much_free_space_is_taken_out_of_the_file_and_little_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("index.db");
    let size = || std::fs::metadata(&path).unwrap().len();
    let mut database = fill(&path);
    let full = size();
    database.remove(&["q0".to_owned()], false).unwrap();
    database.finish_compact().unwrap();
    assert!(size() >= full, "later additions use the space");

    // A run that was killed left a file, and somebody reads while the file is replaced.
    std::fs::write(folder.path().join("index.db.compact"), "debris").unwrap();
    let reader = IndexDb::open(&path, 0).unwrap();
    let mut database = IndexDb::open(&path, 0).unwrap();
    database.remove(&["p".to_owned()], false).unwrap();
    let rows = database.dump(&DumpOptions::default()).unwrap();
    database.finish_compact().unwrap();
    assert!(size() * 2 < full, "{} of {full} bytes are left", size());
    assert_eq!(reader.dump(&DumpOptions::default()).unwrap(), rows);
    let anew = IndexDb::open(&path, 0).unwrap();
    assert_eq!(anew.dump(&DumpOptions::default()).unwrap(), rows);
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
}
