//! Bringing older databases to version 13 (index database specification, 1.5).
//!
//! The tables are made anew and filled from the old ones: the schema is then the same whatever version a file began with. Versions
//! before 5 with content are refused, as the reference tool fails on them too.

use std::collections::{BTreeMap, BTreeSet};

use rusqlite::{Connection, params};
use serde_json::json;

use crate::database::{SCHEMA, VERSION};

/// The oldest version whose content is read.
pub(crate) const OLDEST: i64 = 5;

/// All tables of version 13 but the one with the version.
const TABLES: [&str; 11] = [
    "operatorbundle",
    "package",
    "channel",
    "channel_entry",
    "api",
    "related_image",
    "api_provider",
    "api_requirer",
    "dependencies",
    "properties",
    "deprecated",
];

/// Whether a database has any bundle, package or channel.
pub(crate) fn has_content(connection: &Connection) -> rusqlite::Result<bool> {
    for table in ["operatorbundle", "package", "channel", "channel_entry"] {
        if has_table(connection, table)? {
            let sql = format!("SELECT EXISTS (SELECT 1 FROM {table})");
            if connection.query_row(&sql, [], |row| row.get(0))? {
                return Ok(true);
            }
        }
    }
    Ok(false)
}

/// Brings a database of version `from` to version 13, in one transaction; an error leaves it as it was.
///
/// Anything older than [`OLDEST`] must be empty.
pub(crate) fn migrate(
    connection: &mut Connection,
    from: i64,
    timestamp: i64,
) -> rusqlite::Result<()> {
    // Neither the names in other tables' keys nor the rows there may follow a table that is set aside.
    connection.pragma_update(None, "foreign_keys", false)?;
    connection.pragma_update(None, "legacy_alter_table", true)?;
    let migrated = rebuild(connection, from, timestamp);
    connection.pragma_update(None, "legacy_alter_table", false)?;
    connection.pragma_update(None, "foreign_keys", true)?;
    migrated?;
    // The old tables took as much space as the new ones.
    connection.execute_batch("VACUUM")
}

fn rebuild(connection: &mut Connection, from: i64, timestamp: i64) -> rusqlite::Result<()> {
    let transaction = connection.transaction()?;
    transaction.execute_batch(
        "DROP TRIGGER IF EXISTS api_provider_cleanup; DROP TRIGGER IF EXISTS api_requirer_cleanup; \
         DROP INDEX IF EXISTS pk; DROP TABLE schema_migrations;",
    )?;
    let mut old = BTreeSet::new();
    for table in TABLES {
        if has_table(&transaction, table)? {
            transaction.execute_batch(&format!("ALTER TABLE {table} RENAME TO old_{table}"))?;
            old.insert(table);
        }
    }
    transaction.execute_batch(SCHEMA)?;
    if from >= OLDEST {
        copy(&transaction, from, &old)?;
    }
    for table in old {
        transaction.execute_batch(&format!("DROP TABLE old_{table}"))?;
    }
    transaction.execute(
        "INSERT INTO schema_migrations (version, timestamp) VALUES (?1, datetime(?2, 'unixepoch'))",
        [VERSION, timestamp],
    )?;
    transaction.commit()
}

fn copy(connection: &Connection, from: i64, old: &BTreeSet<&str>) -> rusqlite::Result<()> {
    for table in old {
        // Until version 5, an API belonged to an entry.
        if from == 5 && table.starts_with("api_") {
            continue;
        }
        let columns = shared_columns(connection, table)?;
        connection.execute_batch(&format!(
            "INSERT INTO {table} ({columns}) SELECT {columns} FROM old_{table} ORDER BY rowid"
        ))?;
    }
    if from < 6 {
        apis_of_bundles(connection)?;
    }
    if from < 7 {
        edges_of_entries(connection)?;
    }
    if from < 8 {
        dependencies_of_apis(connection)?;
    }
    if from < 9 {
        properties_of_apis(connection)?;
    }
    if from < 10 {
        connection.execute_batch(
            "UPDATE properties SET operatorbundle_path = (SELECT bundlepath FROM operatorbundle \
             WHERE name = operatorbundle_name AND version = operatorbundle_version)",
        )?;
    }
    if from < 12 {
        connection.execute_batch(
            "INSERT OR IGNORE INTO deprecated SELECT DISTINCT operatorbundle_name FROM properties WHERE type = 'olm.deprecated'",
        )?;
    }
    connection.execute_batch(
        "DELETE FROM deprecated WHERE operatorbundle_name NOT IN (SELECT name FROM operatorbundle WHERE name IS NOT NULL)",
    )
}

/// To version 6: an API belongs to a bundle, once.
fn apis_of_bundles(connection: &Connection) -> rusqlite::Result<()> {
    for table in ["api_provider", "api_requirer"] {
        connection.execute_batch(&format!(
            "INSERT INTO {table} SELECT DISTINCT api.group_name, api.version, api.kind, bundle.name, bundle.version, bundle.bundlepath \
             FROM old_{table} AS api JOIN channel_entry ON channel_entry.entry_id = api.channel_entry_id \
             JOIN operatorbundle AS bundle ON bundle.name = channel_entry.operatorbundle_name \
             WHERE api.group_name IS NOT NULL AND api.version IS NOT NULL AND api.kind IS NOT NULL \
             AND bundle.version IS NOT NULL AND bundle.bundlepath IS NOT NULL ORDER BY 4, 1, 2, 3"
        ))?;
    }
    Ok(())
}

