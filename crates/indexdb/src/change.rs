//! What every change other than an addition has in common.

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
const BUNDLE: &str = "operatorbundle_name, operatorbundle_version, operatorbundle_path";
const API: &str = "group_name, version, kind";

/// Page cache in KiB. When it is too small, `SQLite` writes half-done work to the file, and waits for the disk each time.
const CACHE: i64 = 16_384;

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
        self.connection
            .pragma_update(None, "cache_size", -CACHE)
            .doing("setting the cache size")?;
        let transaction = self
            .connection
            .transaction_with_behavior(TransactionBehavior::Immediate)
            .doing("beginning a transaction")?;
        transaction
            .execute_batch(&each(|index, table, columns| {
                format!("CREATE INDEX {index} ON {table} ({columns});")
            }))
            .doing("preparing a change")?;
        let triggers = QuickTriggers::begin(&transaction).doing("preparing a change")?;
        let done = work(&transaction);
        let ended = triggers.end(&transaction).doing("ending a change");
        let done = done?;
        ended?;
        transaction
            .execute_batch(&each(|index, _, _| format!("DROP INDEX {index};")))
            .doing("ending a change")?;
        transaction.commit().doing("committing")?;
        Ok(done)
    }
}

fn each(statement: impl Fn(&str, &str, &str) -> String) -> String {
    let statements = INDEXES
        .iter()
        .enumerate()
        .map(|(number, (table, columns))| {
            statement(&format!("iib_while_changing_{number}"), table, columns)
        });
    statements.collect()
}
