//! A change as one small layer over the layers that are there.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use catalog::cache::{self, CacheDelta, CacheError, Extent, PackageChange};
use catalog::fbc::Catalog;
use oci::{BlobSource, Digest, EntryKind, Layer, LayerBuilder, Owner};

use super::change::{Changes, UnitChange};
use super::facts::{CatalogFile, UnitFiles, UnitPath, of_package};
use super::stack::SMALL_BYTES;
use super::view::{CatalogView, Found};
use super::{CACHE, CONFIGS, PROFILE, add_cache_directories};
use crate::config::BuilderConfig;
use crate::error::{ContentError, Error};

/// What came of a change.
#[derive(Debug)]
pub(crate) enum Outcome {
    /// Everything is there already.
    Nothing,
    /// A layer to put on top, and what it holds.
    Delta(Box<NewDelta>),
    /// It cannot be a delta: the catalog has to be written anew.
    TooMuch,
}

/// A layer to put on top.
#[derive(Debug)]
pub(crate) struct NewDelta {
    pub(crate) layer: Layer,
    /// What it holds of the catalog.
    pub(crate) found: Found,
    /// How long the serve cache took: its indexes and its digest grow with the index.
    pub(crate) serve_cache: Duration,
}

/// The files that `changes` really add or replace, by unit; `None` if they remove some. Blocking.
pub(crate) fn really_put(
    view: &CatalogView,
    changes: &Changes,
) -> Result<Option<BTreeMap<UnitPath, UnitFiles>>, Error> {
    let mut put = BTreeMap::new();
    for (unit, change) in changes {
        let there = view.files(unit);
        match change {
            UnitChange::Remove if there.is_empty() => {}
            UnitChange::Put(files) if are_equal(&there, files)? => {}
            UnitChange::Put(files) if there.keys().all(|path| files.contains_key(path)) => {
                put.insert(unit.clone(), files.clone());
            }
            UnitChange::Remove | UnitChange::Put(_) => return Ok(None),
        }
    }
    Ok(Some(put))
}

/// Makes the layer that puts `put` over the catalog in `view`. Blocking.
///
/// Reads and judges the packages that the change touches, and nothing of the others but their texts for the digest.
pub(crate) fn delta(
    config: &BuilderConfig,
    origin: &str,
    view: &CatalogView,
    put: &BTreeMap<UnitPath, UnitFiles>,
    directory: &Path,
    base_layers: usize,
) -> Result<Outcome, Error> {
    let found = Found::read(origin, put, directory)?;
    if found.facts.ignores {
        return Ok(Outcome::TooMuch);
    }
    let touched = touched_packages(view, put, &found);
    let packages = read_packages(origin, view, put, &touched)?;
    let begin = Instant::now();
    let cache = cache_delta(origin, view, &found, &packages)?;
    let serve_cache = begin.elapsed();
    let Some(cache) = cache else {
        return Ok(Outcome::TooMuch);
    };
    let layer = write(config, put, cache, directory, base_layers)?;
    Ok(Outcome::Delta(Box::new(NewDelta {
        layer,
        found,
        serve_cache,
    })))
}

/// Whether a unit has these files and contents already.
fn are_equal(there: &UnitFiles, files: &UnitFiles) -> Result<bool, Error> {
    if !there.keys().eq(files.keys()) {
        return Ok(false);
    }
    for (old, new) in there.values().zip(files.values()) {
        let is_same = match old {
            CatalogFile::Stored(_, entry) => match &entry.kind {
                EntryKind::File { digest, .. } => *digest == Digest::of(&new.read()?),
                _ => false,
            },
            CatalogFile::Here(_) => old.read()? == new.read()?,
        };
        if !is_same {
            return Ok(false);
        }
    }
    Ok(true)
}

/// The packages that have a blob in a changed unit, before the change or after it.
fn touched_packages(
    view: &CatalogView,
    put: &BTreeMap<UnitPath, UnitFiles>,
    found: &Found,
) -> BTreeSet<String> {
    let before = view
        .units()
        .filter(|(unit, _)| put.contains_key(unit))
        .map(|(_, facts)| facts);
    let packages = before
        .chain(found.facts.units.values())
        .flat_map(|facts| &facts.packages);
    packages.cloned().collect()
}

