//! Reading bundles out of their images.

use std::collections::BTreeMap;

use bundle::{Bundle, BundleError, BundleFiles};
use futures::stream::{self, StreamExt as _, TryStreamExt as _};
use oci::{Limits, PullSpec};

use crate::Builder;
use crate::blocking::blocking;
use crate::config::BuilderConfig;
use crate::error::Error;
use crate::image::{FoundImage, PlatformImage};
use crate::stages::bundles::{FoundBundle, find_bundle};

/// The directories of a bundle image.
const MANIFESTS: &str = "/manifests";
const METADATA: &str = "/metadata";

impl Builder {
    /// Looks bundle images up and reads them, a few at once, in the given order; each is known by the pull spec as it is written.
    ///
    /// # Errors
    /// [`Error`] says which image could not be read, or what is wrong with the bundle in it.
    pub async fn read_bundles(&self, bundles: &[PullSpec]) -> Result<Vec<Bundle>, Error> {
        let found: Vec<FoundBundle> = stream::iter(bundles.to_vec())
            .map(|written| find_bundle(&self.client, None, written, None))
            .buffered(self.config.concurrency.get())
            .try_collect()
            .await?;
        let found = found.into_iter().map(|bundle| {
            let path = bundle.written.to_string();
            (bundle, path)
        });
        read_bundles(&self.config, found.collect()).await
    }
}

/// Reads the bundles' manifests and metadata, a few images at once, and parses them off the runtime.
///
/// Each comes with the pull spec that goes into the index.
pub(crate) async fn read_bundles(
    config: &BuilderConfig,
    bundles: Vec<(FoundBundle, String)>,
) -> Result<Vec<Bundle>, Error> {
    stream::iter(bundles)
        .map(|(found, path)| async move { read_bundle(&found, path).await })
        .buffered(config.concurrency.get())
        .try_collect()
        .await
}

async fn read_bundle(found: &FoundBundle, path: String) -> Result<Bundle, Error> {
    read_image(&found.image, &found.platform, path, |source| {
        Error::Bundle {
            bundle: Box::new(found.written.clone()),
            source: Box::new(source),
        }
    })
    .await
}

/// Reads the bundle in an image, which is known by `path` from then on.
pub(crate) async fn read_image(
    image: &FoundImage,
    platform: &PlatformImage,
    path: String,
    refused: impl FnOnce(BundleError) -> Error,
) -> Result<Bundle, Error> {
    let mut trees = oci::read_trees(
        &image.repository,
        &platform.manifest,
        &[MANIFESTS, METADATA],
        &Limits::bundle(),
    )
    .await
    .map_err(|source| image.read(source))?;
    let mut files = |directory| trees.remove(directory).flatten().map(direct_children);
    let files = BundleFiles {
        manifests: files(MANIFESTS),
        metadata: files(METADATA),
    };
    let name = image.name.clone();
    let read = blocking(move || {
        let read = Bundle::read(&files, &path);
        for warning in read.iter().flat_map(Bundle::warnings) {
            tracing::warn!("the bundle `{name}`: {warning}");
        }
        Ok(read)
    });
    read.await?.map_err(refused)
}

/// The files right in a directory; what lies deeper is not part of a bundle.
fn direct_children(tree: oci::Tree) -> BTreeMap<String, Vec<u8>> {
    tree.files
        .into_iter()
        .filter(|(path, _)| !path.contains('/'))
        .map(|(path, content)| (path, content.to_vec()))
        .collect()
}
