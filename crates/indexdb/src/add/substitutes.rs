//! Rebuilds that take the place of the bundle they substitute for (index database specification, section 6).

use std::collections::{BTreeMap, BTreeSet};

use bundle::Bundle;
use catalog::Version;
use rusqlite::Connection;

use crate::error::{Doing, Error};
use crate::lookup;

/// Which bundle substitutes for which, as the database has it.
pub(super) struct Substitutes {
    bases: BTreeMap<String, String>,
}

impl Substitutes {
    /// Reads it; costs a pass over all bundles.
    pub(super) fn load(connection: &Connection) -> Result<Self, Error> {
        let read = || {
            let sql = "SELECT name, substitutesfor FROM operatorbundle WHERE substitutesfor <> ''";
            let mut statement = connection.prepare(sql)?;
            statement
                .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?
                .collect::<rusqlite::Result<_>>()
        };
        Ok(Self {
            bases: read().doing("reading substitutes")?,
        })
    }

    /// Works a bundle in that was just stored: redirects what replaces its base, and settles the skips of all substitutes concerned.
    pub(super) fn insert(&mut self, connection: &Connection, bundle: &Bundle) -> Result<(), Error> {
        let name = bundle.name();
        let mut skips = Names::of(lookup::split_skips(&bundle.skips().join(",")));
        if !bundle.substitutes_for().is_empty() {
            self.bases
                .insert(name.to_owned(), bundle.substitutes_for().to_owned());
            let sql = "UPDATE operatorbundle SET replaces = ?1 WHERE replaces = ?2";
            connection
                .execute(sql, [name, bundle.substitutes_for()])
                .doing("redirecting bundles to a substitute")?;
            self.find_place(connection, bundle, &skips)?;
        }
        for base in self.chain_down(name)? {
            skips.push(base);
        }
        let mut gained = skips.clone();
        gained.push(name.to_owned());
        let Some(above) = self.chain_up(name)? else {
            return Ok(());
        };
        for substitute in above {
            add_skips(connection, &substitute, &gained)?;
        }
        for skipped in skips.0.clone() {
            let Some(substitutes) = self.chain_up(&skipped)? else {
                return Ok(());
            };
            for substitute in substitutes {
                if substitute != name {
                    skips.push(substitute);
                }
            }
        }
        let mut replaces = bundle.replaces().to_owned();
        if !replaces.is_empty()
            && let Some(latest) = self.chain_up(&replaces)?.and_then(|mut chain| chain.pop())
        {
            replaces = latest;
        }
        let sql = "UPDATE operatorbundle SET replaces = ?2, skips = ?3 WHERE name = ?1";
        connection
            .execute(sql, [name, &replaces, &skips.0.join(",")])
            .doing("storing the edges of a substitute")?;
        Ok(())
    }

    /// Finds the place of a new substitute among those its base has already, by version.
    fn find_place(
        &mut self,
        connection: &Connection,
        bundle: &Bundle,
        skips: &Names,
    ) -> Result<(), Error> {
        let name = bundle.name();
        let version = parsed(bundle.package(), name, bundle.version())?;
        let mut waiting = self.direct(bundle.substitutes_for());
        let mut seen = BTreeSet::from([name.to_owned()]);
        while let Some(other) = waiting.pop() {
            if !seen.insert(other.clone()) {
                continue;
            }
            let facts = lookup::facts(connection, &other)?;
            let other_version = facts.map(|facts| facts.version).unwrap_or_default();
            match parsed(bundle.package(), &other, &other_version)?.cmp(&version) {
                std::cmp::Ordering::Less => {
                    waiting.extend(self.direct(&other));
                    self.set_base(connection, name, &other)?;
                }
                std::cmp::Ordering::Greater => {
                    self.set_base(connection, &other, name)?;
                    let substitutes = self.direct(name);
                    if substitutes.len() > 1 {
                        return Err(Error::SeveralSubstitutes {
                            base: name.to_owned(),
                            substitutes,
                        });
                    }
                    let mut gained = skips.clone();
                    gained.push(name.to_owned());
                    add_skips(connection, &other, &gained)?;
                }
                std::cmp::Ordering::Equal => {
                    let base = bundle.substitutes_for().to_owned();
                    return Err(Error::SubstituteTie {
                        base,
                        first: other,
                        second: name.to_owned(),
                    });
                }
            }
        }
        Ok(())
    }

    fn set_base(&mut self, connection: &Connection, name: &str, base: &str) -> Result<(), Error> {
        self.bases.insert(name.to_owned(), base.to_owned());
        let sql = "UPDATE operatorbundle SET substitutesfor = ?2 WHERE name = ?1";
        connection
            .execute(sql, [name, base])
            .doing("chaining substitutes")?;
        Ok(())
    }

    /// The bundles that name `base` as what they substitute for, by name.
    fn direct(&self, base: &str) -> Vec<String> {
        self.bases
            .iter()
            .filter(|(_, other)| *other == base)
            .map(|(name, _)| name.clone())
            .collect()
    }

    /// What `name` substitutes for, what that one substitutes for, and so on.
    fn chain_down(&self, name: &str) -> Result<Vec<String>, Error> {
        let (mut chain, mut at) = (Vec::new(), name);
        while let Some(base) = self.bases.get(at) {
            if base == name || chain.contains(base) {
                return Err(Error::SubstituteCycle {
                    bundle: base.clone(),
                });
            }
            chain.push(base.clone());
            at = base;
        }
        Ok(chain)
    }

    /// The substitute of `name`, the substitute of that one, and so on; `None` if one of them has several.
    fn chain_up(&self, name: &str) -> Result<Option<Vec<String>>, Error> {
        let mut chain: Vec<String> = Vec::new();
        loop {
            let mut direct = self.direct(chain.last().map_or(name, String::as_str));
            if direct.len() > 1 {
                return Ok(None);
            }
            let Some(next) = direct.pop() else {
                return Ok(Some(chain));
            };
            if next == name || chain.contains(&next) {
                return Err(Error::SubstituteCycle { bundle: next });
            }
            chain.push(next);
        }
    }
}

/// Names without repetitions, in the order they came.
#[derive(Debug, Clone)]
struct Names(Vec<String>);

impl Names {
    fn of(names: Vec<String>) -> Self {
        let mut unique = Self(Vec::new());
        for name in names {
            unique.push(name);
        }
        unique
    }

    fn push(&mut self, name: String) {
        if !self.0.contains(&name) {
            self.0.push(name);
        }
    }
}

/// Appends to the stored skips of a bundle.
fn add_skips(connection: &Connection, name: &str, gained: &Names) -> Result<(), Error> {
    let Some(edges) = lookup::edges(connection, name)? else {
        return Ok(());
    };
    let mut skips = Names::of(edges.skips);
    for name in &gained.0 {
        skips.push(name.clone());
    }
    let sql = "UPDATE operatorbundle SET skips = ?2 WHERE name = ?1";
    connection
        .execute(sql, [name, &skips.0.join(",")])
        .doing("storing the skips of a substitute")?;
    Ok(())
}

fn parsed(package: &str, bundle: &str, version: &str) -> Result<Version, Error> {
    version.parse().map_err(|source| Error::Version {
        package: package.to_owned(),
        bundle: bundle.to_owned(),
        source,
    })
}
