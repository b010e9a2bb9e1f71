//! First stage: look everything up, refuse what cannot be done (spec workflows 2).

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use futures::stream::{self, StreamExt as _, TryStreamExt as _};
use oci::{Arch, BlobCache, Client, Digest, ImageName, Limits};

use crate::config::BuilderConfig;
use crate::error::{ContentError, Error, Role};
use crate::image::{FoundImage, PlatformImage, label};
use crate::labels;
use crate::progress::{Facts, Phase, Reporter, ResolvedInputs};
use crate::request::{BinaryImage, IndexRequest};
use crate::scope::Scope;
use crate::stages::assemble::IndexKind;
use crate::stages::base::Base;

/// Everything a request builds on, by digest.
pub(crate) struct Prepared {
    pub(crate) from_index: Option<FoundIndex>,
    /// The index whose bundles come too.
    pub(crate) source: Option<FoundIndex>,
    /// The binary image; `None` for a binaryless index.
    pub(crate) binary_image: Option<FoundImage>,
    /// What the image of each architecture of the result is built on.
    pub(crate) platforms: BTreeMap<Arch, Base>,
    pub(crate) scope: Scope,
    pub(crate) version: String,
    /// Further labels of the result, over all others.
    pub(crate) labels: BTreeMap<String, String>,
    pub(crate) facts: Facts,
}

/// The from-index, looked up.
pub(crate) struct FoundIndex {
    pub(crate) image: FoundImage,
    /// The image whose labels and files speak for the index.
    pub(crate) platform: PlatformImage,
    pub(crate) arches: BTreeSet<Arch>,
    pub(crate) version: String,
    pub(crate) scope: Scope,
    pub(crate) kind: FoundKind,
}

/// What kind of index the from-index is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum FoundKind {
    /// An SQLite index, with its database at this path.
    Database(String),
    /// A file-based index, with its catalog in this directory.
    FileBased(String),
}

impl FoundIndex {
    /// What kind of index it is.
    pub(crate) fn kind(&self) -> IndexKind {
        match self.kind {
            FoundKind::Database(_) => IndexKind::Database,
            FoundKind::FileBased(_) => IndexKind::FileBased,
        }
    }

    /// Copies the database of an SQLite index to the file `to` and gives its size in bytes.
    ///
    /// # Errors
    /// [`ContentError::FileBasedIndex`] where there is a catalog instead.
    pub(crate) async fn extract_database(&self, to: &Path) -> Result<u64, Error> {
        match &self.kind {
            FoundKind::Database(path) => {
                extract_database(&self.image, &self.platform, path, to).await
            }
            FoundKind::FileBased(_) => Err(Error::from(ContentError::FileBasedIndex {
                index: Box::new(self.image.name.clone()),
            })),
        }
    }
}

/// Copies the file `path`, a database, out of an index image to the file `to` and gives its size in bytes.
pub(crate) async fn extract_database(
    image: &FoundImage,
    platform: &PlatformImage,
    path: &str,
    to: &Path,
) -> Result<u64, Error> {
    let (repository, manifest) = (&image.repository, &platform.manifest);
    oci::extract_file(repository, manifest, path, to, &Limits::index())
        .await
        .map_err(|source| image.read(source))?
        .ok_or_else(|| {
            Error::from(ContentError::DatabaseMissing {
                index: Box::new(image.name.clone()),
                path: path.to_owned(),
            })
        })
}

/// The client and what it finds again without asking.
pub(crate) struct Reader<'run> {
    pub(crate) client: &'run Client,
    pub(crate) blobs: &'run BlobCache,
    /// What an interrupted run of the same request found.
    pub(crate) known: Option<&'run ResolvedInputs>,
}

