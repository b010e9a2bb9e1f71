//! The catalog work of an add: the database of the from-index with the new bundles in it, and the catalog that follows from it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use bundle::Bundle;
use indexdb::{AddOptions, IndexDb, Mode};
use oci::PullSpec;

use crate::blocking::blocking;
use crate::bundles::read_bundles;
use crate::error::Error;
use crate::index_image::change::{Changes, UnitChange};
use crate::index_image::database::{self, StoredDatabase};
use crate::index_image::migrate;
use crate::index_image::source::{CatalogSource, Changed, DatabaseChange};
use crate::index_image::stack::{LayerKind, Stack, StackLayer};
use crate::labels;
use crate::progress::{Facts, Phase};
use crate::request::GraphUpdateMode;
use crate::run::Run;
use crate::scope::Scope;
use crate::stages::assemble::IndexKind;
use crate::stages::bundles::FoundBundle;
use crate::stages::prepare::{FoundIndex, FoundKind, Prepared};

/// The finished catalog.
pub(super) struct Edited {
    pub(super) kind: IndexKind,
    pub(super) changed: Changed,
    /// The bundles that were not there before, by the pull specs that went in.
    pub(super) added: Vec<PullSpec>,
    /// Bundles of the request that the index had already.
    pub(super) present: Vec<PullSpec>,
}

/// Adds the bundles that the from-index does not have yet.
pub(super) async fn edit(
    run: &Run<'_>,
    mode: GraphUpdateMode,
    prepared: &Prepared,
    bundles: &[FoundBundle],
) -> Result<Edited, Error> {
    if prepared.from_index.is_some() {
        run.reporter
            .phase(&Phase::CheckingPresentBundles, &Facts::default())
            .await?;
    }
    match &prepared.from_index {
        Some(index) if matches!(index.kind, FoundKind::FileBased(_)) => {
            file_based(run, mode, prepared, index, bundles).await
        }
        index => sqlite(run, mode, prepared, index.as_ref(), bundles).await,
    }
}

/// An SQLite index: the database is the catalog.
async fn sqlite(
    run: &Run<'_>,
    mode: GraphUpdateMode,
    prepared: &Prepared,
    from_index: Option<&FoundIndex>,
    bundles: &[FoundBundle],
) -> Result<Edited, Error> {
    let (config, directory) = (&run.builder.config, run.directory);
    let file = directory.join("index.db");
    let (candidates, present) = match from_index {
        None => {
            create_database(&file, config.epoch).await?;
            (distinct(bundles), Vec::new())
        }
        Some(index) => {
            copy_database(run, index, &file).await?;
            let paths = present_paths(index, &file, config.epoch).await?;
            split_present(distinct(bundles), &paths)
        }
    };
    let (added, read) = read_candidates(run, candidates).await?;
    add_to(&file, read, mode, prepared.scope, config.epoch).await?;
    let path = labels::DATABASE_PATH;
    let layer = database::layer(config, path, &file, directory).await?;
    Ok(Edited {
        kind: IndexKind::Database,
        changed: Changed {
            stack: Stack(vec![StackLayer::new(LayerKind::Database, &layer)]),
            serve_cache: None,
        },
        added,
        present,
    })
}

/// A file-based index: packages of the hidden database are rendered from it, all others stay as they are.
async fn file_based(
    run: &Run<'_>,
    mode: GraphUpdateMode,
    prepared: &Prepared,
    index: &FoundIndex,
    bundles: &[FoundBundle],
) -> Result<Edited, Error> {
    let (config, directory) = (&run.builder.config, run.directory);
    let source = CatalogSource::open(&run.blobs, config, index, directory).await?;
    let listed = source.list().await?;
    if let Some(file) = listed.yaml {
        return Err(Error::YamlCatalog {
            index: Box::new(index.image.name.clone()),
            file,
        });
    }
    // An image that is no pull spec cannot equal one.
    let images: Vec<PullSpec> = listed
        .images
        .iter()
        .filter_map(|image| image.parse().ok())
        .collect();
    let (candidates, present) = split_present(distinct(bundles), &images);
    let (added, read) = read_candidates(run, candidates).await?;
    let in_database = source.database_packages().await?;
    for bundle in &read {
        let package = bundle.package();
        if listed.packages.contains(package) && !in_database.contains(package) {
            return Err(Error::OptedIn {
                index: Box::new(index.image.name.clone()),
                package: package.to_owned(),
            });
        }
    }
    let Some(file) = source.database_copy().await? else {
        return Err(Error::NoHiddenDatabase {
            index: Box::new(index.image.name.clone()),
        });
    };
    let touched: BTreeSet<String> = read
        .iter()
        .map(|bundle| bundle.package().to_owned())
        .collect();
    let is_changed = !read.is_empty();
    add_to(&file, read, mode, prepared.scope, config.epoch).await?;
    // By version, an add changes what the database keeps of bundles in other packages too.
    let is_local = mode == GraphUpdateMode::Replaces && source.holds_database();
    let rendered = migrate::units(
        &index.image.name,
        &file,
        config.epoch,
        is_local.then_some(touched),
        directory.join("rendered"),
    )
    .await?;
    let changes: Changes = rendered
        .into_iter()
        .map(|(unit, files)| (unit, UnitChange::Put(files)))
        .collect();
    let database = if is_changed {
        DatabaseChange::Replace(file)
    } else {
        DatabaseChange::Keep
    };
    let base_layers = prepared.most_base_layers();
    Ok(Edited {
        kind: IndexKind::FileBased,
        changed: source.change(changes, database, base_layers).await?,
        added,
        present,
    })
}

