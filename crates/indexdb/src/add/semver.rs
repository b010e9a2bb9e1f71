//! Modes `semver` and `semver-skippatch`: the graph follows the versions (index database specification, section 5).

use std::collections::{BTreeMap, BTreeSet};

use bundle::Bundle;
use catalog::Version;
use rusqlite::Connection;

use super::plan::Plan;
use super::substitutes::Substitutes;
use super::{AddOptions, Mode, insert};
use crate::entries::Entries;
use crate::error::{Doing, Error};
use crate::graph::{Channel, Graph};
use crate::lookup::{self, Facts};

/// Adds the bundles one after another, then clears what only channel heads keep.
pub(super) fn add(
    connection: &Connection,
    bundles: &[&Bundle],
    options: AddOptions,
) -> Result<(), Error> {
    let mut substitutes = if options.substitutes_for {
        Some(Substitutes::load(connection)?)
    } else {
        None
    };
    for bundle in bundles {
        let package = bundle.package();
        let entries = Entries::load(connection, [package], [])?;
        let mut graph = Graph::load(connection, package, entries.of(package))?;
        let default_channel = default_channel(bundle, &graph)?;
        place(&mut graph, bundle, options.mode)?;
        insert::bundle(connection, bundle, options)?;
        if let Some(substitutes) = &mut substitutes {
            substitutes.insert(connection, bundle)?;
        }
        plan(connection, &graph, bundle, default_channel)?
            .write(connection, entries.of(package))?;
    }
    clear_blobs(connection)
}

fn default_channel(bundle: &Bundle, graph: &Graph) -> Result<String, Error> {
    let proposed = bundle
        .default_channel()
        .or(graph.default_channel.as_deref());
    let first = || bundle.channels().iter().min().map(String::as_str);
    proposed
        .or_else(first)
        .map(str::to_owned)
        .ok_or_else(|| Error::DefaultUnknown {
            package: bundle.package().to_owned(),
            bundle: bundle.name().to_owned(),
        })
}

/// Puts the bundle between its neighbours in each channel it declares (5.2).
fn place(graph: &mut Graph, bundle: &Bundle, mode: Mode) -> Result<(), Error> {
    let package = bundle.package();
    let new = parsed(package, bundle.name(), bundle.version())?;
    for name in bundle.channels() {
        let channel = graph.channels.entry(name.clone()).or_default();
        let (mut lower, mut higher) = (BTreeMap::new(), BTreeMap::new());
        for (node, facts) in &channel.nodes {
            let version = parsed(package, node, &facts.version)?;
            match version.cmp_precedence(&new) {
                std::cmp::Ordering::Less => lower.insert(version, node.clone()),
                std::cmp::Ordering::Greater => higher.insert(version, node.clone()),
                std::cmp::Ordering::Equal => {
                    return Err(Error::VersionExists {
                        package: package.to_owned(),
                        channel: name.clone(),
                        bundle: bundle.name().to_owned(),
                        version: bundle.version().to_owned(),
                    });
                }
            };
        }
        let mut edges: BTreeSet<String> = lower
            .last_key_value()
            .map(|(_, node)| node.clone())
            .into_iter()
            .collect();
        match higher.first_key_value() {
            Some((_, above)) => {
                channel
                    .edges
                    .insert(above.clone(), BTreeSet::from([bundle.name().to_owned()]));
            }
            None => bundle.name().clone_into(&mut channel.head),
        }
        if mode == Mode::SemverSkippatch {
            for node in lower
                .iter()
                .filter(|(version, _)| version.same_minor(&new))
                .map(|(_, node)| node)
            {
                edges.insert(node.clone());
                channel.nodes.remove(node);
            }
        }
        channel.edges.insert(bundle.name().to_owned(), edges);
        let facts = Facts {
            version: bundle.version().to_owned(),
            path: bundle.path().to_owned(),
        };
        channel.nodes.insert(bundle.name().to_owned(), facts);
    }
    Ok(())
}

