//! Opening, creating and finishing a database file.

use std::path::{Path, PathBuf};

use rusqlite::{Connection, OpenFlags};

use crate::error::{Doing, Error};

/// The schema version this crate writes.
const VERSION: i64 = 13;

const SCHEMA: &str = include_str!("schema.sql");

/// An open index database.
#[derive(Debug)]
pub struct IndexDb {
    pub(crate) connection: Connection,
    path: PathBuf,
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
        let mut database = Self::connect(path, OpenFlags::SQLITE_OPEN_CREATE)?;
        database.lay_out(timestamp).map_err(|source| Error::Open {
            path: path.to_owned(),
            source,
        })?;
        Ok(database)
    }

    /// Opens a database; an empty file becomes an empty database. Versions above 13 are taken as they are.
    ///
    /// # Errors
    /// [`Error::Open`] if the file is missing or no database, [`Error::TooOld`] and [`Error::NoVersion`] if it is not an index
    /// database of version 13 or newer.
    pub fn open(path: &Path, timestamp: i64) -> Result<Self, Error> {
        let metadata = std::fs::metadata(path).map_err(|source| Error::File {
            path: path.to_owned(),
            source,
        })?;
        if metadata.len() == 0 {
            return Self::create(path, timestamp);
        }
        let database = Self::connect(path, OpenFlags::empty())?;
        match database.version().map_err(|source| Error::Open {
            path: path.to_owned(),
            source,
        })? {
            None => Err(Error::NoVersion),
            Some(version) if version < VERSION => Err(Error::TooOld { version }),
            Some(_) => Ok(database),
        }
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
    /// [`Error::Sqlite`] if the last pages cannot be written.
    pub fn finish(self) -> Result<(), Error> {
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

    /// Like [`IndexDb::finish`], and leaves no free space in the file.
    ///
    /// The content is written to a new file beside the old one, `<name>.compact`, which then takes its place in one step:
    /// readers see the old file or the new one. Whoever else wants to write waits until then.
    ///
    /// # Errors
    /// [`Error::Compact`] if that fails; the database stays as it was, with the changes made to it.
    pub fn finish_compact(self) -> Result<(), Error> {
        let path = self.path.clone();
        self.compact()
            .map_err(|source| Error::Compact { path, source })?;
        self.finish()
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
        self.connection.execute("VACUUM INTO ?1", [name])?;
        std::fs::set_permissions(beside, std::fs::metadata(path)?.permissions())?;
        std::fs::rename(beside, path)?;
        Ok(())
    }

    fn connect(path: &Path, extra: OpenFlags) -> Result<Self, Error> {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX | extra;
        let open = || {
            let connection = Connection::open_with_flags(path, flags)?;
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
            .map_err(|source| Error::Open {
                path: path.to_owned(),
                source,
            })
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
