//! Adding bundles (index database specification, section 3).

mod check;
mod insert;
mod manifest;
mod overwrite;
mod plan;
mod replaces;
mod semver;
mod substitutes;

pub(crate) use insert::property;

use std::collections::BTreeSet;
use std::str::FromStr;

use bundle::Bundle;
use catalog::Profile;
use rusqlite::{Connection, OptionalExtension, TransactionBehavior};

use crate::IndexDb;
use crate::entries::Entries;
use crate::error::{Doing, Error, Pruned};
use crate::graph::Graph;

/// How bundles are added.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct AddOptions {
    /// How the upgrade graph is made.
    pub mode: Mode,
    /// Whether a new bundle may take the place of a channel head of the same name. Only mode [`Mode::Replaces`] heeds it.
    pub overwrite_latest: bool,
    /// Whether the annotation `olm.substitutesFor` is honoured; without it a bundle that carries it is refused.
    pub substitutes_for: bool,
    /// Whose properties are stored: profiles differ in those of substitutes.
    pub profile: Profile,
}

/// How the upgrade graph of a package is made.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Mode {
    /// From what each CSV replaces and skips.
    #[default]
    Replaces,
    /// From the versions alone: each bundle replaces the next lower one.
    Semver,
    /// From the versions alone; a bundle also skips the lower patch versions of its minor release.
    SemverSkippatch,
}

/// A word that names no [`Mode`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no channel update mode; choose `replaces`, `semver` or `semver-skippatch`")]
pub struct UnknownMode(String);

impl FromStr for Mode {
    type Err = UnknownMode;

    fn from_str(word: &str) -> Result<Self, Self::Err> {
        match word.to_ascii_lowercase().as_str() {
            "replaces" => Ok(Self::Replaces),
            "semver" => Ok(Self::Semver),
            "semver-skippatch" => Ok(Self::SemverSkippatch),
            _ => Err(UnknownMode(word.to_owned())),
        }
    }
}

/// What an addition changed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Added {
    /// The names of the bundles that were added, in the given order.
    pub bundles: Vec<String>,
    /// The names among them that took the place of a bundle that was there before.
    pub overwritten: BTreeSet<String>,
    /// The packages they belong to.
    pub packages: BTreeSet<String>,
}

impl IndexDb {
    /// Adds bundles, all or none: on an error the database is as it was before.
    ///
    /// A bundle image given twice counts once. The order of the bundles matters for the semver modes only.
    ///
    /// # Errors
    /// [`Error`] says what is wrong with which bundle, package or channel; [`Error::Several`] if more than one thing is.
    pub fn add(&mut self, bundles: &[Bundle], options: &AddOptions) -> Result<Added, Error> {
        self.add_all(bundles, *options)
            .map_err(|error| error.in_file(&self.path))
    }

    /// Stores one more property of the bundle of the image `path`. Says whether there is such a bundle.
    ///
    /// # Errors
    /// [`Error::Sqlite`] if the database cannot be changed.
    pub fn add_property(&mut self, path: &str, type_: &str, value: &str) -> Result<bool, Error> {
        self.change(|connection| {
            let sql = "SELECT name, version FROM operatorbundle WHERE bundlepath = ?1";
            let row = |row: &rusqlite::Row<'_>| {
                Ok((row.get::<_, String>(0)?, row.get::<_, Option<String>>(1)?))
            };
            let doing = "adding a property";
            let found = connection
                .query_row(sql, [path], row)
                .optional()
                .doing(doing)?;
            let Some((name, version)) = found else {
                return Ok(false);
            };
            let version = version.unwrap_or_default();
            insert::property(connection, type_, value, &name, &version, path).doing(doing)?;
            Ok(true)
        })
    }

    fn add_all(&mut self, bundles: &[Bundle], options: AddOptions) -> Result<Added, Error> {
        let mut paths = BTreeSet::new();
        let bundles: Vec<&Bundle> = bundles
            .iter()
            .filter(|bundle| paths.insert(bundle.path()))
            .collect();
        if bundles.is_empty() {
            return Ok(Added::default());
        }
        let transaction = self
            .connection
            .transaction_with_behavior(TransactionBehavior::Immediate)
            .doing("beginning a transaction")?;
        let overwrites = if options.overwrite_latest {
            overwrite::recorded(&transaction, &bundles)?
        } else {
            Vec::new()
        };
        check::check(&transaction, &bundles, !overwrites.is_empty())?;
        match options.mode {
            Mode::Replaces => replaces::add(&transaction, &bundles, &overwrites, options)?,
            Mode::Semver | Mode::SemverSkippatch => semver::add(&transaction, &bundles, options)?,
        }
        check_reachable(&transaction, &bundles)?;
        transaction.commit().doing("committing")?;

        let overwritten = match options.mode {
            Mode::Replaces => overwrites
                .into_iter()
                .map(|overwrite| overwrite.name)
                .collect(),
            Mode::Semver | Mode::SemverSkippatch => BTreeSet::new(),
        };
        Ok(Added {
            bundles: bundles
                .iter()
                .map(|bundle| bundle.name().to_owned())
                .collect(),
            overwritten,
            packages: bundles
                .iter()
                .map(|bundle| bundle.package().to_owned())
                .collect(),
        })
    }
}

/// The packages of the bundles, by name.
fn packages<'a>(bundles: &[&'a Bundle]) -> BTreeSet<&'a str> {
    bundles.iter().map(|bundle| bundle.package()).collect()
}

/// Every new bundle must lie on some way down from the head of each channel it declares (3.2).
fn check_reachable(connection: &Connection, bundles: &[&Bundle]) -> Result<(), Error> {
    let packages = packages(bundles);
    let entries = Entries::load(connection, packages.iter().copied(), [])?;
    let mut errors = Vec::new();
    for package in packages {
        let graph = match Graph::load(connection, package, entries.of(package)) {
            Ok(graph) => graph,
            Err(error) => {
                errors.push(error);
                continue;
            }
        };
        for bundle in bundles.iter().filter(|bundle| bundle.package() == package) {
            for name in bundle.channels() {
                let channel = graph.channels.get(name);
                if channel.is_some_and(|channel| channel.reachable_paths().contains(bundle.path()))
                {
                    continue;
                }
                errors.push(Error::Pruned(Box::new(Pruned {
                    bundle: bundle.name().to_owned(),
                    path: bundle.path().to_owned(),
                    package: package.to_owned(),
                    channel: name.clone(),
                    head: channel.map_or_else(String::new, |channel| channel.head.clone()),
                    edges: channel.map_or_else(Vec::new, |channel| channel.below(&channel.head)),
                })));
            }
        }
    }
    Error::all(errors)
}