/// The blobs of each touched package after the change, from all units that have some.
fn read_packages(
    origin: &str,
    view: &CatalogView,
    put: &BTreeMap<UnitPath, UnitFiles>,
    touched: &BTreeSet<String>,
) -> Result<BTreeMap<String, Catalog>, Error> {
    let others = view
        .units()
        .filter(|(unit, facts)| !put.contains_key(unit) && !facts.packages.is_disjoint(touched))
        .map(|(unit, _)| (unit.clone(), view.files(unit)));
    let mut units: BTreeMap<UnitPath, UnitFiles> = others.collect();
    units.extend(
        put.iter()
            .map(|(unit, files)| (unit.clone(), files.clone())),
    );
    let mut catalog = Catalog::default();
    for files in units.values() {
        catalog.append(super::facts::read_unit(origin, files)?.0);
    }
    Ok(touched
        .iter()
        .map(|package| (package.clone(), of_package(&catalog, package)))
        .collect())
}

/// The new files of the serve cache; `None` if the old ones are better written anew.
fn cache_delta(
    origin: &str,
    view: &CatalogView,
    found: &Found,
    packages: &BTreeMap<String, Catalog>,
) -> Result<Option<CacheDelta>, Error> {
    let texts = found.texts.reopen().map_err(ContentError::CatalogTexts)?;
    let texts = all_texts(view, found, &Arc::new(texts));
    let changes = packages
        .iter()
        .map(|(name, catalog)| {
            let change = if *catalog == Catalog::default() {
                PackageChange::Gone
            } else {
                PackageChange::Set(catalog)
            };
            (name.clone(), change)
        })
        .collect();
    match cache::delta(view.cache(), &changes, texts, PROFILE) {
        Ok(cache) => {
            let is_waste = cache.usage.is_mostly_dead() && cache.usage.dead > SMALL_BYTES;
            Ok((!is_waste).then_some(cache))
        }
        // What cannot be built upon is written anew.
        Err(error @ (CacheError::Damaged { .. } | CacheError::TooManySegments { .. })) => {
            tracing::warn!("the serve cache of {origin} is written anew: {error}");
            Ok(None)
        }
        Err(error) => Err(Error::from(ContentError::Cache {
            origin: origin.to_owned(),
            source: Box::new(error),
        })),
    }
}

/// The normal forms of all blobs after the change, in the order of the walk.
fn all_texts(view: &CatalogView, found: &Found, texts: &Arc<File>) -> Vec<Extent> {
    let mut extents: BTreeMap<UnitPath, Extent> = view
        .units()
        .filter_map(|(unit, _)| Some((unit.clone(), view.texts(unit)?)))
        .collect();
    for (unit, facts) in &found.facts.units {
        let extent = Extent {
            file: Arc::clone(texts),
            offset: facts.texts_at,
            size: facts.texts_size,
        };
        extents.insert(unit.clone(), extent);
    }
    extents.into_values().collect()
}

fn write(
    config: &BuilderConfig,
    put: &BTreeMap<UnitPath, UnitFiles>,
    cache: CacheDelta,
    directory: &Path,
    base_layers: usize,
) -> Result<Layer, Error> {
    let mut builder = LayerBuilder::new(config.epoch);
    for (path, file) in put.values().flatten() {
        let content = match file {
            CatalogFile::Here(path) => BlobSource::File(path.clone()),
            CatalogFile::Stored(..) => BlobSource::Bytes(file.read()?),
        };
        builder
            .file(&format!("{CONFIGS}/{path}"), Owner::ROOT, 0o644, content)
            .map_err(Error::Layer)?;
    }
    add_cache_directories(&mut builder, base_layers)?;
    for file in cache.files {
        builder
            .file(
                &format!("{CACHE}/{}", file.path),
                super::CACHE_OWNER,
                file.mode,
                BlobSource::Bytes(file.content.into()),
            )
            .map_err(Error::Layer)?;
    }
    builder
        .write(&directory.join("delta.tar.gz"), config.format)
        .map_err(Error::Layer)
}
