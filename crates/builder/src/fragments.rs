//! The request that puts packages of catalog fragments into a file-based index (spec workflows 5.5).

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use futures::stream::{self, StreamExt as _, TryStreamExt as _};
use oci::{Digest, ImageName, Limits, PullSpec};

use crate::Builder;
use crate::blocking::blocking;
use crate::error::{ContentError, Error, Role};
use crate::image::{FoundImage, PlatformImage};
use crate::index_image::change::{self, Changes, UnitChange};
use crate::index_image::changed::Changed;
use crate::index_image::facts::{UnitFiles, UnitPath};
use crate::index_image::hidden;
use crate::index_image::migrate::is_safe_name;
use crate::index_image::source::{CatalogSource, DatabaseChange};
use crate::labels;
use crate::progress::{Checkpoint, Facts, Phase, Reporter};
use crate::rebase;
use crate::request::FragmentsRequest;
use crate::run::{Built, Run};
use crate::stages::assemble::IndexKind;
use crate::stages::prepare::Prepared;

/// What adding fragments made.
#[derive(Clone, Debug)]
pub struct FragmentsAdded {
    /// The image.
    pub built: Built,
    /// The packages that the fragments hold, sorted.
    pub packages: Vec<String>,
}

/// A fragment image, looked up.
struct FoundFragment {
    written: PullSpec,
    image: FoundImage,
    platform: PlatformImage,
}

/// The packages of a fragment, each with its files.
type FragmentUnits = BTreeMap<UnitPath, UnitFiles>;

impl Builder {
    /// Does `request`; see [`Builder::add`] for the rest.
    ///
    /// Packages that the index still has in its hidden database leave it: from now on they are what the fragment says.
    ///
    /// # Errors
    /// As for [`Builder::add`].
    pub async fn add_fragments(
        &self,
        request: &FragmentsRequest,
        reporter: &dyn Reporter,
        checkpoint: Checkpoint,
    ) -> Result<FragmentsAdded, Error> {
        rebase::run(self, &request.index, reporter, checkpoint, |run| {
            Box::pin(add_fragments(run, &request.fragments))
        })
        .await
    }
}

async fn add_fragments(run: &mut Run<'_>, fragments: &[PullSpec]) -> Result<FragmentsAdded, Error> {
    run.reporter
        .phase(&Phase::ResolvingFragments, &Facts::default())
        .await?;
    let fragments = find(run, fragments).await?;
    let mut prepared = run.prepare(None).await?;
    let resolved = fragments.iter().map(|fragment| fragment.image.resolved());
    prepared.facts.fbc_fragments_resolved = Some(resolved.collect());
    let digests = fragments
        .iter()
        .map(|fragment| fragment.image.digest().clone())
        .collect();
    run.begin_build(&prepared, IndexKind::FileBased, digests)
        .await?;
    let (made, packages) = edit(run, &prepared, &fragments).await?;
    Ok(FragmentsAdded {
        built: run.publish(&prepared, IndexKind::FileBased, made).await?,
        packages: packages.into_iter().collect(),
    })
}

async fn find(run: &Run<'_>, fragments: &[PullSpec]) -> Result<Vec<FoundFragment>, Error> {
    let known = |position: usize| -> Option<&Digest> { run.known()?.images.get(position) };
    let (client, blobs) = (&run.client, &run.blobs);
    stream::iter(fragments.iter().cloned().enumerate())
        .map(|(position, written)| async move {
            let name = ImageName::Registry(written.clone());
            let image =
                FoundImage::find(client, Some(blobs), &name, Role::Fragment, known(position))
                    .await?;
            let platform = image.for_labels().await?;
            Ok(FoundFragment {
                written,
                image,
                platform,
            })
        })
        .buffered(run.builder.config.concurrency.get())
        .try_collect()
        .await
}

/// The layers of the new image, and the packages of the fragments.
async fn edit(
    run: &Run<'_>,
    prepared: &Prepared,
    fragments: &[FoundFragment],
) -> Result<(Changed, BTreeSet<String>), Error> {
    let index = prepared.index()?;
    let (config, directory) = (&run.builder.config, run.directory());
    let source = CatalogSource::open(&run.blobs, config, index, directory).await?;

    run.reporter
        .phase(&Phase::ReadingFragments(fragments.len()), &Facts::default())
        .await?;
    let read: Vec<FragmentUnits> = stream::iter(0..fragments.len())
        .map(|number| {
            let to = directory.join(format!("fragment-{number}"));
            read(&fragments[number], to)
        })
        .buffered(config.concurrency.get())
        .try_collect()
        .await?;
    let packages: BTreeSet<String> = read
        .iter()
        .flat_map(BTreeMap::keys)
        .map(|unit| unit.as_str().to_owned())
        .collect();

    let mut changes = Changes::new();
    let leaving: BTreeSet<String> = source
        .database_packages()
        .await?
        .intersection(&packages)
        .cloned()
        .collect();
    let database = if leaving.is_empty() {
        DatabaseChange::Keep
    } else {
        // From now on they are what the fragments say, and so are their deprecations.
        for package in &leaving {
            let unit = UnitPath::deprecations(package);
            if source.has(&unit) {
                changes.insert(unit, UnitChange::Remove);
            }
        }
        hidden::remove_packages(run, &source, leaving, &mut changes).await?
    };
    let count = read.len();
    for (units, number) in read.into_iter().zip(1..) {
        run.reporter
            .phase(&Phase::AddingFragment { number, count }, &Facts::default())
            .await?;
        let put = |(unit, files)| (unit, UnitChange::Put(files));
        changes.extend(units.into_iter().map(put));
    }
    let base_layers = prepared.most_base_layers();
    let made = source
        .change(changes, database, base_layers, packages.clone())
        .await?;
    Ok((made, packages))
}

/// Copies a fragment's catalog to the directory `to` and lists its packages.
async fn read(fragment: &FoundFragment, to: PathBuf) -> Result<FragmentUnits, Error> {
    let (repository, manifest) = (&fragment.image.repository, &fragment.platform.manifest);
    let path = labels::FRAGMENT_PATH;
    let is_there = oci::extract_tree(repository, manifest, path, &to, &Limits::index())
        .await
        .map_err(|source| fragment.image.read(source))?;
    let empty = || {
        Error::from(ContentError::EmptyFragment {
            fragment: Box::new(fragment.written.clone()),
        })
    };
    if !is_there {
        return Err(empty());
    }
    let origin = format!("the fragment `{}`", fragment.written);
    let units = blocking(move || {
        check_names(&origin, &to)?;
        change::units_of(&to)
    })
    .await?;
    if units.is_empty() {
        return Err(empty());
    }
    Ok(units)
}

/// A fragment holds directories of packages and nothing else. Blocking.
fn check_names(origin: &str, root: &Path) -> Result<(), Error> {
    let failed = |source| Error::Io {
        path: root.to_owned(),
        source,
    };
    for entry in fs::read_dir(root).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if !is_safe_name(&name) || !entry.file_type().map_err(failed)?.is_dir() {
            return Err(Error::from(ContentError::PackageName {
                origin: origin.to_owned(),
                name,
            }));
        }
    }
    Ok(())
}
