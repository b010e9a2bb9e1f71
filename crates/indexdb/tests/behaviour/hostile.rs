//! Databases that are made to do harm.

use indexdb::IndexDb;
use rusqlite::Connection;

/// A database whose schema was changed by `sql` behind our back.
fn changed(sql: &str) -> (tempfile::TempDir, IndexDb) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("index.db");
    IndexDb::create(&path, 0).unwrap().finish().unwrap();
    let connection = Connection::open(&path).unwrap();
    connection.execute_batch(sql).unwrap();
    drop(connection);
    let database = IndexDb::open(&path, 0).unwrap();
    (folder, database)
}

#[test]
fn a_view_in_place_of_a_table_is_not_evaluated() {
    let (_folder, mut database) = changed(
        "DROP TABLE package; CREATE VIEW package AS WITH RECURSIVE endless(name) AS \
         (SELECT 'p' UNION ALL SELECT name FROM endless) SELECT name, 'c' AS default_channel FROM endless",
    );
    for error in [
        database.packages().unwrap_err().to_string(),
        database
            .prune(&["q".to_owned()].into(), false)
            .unwrap_err()
            .to_string(),
    ] {
        assert!(!error.is_empty());
    }
    assert!(database.catalog().is_err());
}

#[test]
fn edges_may_lead_in_circles() {
    let (_folder, database) = changed(
        "PRAGMA foreign_keys = off; INSERT INTO package VALUES ('p', 'c'); \
         INSERT INTO channel VALUES ('c', 'p', 'a'); \
         INSERT INTO operatorbundle (name, version, bundlepath) VALUES ('a', '1.0.0', 'x'), ('b', '1.1.0', 'y'); \
         INSERT INTO channel_entry VALUES (1, 'c', 'p', 'a', 2, 0), (2, 'c', 'p', 'b', 1, 1)",
    );
    assert!(database.catalog().is_err());
    assert_eq!(database.bundles().unwrap().len(), 2);
}

#[test]
fn properties_must_be_json() {
    for value in ["{\"a\":1", "", "{} {}", "{\"a\":1}}"] {
        let (_folder, database) = changed(&format!(
            "PRAGMA foreign_keys = off; INSERT INTO package VALUES ('p', 'c'); \
             INSERT INTO channel VALUES ('c', 'p', 'a'); \
             INSERT INTO operatorbundle (name, csv, version, bundlepath) VALUES ('a', '{{}}', '1.0.0', 'x'); \
             INSERT INTO channel_entry VALUES (1, 'c', 'p', 'a', NULL, 0); \
             INSERT INTO properties VALUES ('t', '{value}', 'a', '1.0.0', 'x')"
        ));
        let error = database.catalog().unwrap_err().to_string();
        assert!(error.contains("`a`") && error.contains("`t`"), "{error}");
    }
}

#[test]
fn manifests_that_are_no_text_are_given_as_they_are() {
    let csv = r#"{"kind":"ClusterServiceVersion"}"#;
    let (before, after) = (r#"{"kind":"Secret","a":""#, r#""}"#);
    let (_folder, database) = changed(&format!(
        "PRAGMA foreign_keys = off; INSERT INTO package VALUES ('p', 'c'); \
         INSERT INTO channel VALUES ('c', 'p', 'a'); \
         INSERT INTO operatorbundle (name, csv, bundle, version, bundlepath) \
         VALUES ('a', '{{}}', '{csv} {before}' || CAST(X'ff' AS TEXT) || '{after}', '1.0.0', 'x'); \
         INSERT INTO channel_entry VALUES (1, 'c', 'p', 'a', NULL, 0)"
    ));
    let catalog = database.catalog().unwrap();
    let mut objects: Vec<Vec<u8>> = catalog.bundles[0].objects().collect();
    objects.sort_by_key(Vec::len);
    let secret = [before.as_bytes(), b"\xff", after.as_bytes()].concat();
    assert_eq!(objects, [&secret, csv.as_bytes()]);
}