/// Looks up index and binary image, and `source`, another index whose bundles come too, each once; a restarted request
/// looks them up by the digests it had.
pub(crate) async fn prepare(
    reader: &Reader<'_>,
    config: &BuilderConfig,
    request: &IndexRequest,
    source: Option<&ImageName>,
    reporter: &dyn Reporter,
) -> Result<Prepared, Error> {
    let (client, blobs, known) = (reader.client, reader.blobs, reader.known);
    reporter
        .phase(&Phase::ResolvingImages, &Facts::default())
        .await?;
    let find = async |name: Option<&ImageName>, role, digest| match name {
        Some(name) => Ok(Some(
            find_index(client, Some(blobs), name, role, digest).await?,
        )),
        None => Ok::<_, Error>(None),
    };
    let (from_index, source) = futures::try_join!(
        find(
            request.from_index.as_ref(),
            Role::FromIndex,
            known.and_then(|inputs| inputs.from_index.as_ref()),
        ),
        find(
            source,
            Role::SourceIndex,
            known.and_then(|inputs| inputs.source.as_ref()),
        ),
    )?;
    let (version, current_scope) = match &from_index {
        Some(index) => (index.version.clone(), index.scope),
        None => (labels::DEFAULT_VERSION.to_owned(), Scope::Prod),
    };
    let scope = narrowed_scope(request, current_scope)?;
    let chosen = choose_binary_image(config, request, scope, &version)?;
    let binary_image = match &chosen {
        BinaryImage::Scratch => None,
        BinaryImage::Image(name) => {
            let digest = known.and_then(|inputs| inputs.binary_image.as_ref());
            Some(FoundImage::find(client, Some(blobs), name, Role::BinaryImage, digest).await?)
        }
    };
    let platforms = match &binary_image {
        // A catalog alone is the same for every architecture (spec workflows 2.6).
        None => {
            let arch = Arch::amd64();
            BTreeMap::from([(arch.clone(), Base::scratch(&arch))])
        }
        Some(image) => {
            let mut wanted = request.add_arches.clone();
            for index in from_index.iter().chain(&source) {
                wanted.extend(index.arches.iter().cloned());
            }
            platforms(image, &wanted, config).await?
        }
    };
    let facts = Facts {
        arches: Some(platforms.keys().cloned().collect()),
        binary_image: Some(chosen.to_string()),
        binary_image_resolved: Some(
            binary_image
                .as_ref()
                .map_or_else(|| chosen.to_string(), FoundImage::resolved),
        ),
        distribution_scope: Some(scope),
        from_index_resolved: from_index.as_ref().map(|index| index.image.resolved()),
        ..Facts::default()
    };
    Ok(Prepared {
        from_index,
        source,
        binary_image,
        platforms,
        scope,
        version,
        labels: BTreeMap::new(),
        facts,
    })
}

impl Prepared {
    /// How many layers the binary image has, for the architecture for which it has most.
    pub(crate) fn most_base_layers(&self) -> usize {
        let layers = self.platforms.values();
        layers.map(|base| base.layers.len()).max().unwrap_or(0)
    }

    /// The digests to start from again, with those of the request's `images`.
    pub(crate) fn inputs(&self, images: Vec<Digest>) -> ResolvedInputs {
        ResolvedInputs {
            images,
            from_index: self
                .from_index
                .as_ref()
                .map(|index| index.image.digest().clone()),
            source: self
                .source
                .as_ref()
                .map(|index| index.image.digest().clone()),
            binary_image: self
                .binary_image
                .as_ref()
                .map(|image| image.digest().clone()),
        }
    }

    /// The index to start from.
    ///
    /// # Errors
    /// [`Error::NoFromIndex`] where the request names none.
    pub(crate) fn index(&self) -> Result<&FoundIndex, Error> {
        self.from_index.as_ref().ok_or(Error::NoFromIndex)
    }

    /// Refuses an index of the kind `kind` that could not be served: a database needs a program, which a binaryless image lacks.
    pub(crate) fn check_kind(&self, kind: IndexKind) -> Result<(), Error> {
        match (kind, &self.binary_image) {
            (IndexKind::Database, None) => Err(Error::BinarylessDatabase),
            (IndexKind::Database, Some(_)) | (IndexKind::FileBased, _) => Ok(()),
        }
    }
}

