//! An image that is read.

use anyhow::Context as _;
use oci::{Client, ImageName, ImageRepository, Listed, RawManifest, read_listed};

/// An image by name, read and taken apart.
pub(super) struct Source {
    pub(super) name: ImageName,
    pub(super) repository: ImageRepository,
    pub(super) raw: RawManifest,
    pub(super) listed: Listed,
}

impl Source {
    pub(super) async fn read(client: &Client, name: ImageName) -> anyhow::Result<Self> {
        let read = async {
            let repository = name.open(client).await?;
            let raw = repository.manifest(&name.reference()).await?;
            let listed = read_listed(&repository, &raw).await?;
            Ok::<_, oci::Error>((repository, raw, listed))
        };
        let (repository, raw, listed) = read
            .await
            .with_context(|| format!("`{name}` could not be read"))?;
        Ok(Self {
            name,
            repository,
            raw,
            listed,
        })
    }
}
