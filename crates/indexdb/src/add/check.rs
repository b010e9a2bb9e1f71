//! What must hold before anything is stored (index database specification, 3.1).

use std::collections::{BTreeMap, BTreeSet};

use bundle::Bundle;
use rusqlite::Connection;

use super::packages;
use crate::entries::{Entries, Entry};
use crate::error::Error;
use crate::lookup;

/// Checks the new bundles against the database and each other; `overwriting` says that some are to replace bundles of their name.
pub(super) fn check(
    connection: &Connection,
    bundles: &[&Bundle],
    overwriting: bool,
) -> Result<(), Error> {
    let edges = edges(bundles);
    let entries = Entries::load(connection, packages(bundles), edges.keys().copied())?;
    let mut errors = Vec::new();
    if !presence(connection, bundles, overwriting, &entries, &mut errors)? {
        return Ok(());
    }
    for (name, owners) in edges {
        if owners.len() > 1 {
            let packages = owners.into_iter().map(str::to_owned).collect();
            errors.push(Error::EdgeAmbiguous {
                name: name.to_owned(),
                packages,
            });
            continue;
        }
        for package in owners {
            if let Some(owner) = entries.owners(name).find(|owner| *owner != package) {
                let (name, owner, package) =
                    (name.to_owned(), owner.to_owned(), package.to_owned());
                errors.push(Error::EdgeForeign {
                    name,
                    owner,
                    package,
                });
            }
        }
    }
    Error::all(errors)
}

/// Every name the new bundles have, replace or skip, with the packages that use it.
fn edges<'a>(bundles: &[&'a Bundle]) -> BTreeMap<&'a str, BTreeSet<&'a str>> {
    let mut edges: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for bundle in bundles {
        let skips = bundle.skips().iter().map(String::as_str);
        for name in skips
            .chain([bundle.name(), bundle.replaces()])
            .filter(|name| !name.is_empty())
        {
            edges.entry(name).or_default().insert(bundle.package());
        }
    }
    edges
}

/// Whether the bundles are in their packages already. False if a bundle without image is there, which lifts all checks.
fn presence(
    connection: &Connection,
    bundles: &[&Bundle],
    overwriting: bool,
    entries: &Entries,
    errors: &mut Vec<Error>,
) -> Result<bool, Error> {
    let new_paths: BTreeSet<&str> = bundles.iter().map(|bundle| bundle.path()).collect();
    let mut present: BTreeMap<&str, Present> = BTreeMap::new();
    let mut overwritten: BTreeMap<&str, &str> = BTreeMap::new();
    for bundle in bundles {
        let package = bundle.package();
        if !present.contains_key(package) {
            present.insert(
                package,
                Present::load(connection, package, entries.of(package))?,
            );
        }
        let present = &present[package];
        if present.paths.contains("") {
            return Ok(false);
        }
        for path in present
            .paths
            .iter()
            .filter(|path| new_paths.contains(path.as_str()))
        {
            errors.push(Error::PathExists {
                path: path.clone(),
                package: package.to_owned(),
            });
        }
        let Some(channels) = present.channels_of(bundle.name()) else {
            continue;
        };
        let (name, package_name) = (bundle.name().to_owned(), package.to_owned());
        if !overwriting {
            errors.push(Error::NameExists {
                name,
                package: package_name,
                channel: channels[0].to_owned(),
            });
        } else if let Some((channel, by)) = present.above(bundle.name(), entries.of(package)) {
            errors.push(Error::OverwriteNotHead {
                name,
                package: package_name,
                channel,
                by,
            });
        } else if let Some(first) = overwritten.insert(package, bundle.name()) {
            errors.push(Error::OverwriteSeveral {
                package: package_name,
                first: first.to_owned(),
                second: name,
            });
            break;
        }
    }
    Ok(true)
}

/// The real bundles of a package and the channels the package has.
struct Present {
    paths: BTreeSet<String>,
    /// Channels by real bundle, as far as they have a row of their own.
    bundles: BTreeMap<String, BTreeSet<String>>,
}

impl Present {
    fn load(connection: &Connection, package: &str, entries: &[Entry]) -> Result<Self, Error> {
        let channels: BTreeSet<String> = lookup::channels(connection, package)?
            .into_iter()
            .map(|(name, _)| name)
            .collect();
        let mut present = Self {
            paths: BTreeSet::new(),
            bundles: BTreeMap::new(),
        };
        let names: BTreeSet<&str> = entries.iter().map(|entry| entry.bundle.as_str()).collect();
        for name in names {
            if let Some(facts) = lookup::facts(connection, name)? {
                present.paths.insert(facts.path);
                present.bundles.insert(name.to_owned(), BTreeSet::new());
            }
        }
        for entry in entries
            .iter()
            .filter(|entry| channels.contains(&entry.channel))
        {
            if let Some(channels) = present.bundles.get_mut(&entry.bundle) {
                channels.insert(entry.channel.clone());
            }
        }
        Ok(present)
    }

    /// The channels a real bundle is in, sorted; `None` if there are none.
    fn channels_of(&self, bundle: &str) -> Option<Vec<&str>> {
        let channels: Vec<&str> = self
            .bundles
            .get(bundle)?
            .iter()
            .map(String::as_str)
            .collect();
        (!channels.is_empty()).then_some(channels)
    }

    /// The first channel in which a real bundle replaces or skips `bundle`, and that bundle.
    fn above(&self, bundle: &str, entries: &[Entry]) -> Option<(String, String)> {
        let ids: BTreeSet<i64> = entries
            .iter()
            .filter(|entry| entry.bundle == bundle)
            .map(|entry| entry.id)
            .collect();
        entries
            .iter()
            .filter(|entry| {
                entry.replaces.is_some_and(|id| ids.contains(&id))
                    && self.bundles.contains_key(&entry.bundle)
            })
            .map(|entry| (entry.channel.clone(), entry.bundle.clone()))
            .min()
    }
}
