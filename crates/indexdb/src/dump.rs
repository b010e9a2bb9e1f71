//! A canonical text of a database, for tests and for comparing databases.
//!
//! One line a row, `{"row":{…},"table":…}`, sorted, keys sorted. Row numbers and the time of migration are left out, so two
//! databases with the same content give the same lines whatever order their rows were written in. A blob is shown as
//! `{"blob":text}`, because the storage class is part of the content.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rusqlite::Connection;
use rusqlite::types::ValueRef;
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use crate::IndexDb;
use crate::error::{Doing, Error};

/// What a dump shows.
#[derive(Debug, Clone, Default)]
pub struct DumpOptions {
    /// Show values of more than this many bytes as digest and length.
    pub hash_over: Option<usize>,
    /// Leave out what depends on the order of a bundle's skips: depths, and that order itself.
    pub loose: bool,
}

impl IndexDb {
    /// The rows of all tables.
    ///
    /// # Errors
    /// [`Error::Sqlite`] if the database cannot be read.
    pub fn dump(&self, options: &DumpOptions) -> Result<Vec<String>, Error> {
        let mut lines = rows(&self.connection, options.hash_over).doing("dumping")?;
        if options.loose {
            lines = loosen(&lines);
        }
        Ok(lines)
    }

    /// The schema, with white space collapsed.
    ///
    /// # Errors
    /// [`Error::Sqlite`] if the database cannot be read.
    pub fn dump_schema(&self) -> Result<Vec<String>, Error> {
        schema(&self.connection).doing("dumping the schema")
    }
}

/// Leaves out of a dump what depends on the order of skips, and sorts it again; lines that are no JSON stay as they are.
pub fn loosen(lines: &[String]) -> Vec<String> {
    let mut loose: Vec<String> = lines
        .iter()
        .map(|line| loosen_line(line).unwrap_or_else(|| line.clone()))
        .collect();
    loose.sort();
    loose
}

fn loosen_line(text: &str) -> Option<String> {
    let value: Value = serde_json::from_str(text).ok()?;
    let table = value.get("table")?.as_str()?;
    let mut row = value.get("row")?.as_object()?.clone();
    match table {
        "channel_entry" => {
            row.remove("depth");
            if let Some(Value::String(replaces)) = row.get_mut("replaces")
                && let Some((name, _)) = replaces.rsplit_once('@')
            {
                *replaces = name.to_owned();
            }
        }
        "operatorbundle" => {
            if let Some(Value::String(skips)) = row.get_mut("skips") {
                let mut names: Vec<&str> = skips.split(',').collect();
                names.sort_unstable();
                *skips = names.join(",");
            }
        }
        _ => {}
    }
    Some(line(table, row))
}

/// Keys are sorted by hand, as a JSON map may keep the order of insertion.
fn line(table: &str, row: Map<String, Value>) -> String {
    let sorted: BTreeMap<String, Value> = row.into_iter().collect();
    let row: Map<String, Value> = sorted.into_iter().collect();
    let mut both = Map::new();
    both.insert("row".to_owned(), Value::Object(row));
    both.insert("table".to_owned(), Value::String(table.to_owned()));
    Value::Object(both).to_string()
}

fn schema(connection: &Connection) -> rusqlite::Result<Vec<String>> {
    let mut statement =
        connection.prepare("SELECT type, name, tbl_name, sql FROM sqlite_master")?;
    let mut rows = statement.query([])?;
    let mut lines = Vec::new();
    while let Some(row) = rows.next()? {
        let sql: Option<String> = row.get(3)?;
        let sql = sql.map(|sql| sql.split_whitespace().collect::<Vec<_>>().join(" "));
        let mut shown = Map::new();
        shown.insert("type".to_owned(), Value::String(row.get(0)?));
        shown.insert("name".to_owned(), Value::String(row.get(1)?));
        shown.insert("tbl_name".to_owned(), Value::String(row.get(2)?));
        shown.insert("sql".to_owned(), sql.map_or(Value::Null, Value::String));
        lines.push(line("sqlite_master", shown));
    }
    lines.sort();
    Ok(lines)
}

fn rows(connection: &Connection, hash_over: Option<usize>) -> rusqlite::Result<Vec<String>> {
    let sql = "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY name";
    let tables: Vec<String> = connection
        .prepare(sql)?
        .query_map([], |row| row.get(0))?
        .collect::<rusqlite::Result<_>>()?;
    let entries = if tables.iter().any(|name| name == "channel_entry") {
        entry_names(connection)?
    } else {
        BTreeMap::new()
    };
    let mut lines = Vec::new();
    for table in tables {
        let mut statement = connection.prepare(&format!("SELECT * FROM \"{table}\""))?;
        let columns: Vec<String> = statement
            .column_names()
            .into_iter()
            .map(str::to_owned)
            .collect();
        let mut rows = statement.query([])?;
        let mut table_lines = Vec::new();
        while let Some(row) = rows.next()? {
            let mut shown = Map::new();
            for (index, column) in columns.iter().enumerate() {
                let value = row.get_ref(index)?;
                let value = match (table.as_str(), column.as_str(), value) {
                    ("schema_migrations", "timestamp", _) | ("channel_entry", "entry_id", _) => {
                        continue;
                    }
                    ("channel_entry", "replaces", ValueRef::Integer(id)) => Value::String(
                        entries
                            .get(&id)
                            .cloned()
                            .unwrap_or_else(|| "?dangling".to_owned()),
                    ),
                    (_, _, value) => shown_value(value, hash_over),
                };
                shown.insert(column.clone(), value);
            }
            table_lines.push(line(&table, shown));
        }
        table_lines.sort();
        lines.append(&mut table_lines);
    }
    Ok(lines)
}

/// Entries by number, as `<bundle>@<depth>`.
fn entry_names(connection: &Connection) -> rusqlite::Result<BTreeMap<i64, String>> {
    let mut statement =
        connection.prepare("SELECT entry_id, operatorbundle_name, depth FROM channel_entry")?;
    let rows = statement.query_map([], |row| {
        let (id, bundle, depth): (i64, Option<String>, Option<i64>) =
            (row.get(0)?, row.get(1)?, row.get(2)?);
        let shown = |text: Option<String>| text.unwrap_or_else(|| "None".to_owned());
        Ok((
            id,
            format!(
                "{}@{}",
                shown(bundle),
                shown(depth.map(|depth| depth.to_string()))
            ),
        ))
    })?;
    rows.collect()
}

fn shown_value(value: ValueRef<'_>, hash_over: Option<usize>) -> Value {
    match value {
        ValueRef::Null => Value::Null,
        ValueRef::Integer(int) => json!(int),
        ValueRef::Real(real) => json!(real),
        ValueRef::Text(bytes) => hashed(bytes, hash_over, false)
            .unwrap_or_else(|| Value::String(String::from_utf8_lossy(bytes).into_owned())),
        ValueRef::Blob(bytes) => {
            hashed(bytes, hash_over, true).unwrap_or_else(|| match std::str::from_utf8(bytes) {
                Ok(text) => json!({ "blob": text }),
                Err(_) => json!({ "blob_base64": STANDARD.encode(bytes) }),
            })
        }
    }
}

fn hashed(bytes: &[u8], hash_over: Option<usize>, blob: bool) -> Option<Value> {
    hash_over.filter(|limit| bytes.len() > *limit)?;
    let digest = hex::encode(Sha256::digest(bytes));
    // The members stand in the order of their names.
    Some(if blob {
        json!({ "len": bytes.len(), "sha256": digest, "storage": "blob" })
    } else {
        json!({ "len": bytes.len(), "sha256": digest })
    })
}
