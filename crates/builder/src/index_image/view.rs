//! The catalog of an image of ours: the union of its layers, and what is known of it without reading it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::BufWriter;
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::sync::Arc;

use catalog::cache::{Extent, StoredCache};
use futures::stream::{self, StreamExt as _, TryStreamExt as _};
use oci::{BlobCache, BlobSource, EntryKind, LayerEntry, Limits, Note, OpenLayer};
use rayon::prelude::*;
use tempfile::NamedTempFile;

use super::facts::{
    self, BundleFacts, BundlesByUnit, CatalogFile, LayerFacts, UnitFacts, UnitFiles, UnitPath,
    from_json, to_json,
};
use super::stack::{Stack, StackLayer};
use super::{CACHE, CONFIGS};
use crate::blocking::blocking;
use crate::error::{ContentError, Error};
use crate::image::FoundImage;

/// The notes beside a layer: what it holds of the catalog, the bundles in it, and the normal forms of its blobs.
const UNITS_NOTE: &str = "units.1.json";
const BUNDLES_NOTE: &str = "bundles.1.json";
const TEXTS_NOTE: &str = "texts.1";

/// How much of a text is read at once, in bytes.
const PIECE_BYTES: usize = 1 << 18;

/// How many layers are opened at once.
const LAYERS_AT_ONCE: usize = 4;

/// The catalog of an image of ours.
#[derive(Debug)]
pub(crate) struct CatalogView {
    /// Lowest first.
    layers: Vec<ViewLayer>,
    /// The units by the layer that has the say on them.
    units: BTreeMap<UnitPath, usize>,
    cache: StoredCache,
}

/// A layer, opened, with what is known of it.
#[derive(Debug)]
pub(crate) struct ViewLayer {
    open: OpenLayer,
    facts: LayerFacts,
    bundles: BundlesByUnit,
    texts: Note,
}

impl CatalogView {
    /// Opens the catalog layers of `stack`; `None` if they are not as ours are. What is on disk already is not fetched.
    /// `directory` is for what is only needed meanwhile.
    pub(crate) async fn open(
        blobs: &BlobCache,
        image: &FoundImage,
        stack: &Stack,
        directory: &Path,
    ) -> Result<Option<Self>, Error> {
        let layers: Vec<StackLayer> = stack.catalog().cloned().collect();
        let layers: Vec<ViewLayer> = stream::iter(layers)
            .map(|layer| open_layer(blobs, image, layer, directory))
            .buffered(LAYERS_AT_ONCE)
            .try_collect()
            .await?;
        Ok(Self::of(layers))
    }

    fn of(layers: Vec<ViewLayer>) -> Option<Self> {
        let mut units = BTreeMap::new();
        let mut cache = StoredCache::default();
        for (number, layer) in layers.iter().enumerate() {
            if layer.facts.ignores || !layer.open.entries().iter().all(is_ours) {
                return None;
            }
            for unit in layer.facts.units.keys() {
                let below = units.insert(unit.clone(), number);
                // A file of a lower layer that an upper one does not replace would still be in the image.
                if let Some(below) = below
                    && !names(&layers[below], unit).is_subset(&names(layer, unit))
                {
                    return None;
                }
            }
            cache.files.extend(cache_files(&layer.open));
        }
        Some(Self {
            layers,
            units,
            cache,
        })
    }

    /// The serve cache.
    pub(crate) fn cache(&self) -> &StoredCache {
        &self.cache
    }

    /// All units in the order of the walk.
    pub(crate) fn units(&self) -> impl Iterator<Item = (&UnitPath, &UnitFacts)> {
        self.units
            .iter()
            .filter_map(|(unit, layer)| Some((unit, self.layers[*layer].facts.units.get(unit)?)))
    }

    /// All bundles.
    pub(crate) fn bundles(&self) -> impl Iterator<Item = &BundleFacts> {
        self.units
            .iter()
            .filter_map(|(unit, layer)| self.layers[*layer].bundles.get(unit))
            .flatten()
    }

    /// The files of a unit; none if there is no such unit.
    pub(crate) fn files(&self, unit: &UnitPath) -> UnitFiles {
        self.units
            .get(unit)
            .map(|layer| unit_files(&self.layers[*layer].open, unit))
            .unwrap_or_default()
    }

