//! An index database as a file-based catalog (file-based catalog specification, 3.2 and 2.5).

mod edges;
mod facts;

use std::collections::{BTreeMap, BTreeSet, HashMap};

use catalog::fbc::{self, Model};
use rusqlite::Connection;

use crate::IndexDb;
use crate::error::{Doing, Error};
use facts::{Facts, Large, Shown};

/// Why a database cannot become a catalog.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RenderError {
    /// The database cannot be read.
    #[error("the index database cannot be read")]
    Database(#[from] Error),
    /// A package lacks something.
    #[error("package `{package}` cannot become part of a catalog: {reason}")]
    Package {
        /// The package.
        package: String,
        /// What it lacks.
        reason: String,
    },
    /// A bundle has something that cannot be used.
    #[error("bundle `{bundle}` cannot become part of a catalog: {reason}")]
    Bundle {
        /// The bundle.
        bundle: String,
        /// What cannot be used.
        reason: String,
    },
    /// The CSV of a bundle makes no metadata.
    #[error(transparent)]
    CsvMetadata(fbc::CatalogError),
    /// The packages break rules that catalogs must keep.
    #[error("the index database makes no valid catalog")]
    Invalid(#[source] fbc::Problem),
}

impl IndexDb {
    /// The catalog of all packages, as rendering the database gives it; [`fbc::Catalog::arrange`] is still to be called.
    ///
    /// Bundles deprecated by an `olm.deprecated` property are left out. The database is not changed. Bundles are worked on
    /// in the thread pool that this runs on.
    ///
    /// # Errors
    /// [`RenderError`] where the reference tool refuses the database; a default channel without channel, at which that
    /// tool crashes, is refused too.
    pub fn catalog(&self) -> Result<fbc::Catalog, RenderError> {
        self.catalog_of(None)
    }

    /// Like [`IndexDb::catalog`], with those of its packages that are in `wanted`; `None` is all. The others' manifests are
    /// not read.
    ///
    /// # Errors
    /// Those of [`IndexDb::catalog`], where they concern these packages.
    pub fn catalog_of(
        &self,
        wanted: Option<&BTreeSet<String>>,
    ) -> Result<fbc::Catalog, RenderError> {
        self.rendered(wanted, Shown::Objects)
    }

    /// Like [`IndexDb::catalog_of`] and [`fbc::Catalog::embed_csv_metadata`] after it, but without ever holding the manifests of
    /// all bundles.
    ///
    /// # Errors
    /// Those of both.
    pub fn catalog_with_csv_metadata(
        &self,
        wanted: Option<&BTreeSet<String>>,
    ) -> Result<fbc::Catalog, RenderError> {
        self.rendered(wanted, Shown::CsvMetadata)
    }

    fn rendered(
        &self,
        wanted: Option<&BTreeSet<String>>,
        shown: Shown,
    ) -> Result<fbc::Catalog, RenderError> {
        // All queries see one state, and the file is locked and looked at once instead of for each of them.
        let _reading = self
            .connection
            .unchecked_transaction()
            .doing("beginning to read")?;
        let is_wanted = |name: &str| wanted.is_none_or(|wanted| wanted.contains(name));
        let mut channels = channels(&self.connection)?;
        channels.retain(|package, _| is_wanted(package));
        let mut catalog = fbc::Catalog {
            packages: packages(&self.connection, &channels, is_wanted)?,
            ..fbc::Catalog::default()
        };
        let facts = Facts::read(&self.connection)?;
        let mut entries = edges::entries(&self.connection)?;
        let mut wanted: BTreeSet<(String, String)> = BTreeSet::new();
        for (package, names) in &channels {
            for channel in names.keys() {
                let mut members = Vec::new();
                let found = entries.remove(&(package.clone(), channel.clone()));
                for entry in found.unwrap_or_default() {
                    if facts.knows(&entry.name) {
                        wanted.insert((package.clone(), entry.name.clone()));
                        members.push(entry);
                    }
                }
                catalog.channels.push(fbc::Channel {
                    name: channel.clone(),
                    package: package.clone(),
                    entries: Some(members),
                    properties: Vec::new(),
                });
            }
        }
        let Bundles {
            blobs,
            skip_ranges,
            first_without_metadata,
        } = bundles(&self.connection, &facts, &wanted, shown)?;
        catalog.bundles = blobs;
        for channel in &mut catalog.channels {
            for entry in channel.entries.iter_mut().flatten() {
                if let Some(skip_range) = skip_ranges.get(entry.name.as_str()) {
                    entry.skip_range.clone_from(skip_range);
                }
            }
        }
        Model::of_database(&catalog, |name| facts.version(name))
            .check()
            .map_err(RenderError::Invalid)?;
        match first_without_metadata {
            Some(error) => Err(RenderError::CsvMetadata(error)),
            None => Ok(catalog),
        }
    }
}

/// How many bundles' manifests are in memory at a time, and about how many bytes of them: enough for the threads, little enough for
/// the memory.
const AT_ONCE: usize = 32;
const BYTES_AT_ONCE: usize = 1 << 20;

struct Bundles<'w> {
    /// Their blobs, by package and name.
    blobs: Vec<fbc::Bundle>,
    /// The ranges of versions they skip.
    skip_ranges: HashMap<&'w str, String>,
    /// What is wrong with the first CSV that makes no metadata.
    first_without_metadata: Option<fbc::CatalogError>,
}

