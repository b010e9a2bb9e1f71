//! The bundle images of a request, looked up.

use std::collections::BTreeMap;

use futures::stream::{self, StreamExt as _, TryStreamExt as _};
use oci::{BlobCache, Client, Digest, ImageName, PullSpec};

use crate::config::BuilderConfig;
use crate::error::{Error, Role};
use crate::image::{FoundImage, PlatformImage, label};
use crate::labels;
use crate::progress::ResolvedInputs;

/// A bundle image, looked up.
#[derive(Clone, Debug)]
pub(crate) struct FoundBundle {
    pub(crate) written: PullSpec,
    pub(crate) image: FoundImage,
    /// What is added: the first image of a list, or the single image.
    pub(crate) platform: PlatformImage,
}

impl FoundBundle {
    /// The pull spec that goes into the index.
    pub(crate) fn resolved(&self) -> PullSpec {
        self.written
            .repository()
            .with_digest(self.platform.digest.clone())
            .into()
    }
}

/// Looks the bundles up, by the digests that are `known`, and keeps the request's order.
pub(crate) async fn find_bundles(
    client: &Client,
    blobs: &BlobCache,
    config: &BuilderConfig,
    bundles: &[PullSpec],
    known: Option<&ResolvedInputs>,
) -> Result<Vec<FoundBundle>, Error> {
    let digest_of = |position: usize| {
        known
            .and_then(|inputs| inputs.images.get(position))
            .cloned()
    };
    stream::iter(bundles.iter().cloned().enumerate())
        .map(|(position, written)| {
            let digest = digest_of(position);
            async move { find_bundle(client, Some(blobs), written, digest).await }
        })
        .buffered(config.concurrency.get())
        .try_collect()
        .await
}

/// Looks one bundle up.
pub(crate) async fn find_bundle(
    client: &Client,
    blobs: Option<&BlobCache>,
    written: PullSpec,
    digest: Option<Digest>,
) -> Result<FoundBundle, Error> {
    let name = ImageName::Registry(written.clone());
    let image = FoundImage::find(client, blobs, &name, Role::Bundle, digest.as_ref()).await?;
    let platform = image.first().await?;
    Ok(FoundBundle {
        written,
        image,
        platform,
    })
}

pub(crate) fn check_required_labels(
    bundles: &[FoundBundle],
    required: &BTreeMap<String, String>,
) -> Result<(), Error> {
    for bundle in bundles {
        let labels = bundle.platform.config.labels();
        for (name, expected) in required {
            let found = match labels.get(name) {
                Some(value) if value == expected => continue,
                Some(value) => format!("has `{value}`"),
                None => "does not have it".to_owned(),
            };
            return Err(Error::RequiredLabel {
                bundle: Box::new(bundle.written.clone()),
                label: name.clone(),
                expected: expected.clone(),
                found,
            });
        }
    }
    Ok(())
}

/// The bundles by package, as their labels say; those without the label are left out. Nothing rather than an empty map.
pub(crate) fn bundle_mapping(bundles: &[FoundBundle]) -> Option<BTreeMap<String, Vec<String>>> {
    let mut mapping: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for bundle in bundles {
        if let Some(package) = label(&bundle.platform.config.labels(), labels::PACKAGE) {
            mapping
                .entry(package.to_owned())
                .or_default()
                .push(bundle.written.to_string());
        }
    }
    (!mapping.is_empty()).then_some(mapping)
}
