//! What is in an index.

use std::collections::{BTreeMap, BTreeSet};

use crate::IndexDb;
use crate::error::{Doing, Error};
use crate::lookup;

/// A bundle that is in at least one channel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BundleEntry {
    /// The pull spec of its image, as it was added.
    pub path: String,
    /// The name of its CSV.
    pub csv_name: String,
    /// The package it belongs to.
    pub package: String,
    /// Its version; empty if it has none.
    pub version: String,
    /// The channels it is in, sorted.
    pub channels: Vec<String>,
}

/// A package.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PackageEntry {
    /// Its name.
    pub name: String,
    /// Its default channel, if it has one.
    pub default_channel: Option<String>,
    /// Its channels, by name.
    pub channels: Vec<ChannelEntry>,
}

/// A channel of a package.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChannelEntry {
    /// Its name.
    pub name: String,
    /// The bundle at its head, if it has one.
    pub head: Option<String>,
}

impl IndexDb {
    /// All bundles that are in a channel, by package and name; of several with the same image only the first.
    ///
    /// Costs one pass over the upgrade graphs of the whole index.
    ///
    /// # Errors
    /// [`Error::Sqlite`] if the database cannot be read.
    pub fn bundles(&self) -> Result<Vec<BundleEntry>, Error> {
        let sql =
            "SELECT DISTINCT package_name, operatorbundle_name, channel_name FROM channel_entry";
        let mut statement = self
            .connection
            .prepare_cached(sql)
            .doing("listing bundles")?;
        let rows = statement
            .query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
            .doing("listing bundles")?;
        let mut found: BTreeMap<(String, String), BTreeSet<String>> = BTreeMap::new();
        for row in rows {
            let (package, bundle, channel) = row.doing("listing bundles")?;
            found.entry((package, bundle)).or_default().insert(channel);
        }
        let (mut bundles, mut paths) = (Vec::new(), BTreeSet::new());
        for ((package, csv_name), channels) in found {
            // A name without a row is only skipped or replaced by others.
            let Some(facts) = lookup::facts(&self.connection, &csv_name)? else {
                continue;
            };
            if facts.path.is_empty() || paths.insert(facts.path.clone()) {
                let version = lookup::version(&self.connection, &csv_name, &facts)?;
                bundles.push(BundleEntry {
                    path: facts.path,
                    csv_name,
                    package,
                    version,
                    channels: channels.into_iter().collect(),
                });
            }
        }
        Ok(bundles)
    }

    /// All packages by name.
    ///
    /// # Errors
    /// [`Error::Sqlite`] if the database cannot be read.
    pub fn packages(&self) -> Result<Vec<PackageEntry>, Error> {
        let read = || {
            let mut packages: BTreeMap<String, PackageEntry> = BTreeMap::new();
            let mut statement = self
                .connection
                .prepare_cached("SELECT name, default_channel FROM package")?;
            let mut rows = statement.query([])?;
            while let Some(row) = rows.next()? {
                let name: String = row.get(0)?;
                packages.insert(
                    name.clone(),
                    PackageEntry {
                        name,
                        default_channel: row.get(1)?,
                        channels: Vec::new(),
                    },
                );
            }
            let sql =
                "SELECT package_name, name, head_operatorbundle_name FROM channel ORDER BY name";
            let mut statement = self.connection.prepare_cached(sql)?;
            let mut rows = statement.query([])?;
            while let Some(row) = rows.next()? {
                if let Some(package) = packages.get_mut(&row.get::<_, String>(0)?) {
                    package.channels.push(ChannelEntry {
                        name: row.get(1)?,
                        head: row.get(2)?,
                    });
                }
            }
            Ok(packages.into_values().collect())
        };
        read().doing("listing packages")
    }
}
