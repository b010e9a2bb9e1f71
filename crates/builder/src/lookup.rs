//! What registries say of the images that bundles name: each is asked for once per request.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

use bundle::source::{Customised, Customiser, PullSpec, Question, SourceError};
use futures::FutureExt as _;
use futures::stream::{self, StreamExt as _, TryStreamExt as _};
use oci::{BlobCache, Client, Digest, ImageName, ImageRepository, RawManifest};
use tokio::sync::{OnceCell, Semaphore};

use crate::blocking::blocking;
use crate::config::BuilderConfig;
use crate::error::{ContentError, Error, Role};
use crate::image::FoundImage;

/// The images that bundles of one request name.
pub(crate) struct Lookups {
    client: Client,
    blobs: BlobCache,
    /// How many images are asked for at once, whoever asks.
    permits: Semaphore,
    at_once: usize,
    known: Mutex<BTreeMap<PullSpec, Arc<Known>>>,
}

/// What is known of an image so far.
#[derive(Default)]
struct Known {
    manifest: OnceCell<(ImageName, ImageRepository, RawManifest)>,
    labels: OnceCell<BTreeMap<String, String>>,
}

impl Lookups {
    /// Nothing is known yet.
    pub(crate) fn new(client: Client, blobs: BlobCache, config: &BuilderConfig) -> Self {
        let at_once = config.concurrency.get();
        Self {
            client,
            blobs,
            permits: Semaphore::new(at_once),
            at_once,
            known: Mutex::default(),
        }
    }

    /// The digest an image has now. One that is named by digest must exist, too.
    pub(crate) async fn digest(&self, image: &PullSpec) -> Result<Digest, Error> {
        let known = self.known(image);
        let (_, _, raw) = self.manifest(image, &known).await?;
        Ok(raw.digest.clone())
    }

    /// The labels of an image; of a manifest list, those of amd64's or the first.
    pub(crate) async fn labels(&self, image: &PullSpec) -> Result<BTreeMap<String, String>, Error> {
        let known = self.known(image);
        let (name, repository, raw) = self.manifest(image, &known).await?;
        let read = async {
            let _permit = self.permit().await;
            let (blobs, repository, raw) = (Some(&self.blobs), repository.clone(), raw.clone());
            let found = FoundImage::of(blobs, name, Role::RelatedImage, repository, raw).await?;
            Ok(found.for_labels().await?.config.labels())
        };
        // On the heap: every caller would carry its size.
        let read = known.labels.get_or_try_init(|| read).boxed();
        read.await.cloned()
    }

    /// The digests of many images, or why there is none, in their order.
    pub(crate) async fn each_digest(
        &self,
        images: BTreeSet<PullSpec>,
    ) -> Vec<(PullSpec, Result<Digest, Error>)> {
        stream::iter(images)
            .map(|image| async move {
                let digest = self.digest(&image).await;
                (image, digest)
            })
            .buffered(self.at_once)
            .collect()
            .await
    }

    /// The digests of many images.
    pub(crate) async fn digests(
        &self,
        images: BTreeSet<PullSpec>,
    ) -> Result<BTreeMap<PullSpec, Digest>, Error> {
        let digests = self.each_digest(images).await.into_iter();
        digests
            .map(|(image, digest)| Ok((image, digest?)))
            .collect()
    }

    /// The labels of many images.
    pub(crate) async fn all_labels(
        &self,
        images: BTreeSet<PullSpec>,
    ) -> Result<BTreeMap<PullSpec, BTreeMap<String, String>>, Error> {
        stream::iter(images)
            .map(|image| async move {
                let labels = self.labels(&image).await?;
                Ok::<_, Error>((image, labels))
            })
            .buffered(self.at_once)
            .try_collect()
            .await
    }

    fn known(&self, image: &PullSpec) -> Arc<Known> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(known.entry(image.clone()).or_default())
    }

    async fn manifest<'known>(
        &self,
        image: &PullSpec,
        known: &'known Known,
    ) -> Result<&'known (ImageName, ImageRepository, RawManifest), Error> {
        let read = async {
            let name = image_name(image)?;
            let _permit = self.permit().await;
            let unreadable = |source: oci::Error| Error::Read {
                role: Role::RelatedImage,
                image: name.to_string(),
                source: Box::new(source),
            };
            let repository = name.open(&self.client).await.map_err(unreadable)?;
            let raw = repository.manifest(&name.reference()).await;
            let raw = raw.map_err(unreadable)?;
            Ok((name, repository, raw))
        };
        known.manifest.get_or_try_init(|| read).await
    }

    /// Leave to ask a registry. The semaphore is never closed, so none is a case that does not occur.
    async fn permit(&self) -> Option<tokio::sync::SemaphorePermit<'_>> {
        self.permits.acquire().await.ok()
    }
}

/// The image in a registry that a bundle names.
pub(crate) fn image_name(image: &PullSpec) -> Result<ImageName, Error> {
    let parsed = image.to_string().parse::<oci::PullSpec>();
    let parsed = parsed.map_err(|source| ContentError::NamedImage {
        image: image.to_string(),
        source: Box::new(source),
    })?;
    Ok(ImageName::Registry(parsed))
}

/// Takes a bundle through its customisations, looking up what they ask for.
pub(crate) async fn customise(
    lookups: &Lookups,
    mut customiser: Customiser,
    refused: impl FnOnce(SourceError) -> Error,
) -> Result<Customised, Error> {
    loop {
        // Every step reads and writes whole documents.
        let (returned, question) = blocking(move || {
            let question = customiser.question();
            Ok((customiser, question))
        })
        .await?;
        customiser = returned;
        match question {
            Err(error) => return Err(refused(error)),
            Ok(None) => return Ok(customiser.finish()),
            Ok(Some(Question::Digests(images))) => {
                let digests = lookups.digests(images).await?.into_iter();
                let texts = digests.map(|(image, digest)| (image, digest.to_string()));
                customiser.digests(texts.collect());
            }
            Ok(Some(Question::Labels(images))) => {
                customiser.labels(lookups.all_labels(images).await?);
            }
        }
    }
}
