//! The request that merges two indexes (spec workflows 5.3).

mod listing;
mod select;

use std::collections::BTreeSet;
use std::path::PathBuf;

use bundle::ocp_versions::{self, IndexVersion, MissingLabel};
use oci::{ImageName, PullSpec};

use crate::Builder;
use crate::bundles::read_bundles;
use crate::catalog_change::Watched;
use crate::databases;
use crate::error::{ContentError, Error};
use crate::index_image::changed::Changed;
use crate::index_image::migrate;
use crate::progress::{Checkpoint, Facts, Phase, Reporter};
use crate::rebase;
use crate::request::{MergeRequest, Overwrite};
use crate::run::{Built, Run};
use crate::stages::assemble::IndexKind;
use crate::stages::bundles::{self, FoundBundle};
use crate::stages::prepare::{FoundIndex, Prepared};
use listing::Member;

/// What a merge made.
#[derive(Clone, Debug)]
pub struct Merged {
    /// The image.
    pub built: Built,
    /// The bundles of the target that the source lacked.
    pub added: Vec<PullSpec>,
    /// The bundles that were deprecated; older ones of their packages went with them.
    pub deprecated: Vec<String>,
    /// The packages that only fragments had changed, and that are so no longer: those of the source are gone, those of the
    /// target are in the database.
    pub no_longer_opted_in: BTreeSet<String>,
}

impl Builder {
    /// Does `request`; see [`Builder::add`] for the rest.
    ///
    /// # Errors
    /// As for [`Builder::add`], and [`Error::NoTarget`], [`ContentError::MergesFilesIntoDatabase`], [`ContentError::NotPinned`],
    /// [`ContentError::NoPackageProperty`].
    pub async fn merge(
        &self,
        request: &MergeRequest,
        reporter: &dyn Reporter,
        checkpoint: Checkpoint,
    ) -> Result<Merged, Error> {
        let mut index = request.index.clone();
        if index.from_index.is_none() && !matches!(index.overwrite, Overwrite::No) {
            return Err(Error::NoTarget {
                source_index: Box::new(request.source.clone()),
            });
        }
        let source = index.from_index.is_some().then_some(&request.source);
        // Without a target the result is made of the source alone, and is one of its kind.
        index
            .from_index
            .get_or_insert_with(|| request.source.clone());
        rebase::run(self, &index, reporter, checkpoint, |run| {
            Box::pin(merge(run, request, source))
        })
        .await
    }
}

async fn merge(
    run: &mut Run<'_>,
    request: &MergeRequest,
    source: Option<&ImageName>,
) -> Result<Merged, Error> {
    let mut prepared = run.prepare(source).await?;
    let (config, known) = (&run.builder.config, run.known());
    let images = &request.deprecations;
    let deprecations =
        bundles::find_bundles(&run.client, &run.blobs, config, images, known).await?;
    name_facts(&mut prepared);
    let target = prepared
        .source
        .is_some()
        .then(|| prepared.index())
        .transpose()?;
    let source = match &prepared.source {
        Some(source) => source,
        None => prepared.index()?,
    };
    let kind = target.unwrap_or(source).kind();
    let digests = deprecations
        .iter()
        .map(|bundle| bundle.image.digest().clone());
    run.begin_build(&prepared, kind, digests.collect()).await?;
    if let (Some(target), IndexKind::FileBased, IndexKind::Database) = (target, source.kind(), kind)
    {
        return Err(Error::from(ContentError::MergesFilesIntoDatabase {
            source_index: Box::new(source.image.name.clone()),
            target: Box::new(target.image.name.clone()),
        }));
    }
    let version = index_version(target.unwrap_or(source))?;

    phase(run, Phase::ListingBundles).await?;
    let directory = run.directory().to_owned();
    let (in_source, in_target) = futures::try_join!(
        listing::of(run, source, directory.join("source")),
        listing::of_target(run, target, directory.join("target")),
    )?;
    let file = in_source.database.ok_or_else(|| {
        let index = Box::new(source.image.name.clone());
        let need = "which the bundles of the target are added to; name a source that has one";
        ContentError::NoHiddenDatabase { index, need }
    })?;
    let missing = select::missing(&in_source.members, &in_target.members);

    phase(run, Phase::AddingMissingBundles).await?;
    let found = listing::find(run, &missing).await?;
    let of_source = listing::find(run, &in_source.members.iter().collect::<Vec<_>>()).await?;
    let missing_label = missing_label(run, request);
    let is_valid = |bundle: &FoundBundle| {
        let labels = bundle.platform.config.labels();
        let label = labels.get(ocp_versions::LABEL).map_or("", String::as_str);
        ocp_versions::allows(label, &version, missing_label)
    };
    let members = missing.iter().copied().chain(&in_source.members);
    let invalid: Vec<&Member> = members
        .zip(found.iter().chain(&of_source))
        .filter(|(_, bundle)| !is_valid(bundle))
        .map(|(member, _)| member)
        .collect();
    let pairs = found.into_iter().zip(&missing);
    let read = read_bundles(
        config,
        pairs
            .map(|(bundle, member)| (bundle, member.image.to_string()))
            .collect(),
    );
    let epoch = config.epoch;
    // Deprecated are at most bundles of these packages and of those that are named.
    let asked: BTreeSet<PullSpec> = deprecations.iter().map(FoundBundle::resolved).collect();
    let there = in_source.members.iter();
    let there = there.filter(|member| asked.contains(&member.image));
    let touched = missing.iter().copied().chain(invalid.iter().copied());
    let touched = touched.chain(there).map(|member| member.package.clone());
    let watched = Watched::begin(&file, epoch, touched.collect()).await;
    databases::add(&file, read.await?, request.graph_update_mode, false, epoch).await?;

    phase(run, Phase::DeprecatingBundles).await?;
    let there = databases::bundles(&source.image.name, &file, epoch).await?;
    let candidates = missing.iter().copied().chain(&in_source.members);
    let asked = candidates.filter(|member| asked.contains(&member.image));
    let deprecated = select::to_deprecate(&source.image.name, asked, &invalid, &there)?;
    if !deprecated.is_empty() {
        databases::deprecate(&file, deprecated.clone(), epoch).await?;
    }
    let added = missing.iter().map(|member| member.image.clone()).collect();
    let lost: BTreeSet<String> = in_source
        .opted_in
        .union(&in_target.opted_in)
        .cloned()
        .collect();
    if kind == IndexKind::FileBased {
        warn_of_lost(&lost);
    }
    let database_of = &source.image.name;
    let changed = assembled(run, &prepared, kind, database_of, file, watched).await?;
    let mut built = run.publish(&prepared, kind, changed).await?;
    // The contract has no such fields for merges.
    built.facts = built.facts.only_index_image();
    Ok(Merged {
        built,
        added,
        deprecated,
        no_longer_opted_in: lost,
    })
}

