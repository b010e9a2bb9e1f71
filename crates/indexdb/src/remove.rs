//! Removing packages and what is stranded (index database specification, section 7).

use std::collections::BTreeSet;

use rusqlite::{Connection, OptionalExtension};

use crate::IndexDb;
use crate::error::{Doing, Error};

/// What a removal did.
#[derive(Debug, Default)]
pub struct Removed {
    /// The packages that were removed.
    pub packages: BTreeSet<String>,
    /// The bundles that are no longer there, stranded ones included.
    pub bundles: BTreeSet<String>,
    /// What could not be done and was passed over, as was asked for.
    pub skipped: Vec<Error>,
}

impl IndexDb {
    /// Removes packages with all their bundles, and everything that is stranded then; all or none.
    ///
    /// With `permissive`, a package that cannot be removed is passed over.
    ///
    /// # Errors
    /// [`Error::PackageMissing`] if the index has no bundle of a package in a channel, unless `permissive`; [`Error::Sqlite`].
    pub fn remove(&mut self, packages: &[String], permissive: bool) -> Result<Removed, Error> {
        self.removing(|connection| remove_all(connection, packages, permissive))
    }

    /// Removes all packages but those named; names the index does not have are ignored.
    ///
    /// With `permissive`, a package that cannot be removed is passed over.
    ///
    /// # Errors
    /// [`Error::PackageMissing`] if a package has no bundle in a channel, unless `permissive`; [`Error::Sqlite`].
    pub fn prune(&mut self, keep: &BTreeSet<String>, permissive: bool) -> Result<Removed, Error> {
        self.removing(|connection| {
            let packages: Vec<String> =
                names(connection, "SELECT name FROM package ORDER BY name", [])?
                    .into_iter()
                    .filter(|package| !keep.contains(package))
                    .collect();
            remove_all(connection, &packages, permissive)
        })
    }

    /// Removes the bundles that are in no channel and not deprecated, and those that say they belong to a package the index
    /// does not have.
    ///
    /// # Errors
    /// [`Error::Sqlite`] if the database cannot be changed.
    pub fn prune_stranded(&mut self) -> Result<Removed, Error> {
        self.removing(|connection| {
            remove_stranded(connection)?;
            Ok(Removed::default())
        })
    }

    /// Tells which bundles are gone after the work.
    fn removing(
        &mut self,
        work: impl FnOnce(&Connection) -> Result<Removed, Error>,
    ) -> Result<Removed, Error> {
        self.change(|connection| {
            let before = bundle_names(connection)?;
            let mut removed = work(connection)?;
            let after = bundle_names(connection)?;
            removed.bundles = before.difference(&after).cloned().collect();
            Ok(removed)
        })
    }
}

/// The names of all real bundles.
pub(crate) fn bundle_names(connection: &Connection) -> Result<BTreeSet<String>, Error> {
    let sql = "SELECT name FROM operatorbundle INDEXED BY pk WHERE name IS NOT NULL";
    Ok(names(connection, sql, [])?.into_iter().collect())
}

fn remove_all(
    connection: &Connection,
    packages: &[String],
    permissive: bool,
) -> Result<Removed, Error> {
    let mut removed = Removed::default();
    for package in packages {
        match remove_package(connection, package) {
            Ok(()) => {
                removed.packages.insert(package.clone());
            }
            Err(error @ Error::PackageMissing { .. }) if permissive => removed.skipped.push(error),
            Err(error) => return Err(error),
        }
    }
    remove_stranded(connection)?;
    Ok(removed)
}

/// Removes one package, and what is stranded then (7.2).
pub(crate) fn remove_package(connection: &Connection, package: &str) -> Result<(), Error> {
    let sql = "SELECT DISTINCT operatorbundle_name FROM channel_entry \
               WHERE package_name = ?1 AND operatorbundle_name IS NOT NULL ORDER BY operatorbundle_name";
    let bundles = names(connection, sql, [package])?;
    if bundles.is_empty() {
        return Err(Error::PackageMissing {
            package: package.to_owned(),
        });
    }
    for bundle in &bundles {
        delete(connection, "deprecated", "operatorbundle_name", bundle)?;
    }
    for bundle in &bundles {
        delete_bundle(connection, bundle)?;
    }
    delete(connection, "package", "name", package)?;
    delete(connection, "channel", "package_name", package)?;
    remove_stranded(connection)
}

