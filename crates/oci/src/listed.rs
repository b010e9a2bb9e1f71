//! What an image's name points to, as a set of entries: lists taken apart, single images with the platform of their config.

use crate::error::Error;
use crate::image_repository::ImageRepository;
use crate::manifest::{Descriptor, Document, ImageManifest, ManifestError, RawManifest};
use crate::manifest_list::{Listed, Listing};
use crate::media_type::MediaType;
use crate::platform::Platform;
use crate::reference::Reference;

/// The largest image config that is read, in bytes. Real ones are a few kilobytes.
const MAX_CONFIG_BYTES: u64 = 4 * 1024 * 1024;

/// Takes `raw`, a manifest of `repository`, apart. Of entries that say no platform, the images' configs are asked.
///
/// # Errors
/// [`ManifestError`] when it is no manifest, or a config that would have to say the platform is none; what the repository
/// says when something is missing.
pub async fn read_listed(repository: &ImageRepository, raw: &RawManifest) -> Result<Listed, Error> {
    if !raw.media_type.is_list() {
        return match raw.parse()? {
            Document::Image(image) => Ok(Listed::Image {
                raw: raw.clone(),
                platform: config_platform(repository, raw, &image).await?,
            }),
            Document::List(_) => Ok(Listed::List(Listing::parse(raw)?)),
        };
    }
    let mut list = Listing::parse(raw)?;
    for (at, descriptor) in list.without_platform() {
        if let Some(platform) = platform_of_entry(repository, &descriptor).await? {
            list.set_platform(at, &platform);
        }
    }
    Ok(Listed::List(list))
}

/// The platform that the config of the image `entry` says; nothing for what is no image, such as a signature.
///
/// # Errors
/// As for [`read_listed`].
pub async fn platform_of_entry(
    repository: &ImageRepository,
    entry: &Descriptor,
) -> Result<Option<Platform>, Error> {
    let raw = repository
        .manifest(&Reference::Digest(entry.digest.clone()))
        .await?;
    match raw.parse() {
        Ok(Document::Image(image)) => config_platform(repository, &raw, &image).await,
        Ok(Document::List(_)) | Err(ManifestError::Unsupported { .. }) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

async fn config_platform(
    repository: &ImageRepository,
    raw: &RawManifest,
    image: &ImageManifest,
) -> Result<Option<Platform>, Error> {
    if !matches!(
        image.config.media_type,
        MediaType::DockerConfig | MediaType::OciConfig
    ) {
        return Ok(None);
    }
    let bytes = repository
        .blob_bytes(&image.config, MAX_CONFIG_BYTES)
        .await?;
    let platform: Platform =
        serde_json::from_slice(&bytes).map_err(|source| ManifestError::NoPlatform {
            digest: raw.digest.clone(),
            source,
        })?;
    // Signatures and attestations come with configs of empty or `unknown` platforms.
    let is_one = !platform.architecture.is_empty() && platform.architecture != "unknown";
    Ok(is_one.then_some(platform))
}
