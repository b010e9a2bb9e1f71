//! Removing the head a new bundle of the same name takes the place of (index database specification, 4.5).

use std::collections::{BTreeMap, BTreeSet};

use bundle::Bundle;
use rusqlite::{Connection, params};

use crate::entries::{Entries, Entry};
use crate::error::{Doing, Error};
use crate::lookup;

/// A bundle in the database whose name a new bundle has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Overwrite {
    pub(super) package: String,
    pub(super) name: String,
}

/// Which of the new bundles have the name of a bundle in the database, whatever package that one belongs to.
pub(super) fn recorded(
    connection: &Connection,
    bundles: &[&Bundle],
) -> Result<Vec<Overwrite>, Error> {
    let mut overwrites = Vec::new();
    for bundle in bundles {
        let Some(facts) = lookup::facts(connection, bundle.name())? else {
            continue;
        };
        if facts.path.is_empty() {
            return Err(Error::OverwriteWithoutImage {
                name: bundle.name().to_owned(),
            });
        }
        overwrites.push(Overwrite {
            package: bundle.package().to_owned(),
            name: bundle.name().to_owned(),
        });
    }
    Ok(overwrites)
}

/// Removes the old bundles; the graphs they leave behind are rebuilt by the addition of the new ones.
pub(super) fn remove(connection: &Connection, overwrites: &[Overwrite]) -> Result<(), Error> {
    for overwrite in overwrites {
        let entries = Entries::load(connection, [overwrite.package.as_str()], [])?;
        move_heads(connection, overwrite, entries.of(&overwrite.package))?;
        delete(connection, &overwrite.name).doing("removing an overwritten bundle")?;
    }
    Ok(())
}

/// Moves channel heads down from the bundle, so that the cascades of its deletion spare the channels.
fn move_heads(
    connection: &Connection,
    overwrite: &Overwrite,
    entries: &[Entry],
) -> Result<(), Error> {
    let by_id: BTreeMap<i64, &Entry> = entries.iter().map(|entry| (entry.id, entry)).collect();
    let is_old = |entry: &Entry| entry.bundle == overwrite.name;
    for entry in entries {
        let target = entry.replaces.and_then(|id| by_id.get(&id));
        if target.is_some_and(|target| is_old(target))
            && lookup::is_real(connection, &entry.bundle)?
        {
            return Err(Error::OverwriteNotHead {
                name: overwrite.name.clone(),
                package: overwrite.package.clone(),
                channel: entry.channel.clone(),
                by: entry.bundle.clone(),
            });
        }
    }
    let default = lookup::default_channel(connection, &overwrite.package)?;
    let channels: BTreeSet<&str> = entries
        .iter()
        .filter(|entry| is_old(entry))
        .map(|entry| entry.channel.as_str())
        .collect();
    for channel in channels {
        let top = entries
            .iter()
            .filter(|entry| is_old(entry) && entry.channel == channel)
            .min_by_key(|entry| entry.depth);
        let below = top.and_then(|top| by_id.get(&top.replaces?));
        let below = match below {
            Some(below) if lookup::is_real(connection, &below.bundle)? => {
                Some(below.bundle.as_str())
            }
            Some(_) | None => None,
        };
        let (package, name) = (overwrite.package.as_str(), overwrite.name.as_str());
        if let Some(below) = below {
            let sql = "UPDATE channel SET head_operatorbundle_name = ?1 \
                       WHERE package_name = ?2 AND name = ?3 AND head_operatorbundle_name = ?4";
            connection
                .execute(sql, [below, package, channel, name])
                .doing("moving a channel head")?;
        } else if default.as_deref() == Some(channel) {
            let sql = "UPDATE channel SET head_operatorbundle_name = NULL WHERE package_name = ?1 AND name = ?2";
            connection
                .execute(sql, [package, channel])
                .doing("moving a channel head")?;
        }
    }
    Ok(())
}

/// Deletes a bundle by name, and its deprecation.
fn delete(connection: &Connection, name: &str) -> rusqlite::Result<()> {
    for (table, column) in [
        ("operatorbundle", "name"),
        ("api_provider", "operatorbundle_name"),
        ("api_requirer", "operatorbundle_name"),
        ("channel_entry", "operatorbundle_name"),
        ("deprecated", "operatorbundle_name"),
    ] {
        connection.execute(
            &format!("DELETE FROM {table} WHERE {column} = ?1"),
            params![name],
        )?;
    }
    Ok(())
}
