//! Opening, creating and finishing a database file.

use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::backup::Backup;
use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};

use crate::error::{Doing, Error};
use crate::migrate;

/// The schema version this crate writes.
pub(crate) const VERSION: i64 = 13;

/// A file is written anew when one page of this many, or more, is free.
const WORTH_COMPACTING: i64 = 8;

pub(crate) const SCHEMA: &str = include_str!("schema.sql");

/// An open index database.
#[derive(Debug)]
pub struct IndexDb {
    pub(crate) connection: Connection,
    pub(crate) path: PathBuf,
}

impl IndexDb {
    /// Makes an empty database of version 13; the file must be missing or empty.
    ///
    /// `timestamp` (Unix seconds) is what the database says about when it was made.
    ///
    /// # Errors
    /// [`Error::Exists`] if there is such a file with content, [`Error::Open`] if it cannot be made.
    pub fn create(path: &Path, timestamp: i64) -> Result<Self, Error> {
        if std::fs::metadata(path).is_ok_and(|metadata| metadata.len() > 0) {
            return Err(Error::Exists {
                path: path.to_owned(),
            });
        }
        let mut database = Self::connect(
            path,
            OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE,
        )?;
        database
            .lay_out(timestamp)
            .map_err(|source| Error::open(path, source))?;
        Ok(database)
    }

