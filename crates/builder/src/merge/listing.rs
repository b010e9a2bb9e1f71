//! The bundles of the indexes of a merge.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use futures::stream::{self, StreamExt as _, TryStreamExt as _};
use oci::{ImageName, PullSpec};

use crate::blocking::blocking;
use crate::databases;
use crate::error::{ContentError, Error, Role};
use crate::image::{FoundImage, label};
use crate::index_image::database;
use crate::index_image::source::CatalogSource;
use crate::labels;
use crate::run::Run;
use crate::stages::assemble::IndexKind;
use crate::stages::bundles::FoundBundle;
use crate::stages::prepare::{FoundIndex, extract_database};

/// A bundle of an index.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Member {
    /// Its image, which names a digest.
    pub(super) image: PullSpec,
    /// The name of its CSV.
    pub(super) name: String,
    /// Its package.
    pub(super) package: String,
}

/// What an index has.
#[derive(Debug, Default)]
pub(super) struct Listing {
    /// Its bundles; of several with the same image the first.
    pub(super) members: Vec<Member>,
    /// A copy of its database, hidden or not, if it has one.
    pub(super) database: Option<PathBuf>,
    /// The packages that the database does not know: only fragments change them.
    pub(super) opted_in: BTreeSet<String>,
}

/// Lists the bundles of the target, if there is one.
pub(super) async fn of_target(
    run: &Run<'_>,
    target: Option<&FoundIndex>,
    directory: PathBuf,
) -> Result<Listing, Error> {
    match target {
        Some(target) => of(run, target, directory).await,
        None => Ok(Listing::default()),
    }
}

/// Lists the bundles of `index`, working in a directory of its own.
pub(super) async fn of(
    run: &Run<'_>,
    index: &FoundIndex,
    directory: PathBuf,
) -> Result<Listing, Error> {
    let place = directory.clone();
    blocking(move || {
        std::fs::create_dir_all(&place).map_err(|source| Error::Io {
            path: place,
            source,
        })
    })
    .await?;
    match index.kind() {
        IndexKind::Database => of_database(run, index, &directory).await,
        IndexKind::FileBased => of_files(run, index, &directory).await,
    }
}

async fn of_database(
    run: &Run<'_>,
    index: &FoundIndex,
    directory: &Path,
) -> Result<Listing, Error> {
    let file = directory.join("index.db");
    database::copy(&run.blobs, index, &file).await?;
    Ok(Listing {
        members: in_database(run, index, &file).await?,
        database: Some(file),
        opted_in: BTreeSet::new(),
    })
}

async fn of_files(run: &Run<'_>, index: &FoundIndex, directory: &Path) -> Result<Listing, Error> {
    let config = &run.builder.config;
    let source = CatalogSource::open(&run.blobs, config, index, directory).await?;
    let listed = source.list().await?;
    if let Some(bundle) = listed.bundles.iter().find(|bundle| bundle.lacks_version) {
        return Err(Error::from(ContentError::NoPackageProperty {
            index: Box::new(index.image.name.clone()),
            bundle: bundle.name.clone(),
        }));
    }
    let known = source.database_packages().await?;
    let mut images = BTreeSet::new();
    let mut members = Vec::new();
    for bundle in listed.bundles {
        if images.insert(bundle.image.clone()) {
            members.push(member(index, bundle.image, bundle.name, bundle.package)?);
        }
    }
    // An image with both labels has two catalogs, and a bundle counts if both have it (spec workflows 5.3).
    let labels = index.platform.config.labels();
    if let Some(path) = label(&labels, labels::DATABASE) {
        let file = directory.join("labelled.db");
        extract_database(&index.image, &index.platform, path, &file).await?;
        let both = in_database(run, index, &file).await?;
        members.retain(|member| both.contains(member));
    }
    let packages = listed
        .packages
        .into_iter()
        .filter(|package| !package.is_empty());
    Ok(Listing {
        members,
        database: source.database_copy().await?,
        opted_in: packages
            .filter(|package| !known.contains(package))
            .collect(),
    })
}

async fn in_database(run: &Run<'_>, index: &FoundIndex, file: &Path) -> Result<Vec<Member>, Error> {
    let entries = databases::bundles(&index.image.name, file, run.builder.config.epoch).await?;
    let members = entries.into_iter();
    members
        .map(|entry| member(index, entry.path, entry.csv_name, entry.package))
        .collect()
}

fn member(
    index: &FoundIndex,
    image: String,
    name: String,
    package: String,
) -> Result<Member, Error> {
    match image.parse::<PullSpec>() {
        Ok(image) if image.digest().is_some() => Ok(Member {
            image,
            name,
            package,
        }),
        Ok(_) | Err(_) => Err(Error::from(ContentError::NotPinned {
            index: Box::new(index.image.name.clone()),
            bundle: image,
        })),
    }
}

/// Looks the images of `members` up, in their order; one that is known by its digest is not asked for again.
pub(super) async fn find(run: &Run<'_>, members: &[&Member]) -> Result<Vec<FoundBundle>, Error> {
    let images: Vec<PullSpec> = members.iter().map(|member| member.image.clone()).collect();
    stream::iter(images)
        .map(|written| async move {
            let name = ImageName::Registry(written.clone());
            let image =
                FoundImage::find_pinned(&run.client, &run.blobs, &name, Role::Bundle).await?;
            let platform = image.first().await?;
            Ok(FoundBundle {
                written,
                image,
                platform,
            })
        })
        .buffered(run.builder.config.concurrency.get())
        .try_collect()
        .await
}
