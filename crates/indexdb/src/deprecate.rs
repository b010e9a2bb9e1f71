//! Deprecating bundles: everything below them goes (index database specification, section 8).

use std::collections::{BTreeMap, BTreeSet};

use rusqlite::{Connection, OptionalExtension, params};

use crate::IndexDb;
use crate::error::{Doing, Error};
use crate::remove::{bundle_names, delete_bundle, names, remove_homeless, remove_package};

/// How bundles are deprecated.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct DeprecateOptions {
    /// Whether a package goes altogether if the heads of all its channels are deprecated.
    pub allow_package_removal: bool,
    /// Whether what cannot be deprecated is passed over.
    pub permissive: bool,
}

/// What a deprecation did.
#[derive(Debug, Default)]
pub struct Deprecated {
    /// The names of the bundles that are deprecated and still there, in the given order.
    pub bundles: Vec<String>,
    /// The bundles that are no longer there.
    pub removed: BTreeSet<String>,
    /// The packages that were removed altogether.
    pub packages: BTreeSet<String>,
    /// What could not be done and was passed over, as was asked for.
    pub skipped: Vec<Error>,
}

impl IndexDb {
    /// Deprecates the bundles of these images and removes what lies below them in their channels; all or none.
    ///
    /// An image that an earlier one of the call removed is passed over. In an index without any bundle nothing is done.
    ///
    /// # Errors
    /// [`Error::DeprecationMissing`] if an image is in no channel, [`Error::DeprecatesDefault`] if a default channel would
    /// go, [`Error::DefaultHeadMissing`] if there is none, [`Error::HeadsRemain`] and [`Error::PackageMissing`] if a package cannot
    /// go as a whole; all but [`Error::Sqlite`] are passed over if the options are permissive.
    pub fn deprecate(
        &mut self,
        paths: &[String],
        options: &DeprecateOptions,
    ) -> Result<Deprecated, Error> {
        self.change(|connection| {
            let before = bundle_names(connection)?;
            let mut run = Run {
                connection,
                permissive: options.permissive,
                done: Deprecated::default(),
            };
            run.all(paths, options.allow_package_removal)?;
            let after = bundle_names(connection)?;
            let mut done = run.done;
            done.bundles.retain(|bundle| after.contains(bundle));
            done.removed = before.difference(&after).cloned().collect();
            Ok(done)
        })
    }
}

struct Run<'a> {
    connection: &'a Connection,
    permissive: bool,
    done: Deprecated,
}

impl Run<'_> {
    fn all(&mut self, paths: &[String], allow_package_removal: bool) -> Result<(), Error> {
        let Some(mut paths) = self.present(paths)? else {
            return Ok(());
        };
        if allow_package_removal {
            paths = self.remove_packages(paths)?;
        }
        let mut errors = Vec::new();
        for path in &paths {
            match deprecate(self.connection, path) {
                Ok(Some(bundle)) => self.done.bundles.push(bundle),
                Ok(None) => {}
                Err(error @ Error::DeprecatesDefault { .. }) => errors.push(error),
                Err(error @ Error::DefaultHeadMissing { .. }) => {
                    errors.push(error);
                    break;
                }
                Err(error) => return Err(error),
            }
        }
        if self.permissive {
            self.done.skipped.append(&mut errors);
        }
        Error::all(errors)
    }

    /// The images that are in a channel; `None` if none of the whole index is (8.1).
    fn present(&mut self, paths: &[String]) -> Result<Option<Vec<String>>, Error> {
        let sql = "SELECT bundlepath FROM operatorbundle INDEXED BY pk WHERE bundlepath IS NOT NULL \
                   AND EXISTS (SELECT 1 FROM channel_entry WHERE operatorbundle_name = operatorbundle.name)";
        let known: BTreeSet<String> = names(self.connection, sql, [])?.into_iter().collect();
        if known.is_empty() {
            return Ok(None);
        }
        let (present, missing): (Vec<String>, Vec<String>) =
            paths.iter().cloned().partition(|path| known.contains(path));
        if !missing.is_empty() {
            self.pass_over(Error::DeprecationMissing { paths: missing })?;
        }
        Ok(Some(present))
    }

    /// Removes the packages whose default channel's head is among the images, and gives the images that are left (8.3).
    fn remove_packages(&mut self, paths: Vec<String>) -> Result<Vec<String>, Error> {
        let defaults: BTreeMap<String, String> = default_heads(self.connection)?
            .into_iter()
            .map(|(package, path)| (path, package))
            .collect();
        let packages: Vec<&String> = paths.iter().filter_map(|path| defaults.get(path)).collect();
        let mut heads: BTreeSet<String> = BTreeSet::new();
        for package in &packages {
            let (mut missing, mut own) = (Vec::new(), Vec::new());
            for (channel, path) in channel_heads(self.connection, package)? {
                if !paths.contains(&path) {
                    missing.push((channel, path.clone()));
                }
                own.push(path);
            }
            if !missing.is_empty() {
                let package = (*package).clone();
                self.pass_over(Error::HeadsRemain { package, missing })?;
                // Nothing is removed unless everything can be.
                return Ok(paths);
            }
            heads.extend(own);
        }
        for package in packages {
            match remove_package(self.connection, package) {
                Ok(()) => {
                    self.done.packages.insert(package.clone());
                }
                Err(error @ Error::PackageMissing { .. }) => self.pass_over(error)?,
                Err(error) => return Err(error),
            }
        }
        Ok(paths
            .into_iter()
            .filter(|path| !heads.contains(path))
            .collect())
    }

    fn pass_over(&mut self, error: Error) -> Result<(), Error> {
        if !self.permissive {
            return Err(error);
        }
        self.done.skipped.push(error);
        Ok(())
    }
}