/// Manifests are read here, and made into blobs in the thread pool that this runs on.
fn bundles<'w>(
    connection: &Connection,
    facts: &Facts,
    wanted: &'w BTreeSet<(String, String)>,
    shown: Shown,
) -> Result<Bundles<'w>, RenderError> {
    let mut blobs = Vec::with_capacity(wanted.len());
    let mut skip_ranges = HashMap::new();
    let mut first_without_metadata = None;
    let mut wanted = wanted.iter().peekable();
    while wanted.peek().is_some() {
        let mut made: [Option<_>; AT_ONCE] = [const { None }; AT_ONCE];
        rayon::in_place_scope(|scope| {
            let mut bytes = 0;
            for made in &mut made {
                if bytes >= BYTES_AT_ONCE {
                    break;
                }
                let Some((package, name)) = wanted.next() else {
                    break;
                };
                let Large {
                    manifests,
                    skip_range,
                } = facts::large(connection, name)?;
                bytes += manifests.len();
                skip_ranges.insert(name.as_str(), skip_range);
                scope.spawn(move |_| *made = Some(facts.bundle(package, name, &manifests, shown)));
            }
            Ok::<_, RenderError>(())
        })?;
        for made in made.into_iter().flatten() {
            match made {
                Ok(bundle) => blobs.push(bundle),
                // Told only when nothing else is wrong anywhere, as the reference tool does it after all the rest.
                Err(RenderError::CsvMetadata(error)) => {
                    first_without_metadata.get_or_insert(error);
                }
                Err(error) => return Err(error),
            }
        }
    }
    Ok(Bundles {
        blobs,
        skip_ranges,
        first_without_metadata,
    })
}

/// The heads of all channels by package and channel.
type Channels = BTreeMap<String, BTreeMap<String, Option<String>>>;

fn channels(connection: &Connection) -> Result<Channels, RenderError> {
    let read = || {
        let mut channels = Channels::new();
        let sql = "SELECT package_name, name, head_operatorbundle_name FROM channel";
        let mut statement = connection.prepare_cached(sql)?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            channels
                .entry(row.get(0)?)
                .or_default()
                .insert(row.get(1)?, row.get(2)?);
        }
        Ok(channels)
    };
    Ok(read().doing("listing channels")?)
}

fn packages(
    connection: &Connection,
    channels: &Channels,
    is_wanted: impl Fn(&str) -> bool,
) -> Result<Vec<fbc::Package>, RenderError> {
    let read = || {
        let sql = "SELECT DISTINCT name, default_channel FROM package ORDER BY name";
        let mut statement = connection.prepare_cached(sql)?;
        let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
        rows.collect::<rusqlite::Result<Vec<(String, Option<String>)>>>()
    };
    let mut packages = Vec::new();
    for (name, default_channel) in read().doing("listing packages")? {
        if !is_wanted(&name) {
            continue;
        }
        let refuse = |reason: String| RenderError::Package {
            package: name.clone(),
            reason,
        };
        let channels = channels
            .get(&name)
            .ok_or_else(|| refuse("it has no channel; remove it from the index".to_owned()))?;
        let default_channel = default_channel.unwrap_or_default();
        let head = channels.get(&default_channel).ok_or_else(|| {
            refuse(format!(
                "its default channel `{default_channel}` does not exist; its channels are `{}`",
                channels.keys().cloned().collect::<Vec<_>>().join("`, `")
            ))
        })?;
        let icon = facts::icon(connection, head.as_deref().unwrap_or_default())?;
        packages.push(fbc::Package {
            name: name.clone(),
            default_channel,
            icon,
            ..fbc::Package::default()
        });
    }
    Ok(packages)
}