    /// Opens a database; an empty file becomes an empty database. Versions above 13 are taken as they are, versions 5 to 12 and
    /// empty ones below are brought to version 13, which the file keeps.
    ///
    /// # Errors
    /// [`Error::File`] and [`Error::Open`] if the file is missing or no database, [`Error::TooOld`] if it is older and not empty,
    /// [`Error::NoVersion`] if it is no index database, [`Error::Migrate`] if it could not be brought to version 13.
    pub fn open(path: &Path, timestamp: i64) -> Result<Self, Error> {
        let metadata = std::fs::metadata(path).map_err(|source| Error::File {
            path: path.to_owned(),
            source,
        })?;
        if metadata.len() == 0 {
            return Self::create(path, timestamp);
        }
        let database = Self::connect(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
        database.bring_up(timestamp)
    }

    /// Opens a database to read it alone: the file stays as it is, whatever version it has. Older versions are brought to
    /// version 13 in memory.
    ///
    /// # Errors
    /// Those of [`IndexDb::open`]; an empty file is no index database here.
    pub fn open_unchanged(path: &Path, timestamp: i64) -> Result<Self, Error> {
        let database = Self::connect(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
        let unusable = |source| Error::open(path, source);
        // Who only reads goes through the file once: manifests, which are most of it, are never asked for again.
        let small = database.connection.pragma_update(None, "cache_size", -512);
        small.map_err(unusable)?;
        if database.version().map_err(unusable)? >= Some(VERSION) {
            return Ok(database);
        }
        database.in_memory().map_err(unusable)?.bring_up(timestamp)
    }

    /// A copy that no file belongs to.
    fn in_memory(&self) -> rusqlite::Result<Self> {
        const ALL_PAGES: i32 = i32::MAX;
        let mut connection = Connection::open_in_memory()?;
        Backup::new(&self.connection, &mut connection)?.run_to_completion(
            ALL_PAGES,
            Duration::from_millis(100),
            None,
        )?;
        distrust(&connection)?;
        connection.pragma_update(None, "foreign_keys", true)?;
        Ok(Self {
            connection,
            path: self.path.clone(),
        })
    }

    /// Brings an older database to version 13.
    fn bring_up(mut self, timestamp: i64) -> Result<Self, Error> {
        let path = &self.path;
        let unusable = |source| Error::open(path, source);
        let Some(version) = self.version().map_err(unusable)? else {
            return Err(Error::NoVersion);
        };
        if version >= VERSION {
            return Ok(self);
        }
        if version < migrate::OLDEST && migrate::has_content(&self.connection).map_err(unusable)? {
            return Err(Error::TooOld { version });
        }
        migrate::migrate(&mut self.connection, version, timestamp).map_err(|source| {
            Error::Migrate {
                path: path.to_owned(),
                version,
                source,
            }
        })?;
        Ok(self)
    }

    /// Stops waiting for the disk after each change, which saves most of the time a small addition takes.
    ///
    /// For working copies: a crash of the whole machine may leave the file unusable; a crash of the process does not.
    ///
    /// # Errors
    /// [`Error::Sqlite`] if `SQLite` refuses.
    pub fn without_sync(self) -> Result<Self, Error> {
        self.connection
            .pragma_update(None, "synchronous", "off")
            .doing("switching off synchronisation")?;
        Ok(self)
    }

    /// Closes the database so that the file is complete and nothing lies beside it.
    ///
    /// # Errors
    /// [`Error::Sqlite`] if the last pages cannot be written, [`Error::DiskFull`] if that is why.
    pub fn finish(self) -> Result<(), Error> {
        let path = self.path.clone();
        self.close().map_err(|error| error.in_file(&path))
    }

    fn close(self) -> Result<(), Error> {
        self.connection.flush_prepared_statement_cache();
        // A file somebody left in WAL mode would keep its newest pages in a second file.
        self.connection
            .pragma_update(None, "journal_mode", "delete")
            .doing("leaving WAL mode")?;
        self.connection
            .close()
            .map_err(|(_, source)| source)
            .doing("closing")
    }

    /// Like [`IndexDb::finish`], and takes free space out of the file if that is an eighth of it or more.
    ///
    /// Less is not worth writing everything anew for, and later additions use it. Otherwise the content is written to a new file beside the old one, `<name>.compact`, which then takes its place in one step:
    /// readers see the old file or the new one. Whoever else wants to write waits until then.
    ///
    /// # Errors
    /// [`Error::Compact`] if that fails; the database stays as it was, with the changes made to it.
    pub fn finish_compact(self) -> Result<(), Error> {
        if !self.has_much_free_space().doing("reading its size")? {
            return self.finish();
        }
        let path = self.path.clone();
        self.compact()
            .map_err(|source| Error::Compact { path, source })?;
        self.finish()
    }

    fn has_much_free_space(&self) -> rusqlite::Result<bool> {
        let pragma = |name| {
            self.connection
                .pragma_query_value(None, name, |row| row.get::<_, i64>(0))
        };
        let (free, all) = (pragma("freelist_count")?, pragma("page_count")?);
        Ok(free > 0 && free.saturating_mul(WORTH_COMPACTING) >= all)
    }

    fn compact(&self) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
        // A link stays one; what it leads to is replaced.
        let path = std::fs::canonicalize(&self.path)?;
        let mut beside = path.clone().into_os_string();
        beside.push(".compact");
        let beside = PathBuf::from(beside);
        // A run that was killed may have left one.
        if beside.exists() {
            std::fs::remove_file(&beside)?;
        }
        // The newest pages must not lie in a second file when this one is replaced.
        self.connection
            .pragma_update(None, "journal_mode", "delete")?;
        // Reading goes on while this holds the right to write.
        let guard = Connection::open_with_flags(&path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
        guard.execute_batch("BEGIN IMMEDIATE")?;
        let written = self.write_compact(&path, &beside);
        if written.is_err() && beside.exists() {
            std::fs::remove_file(&beside)?;
        }
        written?;
        guard.execute_batch("ROLLBACK")?;
        Ok(())
    }

    fn write_compact(
        &self,
        path: &Path,
        beside: &Path,
    ) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
        let name = beside.to_str().ok_or("its path is not UTF-8")?;
        // Pages are read and written once, so a larger cache would only cost memory.
        for limit in ["cache_size", "cache_spill"] {
            self.connection.pragma_update(None, limit, -512)?;
        }
        // Half a new file is thrown away, so one flush is enough: that of the whole, before it takes its place.
        self.connection.pragma_update(None, "synchronous", "off")?;
        self.connection.execute("VACUUM INTO ?1", [name])?;
        std::fs::set_permissions(beside, std::fs::metadata(path)?.permissions())?;
        std::fs::File::open(beside)?.sync_all()?;
        std::fs::rename(beside, path)?;
        Ok(())
    }

    fn connect(path: &Path, access: OpenFlags) -> Result<Self, Error> {
        let flags = access | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let open = || {
            let connection = Connection::open_with_flags(path, flags)?;
            distrust(&connection)?;
            // Cascades do part of the work. Recursive triggers stay off: they would change what `REPLACE` does.
            connection.pragma_update(None, "foreign_keys", true)?;
            connection.set_prepared_statement_cache_capacity(64);
            Ok(connection)
        };
        open()
            .map(|connection| Self {
                connection,
                path: path.to_owned(),
            })
            .map_err(|source| Error::open(path, source))
    }

    fn lay_out(&mut self, timestamp: i64) -> rusqlite::Result<()> {
        let transaction = self.connection.transaction()?;
        transaction.execute_batch(SCHEMA)?;
        transaction.execute(
            "INSERT INTO schema_migrations (version, timestamp) VALUES (?1, datetime(?2, 'unixepoch'))",
            [VERSION, timestamp],
        )?;
        transaction.commit()
    }

    fn version(&self) -> rusqlite::Result<Option<i64>> {
        let table = "SELECT EXISTS (SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'schema_migrations')";
        if !self
            .connection
            .query_row(table, [], |row| row.get::<_, bool>(0))?
        {
            return Ok(None);
        }
        self.connection
            .query_row("SELECT max(version) FROM schema_migrations", [], |row| {
                row.get(0)
            })
    }
}

/// Keeps the schema of a database that somebody else made from doing more than it must: no index database has views, and a
/// view may never end. The triggers it has are allowed; they cannot loop.
fn distrust(connection: &Connection) -> rusqlite::Result<()> {
    for (setting, value) in [
        (DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true),
        (DbConfig::SQLITE_DBCONFIG_ENABLE_VIEW, false),
        (DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false),
    ] {
        connection.set_db_config(setting, value)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_disk_is_said_once_with_the_file_and_the_remedy() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("index.db");
        let database = IndexDb::create(&path, 0).unwrap();
        // As good as a full disk: the file may not grow any more.
        database
            .connection
            .pragma_update(None, "max_page_count", 1)
            .unwrap();
        let fill = "INSERT INTO package (name) VALUES (hex(zeroblob(100000)))";
        let error = database
            .connection
            .execute(fill, [])
            .doing("adding a package")
            .unwrap_err()
            .in_file(&database.path);
        assert!(std::error::Error::source(&error).is_none(), "{error:?}");
        assert_eq!(
            error.to_string(),
            format!(
                "adding a package failed in the index database `{}`: the disk is full; free space on the disk that holds it",
                path.display()
            )
        );
    }
}