    /// Where the normal forms of a unit's blobs are; `None` if there is no such unit.
    pub(crate) fn texts(&self, unit: &UnitPath) -> Option<Extent> {
        let layer = &self.layers[*self.units.get(unit)?];
        let facts = layer.facts.units.get(unit)?;
        Some(Extent {
            file: Arc::clone(layer.texts.file()),
            offset: facts.texts_at,
            size: facts.texts_size,
        })
    }

    /// Writes all files of the catalog to the directory `to`. Blocking.
    pub(crate) fn write(&self, to: &Path) -> Result<(), Error> {
        for unit in self.units.keys() {
            for (path, file) in self.files(unit) {
                let path = to.join(path);
                let failed = |source| Error::Io {
                    path: path.clone(),
                    source,
                };
                let folder = path.parent().unwrap_or(to);
                fs::create_dir_all(folder).map_err(failed)?;
                fs::write(&path, file.read()?).map_err(failed)?;
            }
        }
        Ok(())
    }
}

/// Opens a layer and looks up what is known of it, or finds it out.
async fn open_layer(
    blobs: &BlobCache,
    image: &FoundImage,
    layer: StackLayer,
    directory: &Path,
) -> Result<ViewLayer, Error> {
    let (repository, descriptor) = (&image.repository, &layer.descriptor);
    let open = blobs
        .open_layer(repository, descriptor, &Limits::index())
        .await
        .map_err(|source| image.read(source))?;
    if let Some(known) = known(blobs, &open).await? {
        return Ok(known);
    }
    let origin = format!("the index image `{}`", image.name);
    let directory = directory.to_owned();
    let (open, found) = blocking(move || {
        let found = find_out(&origin, &open, &directory)?;
        Ok((open, found))
    })
    .await?;
    keep(blobs, open, found).await
}

/// What was found out about a layer.
#[derive(Debug)]
pub(crate) struct Found {
    pub(crate) facts: LayerFacts,
    pub(crate) bundles: BundlesByUnit,
    /// The normal forms of the blobs.
    pub(crate) texts: NamedTempFile,
}

impl Found {
    /// Finds out what `units` hold. Blocking.
    pub(crate) fn read(
        origin: &str,
        units: &BTreeMap<UnitPath, UnitFiles>,
        directory: &Path,
    ) -> Result<Self, Error> {
        let texts = NamedTempFile::new_in(directory).map_err(ContentError::CatalogTexts)?;
        let mut writer = BufWriter::new(texts);
        let (facts, bundles) = facts::read(origin, units, &mut writer)?;
        let texts = writer
            .into_inner()
            .map_err(|error| ContentError::CatalogTexts(error.into_error()))?;
        Ok(Self {
            facts,
            bundles,
            texts,
        })
    }
}

/// Keeps `found` beside a layer.
pub(crate) async fn keep(
    blobs: &BlobCache,
    open: OpenLayer,
    found: Found,
) -> Result<ViewLayer, Error> {
    let texts = BlobSource::File(found.texts.path().to_owned());
    let digest = open.digest().clone();
    let texts = blobs
        .put_note(&digest, TEXTS_NOTE, texts)
        .await
        .map_err(Error::BlobCache)?;
    let bundles = BlobSource::Bytes(to_json(&found.bundles));
    blobs
        .put_note(&digest, BUNDLES_NOTE, bundles)
        .await
        .map_err(Error::BlobCache)?;
    let units = BlobSource::Bytes(to_json(&found.facts));
    blobs
        .put_note(&digest, UNITS_NOTE, units)
        .await
        .map_err(Error::BlobCache)?;
    Ok(ViewLayer {
        open,
        facts: found.facts,
        bundles: found.bundles,
        texts,
    })
}

/// What was kept beside a layer, if all of it is there and makes sense.
async fn known(blobs: &BlobCache, open: &OpenLayer) -> Result<Option<ViewLayer>, Error> {
    let note = |name| blobs.note(open.digest(), name);
    let (Some(units), Some(bundles), Some(texts)) = (
        note(UNITS_NOTE).await.map_err(Error::BlobCache)?,
        note(BUNDLES_NOTE).await.map_err(Error::BlobCache)?,
        note(TEXTS_NOTE).await.map_err(Error::BlobCache)?,
    ) else {
        return Ok(None);
    };
    let open = open.clone();
    blocking(move || {
        let (Ok(facts), Ok(bundles)) = (from_json::<LayerFacts>(&units), from_json(&bundles))
        else {
            return Ok(None);
        };
        // A wrong text would give the serve cache a digest that no server accepts.
        let is_whole = facts
            .units
            .values()
            .collect::<Vec<_>>()
            .par_iter()
            .all(|unit| has_texts(&texts, unit));
        Ok(is_whole.then_some(ViewLayer {
            open,
            facts,
            bundles,
            texts,
        }))
    })
    .await
}