/// To version 7: what a bundle replaces and skips is stored with it. The first of what its entries replace is what it replaces,
/// though it may be nothing.
fn edges_of_entries(connection: &Connection) -> rusqlite::Result<()> {
    let mut edges: BTreeMap<String, Vec<Option<String>>> = BTreeMap::new();
    {
        let mut statement = connection.prepare(
            "SELECT above.operatorbundle_name, below.operatorbundle_name FROM channel_entry AS above \
             LEFT JOIN channel_entry AS below ON below.entry_id = above.replaces \
             WHERE above.operatorbundle_name IS NOT NULL ORDER BY above.depth, above.entry_id",
        )?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let below = edges.entry(row.get(0)?).or_default();
            let name = row.get(1)?;
            if !below.contains(&name) {
                below.push(name);
            }
        }
    }
    connection.execute_batch("UPDATE operatorbundle SET replaces = '', skips = ''")?;
    let mut update = connection
        .prepare("UPDATE operatorbundle SET replaces = ?2, skips = ?3 WHERE name = ?1")?;
    for (name, below) in edges {
        let mut below = below.into_iter();
        let replaces = below.next().flatten().unwrap_or_default();
        let skips: Vec<String> = below.flatten().collect();
        update.execute([name, replaces, skips.join(",")])?;
    }
    Ok(())
}

/// To version 8: a required API is a dependency.
fn dependencies_of_apis(connection: &Connection) -> rusqlite::Result<()> {
    for (bundle, api) in apis(connection, "api_requirer")? {
        let value =
            json!({ "group": api[0], "kind": api[2], "type": "olm.gvk", "version": api[1] });
        insert(connection, "dependencies", "olm.gvk", &value, &bundle)?;
    }
    Ok(())
}

/// To version 9: a bundle that provides an API has properties, and dependencies lose their type.
///
/// The reference tool gives every dependency the value of the first one there is; the same rows are the aim, so ours does too.
fn properties_of_apis(connection: &Connection) -> rusqlite::Result<()> {
    let provided = apis(connection, "api_provider")?;
    let bundles: BTreeSet<&BundleKey> = provided.iter().map(|(bundle, _)| bundle).collect();
    let sql = "SELECT min(package_name) FROM channel_entry WHERE operatorbundle_name = ?1";
    for bundle in bundles {
        let package: Option<String> =
            connection.query_row(sql, [&bundle.name], |row| row.get(0))?;
        if let Some(package) = package {
            let value = json!({ "packageName": package, "version": bundle.version });
            insert(connection, "properties", "olm.package", &value, bundle)?;
        }
    }
    for (bundle, api) in &provided {
        let value = json!({ "group": api[0], "kind": api[2], "version": api[1] });
        insert(connection, "properties", "olm.gvk", &value, bundle)?;
    }
    connection.execute_batch(
        "UPDATE dependencies SET value = \
         (SELECT json_remove(CAST(value AS TEXT), '$.type') FROM dependencies ORDER BY rowid LIMIT 1)",
    )
}

/// What rows that hang on a bundle say about it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct BundleKey {
    name: String,
    version: Option<String>,
    path: Option<String>,
}

/// Which bundle provides or requires which API (group, version, kind), once each.
fn apis(
    connection: &Connection,
    table: &str,
) -> rusqlite::Result<BTreeSet<(BundleKey, [String; 3])>> {
    let sql = format!(
        "SELECT operatorbundle_name, operatorbundle_version, operatorbundle_path, group_name, version, kind FROM {table} \
         WHERE operatorbundle_name IS NOT NULL AND group_name IS NOT NULL AND version IS NOT NULL AND kind IS NOT NULL"
    );
    let mut statement = connection.prepare(&sql)?;
    let rows = statement.query_map([], |row| {
        let bundle = BundleKey {
            name: row.get(0)?,
            version: row.get(1)?,
            path: row.get(2)?,
        };
        Ok((bundle, [row.get(3)?, row.get(4)?, row.get(5)?]))
    })?;
    rows.collect()
}

/// Adds a property or dependency of a bundle; values of these migrations are blobs.
fn insert(
    connection: &Connection,
    table: &str,
    type_: &str,
    value: &serde_json::Value,
    bundle: &BundleKey,
) -> rusqlite::Result<()> {
    connection
        .prepare_cached(&format!(
            "INSERT INTO {table} (type, value, operatorbundle_name, operatorbundle_version, operatorbundle_path) \
             VALUES (?1, ?2, ?3, ?4, ?5)"
        ))?
        .execute(params![
            type_,
            value.to_string().as_bytes(),
            bundle.name,
            bundle.version,
            bundle.path
        ])?;
    Ok(())
}

/// The columns that the old table and the new one have, separated by commas.
fn shared_columns(connection: &Connection, table: &str) -> rusqlite::Result<String> {
    let columns = |name: &str| {
        connection
            .prepare("SELECT name FROM pragma_table_info(?1)")?
            .query_map([name], |row| row.get(0))?
            .collect::<rusqlite::Result<Vec<String>>>()
    };
    let old = columns(&format!("old_{table}"))?;
    let mut shared = columns(table)?;
    shared.retain(|column| old.contains(column));
    Ok(shared.join(", "))
}

fn has_table(connection: &Connection, table: &str) -> rusqlite::Result<bool> {
    connection.query_row(
        "SELECT EXISTS (SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?1)",
        params![table],
        |row| row.get(0),
    )
}
