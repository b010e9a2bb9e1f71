//! Whether the images that new bundles name can be read (spec workflows 2.11).

use std::collections::BTreeSet;

use bundle::source::{Csv, PullSpec};
use futures::stream::{self, StreamExt as _, TryStreamExt as _};

use crate::blocking::blocking;
use crate::bundle_source::{manifests, refused};
use crate::error::{ContentError, Error};
use crate::image::label;
use crate::labels;
use crate::lookup::Lookups;
use crate::request::RelatedImages;
use crate::run::Run;
use crate::stages::bundles::FoundBundle;

/// Where manifests lie if no label says it.
const MANIFESTS: &str = "manifests";

/// Asks for every image that the bundles name, once each, and fails with all that cannot be read.
pub(super) async fn check(
    run: &Run<'_>,
    bundles: &[FoundBundle],
    related_images: &RelatedImages,
) -> Result<(), Error> {
    let RelatedImages::Readable { user } = related_images else {
        return Ok(());
    };
    let config = &run.builder.config;
    let registries = user
        .as_ref()
        .and_then(|user| config.related_image_registries.get(user));
    let named: Vec<BTreeSet<PullSpec>> = stream::iter(bundles.to_vec())
        .map(|bundle| async move { named_images(&bundle).await })
        .buffered(config.concurrency.get())
        .try_collect()
        .await?;
    let images = named.into_iter().flatten().map(|image| {
        let registry = registries
            .zip(image.registry())
            .and_then(|(registries, registry)| registries.get(registry));
        match registry {
            Some(registry) => image.with_registry(registry),
            None => image,
        }
    });
    let lookups = Lookups::new(run.client.clone(), run.blobs.clone(), config);
    let looked_up = lookups.each_digest(images.collect()).await;
    let failed: Vec<(String, String)> = looked_up
        .into_iter()
        .filter_map(|(image, digest)| Some((image.to_string(), digest.err()?.report())))
        .collect();
    if failed.is_empty() {
        Ok(())
    } else {
        Err(ContentError::RelatedImages { images: failed }.into())
    }
}

async fn named_images(bundle: &FoundBundle) -> Result<BTreeSet<PullSpec>, Error> {
    let image_labels = bundle.platform.config.labels();
    let directory = label(&image_labels, labels::MANIFESTS).unwrap_or(MANIFESTS);
    let files = manifests(&bundle.image, &bundle.platform, directory).await?;
    let named = blocking(move || Ok(Csv::find(&files).and_then(|csv| csv.pull_specs())));
    named.await?.map_err(refused(&bundle.written))
}
