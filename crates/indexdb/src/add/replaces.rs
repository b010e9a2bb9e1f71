//! Mode `replaces`: the graph follows what each bundle replaces and skips (index database specification, section 4).

use std::collections::{BTreeMap, BTreeSet};

use bundle::Bundle;
use catalog::Version;
use catalog::json::quote;
use rusqlite::Connection;

use super::manifest::{self, Candidate, Manifest};
use super::overwrite::{self, Overwrite};
use super::plan::Plan;
use super::substitutes::Substitutes;
use super::{AddOptions, insert, packages};
use crate::entries::{Entries, Entry};
use crate::error::{Doing, Error};
use crate::lookup::{self, Edges};

/// Removes what is overwritten, stores the bundles, and makes the graphs of their packages anew.
pub(super) fn add(
    connection: &Connection,
    bundles: &[&Bundle],
    overwrites: &[Overwrite],
    options: AddOptions,
) -> Result<(), Error> {
    overwrite::remove(connection, overwrites)?;
    let mut substitutes = if options.substitutes_for {
        Some(Substitutes::load(connection)?)
    } else {
        None
    };
    let mut errors = Vec::new();
    for bundle in bundles {
        let inserted =
            insert::bundle(connection, bundle, options).and_then(|()| match &mut substitutes {
                Some(substitutes) => substitutes.insert(connection, bundle),
                None => Ok(()),
            });
        errors.extend(inserted.err());
    }
    Error::all(errors)?;

    let packages = packages(bundles);
    let entries = Entries::load(connection, packages.iter().copied(), [])?;
    let mut errors = Vec::new();
    for package in packages {
        let new = bundles
            .iter()
            .copied()
            .filter(|bundle| bundle.package() == package);
        errors.extend(rebuild(connection, package, new, entries.of(package)).err());
    }
    Error::all(errors)
}

/// Makes the graph of one package anew.
fn rebuild<'a>(
    connection: &Connection,
    package: &str,
    new: impl Iterator<Item = &'a Bundle>,
    entries: &[Entry],
) -> Result<(), Error> {
    let mut candidates = existing(connection, package, entries)?;
    let mut added: Vec<(Version, Candidate)> = Vec::new();
    for bundle in new {
        let candidate = Candidate {
            name: bundle.name().to_owned(),
            version: bundle.version().to_owned(),
            channels: bundle.channels().to_vec(),
            default_channel: bundle.default_channel().map(str::to_owned),
        };
        added.push((manifest::version(package, &candidate)?, candidate));
    }
    // Ascending, so that which default channel wins does not depend on the order of the request.
    added.sort_by(|(left, _), (right, _)| left.cmp(right));
    candidates.extend(added.into_iter().map(|(_, candidate)| candidate));

    let manifest = Manifest::compute(package, &candidates)?;
    let mut plan = Plan {
        package: package.to_owned(),
        default_channel: manifest.default_channel.clone(),
        channels: BTreeMap::new(),
        rows: Vec::new(),
    };
    for (channel, head) in manifest.heads {
        if !lookup::is_deprecated(connection, &head)? {
            plan.channels.insert(channel, head);
        } else if channel == plan.default_channel {
            return Err(Error::DefaultDeprecated {
                package: package.to_owned(),
                channel,
                head,
            });
        }
    }
    let mut walker = Walker {
        connection,
        plan,
        visited: Vec::new(),
        edges: BTreeMap::new(),
        errors: Vec::new(),
    };
    walker.walk_all()?;
    Error::all(walker.errors)?;
    walker.plan.write(connection, entries)?;
    for bundle in &walker.visited {
        store_package_property(connection, package, bundle)?;
    }
    Ok(())
}

/// The real bundles that have an entry in the package, with the channels their entries are in.
fn existing(
    connection: &Connection,
    package: &str,
    entries: &[Entry],
) -> Result<Vec<Candidate>, Error> {
    let default_channel = lookup::default_channel(connection, package)?;
    let mut channels: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for entry in entries {
        channels
            .entry(&entry.bundle)
            .or_default()
            .insert(&entry.channel);
    }
    let mut candidates = Vec::new();
    for (name, channels) in channels {
        let Some(facts) = lookup::facts(connection, name)? else {
            continue;
        };
        candidates.push(Candidate {
            name: name.to_owned(),
            version: lookup::version(connection, name, &facts)?,
            channels: channels.into_iter().map(str::to_owned).collect(),
            default_channel: default_channel.clone(),
        });
    }
    Ok(candidates)
}

/// Follows each channel down from its head (4.3).
struct Walker<'a> {
    connection: &'a Connection,
    plan: Plan,
    /// Every bundle visited, once per channel.
    visited: Vec<String>,
    edges: BTreeMap<String, Option<Edges>>,
    errors: Vec<Error>,
}

impl Walker<'_> {
    fn walk_all(&mut self) -> Result<(), Error> {
        for (channel, head) in self.plan.channels.clone() {
            self.walk(&channel, &head)?;
        }
        Ok(())
    }

    fn walk(&mut self, channel: &str, head: &str) -> Result<(), Error> {
        let mut entry = self.plan.push(channel, head, 0);
        let mut depth = 1;
        let mut current = head.to_owned();
        let mut seen = BTreeSet::from([current.clone()]);
        loop {
            self.visited.push(current.clone());
            if lookup::is_deprecated(self.connection, &current)? {
                return Ok(());
            }
            let Some(edges) = self.edges(&current)? else {
                return Ok(());
            };
            for skipped in &edges.skips {
                self.plan.push_skip(channel, &current, skipped, depth);
                depth += 1;
            }
            if edges.replaces.is_empty() {
                return Ok(());
            }
            let package = self.plan.package.clone();
            if seen.contains(&edges.replaces) {
                let (channel, bundle, replaces) = (channel.to_owned(), current, edges.replaces);
                self.errors.push(Error::Cycle {
                    package,
                    channel,
                    bundle,
                    replaces,
                });
                return Ok(());
            }
            if self.edges(&edges.replaces)?.is_none() {
                let (head, bundle, replaces) = (head.to_owned(), current, edges.replaces);
                self.errors.push(Error::ReplacesMissing {
                    package,
                    head,
                    bundle,
                    replaces,
                });
                return Ok(());
            }
            let next = self.plan.push(channel, &edges.replaces, depth);
            self.plan.rows[entry].replaces = Some(next);
            entry = next;
            current = edges.replaces;
            seen.insert(current.clone());
            depth += 1;
        }
    }

    /// The stored edges of a bundle, read once; they lie behind large blobs.
    fn edges(&mut self, name: &str) -> Result<Option<Edges>, Error> {
        if let Some(edges) = self.edges.get(name) {
            return Ok(edges.clone());
        }
        let edges = lookup::edges(self.connection, name)?;
        self.edges.insert(name.to_owned(), edges.clone());
        Ok(edges)
    }
}

/// The property a bundle gains each time the graph of its package is made: package and whole version, without a release (2.8).
fn store_package_property(
    connection: &Connection,
    package: &str,
    bundle: &str,
) -> Result<(), Error> {
    let Some(facts) = lookup::facts(connection, bundle)? else {
        return Ok(());
    };
    let mut value = String::from("{\"packageName\":");
    quote(&mut value, package);
    value.push_str(",\"version\":");
    quote(&mut value, &facts.version);
    value.push('}');
    insert::property(
        connection,
        "olm.package",
        &value,
        bundle,
        &facts.version,
        &facts.path,
    )
    .doing("storing a property")
}