/// Whether the texts of a unit are what they were. Blocking.
fn has_texts(texts: &Note, unit: &UnitFacts) -> bool {
    let end = unit.texts_at.checked_add(unit.texts_size);
    if end.is_none_or(|end| end > texts.size_bytes()) {
        return false;
    }
    let mut sum = libdeflater::Crc::new();
    let mut buffer = vec![0; PIECE_BYTES];
    let (mut at, mut left) = (unit.texts_at, unit.texts_size);
    while left > 0 {
        let length = usize::try_from(left).map_or(PIECE_BYTES, |left| left.min(PIECE_BYTES));
        if texts
            .file()
            .read_exact_at(&mut buffer[..length], at)
            .is_err()
        {
            return false;
        }
        sum.update(&buffer[..length]);
        let read = u64::try_from(length).unwrap_or(u64::MAX);
        (at, left) = (at + read, left - read);
    }
    sum.sum() == unit.texts_sum
}

/// Reads what a layer holds of the catalog. Blocking.
fn find_out(origin: &str, open: &OpenLayer, directory: &Path) -> Result<Found, Error> {
    let mut units: BTreeMap<UnitPath, UnitFiles> = BTreeMap::new();
    for (path, entry) in below(open.entries(), CONFIGS) {
        let file = CatalogFile::Stored(open.clone(), entry.clone());
        units
            .entry(UnitPath::of(path))
            .or_default()
            .insert(path.to_owned(), file);
    }
    Found::read(origin, &units, directory)
}

/// The files below a directory, with their paths from there.
fn below<'layer>(
    entries: &'layer [LayerEntry],
    directory: &'static str,
) -> impl Iterator<Item = (&'layer str, &'layer LayerEntry)> {
    entries.iter().filter_map(move |entry| {
        let path = entry.path.strip_prefix(directory)?.strip_prefix('/')?;
        matches!(entry.kind, EntryKind::File { .. }).then_some((path, entry))
    })
}

/// The files of a unit, with their paths below the directory of the catalog.
fn unit_entries<'layer>(
    open: &'layer OpenLayer,
    unit: &UnitPath,
) -> impl Iterator<Item = (&'layer str, &'layer LayerEntry)> {
    let start = format!("{CONFIGS}/{}", unit.as_str());
    let entries = open.entries();
    let first = entries.partition_point(|entry| entry.path < start);
    let count = entries[first..].partition_point(|entry| entry.path.starts_with(&start));
    below(&entries[first..first + count], CONFIGS)
        .filter(move |(path, _)| UnitPath::of(path) == *unit)
}

fn unit_files(open: &OpenLayer, unit: &UnitPath) -> UnitFiles {
    unit_entries(open, unit)
        .map(|(path, entry)| {
            let file = CatalogFile::Stored(open.clone(), entry.clone());
            (path.to_owned(), file)
        })
        .collect()
}

fn names<'layer>(layer: &'layer ViewLayer, unit: &UnitPath) -> BTreeSet<&'layer str> {
    unit_entries(&layer.open, unit)
        .map(|(path, _)| path)
        .collect()
}

/// The files of the serve cache in a layer.
fn cache_files(open: &OpenLayer) -> impl Iterator<Item = (String, Extent)> {
    below(open.entries(), CACHE).filter_map(|(path, entry)| match entry.kind {
        EntryKind::File { offset, size, .. } => Some((
            path.to_owned(),
            Extent {
                file: Arc::clone(open.archive()),
                offset,
                size,
            },
        )),
        _ => None,
    })
}

/// Whether an entry is one that our layers have: a plain file of catalog or cache, or a directory.
fn is_ours(entry: &LayerEntry) -> bool {
    match entry.kind {
        EntryKind::Directory => true,
        EntryKind::File { .. } => [CONFIGS, CACHE]
            .iter()
            .any(|directory| entry.path.starts_with(&format!("{directory}/"))),
        _ => false,
    }
}
