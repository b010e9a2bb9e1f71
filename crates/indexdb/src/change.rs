//! What every change other than an addition has in common.

use std::collections::BTreeSet;

use rusqlite::{Connection, TransactionBehavior};

use crate::IndexDb;
use crate::cleanup::QuickTriggers;
use crate::error::{Doing, Error};

/// `SQLite` looks for the rows that hang on a deleted one, and the schema has no index to find them by: deleting a package reads
/// whole tables once for every row of it. These indexes live only within the transaction, so no reader ever sees them.
const INDEXES: [(&str, &str); 12] = [
    ("channel_entry", "replaces"),
    ("channel_entry", "channel_name, package_name"),
    ("channel_entry", "operatorbundle_name"),
    ("channel_entry", "package_name"),
    ("channel", "head_operatorbundle_name"),
    ("related_image", "operatorbundle_name"),
    ("api_provider", BUNDLE),
    ("api_requirer", BUNDLE),
    ("dependencies", BUNDLE),
    ("properties", BUNDLE),
    ("api_provider", API),
    ("api_requirer", API),
];
/// What the names of these indexes begin with.
const NAME: &str = "iib_while_changing_";
/// So many rows are read through sooner than an index of them is made.
const FEW: usize = 100;
const BUNDLE: &str = "operatorbundle_name, operatorbundle_version, operatorbundle_path";
const API: &str = "group_name, version, kind";

/// KiB of pages that are kept in memory. More would only be memory: manifests are most of a database, and are seen once.
const CACHE: i64 = 2_048;
/// KiB of pages at which changed ones are written before the end: `SQLite` waits for the disk each time.
const SPILL: i64 = 16_384;

impl IndexDb {
    /// Does work in one transaction: all of it, or none on an error.
    pub(crate) fn change<T>(
        &mut self,
        work: impl FnOnce(&Connection) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let path = self.path.clone();
        self.in_transaction(work)
            .map_err(|error| error.in_file(&path))
    }

    fn in_transaction<T>(
        &mut self,
        work: impl FnOnce(&Connection) -> Result<T, Error>,
    ) -> Result<T, Error> {
        for (limit, size) in [("cache_size", CACHE), ("cache_spill", SPILL)] {
            self.connection
                .pragma_update(None, limit, -size)
                .doing("setting the cache size")?;
        }
        let transaction = self
            .connection
            .transaction_with_behavior(TransactionBehavior::Immediate)
            .doing("beginning a transaction")?;
        let indexes = indexes(&transaction).doing("preparing a change")?;
        for (number, (table, columns)) in indexes.iter().enumerate() {
            let create = format!("CREATE INDEX {NAME}{number} ON {table} ({columns})");
            transaction
                .execute_batch(&create)
                .doing("preparing a change")?;
        }
        let triggers = QuickTriggers::begin(&transaction).doing("preparing a change")?;
        let done = work(&transaction);
        let ended = triggers.end(&transaction).doing("ending a change");
        let done = done?;
        ended?;
        for number in 0..indexes.len() {
            transaction
                .execute_batch(&format!("DROP INDEX {NAME}{number}"))
                .doing("ending a change")?;
        }
        transaction.commit().doing("committing")?;
        Ok(done)
    }
}

/// Those of [`INDEXES`] that are worth making.
fn indexes(connection: &Connection) -> rusqlite::Result<Vec<(&'static str, &'static str)>> {
    let tables: BTreeSet<&str> = INDEXES.iter().map(|(table, _)| *table).collect();
    let large = tables.iter().map(|table| {
        format!("SELECT '{table}' FROM (SELECT count(*) AS rows FROM {table}) WHERE rows > {FEW}")
    });
    let large: Vec<String> = large.collect();
    let mut statement = connection.prepare(&large.join(" UNION ALL "))?;
    let large: BTreeSet<String> = statement
        .query_map([], |row| row.get(0))?
        .collect::<rusqlite::Result<_>>()?;
    let indexes = INDEXES.into_iter();
    Ok(indexes
        .filter(|(table, _)| large.contains(*table))
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_large_is_indexed_and_only_while_it_is_changed() {
        let folder = tempfile::tempdir().unwrap();
        let mut database = IndexDb::create(&folder.path().join("index.db"), 0).unwrap();
        let made = "SELECT count(*) FROM sqlite_master WHERE name LIKE 'iib%'";
        let count = |connection: &Connection| connection.query_row(made, [], |row| row.get(0));
        let fill = |connection: &Connection, rows: usize| {
            for _ in 0..rows {
                connection.execute("INSERT INTO properties (type) VALUES ('t')", [])?;
            }
            rusqlite::Result::<()>::Ok(())
        };
        for (rows, indexes) in [(FEW, 0), (1, 1)] {
            fill(&database.connection, rows).unwrap();
            let seen = database.change(|connection| Ok(count(connection)));
            assert_eq!(seen.unwrap(), Ok(indexes));
            assert_eq!(count(&database.connection), Ok(0));
        }
    }
}