/// Deprecates one bundle and gives its name; `None` if it is not in the index any more (8.2).
fn deprecate(connection: &Connection, path: &str) -> Result<Option<String>, Error> {
    let Some((bundle, version)) = by_path(connection, path)? else {
        return Ok(None);
    };
    let Some((package, head)) = default_head(connection, &bundle)? else {
        return Err(Error::DefaultHeadMissing {
            bundle,
            path: path.to_owned(),
        });
    };
    let tail = Tail::below(connection, &bundle)?;
    if tail.places.contains_key(&head) {
        return Err(Error::DeprecatesDefault {
            bundle,
            path: path.to_owned(),
            package,
            head,
        });
    }
    let own = &tail.places[&bundle].channels;
    for name in tail.order.iter().filter(|name| **name != bundle) {
        let place = &tail.places[name];
        for channel in own.intersection(&place.channels) {
            delete_entries(connection, name, channel).doing("truncating a channel")?;
        }
        let elsewhere = place.channels.difference(own).next().is_some();
        let needed = place
            .replaced_by
            .iter()
            .any(|above| !tail.places.contains_key(above));
        if !elsewhere && !needed {
            delete_bundle(connection, name)?;
        }
    }
    mark(connection, &bundle, &version, path).doing("marking a bundle as deprecated")?;
    remove_homeless(connection)?;
    Ok(Some(bundle))
}

/// A channel, with its package.
type Channel = (String, String);

/// Where a bundle stands.
#[derive(Debug, Default)]
struct Place {
    channels: BTreeSet<Channel>,
    replaced_by: BTreeSet<String>,
}

/// A bundle and everything below it in any channel, real or not.
#[derive(Debug, Default)]
struct Tail {
    /// Breadth first, then by name.
    order: Vec<String>,
    places: BTreeMap<String, Place>,
}

impl Tail {
    fn below(connection: &Connection, bundle: &str) -> Result<Self, Error> {
        let mut tail = Self {
            order: vec![bundle.to_owned()],
            places: BTreeMap::new(),
        };
        tail.places.insert(bundle.to_owned(), Place::default());
        let mut next = 0;
        while let Some(name) = tail.order.get(next).cloned() {
            next += 1;
            let below = "SELECT DISTINCT below.operatorbundle_name FROM channel_entry AS above \
                         JOIN channel_entry AS below ON below.entry_id = above.replaces \
                         WHERE above.operatorbundle_name = ?1 AND below.operatorbundle_name IS NOT NULL ORDER BY 1";
            for name in names(connection, below, [&name])? {
                if !tail.places.contains_key(&name) {
                    tail.places.insert(name.clone(), Place::default());
                    tail.order.push(name);
                }
            }
            let above = "SELECT DISTINCT above.operatorbundle_name FROM channel_entry AS below \
                         JOIN channel_entry AS above ON above.replaces = below.entry_id \
                         WHERE below.operatorbundle_name = ?1 AND above.operatorbundle_name IS NOT NULL";
            let place = Place {
                channels: channels(connection, &name).doing("listing channels")?,
                replaced_by: names(connection, above, [&name])?.into_iter().collect(),
            };
            tail.places.insert(name, place);
        }
        Ok(tail)
    }
}