/// Looks the index up and reads what its labels say.
pub(crate) async fn find_index(
    client: &Client,
    blobs: Option<&BlobCache>,
    name: &ImageName,
    role: Role,
    digest: Option<&Digest>,
) -> Result<FoundIndex, Error> {
    let image = FoundImage::find(client, blobs, name, role, digest).await?;
    let arches = image.arches().await?;
    let platform = image.for_labels().await?;
    let labels = platform.config.labels();
    let kind = match (
        label(&labels, labels::CONFIGS),
        label(&labels, labels::DATABASE),
    ) {
        (Some(configs), _) => FoundKind::FileBased(configs.to_owned()),
        (None, Some(database)) => FoundKind::Database(database.to_owned()),
        (None, None) => {
            return Err(Error::from(ContentError::NotAnIndex {
                index: Box::new(name.clone()),
            }));
        }
    };
    let scope = match label(&labels, labels::SCOPE) {
        None => Scope::Prod,
        Some(text) => text
            .parse()
            .map_err(|problem: crate::scope::ParseScopeError| Error::BadLabel {
                image: name.to_string(),
                label: labels::SCOPE,
                value: text.to_owned(),
                problem: problem.to_string(),
            })?,
    };
    let version = label(&labels, labels::VERSION)
        .unwrap_or(labels::DEFAULT_VERSION)
        .to_owned();
    Ok(FoundIndex {
        image,
        platform,
        arches,
        version,
        scope,
        kind,
    })
}

fn narrowed_scope(request: &IndexRequest, current: Scope) -> Result<Scope, Error> {
    match (request.distribution_scope, &request.from_index) {
        (None, _) => Ok(current),
        (Some(requested), Some(index)) if requested > current => Err(Error::ScopeTooWide {
            index: Box::new(index.clone()),
            current,
            requested,
        }),
        (Some(requested), _) => Ok(requested),
    }
}

/// The table of spec workflows 2.6.
fn choose_binary_image(
    config: &BuilderConfig,
    request: &IndexRequest,
    scope: Scope,
    version: &str,
) -> Result<BinaryImage, Error> {
    let configured = config
        .binary_images
        .get(&scope)
        .and_then(|versions| versions.get(version));
    let mismatch = |demand, requested: &BinaryImage| Error::BinaryImageMismatch {
        scope,
        version: version.to_owned(),
        demand,
        requested: requested.to_string(),
    };
    match (&request.binary_image, configured) {
        (None, None) => Err(Error::NoBinaryImage {
            scope,
            version: version.to_owned(),
        }),
        (None, Some(configured)) => Ok(configured.clone()),
        (Some(BinaryImage::Scratch), Some(BinaryImage::Scratch)) => Ok(BinaryImage::Scratch),
        (Some(requested @ BinaryImage::Scratch), _) => {
            Err(mismatch("must not be binaryless", requested))
        }
        (Some(requested @ BinaryImage::Image(_)), Some(BinaryImage::Scratch)) => {
            Err(mismatch("must be binaryless", requested))
        }
        (Some(requested @ BinaryImage::Image(_)), _) => Ok(requested.clone()),
    }
}

pub(crate) async fn platforms(
    binary_image: &FoundImage,
    wanted: &BTreeSet<Arch>,
    config: &BuilderConfig,
) -> Result<BTreeMap<Arch, Base>, Error> {
    if wanted.is_empty() {
        return Err(Error::NoArches);
    }
    let available = binary_image.arches().await?;
    let missing: BTreeSet<Arch> = wanted.difference(&available).cloned().collect();
    if !missing.is_empty() {
        return Err(Error::ArchesMissing {
            image: Box::new(binary_image.name.clone()),
            missing,
        });
    }
    let found: Vec<(Arch, Option<PlatformImage>)> = stream::iter(wanted.iter().cloned())
        .map(|arch| async move {
            let platform = binary_image.for_arch(&arch).await?;
            Ok::<_, Error>((arch, platform))
        })
        .buffered(config.concurrency.get())
        .try_collect()
        .await?;
    let mut platforms = BTreeMap::new();
    for (arch, platform) in found {
        let Some(platform) = platform else {
            return Err(Error::ArchesMissing {
                image: Box::new(binary_image.name.clone()),
                missing: BTreeSet::from([arch]),
            });
        };
        check_arch(binary_image, &arch, &platform)?;
        platforms.insert(arch, platform.into());
    }
    Ok(platforms)
}

