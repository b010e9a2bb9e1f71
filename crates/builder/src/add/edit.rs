//! The catalog work of an add: the database of the from-index with the new bundles in it, and the catalog that follows from it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use bundle::Bundle;
use oci::{ImageName, PullSpec};

use crate::bundles::read_bundles;
use crate::catalog_change::Watched;
use crate::databases;
use crate::error::{ContentError, Error};
use crate::image::label;
use crate::index_image::change::{Changes, UnitChange};
use crate::index_image::changed::Changed;
use crate::index_image::facts::UnitPath;
use crate::index_image::source::{CatalogSource, DatabaseChange};
use crate::index_image::{database, migrate};
use crate::labels;
use crate::progress::{Facts, Phase};
use crate::request::GraphUpdateMode;
use crate::run::Run;
use crate::scope::Scope;
use crate::stages::assemble::IndexKind;
use crate::stages::bundles::FoundBundle;
use crate::stages::prepare::{FoundIndex, Prepared};

/// The finished catalog.
pub(super) struct Edited {
    pub(super) changed: Changed,
    /// The bundles that were not there before, by the pull specs that went in.
    pub(super) added: Vec<PullSpec>,
    /// Bundles of the request that the index had already.
    pub(super) present: Vec<PullSpec>,
}

/// What the request asks for.
struct Asked<'request> {
    mode: GraphUpdateMode,
    bundles: Vec<&'request FoundBundle>,
    deprecations: &'request [FoundBundle],
    overwrite_latest: bool,
}

/// Adds the bundles that the from-index does not have yet, and deprecates those of `deprecations` that it has then.
pub(super) async fn edit(
    run: &Run<'_>,
    mode: GraphUpdateMode,
    prepared: &Prepared,
    bundles: &[FoundBundle],
    deprecations: &[FoundBundle],
) -> Result<Edited, Error> {
    let asked = Asked {
        mode,
        bundles: distinct(bundles),
        deprecations,
        // Only what is in production must never be replaced under its name (spec workflows 2.5).
        overwrite_latest: prepared.scope < Scope::Prod,
    };
    let Some(index) = &prepared.from_index else {
        return sqlite(run, &asked, None).await;
    };
    run.reporter
        .phase(&Phase::CheckingPresentBundles, &Facts::default())
        .await?;
    match index.kind() {
        IndexKind::Database => sqlite(run, &asked, Some(index)).await,
        IndexKind::FileBased => file_based(run, &asked, prepared, index).await,
    }
}

/// An SQLite index: the database is the catalog.
async fn sqlite(
    run: &Run<'_>,
    asked: &Asked<'_>,
    from_index: Option<&FoundIndex>,
) -> Result<Edited, Error> {
    let (config, directory) = (&run.builder.config, run.directory());
    let file = directory.join("index.db");
    let there = match from_index {
        None => {
            databases::create(&file, config.epoch).await?;
            Vec::new()
        }
        Some(index) => {
            database::copy(&run.blobs, index, &file).await?;
            images_in(&index.image.name, &file, config.epoch).await?
        }
    };
    let (candidates, present) = split_present(&asked.bundles, &there);
    let (added, read) = read_candidates(run, candidates).await?;
    let deprecated = deprecated(asked.deprecations, &there, &added);
    let named = deprecated.iter().filter_map(|bundle| package_of(bundle));
    let touched = packages_in(&read).chain(named).collect();
    let watched = Watched::begin(&file, config.epoch, touched).await;
    add(run, asked, &file, read).await?;
    deprecate(run, &file, &deprecated).await?;
    Ok(Edited {
        changed: Changed::database(config, &file, watched, directory).await?,
        added,
        present,
    })
}

/// A file-based index: packages of the hidden database are rendered from it, all others stay as they are.
async fn file_based(
    run: &Run<'_>,
    asked: &Asked<'_>,
    prepared: &Prepared,
    index: &FoundIndex,
) -> Result<Edited, Error> {
    let (config, directory) = (&run.builder.config, run.directory());
    let name = &index.image.name;
    let source = CatalogSource::open(&run.blobs, config, index, directory).await?;
    let listed = source.list().await?;
    let there = pull_specs(listed.bundles.iter().map(|bundle| &bundle.image));
    let (candidates, present) = split_present(&asked.bundles, &there);
    let (added, read) = read_candidates(run, candidates).await?;
    let in_database = source.database_packages().await?;
    for bundle in &read {
        let package = bundle.package();
        if listed.packages.contains(package) && !in_database.contains(package) {
            return Err(Error::from(ContentError::OptedIn {
                index: Box::new(name.clone()),
                package: package.to_owned(),
            }));
        }
    }
    let Some(file) = source.database_copy().await? else {
        return Err(source.no_database(
            "which bundles are added to; change its packages with catalog fragments",
        ));
    };
    let deprecated = deprecated(asked.deprecations, &there, &added);
    let leaving = packages_of(&deprecated)?;
    if !deprecated.is_empty() {
        let known = images_in(name, &file, config.epoch).await?;
        check_in_database(name, &deprecated, &known, &added)?;
    }
    let touched: BTreeSet<String> = packages_in(&read).chain(leaving.iter().cloned()).collect();
    let is_changed = !(read.is_empty() && deprecated.is_empty() && source.holds_database());
    add(run, asked, &file, read).await?;
    deprecate(run, &file, &deprecated).await?;
    // By version, an add changes what the database keeps of bundles in other packages too.
    let is_local = asked.mode == GraphUpdateMode::Replaces && source.holds_database();
    let rendered = migrate::units(
        name,
        &file,
        config.epoch,
        is_local.then(|| touched.clone()),
        source.level(),
        directory.join("rendered"),
    )
    .await?;
    let mut changes = Changes::new();
    source.normalise(&mut changes).await?;
    // A package of which nothing is left is rendered no more.
    let gone = |package: &String| (UnitPath::top(package), UnitChange::Remove);
    changes.extend(leaving.iter().map(gone));
    let put = |(unit, files)| (unit, UnitChange::Put(files));
    changes.extend(rendered.into_iter().map(put));
    let database = if is_changed {
        DatabaseChange::Replace(file)
    } else {
        DatabaseChange::Keep
    };
    let base_layers = prepared.most_base_layers();
    Ok(Edited {
        changed: source
            .change(changes, database, base_layers, touched)
            .await?,
        added,
        present,
    })
}

