//! Single facts about bundles and packages, by name.

use rusqlite::{Connection, OptionalExtension};

use crate::error::{Doing, Error};

/// What a real bundle (one with a row of its own) is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Facts {
    pub(crate) version: String,
    pub(crate) path: String,
}

/// The upgrade edges stored with a bundle.
#[derive(Debug, Clone)]
pub(crate) struct Edges {
    pub(crate) replaces: String,
    pub(crate) skips: Vec<String>,
}

/// Version and path of a bundle, if it is real.
pub(crate) fn facts(connection: &Connection, name: &str) -> Result<Option<Facts>, Error> {
    // The index holds all three columns; the row itself lies behind two blobs of many pages.
    let sql = "SELECT version, bundlepath FROM operatorbundle INDEXED BY pk WHERE name = ?1";
    let mut statement = connection
        .prepare_cached(sql)
        .doing("looking up a bundle")?;
    let facts = statement
        .query_row([name], |row| {
            let text = |column| {
                Ok::<_, rusqlite::Error>(row.get::<_, Option<String>>(column)?.unwrap_or_default())
            };
            Ok(Facts {
                version: text(0)?,
                path: text(1)?,
            })
        })
        .optional();
    facts.doing("looking up a bundle")
}

/// Whether a bundle is real.
pub(crate) fn is_real(connection: &Connection, name: &str) -> Result<bool, Error> {
    Ok(facts(connection, name)?.is_some())
}

/// The version of a bundle: its column, or what the stored CSV says where the column is empty.
pub(crate) fn version(connection: &Connection, name: &str, facts: &Facts) -> Result<String, Error> {
    if !facts.version.is_empty() {
        return Ok(facts.version.clone());
    }
    let sql = "SELECT CAST(csv AS BLOB) FROM operatorbundle WHERE name = ?1";
    let csv: Option<Vec<u8>> = connection
        .query_row(sql, [name], |row| row.get(0))
        .doing("reading a CSV")?;
    let csv = csv.and_then(|csv| catalog::json::parse(&csv).ok());
    let version = csv
        .as_ref()
        .and_then(|csv| csv.get("spec")?.get("version")?.as_str());
    Ok(version.unwrap_or_default().to_owned())
}

/// The edges stored with a bundle, if it is real.
pub(crate) fn edges(connection: &Connection, name: &str) -> Result<Option<Edges>, Error> {
    let sql = "SELECT replaces, skips FROM operatorbundle WHERE name = ?1";
    let mut statement = connection
        .prepare_cached(sql)
        .doing("reading upgrade edges")?;
    let edges = statement
        .query_row([name], |row| {
            let text = |column| {
                Ok::<_, rusqlite::Error>(row.get::<_, Option<String>>(column)?.unwrap_or_default())
            };
            Ok(Edges {
                replaces: text(0)?,
                skips: split_skips(&text(1)?),
            })
        })
        .optional();
    edges.doing("reading upgrade edges")
}

/// The names in the `skips` column.
pub(crate) fn split_skips(column: &str) -> Vec<String> {
    if column.is_empty() {
        Vec::new()
    } else {
        column.split(',').map(str::to_owned).collect()
    }
}

/// Whether a bundle is deprecated.
pub(crate) fn is_deprecated(connection: &Connection, name: &str) -> Result<bool, Error> {
    let sql = "SELECT EXISTS (SELECT 1 FROM deprecated WHERE operatorbundle_name = ?1)";
    let mut statement = connection
        .prepare_cached(sql)
        .doing("looking for a deprecation")?;
    statement
        .query_row([name], |row| row.get(0))
        .doing("looking for a deprecation")
}

/// The default channel of a package; `None` if there is no such package or it has none.
pub(crate) fn default_channel(
    connection: &Connection,
    package: &str,
) -> Result<Option<String>, Error> {
    let sql = "SELECT default_channel FROM package WHERE name = ?1";
    let mut statement = connection
        .prepare_cached(sql)
        .doing("looking up a package")?;
    let found = statement
        .query_row([package], |row| row.get::<_, Option<String>>(0))
        .optional();
    Ok(found.doing("looking up a package")?.flatten())
}

/// The channels of a package with their heads, by name.
pub(crate) fn channels(
    connection: &Connection,
    package: &str,
) -> Result<Vec<(String, Option<String>)>, Error> {
    let sql =
        "SELECT name, head_operatorbundle_name FROM channel WHERE package_name = ?1 ORDER BY name";
    let mut statement = connection.prepare_cached(sql).doing("listing channels")?;
    let rows = statement
        .query_map([package], |row| Ok((row.get(0)?, row.get(1)?)))
        .doing("listing channels")?;
    rows.collect::<rusqlite::Result<_>>()
        .doing("listing channels")
}