fn channels(connection: &Connection, bundle: &str) -> rusqlite::Result<BTreeSet<Channel>> {
    connection
        .prepare_cached(
            "SELECT DISTINCT package_name, channel_name FROM channel_entry WHERE operatorbundle_name = ?1",
        )?
        .query_map([bundle], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect()
}

/// Deletes the entries of a bundle in a channel; what pointed at them points nowhere.
fn delete_entries(
    connection: &Connection,
    bundle: &str,
    (package, channel): &Channel,
) -> rusqlite::Result<()> {
    let those = "SELECT entry_id FROM channel_entry \
                 WHERE operatorbundle_name = ?1 AND package_name = ?2 AND channel_name = ?3";
    connection
        .prepare_cached(&format!(
            "UPDATE channel_entry SET replaces = NULL WHERE replaces IN ({those})"
        ))?
        .execute([bundle, package, channel])?;
    connection
        .prepare_cached(&format!(
            "DELETE FROM channel_entry WHERE entry_id IN ({those})"
        ))?
        .execute([bundle, package, channel])?;
    Ok(())
}

/// The deprecated bundle ends its channels, and takes those it heads with it.
fn mark(connection: &Connection, bundle: &str, version: &str, path: &str) -> rusqlite::Result<()> {
    for sql in [
        "UPDATE channel_entry SET replaces = NULL WHERE operatorbundle_name = ?1",
        "DELETE FROM channel WHERE head_operatorbundle_name = ?1",
        "INSERT OR IGNORE INTO deprecated (operatorbundle_name) VALUES (?1)",
    ] {
        connection.prepare_cached(sql)?.execute([bundle])?;
    }
    crate::add::property(connection, "olm.deprecated", "{}", bundle, version, path)
}

/// Name and version of the bundle of an image.
fn by_path(connection: &Connection, path: &str) -> Result<Option<(String, String)>, Error> {
    let read = || {
        let sql = "SELECT name, version FROM operatorbundle INDEXED BY pk \
                   WHERE bundlepath = ?1 AND name IS NOT NULL AND version IS NOT NULL LIMIT 1";
        connection
            .prepare_cached(sql)?
            .query_row([path], |row| Ok((row.get(0)?, row.get(1)?)))
            .optional()
    };
    read().doing("looking up a bundle image")
}

/// The package of a bundle, and the head of that package's default channel.
fn default_head(connection: &Connection, bundle: &str) -> Result<Option<(String, String)>, Error> {
    let read = || {
        let sql = "SELECT package.name, channel.head_operatorbundle_name FROM package \
                   JOIN channel ON channel.package_name = package.name AND channel.name = package.default_channel \
                   WHERE channel.head_operatorbundle_name IS NOT NULL \
                   AND package.name IN (SELECT package_name FROM channel_entry WHERE operatorbundle_name = ?1) LIMIT 1";
        connection
            .prepare_cached(sql)?
            .query_row([bundle], |row| Ok((row.get(0)?, row.get(1)?)))
            .optional()
    };
    read().doing("looking up the default channel")
}

/// Every package with the image of its default channel's head.
fn default_heads(connection: &Connection) -> Result<Vec<(String, String)>, Error> {
    let sql = "SELECT package.name, operatorbundle.bundlepath FROM package \
               JOIN channel ON channel.package_name = package.name AND channel.name = package.default_channel \
               JOIN operatorbundle INDEXED BY pk ON operatorbundle.name = channel.head_operatorbundle_name \
               WHERE operatorbundle.bundlepath IS NOT NULL ORDER BY package.name";
    pairs(connection, sql, params![])
}

/// The channels of a package with the images of their heads, by name.
fn channel_heads(connection: &Connection, package: &str) -> Result<Vec<(String, String)>, Error> {
    let sql = "SELECT channel.name, operatorbundle.bundlepath FROM channel \
               JOIN operatorbundle INDEXED BY pk ON operatorbundle.name = channel.head_operatorbundle_name \
               WHERE channel.package_name = ?1 AND operatorbundle.bundlepath IS NOT NULL ORDER BY channel.name";
    pairs(connection, sql, params![package])
}

fn pairs(
    connection: &Connection,
    sql: &str,
    parameters: &[&dyn rusqlite::ToSql],
) -> Result<Vec<(String, String)>, Error> {
    let read = || {
        connection
            .prepare_cached(sql)?
            .query_map(parameters, |row| Ok((row.get(0)?, row.get(1)?)))?
            .collect::<rusqlite::Result<_>>()
    };
    read().doing("listing channel heads")
}
