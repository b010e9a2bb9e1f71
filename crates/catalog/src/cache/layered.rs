//! A cache that lies in the layers of an image, brought up to date by the files of one more layer (file-based catalog
//! specification, 4.8).
//!
//! The segments below stay where they are, byte for byte. Of the catalog, only the packages that change are read; the rest
//! is needed once, as bytes, for the digest.

use std::collections::BTreeMap;

use std::thread;

use super::build::{DATABASE, DIGEST, POGREB, valid};
use super::contents::{self, Index, PACKAGES};
use super::fnv::Fnv;
use super::hasher::{Feed, Hasher, joined};
use super::pogreb::{Addition, Database, Files, Tally};
use super::{CacheError, Extent, Format, Usage, index, pipeline};
use crate::Profile;
use crate::fbc::{Catalog, Model};

/// The permissions of all files of a database, and of its digest.
const MODE: u32 = 0o660;

/// The package index is held in memory. That of the largest catalogs, icons and all, takes a tenth of this.
const MAX_INDEX: u32 = 1 << 27;

/// The files of a `pogreb.v1` cache, wherever they are.
#[derive(Debug, Clone, Default)]
pub struct StoredCache {
    /// By their path below the cache directory, such as `pogreb.v1/db/00000-1.psg`. Others than a cache's are ignored.
    pub files: BTreeMap<String, Extent>,
}

/// What becomes of one package.
#[derive(Debug, Clone, Copy)]
pub enum PackageChange<'a> {
    /// It has these blobs from now on, which may come from everywhere in the catalog, in the order of the walk. The blobs
    /// that name no package are those of the package without name.
    Set(&'a Catalog),
    /// It has no blobs any more.
    Gone,
}

/// A file of a new cache.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CacheFile {
    /// Its path below the cache directory.
    pub path: String,
    /// Its permissions.
    pub mode: u32,
    /// What is in it.
    pub content: Vec<u8>,
}

/// What makes a stored cache belong to a changed catalog.
#[derive(Debug, Clone)]
pub struct CacheDelta {
    /// The files to add or replace, sorted by path. All others of the cache stay.
    pub files: Vec<CacheFile>,
    /// The digest of the new cache.
    pub digest: String,
    /// Records that stay where they are.
    pub kept: usize,
    /// Records that are written.
    pub written: usize,
    /// Records that are deleted.
    pub deleted: usize,
    /// What the segments hold, old and new.
    pub usage: Usage,
}

impl StoredCache {
    /// What the segments hold, by the index of the cache.
    ///
    /// # Errors
    /// [`CacheError::Damaged`] if the index is missing or is not what it should be.
    pub fn usage(&self) -> Result<Usage, CacheError> {
        self.database()?.usage()
    }

    fn database(&self) -> Result<Database, CacheError> {
        let dir = format!("{POGREB}/{DATABASE}");
        let inside = |(path, extent): (&String, &Extent)| {
            let name = path.strip_prefix(&dir)?.strip_prefix('/')?;
            (!name.contains('/')).then(|| (name.to_owned(), extent.clone()))
        };
        let files = self.files.iter().filter_map(inside).collect();
        Database::of(Files::new(dir.into(), files))
    }
}

/// The files to add or replace so that a stored cache belongs to a changed catalog.
///
/// All changed packages must be named, and the cache must have been current before the change. `blobs` is the normal form of
/// every blob of the new catalog in the order of the walk (file-based catalog specification, 1.2), each with its line break;
/// an extent may hold any number of them, or a part of one.
///
/// What this costs follows the change, but for three things: the index of the packages and that of the keys are made anew,
/// and the digest takes one pass over all blobs and records. In that pass every checksum is verified; before it, no value of
/// a package that does not change is read. Bundles are encoded in the thread pool this runs on. In memory are the changed
/// packages' new records, the two indexes, and a few megabytes of what is read.
///
/// # Errors
/// [`CacheError::Damaged`] if a stored file is not what it should be, and [`CacheError::TooManySegments`] if there are so many
/// that one more would slow servers down: the cache is to be written anew with [`write()`](super::write()) then. Others if a
/// changed package is not valid, or what is stored cannot be read.
pub fn delta(
    stored: &StoredCache,
    changes: &BTreeMap<String, PackageChange<'_>>,
    blobs: impl IntoIterator<Item = Extent>,
    profile: Profile,
) -> Result<CacheDelta, CacheError> {
    let models = models(changes, profile)?;
    let is_changed = |key: &[u8]| match contents::package_of(key) {
        Some(package) => changes.contains_key(package),
        None => key == PACKAGES.as_bytes(),
    };
    let addition = Addition::over(stored.database()?, |key| !is_changed(key))?;
    let index = index(&addition, &models, profile)?;
    let parts: Vec<_> = models.values().flatten().map(|(c, m)| (*c, m)).collect();
    let tasks = contents::tasks_of(&parts, Index::Made(index), Format::Pogreb, profile)?;

    let hasher = Hasher::start(Fnv::new());
    let blobs = joined_extents(blobs);
    let mut addition = thread::scope(|scope| {
        let reading = scope.spawn(|| add_blobs(&hasher, &blobs));
        let made = pipeline::run(&tasks, Format::Pogreb, addition, &hasher);
        let read = joined(reading.join());
        let addition = made?;
        read.map(|()| addition)
    })?;
    let usage = addition.usage();
    addition.seal()?;
    let mut feed = Feed::new(&hasher);
    addition.verify(|piece| feed.write(piece.bytes()))?;
    feed.end();
    let digest = hasher.finish()?.to_hex();
    let (files, tally) = addition.into_files();
    Ok(CacheDelta::new(files, digest, tally, usage))
}