fn warn_of_lost(packages: &BTreeSet<String>) {
    if !packages.is_empty() {
        let names: Vec<&str> = packages.iter().map(String::as_str).collect();
        let names = names.join(", ");
        tracing::warn!("packages that only fragments had changed are so no longer: {names}");
    }
}

/// What the contract calls the indexes of a merge.
fn name_facts(prepared: &mut Prepared) {
    let effective = prepared.facts.from_index_resolved.take();
    match &prepared.source {
        Some(source) => {
            prepared.facts.source_from_index_resolved = Some(source.image.resolved());
            prepared.facts.target_index_resolved = effective;
        }
        None => prepared.facts.source_from_index_resolved = effective,
    }
}

async fn phase(run: &Run<'_>, phase: Phase) -> Result<(), Error> {
    Ok(run.reporter.phase(&phase, &Facts::default()).await?)
}

fn index_version(index: &FoundIndex) -> Result<IndexVersion, Error> {
    let parsed: Result<IndexVersion, _> = index.version.parse();
    parsed.map_err(|source| {
        Error::from(ContentError::IndexVersion {
            index: Box::new(index.image.name.clone()),
            source: Box::new(source),
        })
    })
}

/// What becomes of bundles without a label of OCP versions (spec workflows 3.5).
fn missing_label(run: &Run<'_>, request: &MergeRequest) -> MissingLabel {
    let names: Vec<String> = [Some(&request.source), request.index.from_index.as_ref()]
        .into_iter()
        .flatten()
        .map(ToString::to_string)
        .collect();
    let is_allowed = |entry: &String| {
        let is_user = request.requester.as_ref() == Some(entry);
        !entry.is_empty() && (is_user || names.iter().any(|name| name.starts_with(entry.as_str())))
    };
    let allowed = &run.builder.config.no_ocp_label_allow_list;
    if request.ignore_bundle_ocp_version && allowed.iter().any(is_allowed) {
        MissingLabel::Allowed
    } else {
        MissingLabel::Refused
    }
}

/// The layers of the result: the database, which began as that of the index `database_of`, and for a file-based index the catalog
/// that is rendered from it.
async fn assembled(
    run: &Run<'_>,
    prepared: &Prepared,
    kind: IndexKind,
    database_of: &ImageName,
    file: PathBuf,
    watched: Watched,
) -> Result<Changed, Error> {
    let (config, directory) = (&run.builder.config, run.directory());
    match kind {
        IndexKind::Database => Changed::database(config, &file, watched, directory).await,
        IndexKind::FileBased => {
            let level = config.migrate_level(&prepared.version);
            let configs = directory.join("merged");
            let (epoch, to) = (config.epoch, configs.clone());
            migrate::units(database_of, &file, epoch, None, level, to).await?;
            Changed::whole(run, prepared, configs, file, watched).await
        }
    }
}
