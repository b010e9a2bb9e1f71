//! The graph a package is to have, and how the rows are brought there.

use std::collections::{BTreeMap, BTreeSet};

use rusqlite::{Connection, params};

use crate::entries::Entry;
use crate::error::{Doing, Error};
use crate::lookup;

/// A row of `channel_entry` to be; `replaces` is the place of another one in the plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Row {
    pub(super) channel: String,
    pub(super) bundle: String,
    pub(super) replaces: Option<usize>,
    pub(super) depth: i64,
}

/// Everything about a package but its bundles.
#[derive(Debug, Clone)]
pub(super) struct Plan {
    pub(super) package: String,
    pub(super) default_channel: String,
    /// Channels and their heads.
    pub(super) channels: BTreeMap<String, String>,
    pub(super) rows: Vec<Row>,
}

impl Plan {
    /// Adds a row and gives its place.
    pub(super) fn push(&mut self, channel: &str, bundle: &str, depth: i64) -> usize {
        self.rows.push(Row {
            channel: channel.to_owned(),
            bundle: bundle.to_owned(),
            replaces: None,
            depth,
        });
        self.rows.len() - 1
    }

    /// Adds the two rows that say `bundle` skips `skipped`.
    pub(super) fn push_skip(&mut self, channel: &str, bundle: &str, skipped: &str, depth: i64) {
        let target = self.push(channel, skipped, depth);
        let synthetic = self.push(channel, bundle, depth);
        self.rows[synthetic].replaces = Some(target);
    }

    /// Brings the rows of the package to what the plan says; `old` are its present entries.
    ///
    /// The reference tool deletes and inserts everything. Nothing tells the difference afterwards, but every deleted entry makes
    /// `SQLite` search the whole table for rows that point at it, so rows are changed in place and only surplus ones deleted.
    pub(super) fn write(&self, connection: &Connection, old: &[Entry]) -> Result<(), Error> {
        let channels = lookup::channels(connection, &self.package)?;
        self.write_channels(connection, &channels)
            .doing("writing channels")?;
        self.write_entries(connection, old)
            .doing("writing channel entries")?;
        self.drop_channels(connection, &channels)
            .doing("dropping channels")
    }

    fn write_channels(
        &self,
        connection: &Connection,
        old: &[(String, Option<String>)],
    ) -> rusqlite::Result<()> {
        connection
            .prepare_cached("INSERT OR IGNORE INTO package (name) VALUES (?1)")?
            .execute([&self.package])?;
        let present: BTreeMap<&str, Option<&str>> = old
            .iter()
            .map(|(name, head)| (name.as_str(), head.as_deref()))
            .collect();
        let mut insert = connection
            .prepare_cached("INSERT INTO channel (name, package_name, head_operatorbundle_name) VALUES (?1, ?2, ?3)")?;
        let mut update = connection
            .prepare_cached("UPDATE channel SET head_operatorbundle_name = ?3 WHERE name = ?1 AND package_name = ?2")?;
        for (channel, head) in &self.channels {
            match present.get(channel.as_str()) {
                None => insert.execute([channel, &self.package, head])?,
                Some(present) if *present != Some(head) => {
                    update.execute([channel, &self.package, head])?
                }
                Some(_) => 0,
            };
        }
        let sql =
            "UPDATE package SET default_channel = ?2 WHERE name = ?1 AND default_channel IS NOT ?2";
        connection
            .prepare_cached(sql)?
            .execute([&self.package, &self.default_channel])?;
        Ok(())
    }

    fn write_entries(&self, connection: &Connection, old: &[Entry]) -> rusqlite::Result<()> {
        let highest: i64 = connection
            .prepare_cached("SELECT coalesce(max(entry_id), 0) FROM channel_entry")?
            .query_row([], |row| row.get(0))?;
        let ids: Vec<i64> = old
            .iter()
            .map(|entry| entry.id)
            .chain(highest + 1..)
            .take(self.rows.len())
            .collect();
        let mut insert = connection.prepare_cached(
            "INSERT INTO channel_entry (entry_id, channel_name, package_name, operatorbundle_name, replaces, depth) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        )?;
        let mut update = connection.prepare_cached(
            "UPDATE channel_entry SET channel_name = ?2, operatorbundle_name = ?3, replaces = ?4, depth = ?5 WHERE entry_id = ?1",
        )?;
        for (place, row) in self.rows.iter().enumerate() {
            let new = Entry {
                id: ids[place],
                channel: row.channel.clone(),
                bundle: row.bundle.clone(),
                replaces: row.replaces.map(|place| ids[place]),
                depth: row.depth,
            };
            match old.get(place) {
                None => insert.execute(params![
                    new.id,
                    new.channel,
                    self.package,
                    new.bundle,
                    new.replaces,
                    new.depth
                ])?,
                Some(old) if *old != new => update.execute(params![
                    new.id,
                    new.channel,
                    new.bundle,
                    new.replaces,
                    new.depth
                ])?,
                Some(_) => 0,
            };
        }
        for surplus in old.iter().skip(self.rows.len()) {
            connection
                .prepare_cached("DELETE FROM channel_entry WHERE entry_id = ?1")?
                .execute([surplus.id])?;
        }
        Ok(())
    }

    /// Deletes the channels that are no more; by now no entry belongs to them.
    fn drop_channels(
        &self,
        connection: &Connection,
        old: &[(String, Option<String>)],
    ) -> rusqlite::Result<()> {
        let kept: BTreeSet<&String> = self.channels.keys().collect();
        let mut delete = connection
            .prepare_cached("DELETE FROM channel WHERE name = ?1 AND package_name = ?2")?;
        for (name, _) in old.iter().filter(|(name, _)| !kept.contains(name)) {
            delete.execute([name, &self.package])?;
        }
        Ok(())
    }
}