fn check_arch(image: &FoundImage, arch: &Arch, platform: &PlatformImage) -> Result<(), Error> {
    let wrong = |found: &str| Error::WrongArch {
        image: Box::new(image.name.clone()),
        arch: arch.clone(),
        found: found.to_owned(),
    };
    if platform.config.architecture != arch.as_str() {
        return Err(wrong(&platform.config.architecture));
    }
    let layers = platform.manifest.layers.len();
    let diff_ids = platform.config.rootfs.diff_ids.len();
    if layers != diff_ids {
        return Err(Error::LayersMismatch {
            image: Box::new(image.name.clone()),
            arch: arch.clone(),
            layers,
            diff_ids,
        });
    }
    let labels = platform.config.labels();
    match (label(&labels, labels::ARCHITECTURE), arch.label()) {
        (Some(found), Some(expected)) if found != expected => Err(wrong(found)),
        (None, _) => {
            tracing::warn!(image = %image.name, %arch, "the binary image `{}` has no label `architecture` for {arch}", image.name);
            Ok(())
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::request::{Output, OutputRepository, Overwrite};

    fn request(binary_image: Option<&str>, scope: Option<Scope>) -> IndexRequest {
        IndexRequest {
            from_index: Some("registry.test/index:v4.14".parse().unwrap()),
            binary_image: binary_image.map(|text| text.parse().unwrap()),
            add_arches: BTreeSet::new(),
            overwrite: Overwrite::No,
            distribution_scope: scope,
            output: Output {
                repository: OutputRepository::Registry("registry.test/iib-build".parse().unwrap()),
                tag: "1".parse().unwrap(),
                tag_is_private: true,
                build_tags: Vec::new(),
            },
            dry_run: false,
        }
    }

    fn config(image: Option<&str>) -> BuilderConfig {
        let mut config = BuilderConfig::new("work");
        if let Some(text) = image {
            let versions = BTreeMap::from([("v4.14".to_owned(), text.parse().unwrap())]);
            config.binary_images.insert(Scope::Prod, versions);
        }
        config
    }

    fn check_binary(
        requested: Option<&str>,
        configured: Option<&str>,
        expected: Result<&str, &str>,
    ) {
        let chosen = choose_binary_image(
            &config(configured),
            &request(requested, None),
            Scope::Prod,
            "v4.14",
        );
        match (chosen, expected) {
            (Ok(name), Ok(expected)) => assert_eq!(name.to_string(), expected),
            (Err(error), Err(expected)) => assert!(error.to_string().contains(expected), "{error}"),
            (chosen, expected) => {
                panic!("{requested:?} over {configured:?}: {chosen:?}, expected {expected:?}")
            }
        }
    }

    #[test]
    fn the_binary_image_is_chosen_by_request_and_configuration() {
        check_binary(None, None, Err("no binary image is configured"));
        check_binary(None, Some("r.test/x:1"), Ok("r.test/x:1"));
        check_binary(None, Some("scratch"), Ok("scratch"));
        check_binary(Some("scratch"), Some("scratch"), Ok("scratch"));
        check_binary(
            Some("scratch"),
            Some("r.test/x:1"),
            Err("must not be binaryless"),
        );
        check_binary(Some("scratch"), None, Err("must not be binaryless"));
        check_binary(
            Some("r.test/y:1"),
            Some("scratch"),
            Err("must be binaryless"),
        );
        check_binary(Some("r.test/y:1"), Some("r.test/x:1"), Ok("r.test/y:1"));
        check_binary(Some("r.test/y:1"), None, Ok("r.test/y:1"));
    }

    #[test]
    fn a_scope_is_kept_or_narrowed_but_never_widened() {
        for (requested, expected) in [
            (None, Scope::Stage),
            (Some(Scope::Dev), Scope::Dev),
            (Some(Scope::Stage), Scope::Stage),
        ] {
            let scope = narrowed_scope(&request(None, requested), Scope::Stage).unwrap();
            assert_eq!(scope, expected, "{requested:?}");
        }
        let refused = narrowed_scope(&request(None, Some(Scope::Prod)), Scope::Stage).unwrap_err();
        assert!(matches!(refused, Error::ScopeTooWide { .. }), "{refused}");
        for part in [
            "`registry.test/index:v4.14`",
            "limited to the scope `stage`",
            "the wider scope `prod`",
            "request `stage`",
        ] {
            assert!(refused.to_string().contains(part), "{refused}");
        }
    }
}
