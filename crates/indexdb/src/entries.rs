//! The rows of `channel_entry`, which together are the upgrade graphs.

use std::collections::{BTreeMap, BTreeSet};

use rusqlite::Connection;
use rusqlite::types::ValueRef;

use crate::error::{Doing, Error};

/// A row of `channel_entry`, without its package.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) id: i64,
    pub(crate) channel: String,
    pub(crate) bundle: String,
    pub(crate) replaces: Option<i64>,
    pub(crate) depth: i64,
}

/// The entries of some packages, and which packages have entries of some bundles.
#[derive(Debug, Default)]
pub(crate) struct Entries {
    packages: BTreeMap<String, Vec<Entry>>,
    owners: BTreeMap<String, BTreeSet<String>>,
}

impl Entries {
    /// Reads the table once, as it has no index to ask for a package or a bundle: the only pass over it a call makes for this.
    pub(crate) fn load<'a>(
        connection: &Connection,
        packages: impl IntoIterator<Item = &'a str>,
        bundles: impl IntoIterator<Item = &'a str>,
    ) -> Result<Self, Error> {
        let mut entries = Self {
            packages: packages
                .into_iter()
                .map(|name| (name.to_owned(), Vec::new()))
                .collect(),
            owners: bundles
                .into_iter()
                .map(|name| (name.to_owned(), BTreeSet::new()))
                .collect(),
        };
        entries
            .fill(connection)
            .doing("reading the upgrade graph")?;
        Ok(entries)
    }

    fn fill(&mut self, connection: &Connection) -> rusqlite::Result<()> {
        let sql = "SELECT package_name, operatorbundle_name, entry_id, channel_name, replaces, depth \
                   FROM channel_entry ORDER BY entry_id";
        let mut statement = connection.prepare_cached(sql)?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let (package, bundle) = (text(row.get_ref(0)?), text(row.get_ref(1)?));
            if let Some(owners) = self.owners.get_mut(bundle)
                && !owners.contains(package)
            {
                owners.insert(package.to_owned());
            }
            if let Some(entries) = self.packages.get_mut(package) {
                entries.push(Entry {
                    id: row.get(2)?,
                    channel: text(row.get_ref(3)?).to_owned(),
                    bundle: bundle.to_owned(),
                    replaces: row.get(4)?,
                    depth: row.get::<_, Option<i64>>(5)?.unwrap_or_default(),
                });
            }
        }
        Ok(())
    }

    /// The entries of a package that was asked for, in the order of their numbers.
    pub(crate) fn of(&self, package: &str) -> &[Entry] {
        self.packages.get(package).map_or(&[], Vec::as_slice)
    }

    /// The packages with an entry of a bundle that was asked for.
    pub(crate) fn owners(&self, bundle: &str) -> impl Iterator<Item = &str> {
        self.owners
            .get(bundle)
            .into_iter()
            .flatten()
            .map(String::as_str)
    }
}

/// A name; anything that is not text names nothing.
fn text(value: ValueRef<'_>) -> &str {
    match value {
        ValueRef::Text(bytes) => std::str::from_utf8(bytes).unwrap_or_default(),
        ValueRef::Null | ValueRef::Integer(_) | ValueRef::Real(_) | ValueRef::Blob(_) => "",
    }
}
