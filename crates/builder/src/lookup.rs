//! What registries say of the images that bundles name: each is asked for once per request.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

use bundle::source::{Csv, Customised, Customiser, Origin, PullSpec, Question};
use futures::FutureExt as _;
use futures::stream::{self, StreamExt as _, TryStreamExt as _};
use oci::{BlobCache, Client, Digest, ImageName, ImageRepository, RawManifest};
use tokio::sync::{OnceCell, Semaphore};

use crate::blocking::blocking;
use crate::bundle_source::refused;
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

/// An image that could not be looked up.
pub(crate) struct Missed {
    image: PullSpec,
    error: Box<Error>,
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
    ) -> Result<BTreeMap<PullSpec, Digest>, Missed> {
        let digests = self.each_digest(images).await.into_iter();
        digests
            .map(|(image, digest)| match digest {
                Ok(digest) => Ok((image, digest)),
                Err(error) => Err(Missed::of(image, error)),
            })
            .collect()
    }

    /// The labels of many images.
    pub(crate) async fn all_labels(
        &self,
        images: BTreeSet<PullSpec>,
    ) -> Result<BTreeMap<PullSpec, BTreeMap<String, String>>, Missed> {
        stream::iter(images)
            .map(|image| async move {
                match self.labels(&image).await {
                    Ok(labels) => Ok((image, labels)),
                    Err(error) => Err(Missed::of(image, error)),
                }
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

/// Why an image cannot be looked up; if it is guessed, in which text of the bundle.
pub(crate) fn with_guess(bundle: &impl ToString, origin: &Origin, error: Error) -> Error {
    match origin.guessed() {
        None => error,
        Some(annotation) => Error::from(ContentError::Guessed {
            bundle: bundle.to_string(),
            annotation: annotation.to_owned(),
            source: Box::new(error),
        }),
    }
}

impl From<Missed> for Error {
    fn from(missed: Missed) -> Self {
        *missed.error
    }
}

impl Missed {
    fn of(image: PullSpec, error: Error) -> Self {
        let error = Box::new(error);
        Self { image, error }
    }

    /// Why, where `bundle` with this CSV names the image.
    pub(crate) fn named_by(self, bundle: &impl ToString, csv: &Csv) -> Error {
        // Its images were listed before, or there would be none to look up; replacements of the request are not among them.
        let origins = csv.origins().unwrap_or_default();
        match origins.get(&self.image) {
            None => *self.error,
            Some(origin) => with_guess(bundle, origin, *self.error),
        }
    }
}

/// Takes the bundle in an image through its customisations, looking up what they ask for.
pub(crate) async fn customise(
    lookups: &Lookups,
    bundle: &ImageName,
    mut customiser: Customiser,
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
            Err(error) => return Err(refused(bundle)(error)),
            Ok(None) => return Ok(customiser.finish()),
            Ok(Some(Question::Digests(images))) => {
                let digests = lookups.digests(images).await;
                let digests =
                    digests.map_err(|missed| missed.named_by(bundle, customiser.csv()))?;
                let texts = digests.into_iter();
                let texts = texts.map(|(image, digest)| (image, digest.to_string()));
                customiser.digests(texts.collect());
            }
            Ok(Some(Question::Labels(images))) => {
                let labels = lookups.all_labels(images).await;
                let labels = labels.map_err(|missed| missed.named_by(bundle, customiser.csv()))?;
                customiser.labels(labels);
            }
        }
    }
}
