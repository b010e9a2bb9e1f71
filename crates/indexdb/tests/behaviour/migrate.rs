//! What opening an older database makes of it (index database specification, 1.5).

use std::path::Path;

use super::support::{Index, spec};
use indexdb::IndexDb;
use indexdb::dump::DumpOptions;
use rusqlite::Connection;

/// p.v1.1.0, which provides Foo and requires Bar and Baz, replaces p.v1.0.0 and skips p.v1.0.5.
fn made() -> Index {
    Index::with(&[
        spec("p", "1.0.0"),
        spec("p", "1.1.0")
            .replaces("p.v1.0.0")
            .skips("p.v1.0.5")
            .api("owned", "Foo"),
    ])
}

/// The steps from version 13 down to an older one.
const DOWN: [(i64, &str); 7] = [
    (11, "DROP TABLE deprecated;"),
    (10, "ALTER TABLE operatorbundle DROP COLUMN substitutesfor;"),
    (9, "UPDATE properties SET operatorbundle_path = NULL;"),
    (8, "DROP TABLE properties;"),
    (7, "DROP TABLE dependencies;"),
    (
        6,
        "DROP TRIGGER api_provider_cleanup; DROP TRIGGER api_requirer_cleanup; \
         ALTER TABLE operatorbundle DROP COLUMN replaces; ALTER TABLE operatorbundle DROP COLUMN skips;",
    ),
    (
        5,
        "CREATE TABLE p AS SELECT a.group_name, a.version, a.kind, e.entry_id AS channel_entry_id FROM api_provider a \
         JOIN channel_entry e USING (operatorbundle_name); DROP TABLE api_provider; ALTER TABLE p RENAME TO api_provider; \
         CREATE TABLE r AS SELECT * FROM api_provider WHERE 0; DROP TABLE api_requirer; ALTER TABLE r RENAME TO api_requirer; \
         DROP INDEX pk;",
    ),
];

/// Makes a file of version 13 one of an older version.
fn lower(path: &Path, version: i64) {
    let connection = Connection::open(path).unwrap();
    connection
        .pragma_update(None, "foreign_keys", false)
        .unwrap();
    for (to, sql) in DOWN {
        if to >= version {
            connection.execute_batch(sql).unwrap();
        }
    }
    connection
        .execute("UPDATE schema_migrations SET version = ?1", [version])
        .unwrap();
}

/// The lines of a dump without properties, which older versions did not have of all bundles.
fn without_properties(database: &IndexDb) -> Vec<String> {
    let lines = database.dump(&DumpOptions::default()).unwrap();
    let keep = |line: &String| !line.contains("\"table\":\"properties\"");
    // Columns that were not there then are not known now.
    lines
        .into_iter()
        .filter(keep)
        .map(|line| line.replace("\"substitutesfor\":null", "\"substitutesfor\":\"\""))
        .collect()
}

#[test]
fn every_version_from_5_comes_to_the_same_schema_and_graph() {
    for version in 5..=12 {
        let index = made();
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("old.db");
        index.copy_to(&path);
        lower(&path, version);
        let migrated = IndexDb::open(&path, 0).unwrap();
        assert_eq!(
            migrated.dump_schema().unwrap(),
            index.database.dump_schema().unwrap(),
            "from {version}"
        );
        assert_eq!(
            without_properties(&migrated),
            without_properties(&index.database),
            "from {version}"
        );
        migrated.finish().unwrap();
        // It stays at the new version, and can be changed.
        let mut again = IndexDb::open(&path, 0).unwrap();
        again.remove(&["p".to_owned()], false).unwrap();
        assert!(again.bundles().unwrap().is_empty());
    }
}

#[test]
fn properties_are_made_for_bundles_that_provide_an_api() {
    let index = made();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("old.db");
    index.copy_to(&path);
    lower(&path, 8);
    let migrated = IndexDb::open(&path, 0).unwrap();
    let lines = migrated.dump(&DumpOptions::default()).unwrap();
    let properties: Vec<&String> = lines
        .iter()
        .filter(|line| line.contains("\"table\":\"properties\""))
        .collect();
    assert_eq!(properties.len(), 2);
    assert!(properties.iter().all(|line| line.contains("p.v1.1.0")
        && line.contains("img/p:1.1.0")
        && line.contains("\"blob\"")));
}

#[test]
fn an_empty_database_of_any_old_version_becomes_an_empty_one() {
    for version in [0, 4] {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("old.db");
        let sql = format!(
            "CREATE TABLE schema_migrations (version bigint); INSERT INTO schema_migrations VALUES ({version}); \
             CREATE TABLE operatorbundle (name TEXT PRIMARY KEY, csv TEXT UNIQUE, bundle TEXT);"
        );
        Connection::open(&path)
            .unwrap()
            .execute_batch(&sql)
            .unwrap();
        let migrated = IndexDb::open(&path, 0).unwrap();
        let empty = Index::new();
        assert_eq!(
            migrated.dump(&DumpOptions::default()).unwrap(),
            empty.rows()
        );
        assert_eq!(
            migrated.dump_schema().unwrap(),
            empty.database.dump_schema().unwrap()
        );
    }
}

#[test]
fn a_database_that_is_only_read_stays_as_it_is() {
    let index = made();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("old.db");
    for version in [5, 8, 12, 13] {
        index.copy_to(&path);
        lower(&path, version);
        let before = std::fs::read(&path).unwrap();
        let opened = IndexDb::open_unchanged(&path, 0).unwrap();
        assert_eq!(
            opened.dump_schema().unwrap(),
            index.database.dump_schema().unwrap(),
            "of {version}"
        );
        assert_eq!(
            without_properties(&opened),
            without_properties(&index.database),
            "of {version}"
        );
        drop(opened);
        assert!(std::fs::read(&path).unwrap() == before, "of {version}");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }
    std::fs::write(&path, "SQLite it is not").unwrap();
    assert!(IndexDb::open_unchanged(&path, 0).is_err());
    assert!(IndexDb::open_unchanged(&folder.path().join("missing.db"), 0).is_err());
}
