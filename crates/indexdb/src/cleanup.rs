//! The schema's triggers that remove APIs, in a form that does the same with less work.

use rusqlite::Connection;
use rusqlite::config::DbConfig;

use crate::database::SCHEMA;

/// The tables whose rows take an API with them; trigger `<table>_cleanup` sees to it.
const TABLES: [&str; 2] = ["api_provider", "api_requirer"];

/// Quicker triggers that stand in for those of the database while a change is made.
///
/// Theirs look at every pair of a provided and a required API, for each row that is deleted, for one where either of the two is
/// the API of that row. There is one exactly if that API is still provided and any is required, or the other way around; that is
/// what these ask, of indexes. They belong to the connection, and never to the file.
#[derive(Debug)]
#[must_use = "the database's own triggers are off until `end`"]
pub(crate) struct QuickTriggers {
    /// Whether they do: a database may have other triggers.
    stand_in: bool,
}

impl QuickTriggers {
    /// From here on they stand in, if the database has just the triggers of our schema.
    pub(crate) fn begin(connection: &Connection) -> rusqlite::Result<Self> {
        let stand_in = has_known_triggers(connection)?;
        if stand_in {
            for table in TABLES {
                connection.execute_batch(&quick_trigger(table))?;
            }
            // Those that belong to the connection go on.
            connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_TRIGGER, false)?;
        }
        Ok(Self { stand_in })
    }

    /// Leaves the work to the database's own triggers again.
    pub(crate) fn end(self, connection: &Connection) -> rusqlite::Result<()> {
        if self.stand_in {
            connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_TRIGGER, true)?;
            for table in TABLES {
                // A transaction that was rolled back took it along.
                connection.execute_batch(&format!("DROP TRIGGER IF EXISTS iib_{table}_cleanup"))?;
            }
        }
        Ok(())
    }
}

fn quick_trigger(table: &str) -> String {
    let of_row = "group_name = OLD.group_name AND version = OLD.version AND kind = OLD.kind";
    format!(
        "CREATE TEMP TRIGGER iib_{table}_cleanup AFTER DELETE ON main.{table} \
         WHEN NOT ( \
             (EXISTS (SELECT 1 FROM api_provider WHERE {of_row}) AND EXISTS (SELECT 1 FROM api_requirer)) \
             OR (EXISTS (SELECT 1 FROM api_requirer WHERE {of_row}) AND EXISTS (SELECT 1 FROM api_provider)) \
         ) BEGIN DELETE FROM api WHERE {of_row}; END"
    )
}

/// Whether the database has the triggers of our schema and no others.
fn has_known_triggers(connection: &Connection) -> rusqlite::Result<bool> {
    let mut statement =
        connection.prepare("SELECT sql FROM main.sqlite_master WHERE type = 'trigger'")?;
    let found: Vec<String> = statement
        .query_map([], |row| row.get(0))?
        .collect::<rusqlite::Result<_>>()?;
    let schema = without_blanks(SCHEMA);
    Ok(found.len() == TABLES.len()
        && found
            .iter()
            .all(|trigger| schema.contains(&format!("{};", without_blanks(trigger)))))
}

fn without_blanks(sql: &str) -> String {
    sql.split_ascii_whitespace().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Error, IndexDb};

    /// APIs 0 and 1, each provided by up to two rows and required by up to two, as the bits of each number say.
    fn database(rows: [u32; 2]) -> Connection {
        let connection = Connection::open_in_memory().unwrap();
        connection.execute_batch(SCHEMA).unwrap();
        connection
            .pragma_update(None, "foreign_keys", true)
            .unwrap();
        fill(&connection, rows);
        connection
    }

    fn fill(connection: &Connection, rows: [u32; 2]) {
        let clear =
            "DELETE FROM api; INSERT INTO api VALUES ('g', 'v', 0, 'p'), ('g', 'v', 1, 'p')";
        connection.execute_batch(clear).unwrap();
        for (table, rows) in TABLES.into_iter().zip(rows) {
            for place in (0..4).filter(|place| rows >> place & 1 == 1) {
                let insert = format!(
                    "INSERT INTO {table} (group_name, version, kind) VALUES ('g', 'v', ?1)"
                );
                let mut insert = connection.prepare_cached(&insert).unwrap();
                insert.execute([place % 2]).unwrap();
            }
        }
    }

    fn rows(connection: &Connection) -> Vec<String> {
        let sql = "SELECT 'api ' || kind FROM api UNION ALL SELECT 'provided ' || kind FROM api_provider \
                   UNION ALL SELECT 'required ' || kind FROM api_requirer";
        let mut statement = connection.prepare(sql).unwrap();
        let rows = statement.query_map([], |row| row.get(0)).unwrap();
        rows.collect::<rusqlite::Result<_>>().unwrap()
    }

    #[test]
    fn quick_triggers_remove_what_those_of_the_schema_remove() {
        let [slow, quick] = [(); 2].map(|()| database([0, 0]));
        let mut removed = 0;
        for drawn in 0..1 << 8_u32 {
            for table in TABLES {
                let delete = format!("DELETE FROM {table} WHERE kind = 0");
                for connection in [&slow, &quick] {
                    fill(connection, [drawn & 0xf, drawn >> 4]);
                }
                slow.execute(&delete, []).unwrap();
                let triggers = QuickTriggers::begin(&quick).unwrap();
                assert!(triggers.stand_in);
                quick.execute(&delete, []).unwrap();
                triggers.end(&quick).unwrap();
                assert_eq!(rows(&quick), rows(&slow), "{drawn:b} in {table}");
                removed += usize::from(!rows(&quick).contains(&"api 0".to_owned()));
            }
        }
        assert!((1..2 << 8).contains(&removed), "{removed}");
    }

    #[test]
    fn other_triggers_are_left_to_do_their_work() {
        let connection = database([1, 0]);
        let other = "CREATE TRIGGER other AFTER DELETE ON api_provider BEGIN DELETE FROM api; END";
        connection.execute_batch(other).unwrap();
        let triggers = QuickTriggers::begin(&connection).unwrap();
        assert!(!triggers.stand_in);
        connection.execute("DELETE FROM api_provider", []).unwrap();
        triggers.end(&connection).unwrap();
        assert_eq!(rows(&connection), Vec::<String>::new());
    }

    #[test]
    fn the_triggers_of_the_schema_are_back_after_work_that_failed() {
        let folder = tempfile::tempdir().unwrap();
        let mut database = IndexDb::create(&folder.path().join("index.db"), 0).unwrap();
        let package = || "p".to_owned();
        for worked in [false, true] {
            let done = database.change(|connection| {
                let set = connection.db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_TRIGGER);
                assert_eq!(set, Ok(false));
                let error = Error::PackageMissing { package: package() };
                if worked { Ok(()) } else { Err(error) }
            });
            assert_eq!(done.is_ok(), worked);
            let connection = &database.connection;
            assert!(has_known_triggers(connection).unwrap());
            let set = connection.db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_TRIGGER);
            assert_eq!(set, Ok(true));
            let own = "SELECT count(*) FROM sqlite_temp_master";
            assert_eq!(connection.query_row(own, [], |row| row.get(0)), Ok(0));
        }
    }
}