/// Deletes everything of a bundle (7.1); `SQLite`'s cascades do the rest.
pub(crate) fn delete_bundle(connection: &Connection, bundle: &str) -> Result<(), Error> {
    delete(connection, "operatorbundle", "name", bundle)?;
    for table in ["api_provider", "api_requirer", "channel_entry"] {
        delete(connection, table, "operatorbundle_name", bundle)?;
    }
    Ok(())
}

/// Deletes what is in no channel, and then what [`remove_homeless`] deletes (7.4).
fn remove_stranded(connection: &Connection) -> Result<(), Error> {
    let sql = "SELECT name FROM operatorbundle INDEXED BY pk WHERE name IS NOT NULL \
               AND NOT EXISTS (SELECT 1 FROM channel_entry WHERE operatorbundle_name = operatorbundle.name) \
               AND NOT EXISTS (SELECT 1 FROM deprecated WHERE operatorbundle_name = operatorbundle.name) \
               ORDER BY name";
    for bundle in names(connection, sql, [])? {
        delete(connection, "operatorbundle", "name", &bundle)?;
    }
    remove_homeless(connection)
}

/// Deletes the bundles with a property that names a package the index does not have, and deprecations of no bundle (7.4, the last
/// two steps).
pub(crate) fn remove_homeless(connection: &Connection) -> Result<(), Error> {
    let mut homeless = BTreeSet::new();
    {
        let sql = "SELECT DISTINCT operatorbundle_name, CAST(value AS BLOB) FROM properties \
                   WHERE type = 'olm.package' AND operatorbundle_name IS NOT NULL";
        let mut statement = connection
            .prepare_cached(sql)
            .doing("reading package properties")?;
        let mut rows = statement.query([]).doing("reading package properties")?;
        while let Some(row) = rows.next().doing("reading package properties")? {
            let (bundle, value): (String, Option<Vec<u8>>) = (
                row.get(0).doing("reading package properties")?,
                row.get(1).doing("reading package properties")?,
            );
            let package = value.as_deref().and_then(package_name);
            if let Some(package) = package
                && !has_package(connection, &package)?
            {
                homeless.insert(bundle);
            }
        }
    }
    for bundle in homeless {
        delete_bundle(connection, &bundle)?;
    }
    connection
        .execute(
            "DELETE FROM deprecated WHERE NOT EXISTS (SELECT 1 FROM operatorbundle WHERE name = deprecated.operatorbundle_name)",
            [],
        )
        .doing("deleting deprecations")?;
    Ok(())
}

/// What a property of type `olm.package` names; nothing if it is not one.
fn package_name(value: &[u8]) -> Option<String> {
    let value: serde_json::Value = serde_json::from_slice(value).ok()?;
    match value.as_object()?.get("packageName") {
        None | Some(serde_json::Value::Null) => Some(String::new()),
        Some(name) => name.as_str().map(str::to_owned),
    }
}

fn has_package(connection: &Connection, package: &str) -> Result<bool, Error> {
    let mut statement = connection
        .prepare_cached("SELECT 1 FROM package WHERE name = ?1")
        .doing("looking up a package")?;
    let found = statement.query_row([package], |_| Ok(())).optional();
    Ok(found.doing("looking up a package")?.is_some())
}

/// Deletes rows by one column.
pub(crate) fn delete(
    connection: &Connection,
    table: &'static str,
    column: &'static str,
    value: &str,
) -> Result<(), Error> {
    let sql = format!("DELETE FROM {table} WHERE {column} = ?1");
    let delete = || connection.prepare_cached(&sql)?.execute([value]);
    delete().doing("deleting rows")?;
    Ok(())
}

/// The first column of what a query gives.
pub(crate) fn names(
    connection: &Connection,
    sql: &str,
    parameters: impl rusqlite::Params,
) -> Result<Vec<String>, Error> {
    let read = || {
        connection
            .prepare_cached(sql)?
            .query_map(parameters, |row| row.get(0))?
            .collect::<rusqlite::Result<_>>()
    };
    read().doing("listing names")
}
