//! Second stage: the catalog work. The from-index's database with the new bundles in it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use indexdb::{AddOptions, IndexDb, Mode};
use oci::PullSpec;

use crate::add::prepare::{FoundBundle, FoundIndex, Prepared};
use crate::bundles::read_bundles;
use crate::config::BuilderConfig;
use crate::error::Error;
use crate::progress::{Facts, Phase, Reporter};
use crate::request::GraphUpdateMode;
use crate::scope::Scope;

/// The finished database, in the request's private directory.
pub(crate) struct Edited {
    pub(crate) database: PathBuf,
    /// The bundles that were not there before, by the pull specs that went in.
    pub(crate) added: Vec<PullSpec>,
    /// Bundles of the request that the index had already.
    pub(crate) present: Vec<PullSpec>,
}

/// Adds the bundles that the from-index does not have yet to its database, or to an empty one.
pub(crate) async fn edit(
    config: &BuilderConfig,
    mode: GraphUpdateMode,
    prepared: &Prepared,
    reporter: &dyn Reporter,
    directory: &Path,
) -> Result<Edited, Error> {
    let database = directory.join("index.db");
    let (candidates, present) = match &prepared.from_index {
        None => (distinct(&prepared.bundles), Vec::new()),
        Some(index) => {
            reporter
                .phase(&Phase::CheckingPresentBundles, &Facts::default())
                .await?;
            let bytes = index.extract_database(&database).await?;
            tracing::info!(
                size_bytes = bytes,
                "read the database of `{}`",
                index.image.name
            );
            let paths = present_paths(index, &database, config.epoch).await?;
            split_present(distinct(&prepared.bundles), &paths)
        }
    };
    let added: Vec<PullSpec> = candidates.iter().map(|bundle| bundle.resolved()).collect();
    let candidates = candidates.into_iter().map(|bundle| {
        let path = bundle.resolved().to_string();
        (bundle.clone(), path)
    });
    let bundles = read_bundles(config, candidates.collect()).await?;

    let options = AddOptions {
        mode: match mode {
            GraphUpdateMode::Replaces => Mode::Replaces,
            GraphUpdateMode::Semver => Mode::Semver,
            GraphUpdateMode::SemverSkippatch => Mode::SemverSkippatch,
        },
        // Only what is in production must never be replaced under its name (spec workflows 2.5).
        overwrite_latest: prepared.scope < Scope::Prod,
        substitutes_for: true,
        ..AddOptions::default()
    };
    let epoch = config.epoch;
    let path = database.clone();
    let open = if prepared.from_index.is_some() {
        IndexDb::open
    } else {
        IndexDb::create
    };
    blocking(move || {
        let refused = |source| Error::Add {
            source: Box::new(source),
        };
        let mut index = open(&path, epoch).map_err(refused)?;
        let added = index.add(&bundles, &options).map_err(refused)?;
        index.finish().map_err(refused)?;
        Ok(added)
    })
    .await?;
    Ok(Edited {
        database,
        added,
        present,
    })
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

/// Runs catalog work off the runtime.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    // What is logged in there belongs to the request too.
    let span = tracing::Span::current();
    tokio::task::spawn_blocking(move || span.in_scope(work))
        .await
        .map_err(Error::Internal)?
}
