//! Index databases: files of any bytes, and well-formed ones with any rows, are read or refused.
//!
//! An input that begins with `SQLi` is the file. Any other is a list of rows, one a line: the table and its columns with
//! `|` between them; `NULL`, whole numbers and `x'` for a blob are taken for what they look like.
#![no_main]

use std::path::Path;
use std::sync::LazyLock;

use indexdb::dump::DumpOptions;
use indexdb::{DeprecateOptions, IndexDb};
use libfuzzer_sys::fuzz_target;
use rusqlite::Connection;
use rusqlite::types::Value;

/// The tables of a database with the number of their columns, and an empty one.
static EMPTY: LazyLock<(Vec<(String, u32)>, Vec<u8>)> = LazyLock::new(|| {
    let folder = fuzz::scratch();
    let path = folder.path().join("index.db");
    let database = IndexDb::create(&path, 0).expect("a database can be made");
    database.finish().expect("a database can be closed");
    let connection = Connection::open(&path).expect("it can be opened");
    let tables = "SELECT t.name, (SELECT count(*) FROM pragma_table_info(t.name)) FROM sqlite_master t WHERE t.type = 'table'";
    let mut statement = connection.prepare(tables).expect("it has tables");
    let tables = statement
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))
        .expect("it has tables")
        .collect::<Result<_, _>>()
        .expect("it has tables");
    (tables, std::fs::read(&path).expect("it is a file"))
});

fuzz_target!(|input: &[u8]| {
    let folder = fuzz::scratch();
    let path = folder.path().join("index.db");
    if input.starts_with(b"SQLi") {
        std::fs::write(&path, input).expect("a file can be written");
    } else {
        std::fs::write(&path, &EMPTY.1).expect("a file can be written");
        insert(&path, &String::from_utf8_lossy(input));
    }
    let Ok(mut database) = IndexDb::open(&path, 0).and_then(IndexDb::without_sync) else {
        return;
    };
    let before = database.dump(&DumpOptions::default()).ok();
    if let Ok(mut catalog) = database.catalog() {
        catalog.arrange();
        fuzz::check_catalog(&catalog);
    }
    let packages = database.packages().unwrap_or_default();
    let bundles = database.bundles().unwrap_or_default();
    assert_eq!(before, database.dump(&DumpOptions::default()).ok());
    if let Some(bundle) = bundles.first() {
        let options = DeprecateOptions::default();
        database.deprecate(&[bundle.path.clone()], &options).ok();
    }
    database.prune_stranded().ok();
    if let Some(package) = packages.first() {
        database.remove(&[package.name.clone()], false).ok();
    }
    database.dump_schema().ok();
    database.finish_compact().ok();
});

fn insert(path: &Path, rows: &str) {
    let connection = Connection::open(path).expect("it can be opened");
    connection
        .execute_batch("PRAGMA synchronous = off; PRAGMA foreign_keys = off; BEGIN")
        .expect("it can be written");
    for row in rows.lines() {
        let mut values = row.split('|');
        let name = values.next().unwrap_or_default();
        let Some((table, columns)) = EMPTY.0.iter().find(|(table, _)| table == name) else {
            continue;
        };
        let columns = usize::try_from(*columns).expect("tables are narrow");
        let mut values: Vec<Value> = values.take(columns).map(value).collect();
        values.resize(columns, Value::Null);
        let places = vec!["?"; columns].join(",");
        let insert = format!("INSERT INTO \"{table}\" VALUES ({places})");
        // Rows that break a key are left out.
        connection
            .execute(&insert, rusqlite::params_from_iter(values))
            .ok();
    }
    connection
        .execute_batch("COMMIT")
        .expect("it can be written");
}

fn value(text: &str) -> Value {
    match text {
        "NULL" => Value::Null,
        text => match (text.parse(), text.strip_prefix("x'")) {
            (Ok(number), _) => Value::Integer(number),
            (_, Some(blob)) => Value::Blob(blob.as_bytes().to_vec()),
            _ => Value::Text(text.to_owned()),
        },
    }
}