/// The models of the packages that change; `None` for those that are gone.
type Models<'a> = BTreeMap<&'a str, Option<(&'a Catalog, Model<'a>)>>;

fn models<'a>(
    changes: &'a BTreeMap<String, PackageChange<'a>>,
    profile: Profile,
) -> Result<Models<'a>, CacheError> {
    let mut models = Models::new();
    for (name, change) in changes {
        let model = match change {
            PackageChange::Gone => None,
            PackageChange::Set(catalog) => {
                check_names(name, catalog)?;
                Some((*catalog, valid(catalog, profile)?))
            }
        };
        models.insert(name, model);
    }
    Ok(models)
}

/// Refuses blobs of other packages: their records would be those of a package that does not change.
fn check_names(package: &str, catalog: &Catalog) -> Result<(), CacheError> {
    let Catalog {
        packages,
        channels,
        bundles,
        deprecations,
        others,
    } = catalog;
    let mut names = (packages.iter().map(|blob| &blob.name))
        .chain(channels.iter().map(|blob| &blob.package))
        .chain(bundles.iter().map(|blob| &blob.package))
        .chain(deprecations.iter().map(|blob| &blob.package))
        .chain(others.iter().map(|blob| &blob.package));
    match names.find(|name| *name != package) {
        None => Ok(()),
        Some(found) => Err(CacheError::OtherPackage {
            package: package.to_owned(),
            found: found.clone(),
        }),
    }
}

/// The new package index: the old one, in which only the members of changed packages are other ones.
fn index(addition: &Addition, models: &Models<'_>, profile: Profile) -> Result<String, CacheError> {
    let members = models.iter().map(|(name, model)| {
        let member = model
            .as_ref()
            .and_then(|(catalog, model)| index::listed(name, catalog, model, profile));
        (*name, member)
    });
    let damaged = |reason| CacheError::Damaged {
        path: addition.dir().to_owned(),
        reason,
    };
    let stored = String::from_utf8(addition.value_before(PACKAGES, MAX_INDEX)?)
        .map_err(|_| damaged("the package index is not readable"))?;
    index::spliced(&stored, &members.collect()).map_err(damaged)
}

/// The extents with neighbours made one.
fn joined_extents(extents: impl IntoIterator<Item = Extent>) -> Vec<Extent> {
    let mut joined: Vec<Extent> = Vec::new();
    for extent in extents {
        let apart = match joined.last_mut() {
            Some(last) => last.join(extent),
            None => Some(extent),
        };
        joined.extend(apart);
    }
    joined
}

fn add_blobs(hasher: &Hasher, blobs: &[Extent]) -> Result<(), CacheError> {
    let mut feed = Feed::new(hasher);
    for extent in blobs {
        let read = extent.pieces(|piece| {
            feed.write(piece);
            true
        });
        read.map_err(|source| CacheError::Blobs { source })?;
    }
    feed.end();
    Ok(())
}

impl CacheDelta {
    fn new(
        files: impl Iterator<Item = (String, Vec<u8>)>,
        digest: String,
        tally: Tally,
        usage: Usage,
    ) -> Self {
        let file = |path: String, content| CacheFile {
            path,
            mode: MODE,
            content,
        };
        let mut files: Vec<CacheFile> = files
            .map(|(name, content)| file(format!("{POGREB}/{DATABASE}/{name}"), content))
            .collect();
        files.push(file(format!("{POGREB}/{DIGEST}"), digest.clone().into()));
        files.sort_by(|one, other| one.path.cmp(&other.path));
        Self {
            files,
            digest,
            kept: tally.kept,
            written: tally.put,
            deleted: tally.deleted,
            usage,
        }
    }
}

#[cfg(test)]
mod tests;
