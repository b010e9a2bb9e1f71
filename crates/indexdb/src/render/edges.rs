//! The upgrade graph in `channel_entry` (file-based catalog specification, 3.2).

use std::collections::{BTreeMap, HashMap, HashSet};

use catalog::fbc::Entry;
use rusqlite::Connection;

use crate::error::{Doing, Error};

struct Row {
    channel: Option<String>,
    package: Option<String>,
    bundle: Option<String>,
    replaces: Option<i64>,
    depth: Option<i64>,
}

/// The entries of all channels by package and channel, sorted by name, without ranges of versions they skip.
pub(super) fn entries(
    connection: &Connection,
) -> Result<BTreeMap<(String, String), Vec<Entry>>, Error> {
    let rows = rows(connection).doing("reading the upgrade graph")?;
    let by_id: HashMap<i64, &Row> = rows.iter().map(|(id, row)| (*id, row)).collect();
    let replacing = replacing(&rows, &by_id);
    let mut found: BTreeMap<(String, String), BTreeMap<&str, Entry>> = BTreeMap::new();
    for (id, row) in &rows {
        let (Some(channel), Some(package), Some(bundle)) =
            (&row.channel, &row.package, &row.bundle)
        else {
            continue;
        };
        let entry = found
            .entry((package.clone(), channel.clone()))
            .or_default()
            .entry(bundle)
            .or_insert_with(|| Entry {
                name: bundle.clone(),
                ..Entry::default()
            });
        let target = row
            .replaces
            .and_then(|target| by_id.get(&target)?.bundle.as_ref());
        let Some(target) = target else {
            continue;
        };
        if !replacing.contains(id) {
            entry.skips.push(target.clone());
        } else if *target > entry.replaces {
            entry.replaces.clone_from(target);
        }
    }
    let sorted = |entries: BTreeMap<&str, Entry>| entries.into_values().collect();
    Ok(found
        .into_iter()
        .map(|(key, entries)| (key, sorted(entries)))
        .collect())
}

/// The rows that are reached from the heads; all others stand for skips.
fn replacing(rows: &[(i64, Row)], by_id: &HashMap<i64, &Row>) -> HashSet<i64> {
    let tip = rows.iter().filter_map(|(_, row)| row.depth).min();
    let mut reached = HashSet::new();
    for (id, row) in rows
        .iter()
        .filter(|(_, row)| row.depth.is_some() && row.depth == tip)
    {
        let mut at = Some((*id, row));
        while let Some((id, row)) = at {
            if !reached.insert(id) {
                break;
            }
            at = row
                .replaces
                .and_then(|next| Some((next, *by_id.get(&next)?)));
        }
    }
    reached
}

fn rows(connection: &Connection) -> rusqlite::Result<Vec<(i64, Row)>> {
    let sql = "SELECT entry_id, channel_name, package_name, operatorbundle_name, replaces, depth \
               FROM channel_entry ORDER BY entry_id";
    let mut statement = connection.prepare_cached(sql)?;
    let rows = statement.query_map([], |row| {
        let read = Row {
            channel: row.get(1)?,
            package: row.get(2)?,
            bundle: row.get(3)?,
            replaces: row.get(4)?,
            depth: row.get(5)?,
        };
        Ok((row.get(0)?, read))
    })?;
    rows.collect()
}