async fn add(
    run: &Run<'_>,
    asked: &Asked<'_>,
    file: &Path,
    bundles: Vec<Bundle>,
) -> Result<(), Error> {
    let epoch = run.builder.config.epoch;
    databases::add(file, bundles, asked.mode, asked.overwrite_latest, epoch).await
}

async fn deprecate(run: &Run<'_>, file: &Path, bundles: &[&FoundBundle]) -> Result<(), Error> {
    if bundles.is_empty() {
        return Ok(());
    }
    let images = bundles.iter().map(|bundle| bundle.resolved().to_string());
    databases::deprecate(file, images.collect(), run.builder.config.epoch).await
}

/// The images of all bundles in the database `file` of `index`.
async fn images_in(index: &ImageName, file: &Path, epoch: i64) -> Result<Vec<PullSpec>, Error> {
    let entries = databases::bundles(index, file, epoch).await?;
    Ok(pull_specs(entries.iter().map(|entry| &entry.path)))
}

/// Those that are pull specs: no other text can equal one.
fn pull_specs<'text>(texts: impl IntoIterator<Item = &'text String>) -> Vec<PullSpec> {
    texts
        .into_iter()
        .filter_map(|text| text.parse().ok())
        .collect()
}

/// Of the bundles to deprecate those that the index has, in its order, with what was added last (spec workflows 3.3).
fn deprecated<'bundles>(
    bundles: &'bundles [FoundBundle],
    there: &[PullSpec],
    added: &[PullSpec],
) -> Vec<&'bundles FoundBundle> {
    let asked: BTreeMap<PullSpec, &FoundBundle> = bundles
        .iter()
        .map(|bundle| (bundle.resolved(), bundle))
        .collect();
    let found: Vec<&FoundBundle> = there
        .iter()
        .chain(added)
        .filter_map(|image| asked.get(image).copied())
        .collect();
    if found.is_empty() && !bundles.is_empty() {
        tracing::warn!("no bundle of the deprecation list is in the index: nothing is deprecated");
    }
    found
}

/// The package of a bundle, as its labels say.
fn package_of(bundle: &FoundBundle) -> Option<String> {
    let labels = bundle.platform.config.labels();
    label(&labels, labels::PACKAGE).map(str::to_owned)
}

/// The packages of bundles, as these say themselves.
fn packages_in(bundles: &[Bundle]) -> impl Iterator<Item = String> {
    bundles.iter().map(|bundle| bundle.package().to_owned())
}

/// The packages of bundles, as their labels say.
fn packages_of(bundles: &[&FoundBundle]) -> Result<BTreeSet<String>, Error> {
    let package = |bundle: &&FoundBundle| {
        package_of(bundle).ok_or_else(|| {
            let bundle = Box::new(bundle.written.clone());
            ContentError::NoPackageLabel { bundle }.into()
        })
    };
    bundles.iter().map(package).collect()
}

/// Refuses to deprecate what the hidden database does not know: packages that only fragments change.
fn check_in_database(
    index: &ImageName,
    deprecated: &[&FoundBundle],
    known: &[PullSpec],
    added: &[PullSpec],
) -> Result<(), Error> {
    let images = deprecated.iter().map(|bundle| bundle.resolved());
    let unknown: Vec<PullSpec> = images
        .filter(|image| !known.contains(image) && !added.contains(image))
        .collect();
    if unknown.is_empty() {
        return Ok(());
    }
    Err(Error::from(ContentError::DeprecatesOptedIn {
        index: Box::new(index.clone()),
        bundles: unknown,
    }))
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
    bundles: &[&'bundles FoundBundle],
    paths: &[PullSpec],
) -> (Vec<&'bundles FoundBundle>, Vec<PullSpec>) {
    let by_digest: BTreeMap<_, _> = paths
        .iter()
        .filter_map(|path| Some((path.digest()?, path)))
        .collect();
    let mut missing = Vec::new();
    let mut present = Vec::new();
    for &bundle in bundles {
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