/// The rows that say what the graph says (5.3).
fn plan(
    connection: &Connection,
    graph: &Graph,
    bundle: &Bundle,
    default_channel: String,
) -> Result<Plan, Error> {
    let package = bundle.package().to_owned();
    if !graph.channels.contains_key(&default_channel) {
        return Err(Error::DefaultMissing {
            package,
            bundle: bundle.name().to_owned(),
            channel: default_channel,
        });
    }
    let heads = graph
        .channels
        .iter()
        .map(|(name, channel)| (name.clone(), channel.head.clone()))
        .collect();
    let mut plan = Plan {
        package: package.clone(),
        default_channel,
        channels: heads,
        rows: Vec::new(),
    };
    for (name, channel) in &graph.channels {
        let reached = walk(connection, &mut plan, name, channel)?;
        if reached != channel.nodes.len() {
            let (channel, nodes) = (name.clone(), channel.nodes.len());
            return Err(Error::InvalidGraph {
                package,
                channel,
                bundle: bundle.name().to_owned(),
                reached,
                nodes,
            });
        }
    }
    Ok(plan)
}

/// Writes a channel from its head down; gives the number of bundles on the way.
fn walk(
    connection: &Connection,
    plan: &mut Plan,
    name: &str,
    channel: &Channel,
) -> Result<usize, Error> {
    let (mut depth, mut reached) = (0, 0);
    let mut previous: Option<usize> = None;
    let mut current = Some(channel.head.as_str());
    let mut seen = BTreeSet::new();
    while let Some(bundle) = current.filter(|bundle| seen.insert(*bundle)) {
        let row = plan.push(name, bundle, depth);
        if let Some(previous) = previous {
            plan.rows[previous].replaces = Some(row);
        }
        (previous, current) = (Some(row), None);
        reached += 1;
        let mut highest: Option<Version> = None;
        for (skips, target) in (1..).zip(targets(connection, channel, bundle)?) {
            match channel.nodes.get(target) {
                None => plan.push_skip(name, bundle, target, depth + skips),
                // Several ways down exist only in graphs that are refused afterwards; the highest version is taken.
                Some(facts) => {
                    let version = parsed(&plan.package, target, &facts.version)?;
                    if highest.as_ref().is_none_or(|highest| *highest < version) {
                        (highest, current) = (Some(version), Some(target));
                    }
                }
            }
        }
        // The next step counts one deeper, whatever depths the skips took.
        depth += 1;
    }
    Ok(reached)
}

/// What a bundle has edges to: names outside the channel first, by ascending version and name, then bundles of it.
fn targets<'a>(
    connection: &Connection,
    channel: &'a Channel,
    bundle: &str,
) -> Result<Vec<&'a str>, Error> {
    let mut targets = Vec::new();
    for target in channel.edges.get(bundle).into_iter().flatten() {
        let facts = lookup::facts(connection, target)?;
        let version: Option<Version> = facts.and_then(|facts| facts.version.parse().ok());
        targets.push((channel.nodes.contains_key(target), version, target.as_str()));
    }
    targets.sort();
    Ok(targets.into_iter().map(|(_, _, target)| target).collect())
}

/// Only channel heads keep their manifests, in the whole database.
fn clear_blobs(connection: &Connection) -> Result<(), Error> {
    let sql = "UPDATE operatorbundle SET csv = NULL, bundle = NULL \
               WHERE (csv IS NOT NULL OR bundle IS NOT NULL) AND bundlepath <> '' \
               AND name NOT IN (SELECT head_operatorbundle_name FROM channel WHERE head_operatorbundle_name IS NOT NULL)";
    connection.execute(sql, []).doing("clearing manifests")?;
    Ok(())
}

fn parsed(package: &str, bundle: &str, version: &str) -> Result<Version, Error> {
    version.parse().map_err(|source| Error::Version {
        package: package.to_owned(),
        bundle: bundle.to_owned(),
        source,
    })
}