/// Reads the bundles to add, each known by its digest, with the pull specs that go in.
async fn read_candidates(
    run: &Run<'_>,
    candidates: Vec<&FoundBundle>,
) -> Result<(Vec<PullSpec>, Vec<Bundle>), Error> {
    let added = candidates.iter().map(|bundle| bundle.resolved()).collect();
    let candidates = candidates.into_iter().map(|bundle| {
        let path = bundle.resolved().to_string();
        (bundle.clone(), path)
    });
    let read = read_bundles(&run.builder.config, candidates.collect()).await?;
    Ok((added, read))
}

/// Copies the database of an SQLite index to `file`, from the blob cache if it is there.
async fn copy_database(run: &Run<'_>, index: &FoundIndex, file: &Path) -> Result<(), Error> {
    let (manifest, config) = (&index.platform.manifest, &index.platform.config);
    let ours = Stack::recognise_database(manifest, config);
    let layer = ours.as_ref().and_then(Stack::database);
    if let (Some(layer), FoundKind::Database(path)) = (layer, &index.kind)
        && path == labels::DATABASE_PATH
    {
        let stored = StoredDatabase::open(&run.blobs, &index.image, layer, path).await?;
        return stored.extract(file.to_owned()).await;
    }
    index.extract_database(file).await.map(drop)
}

async fn create_database(file: &Path, epoch: i64) -> Result<(), Error> {
    let file = file.to_owned();
    blocking(move || {
        let created = IndexDb::create(&file, epoch).and_then(IndexDb::finish);
        created.map_err(|source| Error::Add {
            source: Box::new(source),
        })
    })
    .await
}

/// Adds `bundles` to the database `file`.
async fn add_to(
    file: &Path,
    bundles: Vec<Bundle>,
    mode: GraphUpdateMode,
    scope: Scope,
    epoch: i64,
) -> Result<(), Error> {
    let options = AddOptions {
        mode: match mode {
            GraphUpdateMode::Replaces => Mode::Replaces,
            GraphUpdateMode::Semver => Mode::Semver,
            GraphUpdateMode::SemverSkippatch => Mode::SemverSkippatch,
        },
        // Only what is in production must never be replaced under its name (spec workflows 2.5).
        overwrite_latest: scope < Scope::Prod,
        substitutes_for: true,
        ..AddOptions::default()
    };
    let file: PathBuf = file.to_owned();
    blocking(move || {
        let refused = |source| Error::Add {
            source: Box::new(source),
        };
        let mut index = IndexDb::open(&file, epoch).map_err(refused)?;
        index.add(&bundles, &options).map_err(refused)?;
        index.finish().map_err(refused)
    })
    .await
}

async fn present_paths(
    index: &FoundIndex,
    database: &Path,
    epoch: i64,
) -> Result<Vec<PullSpec>, Error> {
    let name = index.image.name.clone();
    let path = database.to_owned();
    blocking(move || {
        let unusable = |source| Error::Database {
            index: Box::new(name.clone()),
            source: Box::new(source),
        };
        let index = IndexDb::open(&path, epoch).map_err(unusable)?;
        let entries = index.bundles().map_err(unusable)?;
        // A path that is no pull spec cannot equal one.
        Ok(entries
            .iter()
            .filter_map(|entry| entry.path.parse::<PullSpec>().ok())
            .collect())
    })
    .await
}

/// Each image once, however many names the request has for it, in the order of the request (spec workflows 2.3).
fn distinct(bundles: &[FoundBundle]) -> Vec<&FoundBundle> {
    let mut seen = BTreeSet::new();
    bundles
        .iter()
        .filter(|bundle| seen.insert(bundle.resolved()))
        .collect()
}

/// Splits off the bundles that the index has already: the same digest counts, wherever it lies (spec workflows 3.2).
fn split_present<'bundles>(
    bundles: Vec<&'bundles FoundBundle>,
    paths: &[PullSpec],
) -> (Vec<&'bundles FoundBundle>, Vec<PullSpec>) {
    let by_digest: BTreeMap<_, _> = paths
        .iter()
        .filter_map(|path| Some((path.digest()?, path)))
        .collect();
    let mut missing = Vec::new();
    let mut present = Vec::new();
    for bundle in bundles {
        let resolved = bundle.resolved();
        match by_digest.get(&bundle.platform.digest) {
            None => missing.push(bundle),
            Some(path) => {
                if path.repository() != resolved.repository() {
                    tracing::warn!("the bundle `{resolved}` is already in the index as `{path}`");
                }
                present.push(resolved);
            }
        }
    }
    (missing, present)
}
