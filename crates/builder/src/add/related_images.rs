//! Whether the images that new bundles name can be read (spec workflows 2.11).

use std::collections::BTreeMap;

use bundle::source::{Csv, Origin, PullSpec};
use futures::stream::{self, StreamExt as _, TryStreamExt as _};

use crate::blocking::blocking;
use crate::bundle_source::{manifests, refused};
use crate::error::{ContentError, Error};
use crate::image::label;
use crate::labels;
use crate::lookup::{Lookups, with_guess};
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
    let named: Vec<BTreeMap<PullSpec, Origin>> = stream::iter(bundles.to_vec())
        .map(|bundle| async move { named_images(&bundle).await })
        .buffered(config.concurrency.get())
        .try_collect()
        .await?;
    let mut images: BTreeMap<PullSpec, (&FoundBundle, Origin)> = BTreeMap::new();
    for (bundle, named) in bundles.iter().zip(named) {
        for (image, origin) in named {
            let registry = registries
                .zip(image.registry())
                .and_then(|(registries, registry)| registries.get(registry));
            let image = match registry {
                Some(registry) => image.with_registry(registry),
                None => image,
            };
            // What one bundle names for sure is no guess because another one seems to name it.
            if origin.guessed().is_none() || !images.contains_key(&image) {
                images.insert(image, (bundle, origin));
            }
        }
    }
    let lookups = Lookups::new(run.client.clone(), run.blobs.clone(), config);
    let looked_up = lookups.each_digest(images.keys().cloned().collect()).await;
    let failed = looked_up.into_iter().filter_map(|(image, digest)| {
        let error = digest.err()?;
        let error = match images.get(&image) {
            None => error,
            Some((bundle, origin)) => with_guess(&bundle.written, origin, error),
        };
        Some((image.to_string(), error.report()))
    });
    let failed: Vec<(String, String)> = failed.collect();
    if failed.is_empty() {
        Ok(())
    } else {
        Err(ContentError::RelatedImages { images: failed }.into())
    }
}

async fn named_images(bundle: &FoundBundle) -> Result<BTreeMap<PullSpec, Origin>, Error> {
    let image_labels = bundle.platform.config.labels();
    let directory = label(&image_labels, labels::MANIFESTS).unwrap_or(MANIFESTS);
    let files = manifests(&bundle.image, &bundle.platform, directory).await?;
    let named = blocking(move || Ok(Csv::find(&files).and_then(|csv| csv.origins())));
    named.await?.map_err(refused(&bundle.written))
}
